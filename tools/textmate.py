"""Write grammar/vscode/azdsl.tmLanguage.json from the op table; with --check only say whether it is up to date (exit status 1 if not)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from generated import write_or_check

from azdsl import editors

PATH = Path(__file__).parent.parent / "grammar" / "vscode" / "azdsl.tmLanguage.json"


def pattern(scope: str, match: str, **captures: str) -> dict[str, Any]:
    """One rule; ``captures`` name the scopes of groups as ``_1``."""
    rule: dict[str, Any] = {"name": f"{scope}.azdsl", "match": match} if scope else {"match": match}
    if captures:
        rule["captures"] = {key[1:]: {"name": f"{name}.azdsl"} for key, name in captures.items()}
    return rule


def grammar() -> dict[str, Any]:
    """The whole grammar."""
    words = {kind: "|".join(found) for kind, found in editors.words().items()}
    name = r"[A-Za-z_]\w*"
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "comment": "Made by tools/textmate.py from the op table; do not edit.",
        "name": "azdsl",
        "scopeName": "source.azdsl",
        "fileTypes": ["az"],
        "patterns": [
            pattern("comment.line.number-sign", r"#.*$"),
            pattern("", rf"\b(def)\s+({name})", _1="keyword.control", _2="entity.name.function"),
            pattern("entity.name.function.decorator", rf"@\s*{name}"),
            pattern("keyword.control", rf"^(?:{words['statement']})\b(?=\s*[(\w])"),
            pattern("", rf":\s*({words['type']})\b", _1="storage.type"),
            pattern("support.function", rf"\b(?:{words['op']})\b(?=\s*\()"),
            pattern("support.function", rf"\b(?:{words['group']})\b(?=\s*[,)])"),
            pattern("variable.language", rf"\b(?:{words['given']})\b"),
            pattern("variable.other.register", rf"\b{editors.REGISTER}\b"),
            pattern("variable.other", rf"\b{name}\b"),
            pattern("constant.numeric", rf"{editors.RANGE}|{editors.NUMBER}"),
            pattern("string.quoted", editors.STRING),
            pattern("keyword.operator", r"[-+*/@=]"),
        ],
    }


def document() -> str:
    """The file's text."""
    return json.dumps(grammar(), indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(PATH, document(), sys.argv[1:]))
