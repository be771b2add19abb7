"""A minimal reader of canonical text, built from the op table: one instruction a line, nothing else.

It lets the interpreter be tested without the real parser.
"""

from __future__ import annotations

import re
from functools import cache

from azdsl.ir import FUNCTIONS, Address, Instruction, Program
from azdsl.ops import OPS, Kind, Op

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"


def _pattern(op: Op) -> re.Pattern[str]:
    kinds = dict(zip("ab", op.inputs, strict=False)) | ({"out": op.output} if op.output else {})
    text = re.escape(op.template).replace(r"\{", "{").replace(r"\}", "}")
    slots = {name: rf"(?P<{name}>{kind.value}\d+)" for name, kind in kinds.items()}
    slots |= {f"c{at}": rf"(?P<c{at}>{_NUMBER})" for at in range(len(op.constants))}
    return re.compile(text.format(**slots))


_PATTERNS = [(op, _pattern(op)) for op in OPS]


def _address(text: str) -> Address:
    return Address(Kind(text[0]), int(text[1:]))


@cache
def instruction(line: str) -> Instruction:
    """One line of canonical text."""
    for op, pattern in _PATTERNS:
        if match := pattern.fullmatch(line):
            slots = match.groupdict()
            return Instruction(
                op,
                tuple(_address(slots[name]) for name in "ab"[: len(op.inputs)]),
                _address(slots["out"]) if op.output else None,
                tuple(float(slots[f"c{at}"]) for at in range(len(op.constants))),
            )
    raise ValueError(f"not canonical: {line!r}")


def read(text: str) -> Program:
    """Canonical text of a whole program; functions may be missing."""
    blocks: dict[str, list[Instruction]] = {name: [] for name in FUNCTIONS}
    block = blocks["Setup"]
    for line in map(str.strip, text.splitlines()):
        if line.startswith("def "):
            block = blocks[line.removeprefix("def ").removesuffix("():")]
        elif line:
            block.append(instruction(line))
    return Program(*(tuple(blocks[name]) for name in FUNCTIONS))
