"""Programs as named statements with nested expressions, from which all readable styles are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from azdsl.errors import AzdslError
from azdsl.export.readable.naming import Role, infer
from azdsl.ir import FEATURES, LABEL, LABELS, PREDICTION, PREDICTIONS, RMSE, Metric, Program
from azdsl.ir.linearize import Line, Lines, Listing, Sort, Variable
from azdsl.ir.rewrite_rules import EACH_ENTRY, family
from azdsl.ir.simplify import Simplified, simplified
from azdsl.ir.value_graph import CONST, SETUP
from azdsl.ops import Kind, Op

GIVEN = {FEATURES: "features", LABEL: "label", PREDICTION: "prediction", LABELS: "labels", PREDICTIONS: "predictions"}

_PLAIN = {
    "add": "total",
    "subtract": "difference",
    "multiply": "product",
    "scale": "product",
    "divide": "ratio",
    "reciprocal": "inverse",
    "const": "constant",
    "outer": "outer_product",
    "dot": "inner_product",
    "matvec": "projected",
    "matmul": "matrix_product",
    "broadcast": "spread",
    "column_broadcast": "spread",
    "row_broadcast": "spread",
    "transpose": "flipped",
    "minimum": "lower",
    "maximum": "upper",
    "heaviside": "active",
    "set": "entries",
    "uniform": "noise",
    "gaussian": "noise",
    "abs": "size",
}
"""Names from the op family, for values without a role."""


class TooManyRegisters(AzdslError, ValueError):
    """A program whose values need more registers than a program can have, so that it cannot be shown with names."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A read of a variable."""

    variable: Variable


@dataclass(frozen=True, slots=True)
class Literal:
    """A number in an expression."""

    value: float


@dataclass(frozen=True, slots=True)
class Apply:
    """An op applied to expressions."""

    op: Op
    operands: tuple[Expression, ...]
    constants: tuple[float, ...] = ()


Expression = Ref | Literal | Apply


@dataclass(frozen=True, slots=True)
class Statement:
    """``target = expression``; ``line`` is the number of the line in the listing that writes the target."""

    target: Variable
    expression: Expression
    line: int
    op: Op


Statements = tuple[tuple[Statement, ...], tuple[Statement, ...], tuple[Statement, ...]]


@dataclass(frozen=True)
class Readable:
    """A program as statements, with the names of their variables and the roles behind the names."""

    functions: Statements
    names: Mapping[Variable, str]
    roles: Mapping[Variable, Role]
    form: Simplified
    metric: Metric

    @property
    def lasting(self) -> list[Variable]:
        """Variables that outlive a function, and zeros, in order of appearance."""
        sorts = (Sort.STATE, Sort.INVARIANT, Sort.SHARED)
        return [v for v in self.names if v.sort in sorts or (v.sort is Sort.ZERO and v in self.zeros)]

    @property
    def zeros(self) -> frozenset[Variable]:
        """Zero registers that are read where the language allows no literal."""
        return frozenset(v for s in sum(self.functions, ()) for v in variables(s.expression) if v.sort is Sort.ZERO)


def variables(expression: Expression) -> list[Variable]:
    """The variables that an expression reads, left to right."""
    match expression:
        case Ref(variable=variable):
            return [variable]
        case Apply(operands=operands):
            return [variable for operand in operands for variable in variables(operand)]
    return []


def readable(program: Program, metric: Metric = RMSE) -> Readable:
    """The simplest form of ``program`` as named statements. Raises ``TooManyRegisters``."""
    form = simplified(program, metric)
    if form is None:
        raise TooManyRegisters("the program needs more registers than a program can have: use --style canonical")
    roles = _roles(form)
    kept = frozenset(v for v, role in roles.items() if role.kept)
    named = frozenset(v for v, role in roles.items())
    start, functions = 0, []
    constants = _inlined(form.listing, named)
    for lines in form.listing.functions:
        functions.append(_statements(lines, start, kept, constants))
        start += len(lines)
    statements: Statements = (functions[0], functions[1], functions[2])
    return Readable(statements, _names(form.listing, roles), roles, form, metric)


def _roles(form: Simplified) -> dict[Variable, Role]:
    """The roles of variables."""
    inferred = infer(form.graph)
    roles: dict[Variable, Role] = {}
    for address, state in form.graph.states.items():
        if state.number in inferred:
            role = inferred[state.number]
            roles[Variable(address.kind, Sort.STATE, address.index)] = role
            saved = Role(f"previous_{role.name}", f"{role.name} before this example")
            roles[Variable(address.kind, Sort.SHARED, -1 - address.index)] = saved
    for _, line in form.listing.lines:
        own = line.value is not None and line.output.sort in (Sort.LOCAL, Sort.SHARED, Sort.INVARIANT)
        if own and line.value and line.value.number in inferred:
            roles[line.output] = inferred[line.value.number]
    used = {v for _, line in form.listing.lines for v in (line.output, *line.inputs)}
    return {variable: role for variable, role in roles.items() if variable in used}


def _names(listing: Listing, roles: Mapping[Variable, Role]) -> dict[Variable, str]:
    """A unique name for every variable."""
    names: dict[Variable, str] = {}
    taken: Counter[str] = Counter(GIVEN.values())
    for _, line in listing.lines:
        for variable in (line.output, *line.inputs):
            if variable not in names:
                names[variable] = GIVEN[variable.address] if variable.address else _name(variable, line, roles, taken)
    return names


def _name(variable: Variable, line: Line, roles: Mapping[Variable, Role], taken: Counter[str]) -> str:
    if variable.sort is Sort.ZERO:
        name = {Kind.SCALAR: "zero", Kind.VECTOR: "zeros", Kind.MATRIX: "zero_matrix"}[variable.kind]
    elif variable in roles:
        name = roles[variable].name
    elif variable.sort is Sort.STATE:
        name = "memory"
    else:
        name = "kept" if line.is_copy else _PLAIN.get(family(line.op), f"{family(line.op)}_value")
    taken[name] += 1
    return name if taken[name] == 1 else f"{name}_{taken[name]}"


def _inlined(listing: Listing, named: frozenset[Variable]) -> dict[Variable, float]:
    """Constants that become literals: without a role, used once, in an op with another operand that is not a constant."""
    constants = {
        line.output: line.constants[0]
        for place, line in listing.lines
        if line.op is CONST
        and line.value
        and line.output not in named
        and (place == SETUP or line.output.sort is Sort.LOCAL)
    }
    uses = Counter(v for _, line in listing.lines for v in _sources(line))
    reach = {
        v
        for _, line in listing.lines
        if family(line.op) in (*EACH_ENTRY, "scale") and not line.is_copy and len(line.inputs) == 2
        for v, other in (line.inputs, line.inputs[::-1])
        if other not in constants and other.sort is not Sort.ZERO
    }
    return {
        v: c
        for v, c in constants.items()
        if uses[v] == 1 and v in reach and v.address is None and v.sort is not Sort.STATE
    }


def _sources(line: Line) -> tuple[Variable, ...]:
    """The variables that a line reads; a copy has its input twice but reads it once."""
    return line.inputs[:1] if line.is_copy else line.inputs


def _statements(
    lines: Lines, start: int, kept: frozenset[Variable], constants: Mapping[Variable, float]
) -> tuple[Statement, ...]:
    """The statements of one function, with values that are used once nested where they are used."""
    uses = Counter(v for line in lines for v in _sources(line))
    writes = Counter(line.output for line in lines)
    waiting: dict[Variable, Apply] = {}
    found: list[Statement] = []
    for at, line in enumerate(lines):
        if line.output in constants and line.op is CONST:
            continue
        expression = _expression(line, waiting, constants)
        nested = (
            isinstance(expression, Apply)
            and line.output.sort is Sort.LOCAL
            and line.output not in kept
            and uses[line.output] == writes[line.output] == 1
            and not line.op.random
            and not line.op.updates
            and line.op is not CONST
            and _undisturbed(lines, at, set(variables(expression)))
        )
        if nested and isinstance(expression, Apply):
            waiting[line.output] = expression
        else:
            found.append(Statement(line.output, expression, start + at, line.op))
    return tuple(found)


def _undisturbed(lines: Lines, at: int, read: set[Variable]) -> bool:
    """Whether no variable that the expression in line ``at`` reads is written before the statement that contains it.

    The expression may be nested several times, so this checks all lines up to the line that becomes that statement.
    """
    return not any(line.output in read for line in lines[at + 1 : _last_use(lines, at)])


def _last_use(lines: Lines, at: int) -> int:
    """The line whose statement contains the value of line ``at``, if all values that are used once are nested."""
    target = lines[at].output
    while target.sort is Sort.LOCAL:
        users = [n for n in range(at + 1, len(lines)) if target in lines[n].inputs]
        if len(users) != 1:
            break
        at = users[0]
        target = lines[at].output
    return at


def _expression(line: Line, waiting: dict[Variable, Apply], constants: Mapping[Variable, float]) -> Expression:
    """The right-hand side of a line."""
    if line.is_copy and line.op is not CONST:
        return _operand(line.inputs[0], waiting, constants)
    if line.op.updates:
        return Apply(line.op, (), line.constants)
    operands = tuple(_operand(v, waiting, constants) for v in line.inputs)
    if len(operands) == 2 and family(line.op) in EACH_ENTRY:
        zero = [isinstance(o, Ref) and o.variable.sort is Sort.ZERO for o in operands]
        plain = [not z and not isinstance(o, Literal) for z, o in zip(zero, operands, strict=True)]
        operands = tuple(Literal(0.0) if zero[n] and plain[1 - n] else operand for n, operand in enumerate(operands))
    return Apply(line.op, operands, line.constants)


def _operand(variable: Variable, waiting: dict[Variable, Apply], constants: Mapping[Variable, float]) -> Expression:
    if variable in waiting:
        return waiting.pop(variable)
    return Literal(constants[variable]) if variable in constants else Ref(variable)
