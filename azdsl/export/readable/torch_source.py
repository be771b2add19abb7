"""Programs as PyTorch modules that need only PyTorch: ``Model(features).fit(X, y)``."""

from __future__ import annotations

from azdsl.export.readable.op_text import Library, python_text
from azdsl.export.readable.python_writer import Dialect, Writer, float_text, method, names_in
from azdsl.export.readable.statements import readable
from azdsl.export.readable.torch_templates import DRAWS, FIT, HELPERS, KNOWN, SQUASH
from azdsl.ir import METRICS, MetricName, Program
from azdsl.ops import Kind

LIBRARY = Library(
    "PyTorch",
    "torch",
    KNOWN.__contains__,
    HELPERS,
    "like.new_tensor({c0})",
    "self.draws.{callee}({{draw}}, self.visit, {constants}, {shape}).to(like)",
    DRAWS,
)


_ZEROS = {Kind.SCALAR: "like.new_zeros(())", Kind.VECTOR: "like.new_zeros(n)", Kind.MATRIX: "like.new_zeros((n, n))"}

_DIALECT = Dialect(lambda op: python_text(op, LIBRARY), _ZEROS, copied="{}.clone()")


def torch_source(
    program: Program, metric: MetricName = "rmse", features: int = 4, seed: int = 0, max_abs_error: float = 100.0
) -> str:
    """The text of a Python module with the class ``Model``, a ``torch.nn.Module`` whose buffers are what the program keeps.

    It learns examples one by one and draws the random numbers of task 0 of an evaluation, in 64 bits unless it is converted. Predictions
    equal those of the interpreter bit for bit, but for sums, elementary functions and normal draws, as in ``numpy_source``. ``features`` is the
    default of the number of features. Raises ``TooManyRegisters``, and ``NoText`` for an op that the module cannot express.
    """
    form = readable(program, METRICS[metric])
    writer = Writer(form, _DIALECT)
    setup, predict, learn = (list(writer.function(number)) for number in range(3))
    used = names_in((*setup, *predict, *learn))
    helpers = [text for name, text in HELPERS.items() if name in used]
    chosen = SQUASH[metric]
    zeros = writer.zeros()
    zeros |= {writer.name(v): _ZEROS[v.kind] for v in writer.lasting if writer.name(v) not in zeros}
    imports = "import math\n\nimport torch\n" if writer.draws else "import torch\n"
    parts = [_HEAD + imports, *helpers, *([chosen.helper] if chosen.helper else []), *([DRAWS] if writer.draws else [])]
    drawn = f", seed={seed}" if writer.draws else ""
    body = _CLASS.format(features=features, limit=float_text(max_abs_error), seed=drawn)
    body += "        self.draws = Draws(seed)\n" if writer.draws else ""
    names = ", ".join(f'"{name.removeprefix(_DIALECT.lasting)}"' for name in zeros)
    body += f"        for name in [{names}]:\n            self.register_buffer(name, torch.zeros((), dtype=torch.float64))\n"
    body += '        self.register_buffer("visit", torch.tensor(0))\n'
    body += '        self.register_buffer("classes", torch.tensor(0))\n' if METRICS[metric].vector else ""
    body += "        self.reset()\n"
    like = f"like, n = {writer.prediction}, self.features"
    start = [like, "self.visit = torch.zeros_like(self.visit)", *(f"{name} = {zero}" for name, zero in zeros.items())]
    start += ["self.classes = torch.zeros_like(self.classes)"] if METRICS[metric].vector else []
    body += method("reset(self)", "Forget everything and run Setup.", [*start, *setup], ["@torch.no_grad()"])
    for signature, doc, lines in (
        ("predict_one(self, features)", "Run Predict for one example [F].", predict),
        (f"learn_one(self, features, {writer.label})", "Run Learn for one example, after predict_one.", learn),
    ):
        needed = names_in(lines) & {"like", "n"}
        body += method(signature, doc, ([like] if needed else []) + (lines or ["pass"]))
    body += FIT.format(
        squash=chosen.squash,
        close=chosen.close,
        learn=chosen.learn,
        classes=chosen.classes,
        answer=chosen.answer,
        prediction=writer.prediction,
    )
    return "\n\n".join(part.strip("\n") + "\n" for part in (*parts, body))


_HEAD = '''"""A learning algorithm, written by azdsl, as a module of PyTorch. Usage: Model(features).fit(X, y).predict(X), or Model(…)(X).

It equals the program bit for bit, except for sums, which PyTorch adds in its own order, and for sin, cos, tan,
arcsin, arccos, arctan, exp, log and normal draws, which differ from those of PyTorch in the last bits.
"""

'''

_CLASS = '''class Model(torch.nn.Module):
    """Learns examples one by one. What it learns is in buffers: they are in state_dict(), and go with to() and float()."""

    def __init__(self, features={features}, max_abs_error={limit}{seed}):
        super().__init__()
        self.features = features
        self.max_abs_error = max_abs_error
'''
