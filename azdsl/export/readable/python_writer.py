"""The statements of a program as lines of Python, for modules with any library of arrays."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import indent

from azdsl.export.readable.op_text import ATOM, level, needs_brackets, right_side
from azdsl.export.readable.statements import GIVEN, Apply, Expression, Literal, Readable, Ref, Statement, variables
from azdsl.ir.linearize import Sort, Variable
from azdsl.ops import Kind, Op


@dataclass(frozen=True)
class Dialect:
    """How a module writes statements.

    ``text`` gives the text of an op, ``zeros`` the text of a register of each kind that nothing has written, ``number`` that of a
    constant. ``lasting`` stands before names that outlive a function. ``copied`` is the text of a copy of a variable. ``filled`` says whether
    the zero in ``0 - v`` must be a vector.
    """

    text: Callable[[Op], str]
    zeros: Mapping[Kind, str]
    number: Callable[[float], str] = repr
    lasting: str = "self."
    copied: str = "{}"
    filled: bool = False


@dataclass
class Writer:
    """Writes the functions of a program, in order. ``draws`` are the random draws that were written, as the language writes them."""

    form: Readable
    dialect: Dialect
    draws: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The name of the label, or of the labels."""
        return GIVEN[self.form.metric.label]

    @property
    def prediction(self) -> str:
        """The prediction, or the predictions, as a variable in Python."""
        return f"{self.dialect.lasting}{GIVEN[self.form.metric.prediction]}"

    @property
    def lasting(self) -> list[Variable]:
        """The variables that outlive a function, and zeros, as far as a statement reads or writes them."""
        used = {v for s in sum(self.form.functions, ()) for v in (s.target, *variables(s.expression))}
        return [v for v in self.form.lasting if v in used]

    def zeros(self) -> dict[str, str]:
        """The variables that may be read before they are written, with their zeros."""
        before = [v for v in self.form.lasting if v.sort in (Sort.STATE, Sort.ZERO)]
        known = {s.target for s in self.form.functions[0] if not s.op.updates}
        waiting = {s.target for s in sum(self.form.functions, ()) if s.op.updates and s.target.sort is not Sort.LOCAL}
        rest = [
            v
            for v in (*before, *(w for w in sorted(waiting, key=self.name) if w not in before))
            if v not in known and v.address is None
        ]
        kind = Kind.VECTOR if self.form.metric.vector else Kind.SCALAR
        return {self.prediction: self.dialect.zeros[kind]} | {self.name(v): self.dialect.zeros[v.kind] for v in rest}

    def function(self, number: int) -> Iterator[str]:
        """The lines of one function, with the reason for a name as a comment at its first write."""
        told: set[Variable] = {s.target for earlier in self.form.functions[:number] for s in earlier}
        for statement in self.form.functions[number]:
            reason = self.form.roles.get(statement.target)
            comment = f"  # {reason.reason}" if reason and statement.target not in told else ""
            told.add(statement.target)
            yield f"{self.name(statement.target)} = {self._right(statement)}{comment}"

    def name(self, variable: Variable) -> str:
        """A variable in Python: with the prefix of the dialect if it outlives a function."""
        name = self.form.names[variable]
        return name if variable.sort in (Sort.LOCAL, Sort.GIVEN) else f"{self.dialect.lasting}{name}"

    def _right(self, statement: Statement) -> str:
        expression = statement.expression
        if isinstance(expression, Ref):
            return self.dialect.copied.format(self.name(expression.variable))
        return self._write(expression, self.name(statement.target))[0]

    def _write(self, expression: Expression, old: str = "") -> tuple[str, int]:
        match expression:
            case Ref(variable=variable):
                return self.name(variable), ATOM
            case Literal(value=value):
                return self.dialect.number(value), ATOM
            case Apply(op=op, operands=operands, constants=constants):
                slots = {f"c{n}": self.dialect.number(c) for n, c in enumerate(constants)}
                slots |= {"old": old, "draw": str(len(self.draws))}
                if op.random:
                    self.draws.append(right_side(op).format(**slots))
                text = self.dialect.text(op)
                for slot, operand, kind in zip("ab", operands, op.inputs, strict=False):
                    inner, binds = self._write(operand)
                    if self.dialect.filled and isinstance(operand, Literal) and kind is not Kind.SCALAR:
                        inner = self.dialect.zeros[kind]
                    slots[slot] = f"({inner})" if needs_brackets(text, slot, binds) else inner
                return text.format(**slots), level(text)
        raise AssertionError(f"not an expression: {expression!r}")


def method(signature: str, doc: str, lines: Iterable[str], decorators: Iterable[str] = ()) -> str:
    """The text of a method, indented for its class, after an empty line."""
    text = "\n".join([*decorators, f"def {signature}:", f'    """{doc}"""', *(f"    {line}" for line in lines)])
    return "\n" + indent(text, "    ") + "\n"


def float_text(value: float) -> str:
    """A number as Python; infinity and NaN have no literal."""
    return repr(float(value)) if math.isfinite(value) else f'float("{value}")'


def names_in(lines: Iterable[str]) -> set[str]:
    """The names that lines of Python read or write."""
    return {node.id for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.Name)}
