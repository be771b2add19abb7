"""Programs as readable Python modules that need only NumPy: ``Model().fit(X, y).predict(X)``."""

from __future__ import annotations

import numpy as np

from azdsl.export.readable.numpy_templates import DRAWS, FIT, HELPERS, SQUASH
from azdsl.export.readable.op_text import Library, NoText, python_text
from azdsl.export.readable.python_writer import Dialect, Writer, float_text, method, names_in
from azdsl.export.readable.statements import readable
from azdsl.ir import METRICS, MetricName, Program
from azdsl.ops import OPS, Kind, Op

LIBRARY = Library(
    "NumPy",
    "np",
    lambda name: hasattr(np, name),
    HELPERS,
    "np.float64({c0})",
    "self.draws.{callee}({{draw}}, self.visit, {constants}, {shape})",
    DRAWS,
)


def numpy_text(op: Op) -> str:
    """The op's NumPy expression. Raises ``NoText`` where NumPy has no function of the op's name."""
    try:
        return op.numpy if op.numpy is not None else python_text(op, LIBRARY)
    except NoText as error:
        raise NoText(f"{error}; state the NumPy text with numpy= in the op's definition") from None


TEXT: dict[str, str] = {op.name: numpy_text(op) for op in OPS if op.output}
"""The NumPy text of every op."""

_DIALECT = Dialect(
    lambda op: TEXT[op.name],
    {Kind.SCALAR: "np.float64(0.0)", Kind.VECTOR: "np.zeros(n)", Kind.MATRIX: "np.zeros((n, n))"},
)


def numpy_source(program: Program, metric: MetricName = "rmse", seed: int = 0, max_abs_error: float = 100.0) -> str:
    """The text of a Python module with the class ``Model``.

    Training learns the examples once, in order, and draws the random numbers of task 0 of an evaluation.
    Predictions equal those of the interpreter bit for bit, unless the program sums (products of vectors and matrices,
    norms, means, standard deviations), calls a transcendental function or draws normal numbers: NumPy has its own order
    of sums and its own functions. Each such step has a relative error of at most F · 2⁻⁵² in proportion to its terms,
    which training may amplify. Raises ``TooManyRegisters``.
    """
    form = readable(program, METRICS[metric])
    writer = Writer(form, _DIALECT)
    setup, predict, learn = (list(writer.function(number)) for number in range(3))
    used = names_in((*setup, *predict, *learn))
    helpers = [text for name, text in HELPERS.items() if name in used]
    if SQUASH[metric].helper:
        helpers.append(SQUASH[metric].helper)
    drawn = f", seed={seed}" if writer.draws else ""
    parts = [
        _HEAD,
        *helpers,
        *([DRAWS] if writer.draws else []),
        _CLASS.format(limit=float_text(max_abs_error), seed=drawn),
    ]
    parts[-1] += "        self.draws = Draws(seed)\n" if writer.draws else ""
    zeros = [f"{name} = {zero}" for name, zero in writer.zeros().items()]
    parts[-1] += method("setup(self, n)", "Run Setup for n features, before the first example.", zeros + setup)
    for signature, doc, lines in (
        ("predict_one(self, features)", "Run Predict for one example.", predict),
        (f"learn_one(self, features, {writer.label})", "Run Learn for one example, after predict_one.", learn),
    ):
        sized = ["n = len(features)"] if "n" in names_in(lines) else []
        parts[-1] += method(signature, doc, sized + lines)
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
