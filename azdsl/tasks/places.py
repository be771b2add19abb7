"""The location of a task's data."""

from __future__ import annotations

from pathlib import Path

from azdsl.tasks.archives import MissingData


def place_of(data: str, base_dir: Path | None) -> Path:
    """The file or directory ``data`` of a task, relative to ``base_dir``. Raises ``MissingData`` if it does not exist."""
    place = (base_dir or Path()) / data
    if not place.exists():
        raise MissingData(
            place,
            "no such file or directory; a relative path in a .az file starts from the directory of that file: "
            "set --data (in Python data=…) to where the data are now",
        )
    return place
