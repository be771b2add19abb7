"""What the scripts that make a document from the op table share: writing it, or checking that it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path


def write_or_check(path: Path, text: str, arguments: list[str]) -> int:
    """Write ``text``; with ``--check`` only say whether it stands there. The exit status, 1 if it does not."""
    if "--check" not in arguments:
        path.write_text(text, encoding="utf-8")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return 0
    print(f"{path.name} is stale: run python tools/{Path(sys.argv[0]).name}", file=sys.stderr)
    return 1
