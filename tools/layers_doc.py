"""Write the layer tables of docs/design.md from the import contracts in pyproject.toml and the packages' docstrings.

With ``--check`` only test whether they are up to date (exit status 1 if not).
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from generated import write_or_check

ROOT = Path(__file__).parent.parent
PATH = ROOT / "docs" / "design.md"
START, END = "<!-- layers: written by tools/layers_doc.py -->\n", "<!-- end of layers -->\n"


def source(module: str) -> Path:
    """The file of a module or package, relative to the repository. Raises ``FileNotFoundError``."""
    stem = Path(*module.split("."))
    for path in (stem / "__init__.py", stem.with_suffix(".py")):
        if (ROOT / path).exists():
            return path
    raise FileNotFoundError(f"pyproject.toml names the layer {module}, which does not exist")


def summary(path: Path) -> str:
    """The first paragraph of a module's docstring. Raises ``ValueError`` if it has none."""
    doc = ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    if not doc:
        raise ValueError(f"{path} needs a docstring: docs/design.md shows its first line")
    return " ".join(doc.split("\n\n")[0].split()).replace("|", "\\|")


def rows(contract: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one contract's table, the highest layer first; modules of the same layer share a number."""
    yield f"{contract['name']}:\n\n| layer | module | content |\n|--:|---|---|\n"
    for prefix in contract.get("containers", [""]):
        for level, layer in zip(range(len(contract["layers"]), 0, -1), contract["layers"], strict=True):
            for name in re.findall(r"[\w.]+", layer):
                path = source(f"{prefix}.{name}" if prefix else name)
                shown = f"{path.parent}/" if path.name == "__init__.py" else str(path)
                yield f"| {level} | [`{shown}`](../{shown}) | {summary(path)} |\n"


def document() -> str:
    """The text of docs/design.md with fresh tables."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = [c for c in config["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    before, start, rest = PATH.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{PATH.name} needs the lines {START.strip()} and {END.strip()}")
    return before + start + "\n" + "\n".join("".join(rows(contract)) for contract in contracts) + "\n" + end + after


if __name__ == "__main__":
    sys.exit(write_or_check(PATH, document(), sys.argv[1:]))
