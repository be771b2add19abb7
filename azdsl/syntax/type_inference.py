"""Type inference: the kinds of variables, and the ops that expressions can be, over all three functions.

The kinds are scalar, vector and matrix. Most op names are overloaded over kinds: the kinds of operands select an op.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from azdsl.ops import Kind
from azdsl.syntax.error_list import ErrorList, brief, choice, nearest
from azdsl.syntax.function_statements import FunctionStatement
from azdsl.syntax.name_resolution import KINDS, register, variables
from azdsl.syntax.op_patterns import OpMatch, op_matches
from azdsl.syntax.tree import Assign, Declare, Entry, Expression, Name, Number

COERCION = {Kind.SCALAR: 0, Kind.VECTOR: 1, Kind.MATRIX: 2}
"""Instructions that convert a scalar constant to a register of a kind."""


@dataclass
class Kinds:
    """The known kinds of variables."""

    known: dict[str, Kind] = field(default_factory=dict)
    _seen: dict[tuple[int, Kind | None], Kind | None] = field(default_factory=dict)

    def learn(self, name: str, kind: Kind) -> None:
        """Set the kind of a variable, unless it has one."""
        if name not in self.known:
            self.known[name] = kind
            self._seen.clear()

    def of(self, expression: Expression, want: Kind | None = None) -> Kind | None:
        """The kind of an expression where ``want`` is expected; None while it is open.

        Sets the kinds of variables that the possible ops determine. A number alone is open: it takes the expected kind.
        """
        match expression:
            case Number():
                return None
            case Name(text=name):
                address = register(name)
                if address:
                    return address.kind
                if want:
                    self.learn(name, want)
                return self.known.get(name)
        key = id(expression), want
        if key not in self._seen:
            kind = self._of(expression, want)
            self._seen[key] = kind
        return self._seen[key]

    def _of(self, expression: Expression, want: Kind | None) -> Kind | None:
        known = -1
        while known < len(self.known):  # the kind of one operand may exclude ops for the others
            known = len(self.known)
            fits = self.fitting(expression, want)
            for place in range(max((len(match.op.inputs) for match in fits), default=0)):
                self._learn(fits, place)
        if fits and self._settled(fits):
            fits = fits[:1]
        kinds = {match.op.output for match in fits}
        return kinds.pop() if len(kinds) == 1 else None

    def fitting(self, expression: Expression, want: Kind | None) -> list[OpMatch]:
        """The possible ops of an expression, the best first; only those of kind ``want`` if there are any."""
        return [match for _, match in self._ranked(expression, want)]

    def best(self, expression: Expression, want: Kind | None) -> list[OpMatch]:
        """The ops of ``fitting`` with the rank of the first: several while the kind of an operand is open."""
        ranked = self._ranked(expression, want)
        return [match for rank, match in ranked if rank == ranked[0][0]]

    def _ranked(self, expression: Expression, want: Kind | None) -> list[tuple[tuple[int, int], OpMatch]]:
        found = [
            ((cost, len(match.operands)), match)
            for match in op_matches(expression)
            if (cost := self._cost(match)) is not None
        ]
        wanted = [(rank, match) for rank, match in found if want in (None, match.op.output)]
        return sorted(wanted or found, key=lambda pair: pair[0])

    def _cost(self, match: OpMatch) -> int | None:
        """Instructions that convert numbers among the operands; None if an operand has another kind."""
        cost = 0
        for kind, operand in zip(match.op.inputs, match.operands, strict=False):
            if isinstance(operand, Number):
                cost += COERCION[kind]
            elif self.of(operand) not in (None, kind):
                return None
        return cost

    def _learn(self, fits: list[OpMatch], place: int) -> None:
        """Set the kind of the operand at ``place`` if all possible ops agree on it."""
        pairs = {(match.operands[place], match.op.inputs[place]) for match in fits if place < len(match.op.inputs)}
        if len(pairs) == 1:
            operand, kind = pairs.pop()
            self.of(operand, kind)

    def _settled(self, fits: list[OpMatch]) -> bool:
        """Whether the kinds of all operands are known, so that the first of ``fits`` is selected."""
        operands = fits[0].inputs
        return bool(operands) and all(isinstance(operand, Number) or self.of(operand) for operand in operands)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value assigned to the variable ``name``, or to a register of a known ``kind``."""

    name: str | None
    kind: Kind | None
    value: Expression


def assignment_of(step: FunctionStatement) -> Assignment | None:
    """The kinds that a statement relates; None if it relates none. A statement that assigns an entry gives its kind."""
    match step.statement:
        case Assign(target=Name(text=text), value=value) | Declare(name=Name(text=text), value=Expression() as value):
            address = register(text)
            return Assignment(None if address else text, address.kind if address else None, value)
        case Assign(target=Entry(base=base, at=at)) if not register(base.text):
            kind = Kind.VECTOR if len(at) == 1 else Kind.MATRIX
            return Assignment(base.text, None, Name(base.start, base.end, 1, f"{kind.value}0"))
    return None


@dataclass(frozen=True)
class Annotations:
    """``kinds`` of annotated variables, the ``lines`` of their annotations, and the variables with ``invalid`` ones."""

    kinds: Mapping[str, Kind]
    lines: Mapping[str, int]
    invalid: frozenset[str]


def collect_annotations(steps: list[FunctionStatement], errors: ErrorList) -> Annotations:
    """The annotations of the statements (``w: vector``); invalid ones are reported."""
    kinds: dict[str, Kind] = {}
    lines: dict[str, int] = {}
    invalid: set[str] = set()
    for step in steps:
        if not isinstance(step.statement, Declare):
            continue
        name, word = step.statement.name.text, step.statement.kind
        kind, address = KINDS.get(word.text), register(name)
        if kind is None:
            hint = nearest(word.text, KINDS) or f"a type is {choice(KINDS)}"
            errors.add("type", f"unknown type '{brief(word.text)}'", step.line, word, hint)
            invalid.add(name)
        elif address and address.kind != kind:
            errors.add("type", f"{brief(name)} is a {address.kind.word} by its name", step.line, word)
        elif kinds.get(name, kind) != kind:
            notes = (f"{brief(name)} is a {kinds[name].word}, from line {lines[name]}",)
            errors.add("type", f"{brief(name)} has two types", step.line, word, notes=notes)
        elif not address:
            kinds.setdefault(name, kind)
            lines.setdefault(name, errors.number(step.line))
    return Annotations(kinds, lines, frozenset(invalid))


def infer(assignments: list[Assignment], declared: Mapping[str, Kind]) -> Kinds:
    """The kinds of all variables that the assignments determine.

    The result refers to the values by identity: they must outlive it.
    """
    kinds = Kinds(dict(declared))
    _until_stable(kinds, assignments)
    for assignment in assignments:
        if assignment.name and isinstance(assignment.value, Number):
            kinds.learn(assignment.name, Kind.SCALAR)
    _until_stable(kinds, assignments)
    return kinds


def _until_stable(kinds: Kinds, assignments: list[Assignment]) -> None:
    """Iterate over the assignments, alternately backwards and forwards, until no kind is added."""
    todo = [(a, {n.text for n in variables(a.value)} | ({a.name} if a.name else set())) for a in assignments]
    before = -1
    while before < len(kinds.known):
        before = len(kinds.known)
        todo = [(a, names) for a, names in reversed(todo) if not names <= kinds.known.keys()]
        for a, _ in todo:
            found = kinds.of(a.value, kinds.known.get(a.name) if a.name else a.kind)
            if a.name and found:
                kinds.learn(a.name, found)
