"""Statements of functions: what each reads, writes and tells about types."""

from __future__ import annotations

from dataclasses import dataclass

from azdsl.ops import Kind
from azdsl.syntax.error_list import Line, Report, brief, choice, nearest
from azdsl.syntax.names import KINDS, register
from azdsl.syntax.op_patterns import written_out
from azdsl.syntax.tree import Assign, Bare, Declare, Entry, Expression, Name
from azdsl.syntax.type_inference import Assignment


@dataclass(frozen=True, slots=True)
class Step:
    """A statement of a function."""

    function: int
    line: Line
    statement: Assign | Declare | Bare


def declarations(steps: list[Step], report: Report) -> tuple[dict[str, Kind], dict[str, int], set[str]]:
    """Kinds that annotations give, and their lines; and the variables whose annotation is wrong."""
    declared: dict[str, Kind] = {}
    untyped: set[str] = set()
    origin: dict[str, int] = {}
    for step in steps:
        if not isinstance(step.statement, Declare):
            continue
        name, word = step.statement.name, step.statement.kind
        kind = KINDS.get(word.text)
        address = register(name.text)
        if kind is None:
            hint = nearest(word.text, KINDS) or f"a type is {choice(KINDS)}"
            report.add("type", f"unknown type '{brief(word.text)}'", step.line, word, hint)
            untyped.add(name.text)
        elif address and address.kind != kind:
            report.add("type", f"{brief(name.text)} is a {address.kind.word} by its name", step.line, word)
        elif declared.get(name.text, kind) != kind:
            notes = (f"{brief(name.text)} is a {declared[name.text].word}, from line {origin[name.text]}",)
            report.add("type", f"{brief(name.text)} has two types", step.line, word, notes=notes)
        elif not address:
            declared.setdefault(name.text, kind)
            origin.setdefault(name.text, report.number(step.line))
    return declared, origin, untyped


def without_sugar(step: Step) -> Step:
    """The step with sugar written out."""
    match step.statement:
        case Assign(start=start, end=end, target=target, value=value):
            return Step(step.function, step.line, Assign(start, end, target, written_out(value)))
        case Declare(start=start, end=end, name=name, kind=kind, value=value) if value:
            return Step(step.function, step.line, Declare(start, end, name, kind, written_out(value)))
    return step


def value_of(step: Step) -> Expression | None:
    """What a statement reads."""
    return step.statement.value if isinstance(step.statement, Assign | Declare) else None


def assigned_name(step: Step) -> str | None:
    """The variable that a statement writes, or None."""
    match step.statement:
        case (
            Assign(target=Name(text=text)) | Assign(target=Entry(base=Name(text=text))) | Declare(name=Name(text=text))
        ):
            return None if register(text) else text
    return None


def entry_base(step: Step) -> Name | None:
    """The variable of which a statement sets an entry, or None."""
    match step.statement:
        case Assign(target=Entry(base=base)) if not register(base.text):
            return base
    return None


def assignment_of(step: Step) -> Assignment | None:
    """What a statement tells about kinds."""
    match step.statement:
        case Assign(target=Name(text=text), value=value) | Declare(name=Name(text=text), value=Expression() as value):
            address = register(text)
            return Assignment(None if address else text, address.kind if address else None, value)
        case Assign(target=Entry(base=base, at=at)) if not register(base.text):
            kind = Kind.VECTOR if len(at) == 1 else Kind.MATRIX
            return Assignment(base.text, None, Name(base.start, base.end, 1, f"{kind.value}0"))
    return None
