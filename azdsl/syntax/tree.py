"""The syntax tree of a statement, with the offsets of every node.

Nodes compare by identity: equal texts at two places are different nodes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A part of the text, from offset ``start`` to ``end`` (exclusive)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Expression(Node):
    """An expression; ``depth`` is its levels of nesting."""

    depth: int


@dataclass(frozen=True, slots=True, eq=False)
class Number(Expression):
    """A number as written, with its sign."""

    text: str

    @property
    def value(self) -> float:
        """The number as a float64 (infinite when too large for one)."""
        return float(self.text)


@dataclass(frozen=True, slots=True, eq=False)
class Range(Expression):
    """``1..23``."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class String(Expression):
    """A quoted text, without quotes and escapes."""

    value: str


@dataclass(frozen=True, slots=True, eq=False)
class Name(Expression):
    """A name: of a register, a variable, an op or a setting's value."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Negation(Expression):
    """``-x`` where x is not a number."""

    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Binary(Expression):
    """``left operator right``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Argument(Node):
    """``value``, ``key=value`` or (naming an op) ``v[c] = c``."""

    key: Expression | None
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Call(Expression):
    """``callee(arguments)``."""

    callee: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Entry(Expression):
    """``base[at]`` or ``base[row, column]``."""

    base: Name
    at: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Items(Expression):
    """``(a, b)``."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Function(Node):
    """``def Setup():``."""

    name: Name


@dataclass(frozen=True, slots=True, eq=False)
class Decorator(Node):
    """``@frozen``."""

    name: Name


@dataclass(frozen=True, slots=True, eq=False)
class Task(Node):
    """``task linear(features=4)``; the arguments are optional."""

    word: Name
    kind: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Assign(Node):
    """``target = value``."""

    target: Expression
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Declare(Node):
    """``name: kind`` or ``name: kind = value``."""

    name: Name
    kind: Name
    value: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Bare(Node):
    """An expression as a statement: ``NoOp()``, ``search(…)``."""

    value: Expression


Statement = Function | Decorator | Task | Assign | Declare | Bare


def show(node: Expression | Argument) -> str:
    """The expression as text in canonical spacing, for comparison and for messages."""
    match node:
        case Argument(key=key, value=value):
            return f"{show(key)}={show(value)}" if key else show(value)
        case Number(text=text) | Range(text=text) | Name(text=text):
            return text
        case String(value=value):
            return f'"{value}"'
        case Negation(operand=operand):
            return f"-{show(operand)}"
        case Binary(operator=operator, left=left, right=right):
            return f"{show(left)} {operator} {show(right)}"
        case Call(callee=callee, arguments=arguments):
            return f"{callee.text}({', '.join(map(show, arguments))})"
        case Entry(base=base, at=at):
            return f"{base.text}[{', '.join(map(show, at))}]"
        case Items(items=items):
            return f"({', '.join(map(show, items))})"
    raise AssertionError(f"not an expression: {node!r}")
