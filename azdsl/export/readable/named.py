"""Programs as .az text with names and nested expressions, with the same fitness bit for bit."""

from __future__ import annotations

from collections.abc import Mapping

from azdsl.export.readable.op_text import ATOM, level, needs_brackets, right_side
from azdsl.export.readable.statements import Apply, Expression, Literal, Readable, Ref, Statement, readable
from azdsl.ir import FUNCTIONS, RMSE, Metric, Program, format_constant
from azdsl.ir.linearize import Variable
from azdsl.ir.rewrite_rules import EACH_ENTRY, family
from azdsl.ops import Kind


def named(program: Program, metric: Metric = RMSE) -> str:
    """The three functions with names. They parse back to a program with the same fitness, bit for bit.

    A comment at the first write of a variable has the reason for its name. Raises ``TooManyRegisters``.
    """
    return text_of(readable(program, metric))


def text_of(form: Readable) -> str:
    """The .az text of statements."""
    known = {v: v.kind for v in form.names if v.address}
    explained: set[Variable] = set()
    lines: list[str] = []
    for number, (name, statements) in enumerate(zip(FUNCTIONS, form.functions, strict=True)):
        body = (
            [f"{form.names[v]}: {v.kind.word} = 0" for v in sorted(form.zeros, key=form.names.__getitem__)]
            if number == 0
            else []
        )
        known |= {v: v.kind for v in form.zeros}
        for statement in statements:
            body.append(statement_text(statement, form, known) + _comment(statement.target, form, explained))
        lines += [f"def {name}():", *(f"  {line}" for line in body), *([""] if number < 2 else [])]
    return "\n".join(lines) + "\n"


def _comment(target: Variable, form: Readable, explained: set[Variable]) -> str:
    """A comment with the reason for the name of ``target``, at its first write."""
    if target in explained or target not in form.roles:
        return ""
    explained.add(target)
    return f"  # {form.roles[target].reason}"


def statement_text(statement: Statement, form: Readable, known: dict[Variable, Kind] | None = None) -> str:
    """``name = expression``, with a type annotation if ``known`` does not imply the type. Adds the target to ``known``."""
    name, target = form.names[statement.target], statement.target
    expression = statement.expression
    if isinstance(expression, Apply) and expression.op.updates:
        declared = "" if known is None or target in known else f"{name}: {target.kind.word}\n  "
        if known is not None:
            known[target] = target.kind
        *index, value = map(format_constant, expression.constants)
        return f"{declared}{name}[{', '.join(index)}] = {value}"
    typed = ""
    if known is not None and target not in known:
        typed = "" if _evident(expression, known) is target.kind else f": {target.kind.word}"
        known[target] = target.kind
    return f"{name}{typed} = {expression_text(expression, form.names)}"


def _evident(expression: Expression, known: Mapping[Variable, Kind]) -> Kind | None:
    """The kind of an expression, if its operands imply it."""
    match expression:
        case Ref(variable=variable):
            return known.get(variable)
        case Apply(op=op, operands=operands):
            kinds = [_evident(operand, known) for operand in operands]
            if op.random:
                return None
            if len(kinds) == 2 and family(op) in EACH_ENTRY - {"multiply"}:
                return kinds[0] or kinds[1]
            open_kinds = [k is None and not isinstance(o, Literal) for k, o in zip(kinds, operands, strict=True)]
            return None if any(open_kinds) else op.output
    return None


def expression_text(expression: Expression, names: Mapping[Variable, str]) -> str:
    """An expression as .az text."""
    return _write(expression, names)[0]


def _write(expression: Expression, names: Mapping[Variable, str]) -> tuple[str, int]:
    """The text, and how strongly it binds."""
    match expression:
        case Ref(variable=variable):
            return names[variable], ATOM
        case Literal(value=value):
            return format_constant(value), ATOM
        case Apply(op=op, operands=operands, constants=constants):
            right = right_side(op)
            parts = [_write(operand, names) for operand in operands]
            slots = {f"c{n}": format_constant(c) for n, c in enumerate(constants)}
            for slot, (text, inner) in zip("ab", parts, strict=False):
                slots[slot] = f"({text})" if needs_brackets(right, slot, inner) else text
            return right.format(**slots), level(right)
    raise AssertionError(f"not an expression: {expression!r}")


def lines_of(form: Readable) -> list[tuple[int, Statement, str]]:
    """(number of the function, statement, text without types) of each statement."""
    return [(n, s, statement_text(s, form)) for n, statements in enumerate(form.functions) for s in statements]
