"""The errors of expressions that no op matches: what is wrong, and which ops there are."""

from __future__ import annotations

from azdsl.syntax.error_list import StatementError, brief, nearest
from azdsl.syntax.op_patterns import callees, takes
from azdsl.syntax.tree import Binary, Call, Entry, Expression, Items, String


def unknown(call: Call) -> StatementError:
    """The error of a call of an unknown op, with the nearest name as a hint."""
    word = call.callee.text
    hint = nearest(word, callees()) or "azdsl ops lists them all"
    return StatementError("unknown-op", f"unknown op '{brief(word)}'", call.callee, hint)


def open_kind(node: Expression) -> StatementError:
    """The error of an expression that could be ops of several kinds."""
    hint = "give it a name of its own with its type: noise: vector = gaussian(0, 1)"
    return StatementError("type", "whether this is a scalar, a vector or a matrix is open", node, hint)


def operands(node: Call | Binary) -> list[Expression]:
    """The operands of an operation, without keyword arguments."""
    return [node.left, node.right] if isinstance(node, Binary) else [a.value for a in node.arguments if not a.key]


def no_such_op(node: Call | Binary, letters: list[str]) -> StatementError:
    """The error of an operation on operands of kinds that no op accepts; ``letters`` are these kinds."""
    if isinstance(node, Binary):
        text = f" {node.operator} ".join(letters)
        hint = _BROADCAST if sorted(letters) == ["s", "v"] and node.operator != "@" else None
        return StatementError("type", f"{text}: no such op; {_operator_takes(node.operator)}", node, hint)
    head = node.callee.text
    written = letters + [f"{excerpt(a.key)}={excerpt(a.value)}" for a in node.arguments if a.key]
    return StatementError("type", f"{head}({', '.join(written)}): no such op; {takes(head)}", node)


_BROADCAST = "bcast(s) makes a vector of a scalar"


def _operator_takes(operator: str) -> str:
    """``+ takes s + s, v + v or m + m``."""
    return "@ takes m @ m, m @ v or v @ v" if operator == "@" else takes(operator)


def excerpt(node: Expression) -> str:
    """An expression for a message: a word or a number as it is, anything else as ``…``."""
    return "…" if isinstance(node, Binary | Call | Entry | Items | String) else brief(getattr(node, "text", "…"))
