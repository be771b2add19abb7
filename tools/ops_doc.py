"""Write grammar/OPS.md from the op table; with --check only say whether it is up to date (exit status 1 if not)."""

from __future__ import annotations

import sys
from pathlib import Path

from generated import write_or_check

from azdsl.ops import OPS, Op
from azdsl.ops.groups import GROUPS, MEMBERS

PATH = Path(__file__).parent.parent / "grammar" / "OPS.md"

HEAD = """\
# Ops

Made by `tools/ops_doc.py` from the op table in `azdsl/ops/`; do not edit.

`s`, `v` and `m` stand for any scalar, vector and matrix register, `c` for a constant. `a` and `b` are the
inputs in order, `c0`, `c1`, `c2` the constants. Cost is in scalar additions, at F features.

| # | name | text | meaning | constants | cost |
|--:|---|---|---|---|--:|
"""


def row(op: Op) -> str:
    """One line of the table."""
    constants = ", ".join(role.value for role in op.constants)
    doc = " ".join(op.doc.split()).replace("|", "\\|")
    power = ("", "F", "F²", "F³")[op.rank]
    weight = "" if power and op.weight == 1 else f"{op.weight:g}"
    return f"| {op.code} | `{op.name}` | `{op.shape}` | {doc} | {constants} | {weight}{power} |\n"


GROUPS_HEAD = """
## Groups

`ops(arithmetic, dot)` allows all ops of a group and one more. Wherever ops are listed (`ops`, `setup_ops`, `predict_ops`,
`learn_ops`, in `island` and as options), a group stands for its ops, in the order of their numbers.

| group | meaning | ops |
|---|---|---|
"""


def group(name: str) -> str:
    """The line of one group."""
    members = MEMBERS[name]
    every = ", ".join(f"`{op.shape}`" for op in members) if len(members) < len(OPS) - 1 else "all above"
    return f"| `{name}` | {GROUPS[name]} | {every} |\n"


def document() -> str:
    """The whole text of OPS.md."""
    return HEAD + "".join(map(row, OPS)) + GROUPS_HEAD + "".join(map(group, GROUPS))


if __name__ == "__main__":
    sys.exit(write_or_check(PATH, document(), sys.argv[1:]))
