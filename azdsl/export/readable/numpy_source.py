"""Programs as readable Python modules that need only NumPy: ``Model().fit(X, y).predict(X)``."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator
from textwrap import indent

from azdsl.export.readable.numpy_templates import DRAWS, FIT, HELPERS, SQUASH
from azdsl.export.readable.op_text import ATOM, level, needs_brackets, numpy_text
from azdsl.export.readable.statements import GIVEN, Apply, Expression, Literal, Readable, Ref, Statement, readable
from azdsl.ir import METRICS, MetricName, Program
from azdsl.ir.linearize import Sort, Variable
from azdsl.ops import OPS, Kind

TEXT: dict[str, str] = {op.name: numpy_text(op) for op in OPS if op.output}
"""The NumPy text of every op."""


def numpy_source(program: Program, metric: MetricName = "rmse", seed: int = 0, max_abs_error: float = 100.0) -> str:
    """The text of a Python module with the class ``Model``.

    Training learns the examples once, in order, and draws the random numbers of task 0 of an evaluation.
    Predictions equal those of the interpreter bit for bit, unless the program sums (products of vectors and matrices,
    norms, means, standard deviations), calls a transcendental function or draws normal numbers: NumPy has its own order
    of sums and its own functions. Each such step has a relative error of at most F · 2⁻⁵² in proportion to its terms,
    which training may amplify. Raises ``TooManyRegisters``.
    """
    form = readable(program, METRICS[metric])
    writer = _Writer(form)
    setup, predict, learn = (list(writer.function(number)) for number in range(3))
    body = "\n".join((*setup, *predict, *learn))
    random = "self.draws." in body
    used = _used((*setup, *predict, *learn))
    helpers = [text for name, text in HELPERS.items() if name in used]
    if SQUASH[metric].helper:
        helpers.append(SQUASH[metric].helper)
    limit = repr(float(max_abs_error)) if math.isfinite(max_abs_error) else 'float("inf")'
    drawn = f", seed={seed}" if random else ""
    parts = [_HEAD, *helpers, *([DRAWS] if random else []), _CLASS.format(limit=limit, seed=drawn)]
    parts[-1] += "        self.draws = Draws(seed)\n" if random else ""
    methods = [
        ("setup(self, n)", "Run Setup for n features, before the first example.", writer.start() + setup, setup),
        ("predict_one(self, features)", "Run Predict for one example.", predict, predict),
        (f"learn_one(self, features, {writer.label})", "Run Learn for one example, after predict_one.", learn, learn),
    ]
    for signature, doc, lines, _ in methods:
        sized = ["n = len(features)"] if not signature.startswith("setup") and "n" in _used(lines) else []
        text = "\n".join([f"def {signature}:", f'    """{doc}"""', *(f"    {line}" for line in (*sized, *lines))])
        parts[-1] += "\n" + indent(text, "    ") + "\n"
    chosen = SQUASH[metric]
    parts[-1] += FIT.format(
        squash=chosen.squash,
        close=chosen.close,
        learn=chosen.learn,
        classes=chosen.classes,
        answer=chosen.answer,
        prediction=writer.prediction,
    )
    return "\n\n".join(part.strip("\n") + "\n" for part in parts)


_HEAD = '''"""A learning algorithm, written by azdsl. Usage: Model().fit(X, y).predict(X).

It equals the program bit for bit, except for sums, which NumPy adds in its own order, and for sin, cos, tan,
arcsin, arccos, arctan, exp, log and normal draws, which differ from those of NumPy in the last bits.
"""

import numpy as np
'''

_CLASS = '''class Model:
    """Learns examples one by one; X is [N, F], y is [N]."""

    def __init__(self, max_abs_error={limit}{seed}):
        self.max_abs_error = max_abs_error
        self.visit = 0
'''


def _used(lines: Iterable[str]) -> set[str]:
    """The names that lines of Python read or write."""
    return {node.id for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.Name)}


class _Writer:
    def __init__(self, form: Readable) -> None:
        self.form = form
        self.label = GIVEN[form.metric.label]
        self.prediction = f"self.{GIVEN[form.metric.prediction]}"
        self.draw = 0

    def start(self) -> list[str]:
        """Lines that set variables to zero that may be read before they are written."""
        before = [v for v in self.form.lasting if v.sort in (Sort.STATE, Sort.ZERO)]
        known = {s.target for s in self.form.functions[0] if not s.op.updates}
        first = [f"{self.prediction} = {'np.zeros(n)' if self.form.metric.vector else 'np.float64(0.0)'}"]
        zero = {Kind.SCALAR: "np.float64(0.0)", Kind.VECTOR: "np.zeros(n)", Kind.MATRIX: "np.zeros((n, n))"}
        waiting = {s.target for s in sum(self.form.functions, ()) if s.op.updates and s.target.sort is not Sort.LOCAL}
        rest = [
            v
            for v in (*before, *(w for w in sorted(waiting, key=self.name) if w not in before))
            if v not in known and v.address is None
        ]
        return first + [f"{self.name(v)} = {zero[v.kind]}" for v in rest]

    def function(self, number: int) -> Iterator[str]:
        """The lines of one function, with the reason for a name as a comment at its first write."""
        told: set[Variable] = {s.target for earlier in self.form.functions[:number] for s in earlier}
        for statement in self.form.functions[number]:
            reason = self.form.roles.get(statement.target)
            comment = f"  # {reason.reason}" if reason and statement.target not in told else ""
            told.add(statement.target)
            yield f"{self.name(statement.target)} = {self._right(statement)}{comment}"

    def name(self, variable: Variable) -> str:
        """A variable in Python: an attribute of the model if it outlives a function."""
        name = self.form.names[variable]
        return name if variable.sort in (Sort.LOCAL, Sort.GIVEN) else f"self.{name}"

    def _right(self, statement: Statement) -> str:
        expression = statement.expression
        old = self.name(statement.target)
        if isinstance(expression, Ref):
            return self.name(expression.variable)
        return self._write(expression, old)[0]

    def _write(self, expression: Expression, old: str = "") -> tuple[str, int]:
        match expression:
            case Ref(variable=variable):
                return self.name(variable), ATOM
            case Literal(value=value):
                return repr(value), ATOM
            case Apply(op=op, operands=operands, constants=constants):
                slots = {f"c{n}": repr(c) for n, c in enumerate(constants)}
                slots |= {"old": old, "draw": str(self.draw)}
                self.draw += op.random
                text = TEXT[op.name]
                for slot, operand in zip("ab", operands, strict=False):
                    inner, binds = self._write(operand)
                    slots[slot] = f"({inner})" if needs_brackets(text, slot, binds) else inner
                return text.format(**slots), level(text)
        raise AssertionError(f"not an expression: {expression!r}")
