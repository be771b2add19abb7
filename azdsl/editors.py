"""Word lists of the .az language for syntax highlighting, derived from the op table and the parser."""

from __future__ import annotations

from collections.abc import Mapping

from azdsl.ir import FUNCTIONS
from azdsl.ops.groups import GROUPS
from azdsl.syntax.file_builder import STATEMENTS
from azdsl.syntax.name_resolution import ALIASES, KINDS, RESERVED
from azdsl.syntax.op_patterns import callees

NUMBER = r"(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][+-]?[0-9]+)?"
RANGE = r"[0-9]+\.\.[0-9]+"
STRING = r"\"(?:[^\"\\\n]|\\[^\n])*\"|'(?:[^'\\\n]|\\[^\n])*'"
NAME = r"[^\W\d]\w*"
REGISTER = r"[svm][0-9]+"
"""Regular expressions of the tokens in ``grammar/azdsl.lark``."""


def words() -> Mapping[str, tuple[str, ...]]:
    """Return the sorted words of each category."""
    kinds = {
        "statement": STATEMENTS,
        "function": FUNCTIONS,
        "op": callees(),
        "group": GROUPS,
        "type": KINDS,
        "given": (*ALIASES, *RESERVED),
    }
    return {kind: tuple(sorted(set(found))) for kind, found in kinds.items()}
