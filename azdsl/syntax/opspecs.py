"""Op lists such as ``ops(…)``: ops by canonical shape (``dot(m, v)``, ``v = uniform``) or by name, and groups of ops by name."""

from __future__ import annotations

from azdsl.ops import BY_NAME, Kind, Op
from azdsl.ops.groups import GROUPS, MEMBERS
from azdsl.syntax.error_list import ErrorList, Line, brief, choice, nearest
from azdsl.syntax.op_patterns import ENTRY, callees, op_matches, patterns, plain
from azdsl.syntax.tree import Argument, Binary, Call, Entry, Expression, Name, Number, show

KIND_NAMES = {kind.value: kind for kind in Kind}
"""Kinds by their letter in a shape."""

CONSTANT = "c"
"""The letter of a number in a shape."""


def op_list(arguments: tuple[Argument, ...], line: Line, errors: ErrorList) -> tuple[Op, ...]:
    """The ops that the arguments name, each once; arguments that name no op, or several, are reported.

    A group may have ops that are also listed by name or in another group.
    """
    found: list[Op] = []
    named: set[str] = set()
    for argument in arguments:
        group = argument.value.text if argument.key is None and isinstance(argument.value, Name) else ""
        candidates = list(MEMBERS[group]) if group in MEMBERS else _candidates(argument)
        if group not in MEMBERS and len(candidates) != 1:
            _report(argument, candidates, line, errors)
            continue
        name = group if group in MEMBERS else candidates[0].name
        if name in named:
            errors.add("duplicate", f"{name} is listed twice", line, argument)
        named.add(name)
        found += [op for op in candidates if op not in found]
    return tuple(found)


def _candidates(argument: Argument) -> list[Op]:
    """The ops that an argument may name."""
    match argument:
        case Argument(key=Entry() as entry):
            return [pattern.op for pattern in patterns()[ENTRY] if _is_entry(entry, pattern.op)]
        case Argument(key=Name(text=text), value=value) if text in KIND_NAMES:
            return [op for op in _right_side(value) if op.output is KIND_NAMES[text]]
        case Argument(key=None, value=value):
            return _right_side(value)
    return []


def _is_entry(entry: Entry, op: Op) -> bool:
    """Whether an op assigns the entry ``v[c]`` or ``m[c, c]``."""
    return op.output is KIND_NAMES.get(entry.base.text) and len(entry.at) + 1 == len(op.constants)


def _right_side(value: Expression) -> list[Op]:
    """The ops whose right-hand side is ``value``."""
    if isinstance(value, Name):
        if value.text in BY_NAME:
            return [BY_NAME[value.text]]
        if value.text == CONSTANT:
            return [BY_NAME["const"]]
        return [pattern.op for pattern in patterns().get(value.text, ())]
    found = [match.op for match in op_matches(value) if _matches(match.operands, match.op)]
    if isinstance(value, Call) and not found:
        # A looser shape: inputs only, without constants and keywords.
        kinds = [show(argument.value) for argument in value.arguments if not argument.key]
        loose = [
            pattern.op for pattern in patterns().get(value.callee.text, ()) if not any(a.key for a in value.arguments)
        ]
        found = [op for op in loose if [kind.value for kind in op.inputs] == kinds]
    return list(dict.fromkeys(found))


def _matches(operands: tuple[Expression, ...], op: Op) -> bool:
    """Whether the operands are the kinds of the op's inputs, then ``c`` or a number for each constant."""
    count = len(op.inputs)
    kinds = [kind.value for kind in op.inputs]
    constants = operands[count:]
    return [show(operand) for operand in operands[:count]] == kinds and all(
        isinstance(operand, Number) or show(operand) == CONSTANT for operand in constants
    )


def _report(argument: Argument, candidates: list[Op], line: Line, errors: ErrorList) -> None:
    """Report an argument that names no op, or several."""
    written = brief(show(argument))
    if candidates:
        shapes = choice(op.shape for op in candidates)
        errors.add("ambiguous-op", f"'{written}' could be several ops", line, argument, f"write {shapes}")
        return
    value = argument.value
    head = value.callee.text if isinstance(value, Call) else value.operator if isinstance(value, Binary) else None
    if head in patterns():
        shapes = choice(pattern.op.shape for pattern in patterns()[head])
        errors.add("unknown-op", f"no op has the shape '{written}'", line, argument, f"there is {shapes}")
        return
    word = head or plain(value)
    hint = nearest(word, [*BY_NAME, *callees(), *GROUPS]) or "azdsl ops lists all ops and groups"
    errors.add("unknown-op", f"unknown op '{brief(word)}'", line, argument, hint)
