"""``azdsl cache``."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from azdsl.cachedir import CODE_FOLDERS, cache_root, distrust
from azdsl.cli import DONE
from azdsl.cli.output import echo

PARTS = {"tasks": ("image-tasks/*.tasks*",), "code": ("objects/*.o*", f"{CODE_FOLDERS}/**/*")}
"""The parts of the cache, with the glob patterns of their files. ``--clear`` removes no other files."""

MEANINGS = {"tasks": "tasks made of images", "code": "compiled code"}


@dataclass(frozen=True)
class Part:
    """The size of one part of the cache, in files and bytes; ``limit`` is its largest size in bytes, None if it has none."""

    name: str
    files: int
    bytes: int
    limit: int | None


@click.command()
@click.option(
    "--clear",
    type=click.Choice([*PARTS, "all"]),
    help="Remove this part of the cache. azdsl creates it again when it is needed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(clear: str | None, as_json: bool) -> int:
    """Show the directory and the size of the cache, or clear it.

    The cache makes later commands start faster. It is in the user's cache directory, or in the directory named by the
    environment variable AZDSL_CACHE. It can be removed at any time: no result depends on it.

    \b
    Example:
      azdsl cache
      azdsl cache --clear tasks
    """
    root = cache_root()
    before = [_part(root, name) for name in PARTS]
    for name in PARTS if clear == "all" else [clear] if clear else []:
        for file in _files(root, name):
            with suppress(OSError):  # in use, or no permission: the size printed below includes it
                file.unlink(missing_ok=True)
    parts = [_part(root, name) for name in PARTS]
    freed = sum(part.bytes for part in before) - sum(part.bytes for part in parts)
    if as_json:
        echo(
            json.dumps(
                {"directory": str(root), "parts": [asdict(part) for part in parts], "freed": freed if clear else None}
            )
        )
        return DONE
    echo(f"directory  {root}")
    if reason := distrust(Path(os.path.realpath(root))):
        echo(f"not used   {reason}: another user's code could be in it")
    for part in parts:
        most = f" of at most {_size(part.limit)}" if part.limit else ""
        echo(
            f"{part.name:9}  {_size(part.bytes)}{most} in {part.files:,} file{'' if part.files == 1 else 's'}: {MEANINGS[part.name]}"
        )
    if clear:
        echo(f"freed      {_size(freed)}")
    return DONE


def _files(root: Path, name: str) -> list[Path]:
    return [file for pattern in PARTS[name] for file in root.glob(pattern) if file.is_file()]


def _part(root: Path, name: str) -> Part:
    """Measure one part of the cache; files that another process removes meanwhile are not counted."""
    from azdsl.tasks.task_cache import LIMIT_BYTES

    sizes = []
    for file in _files(root, name):
        with suppress(OSError):
            sizes.append(file.stat().st_size)
    return Part(name, len(sizes), sum(sizes), LIMIT_BYTES if name == "tasks" else None)


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
