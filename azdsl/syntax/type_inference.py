"""Types: which ops an expression can be, and the kinds of variables, from all three functions together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from azdsl.ops import Kind
from azdsl.syntax.names import RESERVED, register
from azdsl.syntax.op_patterns import Use, uses
from azdsl.syntax.tree import Binary, Call, Expression, Name, Number

COERCION = {Kind.SCALAR: 0, Kind.VECTOR: 1, Kind.MATRIX: 2}
"""Ops it takes to make a register of a kind from a number that is in a scalar."""


@dataclass
class Kinds:
    """The kinds of variables, as far as they are known."""

    known: dict[str, Kind] = field(default_factory=dict)
    _seen: dict[tuple[int, Kind | None], Kind | None] = field(default_factory=dict)

    def learn(self, name: str, kind: Kind) -> None:
        """Settle a variable's kind; the first one counts."""
        if name not in self.known:
            self.known[name] = kind
            self._seen.clear()

    def of(self, expression: Expression, want: Kind | None = None) -> Kind | None:
        """The expression's kind when the place it stands in wants ``want``; None while it is open.

        Learns the kinds of variables on the way, where the ops leave no choice. A number on its own
        is open: it becomes what its place wants.
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
        while known < len(self.known):  # what is learned of one operand may leave fewer ops for the others
            known = len(self.known)
            fits = self.fitting(expression, want)
            for place in range(max((len(use.form.op.inputs) for use in fits), default=0)):
                self._learn(fits, place)
        if fits and self._settled(fits):
            fits = fits[:1]
        kinds = {use.form.op.output for use in fits}
        return kinds.pop() if len(kinds) == 1 else None

    def fitting(self, expression: Expression, want: Kind | None) -> list[Use]:
        """The ops that the expression can be, the best first; those that give ``want`` if any does."""
        return [use for _, use in self._ranked(expression, want)]

    def best(self, expression: Expression, want: Kind | None) -> list[Use]:
        """Those of ``fitting`` that are as good as the first: several while an operand's kind is open."""
        ranked = self._ranked(expression, want)
        return [use for rank, use in ranked if rank == ranked[0][0]]

    def _ranked(self, expression: Expression, want: Kind | None) -> list[tuple[tuple[int, int], Use]]:
        found = [((cost, len(use.operands)), use) for use in uses(expression) if (cost := self._cost(use)) is not None]
        wanted = [(rank, use) for rank, use in found if want in (None, use.form.op.output)]
        return sorted(wanted or found, key=lambda pair: pair[0])

    def _cost(self, use: Use) -> int | None:
        """Ops that turning numbers into the registers needed takes; None when an operand does not fit."""
        cost = 0
        for kind, operand in zip(use.form.op.inputs, use.operands, strict=False):
            if isinstance(operand, Number):
                cost += COERCION[kind]
            elif self.of(operand) not in (None, kind):
                return None
        return cost

    def _learn(self, fits: list[Use], place: int) -> None:
        """Tell the operand at ``place`` its kind, if all fitting ops agree on it."""
        pairs = {(use.operands[place], use.form.op.inputs[place]) for use in fits if place < len(use.form.op.inputs)}
        if len(pairs) == 1:
            operand, kind = pairs.pop()
            self.of(operand, kind)

    def _settled(self, fits: list[Use]) -> bool:
        """Whether all operands' kinds are known, so that the first of ``fits`` is what is meant."""
        operands = fits[0].operands[: len(fits[0].form.op.inputs)]
        is_draw = not fits[0].form.op.inputs
        return not is_draw and all(isinstance(operand, Number) or self.of(operand) for operand in operands)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value on its way to a variable (``name``) or to a register of a known kind."""

    name: str | None
    kind: Kind | None
    value: Expression


def infer(assignments: list[Assignment], declared: Mapping[str, Kind]) -> Kinds:
    """The kinds of all variables that the assignments settle.

    The values must stay alive and the same objects as long as the result is used.
    """
    kinds = Kinds(dict(declared))
    _until_stable(kinds, assignments)
    for assignment in assignments:
        if assignment.name and isinstance(assignment.value, Number):
            kinds.learn(assignment.name, Kind.SCALAR)
    _until_stable(kinds, assignments)
    return kinds


def _until_stable(kinds: Kinds, assignments: list[Assignment]) -> None:
    """Go over the assignments, forth and back, until nothing more is learned."""
    todo = [(a, {n.text for n in names_in(a.value)} | ({a.name} if a.name else set())) for a in assignments]
    before = -1
    while before < len(kinds.known):
        before = len(kinds.known)
        todo = [(a, names) for a, names in reversed(todo) if not names <= kinds.known.keys()]
        for a, _ in todo:
            found = kinds.of(a.value, kinds.known.get(a.name) if a.name else a.kind)
            if a.name and found:
                kinds.learn(a.name, found)


def names_in(expression: Expression) -> list[Name]:
    """The variables that the expression reads."""
    match expression:
        case Name(text=text):
            return [] if register(text) or text in RESERVED else [expression]
        case Binary(left=left, right=right):
            return names_in(left) + names_in(right)
        case Call(arguments=arguments):
            values = [argument.value for argument in arguments if argument.key is None]
            return [name for value in values for name in names_in(value)]
    return []
