"""Programs as equations for SymPy: a Python module with what Setup, Predict and Learn give, as expressions of symbols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import indent

from azdsl.export.readable.op_text import Library, python_text
from azdsl.export.readable.python_writer import Dialect, Writer, names_in
from azdsl.export.readable.statements import readable
from azdsl.ir import RMSE, Metric, Program
from azdsl.ir.linearize import Sort
from azdsl.ops import Kind

HELPERS = {
    "each": '''def each(function, *operands):
    """The function of the entries of vectors or matrices, entry by entry; a number stands for all entries."""
    shape = next((x.shape for x in operands if isinstance(x, sp.MatrixBase)), None)
    if shape is None:
        return function(*operands)
    return sp.Matrix(*shape, lambda i, j: function(*(x[i, j] if isinstance(x, sp.MatrixBase) else x for x in operands)))
''',
    "entries": '''def entries(function, x, axis):
    """The function of all entries, or a vector of the function of each column (axis 0) or row (axis 1)."""
    if axis is None:
        return function(list(x))
    return sp.Matrix([function(list(x.col(i) if axis == 0 else x.row(i))) for i in range(x.shape[1 - axis])])
''',
    "abs": '''def abs(x):
    """Absolute value."""
    return each(sp.Abs, x)
''',
    "arcsin": '''def arcsin(x):
    """Inverse sine."""
    return sp.asin(x)
''',
    "arccos": '''def arccos(x):
    """Inverse cosine."""
    return sp.acos(x)
''',
    "arctan": '''def arctan(x):
    """Inverse tangent."""
    return sp.atan(x)
''',
    "scalar_heaviside": '''def scalar_heaviside(x, at_zero):
    """1 where x >= 0, else 0."""
    return sp.Heaviside(x, 1)
''',
    "heaviside": '''def heaviside(x, at_zero):
    """1 where x > 0, else 0: of vectors and matrices the step is 0 at 0, whatever the program says."""
    return each(lambda entry: sp.Heaviside(entry, 0), x)
''',
    "minimum": '''def minimum(a, b):
    """The smaller one."""
    return each(lambda x, y: sp.Min(x, y, evaluate=False), a, b)
''',
    "maximum": '''def maximum(a, b):
    """The larger one."""
    return each(lambda x, y: sp.Max(x, y, evaluate=False), a, b)
''',
    "multiply": '''def multiply(a, b):
    """Product, entry by entry."""
    return each(lambda x, y: x * y, a, b)
''',
    "divide": '''def divide(a, b):
    """Quotient, entry by entry."""
    return each(lambda x, y: x / y, a, b)
''',
    "dot": '''def dot(a, b):
    """Inner product of two vectors."""
    return a.dot(b)
''',
    "matvec": '''def matvec(a, b):
    """Matrix times vector."""
    return a * b
''',
    "matmul": '''def matmul(a, b):
    """Product of two matrices."""
    return a * b
''',
    "outer": '''def outer(a, b):
    """Outer product of two vectors."""
    return a * b.T
''',
    "transpose": '''def transpose(a):
    """Rows become columns."""
    return a.T
''',
    "bcast": '''def bcast(x, axis=None, n=None):
    """A vector with x in all entries, or a matrix with x in all columns (axis 0) or rows (axis 1)."""
    if axis is None:
        return sp.ones(n, 1) * x
    return x * sp.ones(1, len(x)) if axis == 0 else sp.ones(len(x), 1) * x.T
''',
    "norm": '''def norm(x, axis=None):
    """Euclidean norm."""
    return entries(lambda row: sp.sqrt(sp.Add(*(entry**2 for entry in row))), x, axis)
''',
    "mean": '''def mean(x, axis=None):
    """Mean."""
    return entries(lambda row: sp.Add(*row) / len(row), x, axis)
''',
    "std": '''def std(x, axis=None):
    """Standard deviation."""
    squares = mean(each(lambda entry: entry**2, x), axis)
    return each(sp.sqrt, squares - each(lambda entry: entry**2, mean(x, axis)))
''',
    "with_entry": '''def with_entry(old, value, *index):
    """A copy of old with one entry set to value; an index is a fraction of the number of entries."""
    new, n = sp.Matrix(old), old.shape[0]
    new[tuple([*(min(int(n * i), n - 1) for i in index), 0][:2])] = value
    return new
''',
}
"""Functions that the equations may call, each after those that it calls itself."""

LIBRARY = Library(
    "SymPy",
    "sp",
    frozenset({"sin", "cos", "tan", "exp", "log"}).__contains__,
    HELPERS,
    "sp.S({c0})",
    '{word}("draw_{{draw}}", n)',
    entrywise={"*": "multiply", "/": "divide"},
)


def _number(value: float) -> str:
    """A number for SymPy: an integer where it is one, which keeps expressions exact."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


_DIALECT = Dialect(
    lambda op: python_text(op, LIBRARY),
    {Kind.SCALAR: "sp.S(0)", Kind.VECTOR: "sp.zeros(n, 1)", Kind.MATRIX: "sp.zeros(n, n)"},
    number=_number,
    lasting="",
    filled=True,
)


def sympy_source(program: Program, metric: Metric = RMSE) -> str:
    """The text of a Python module that needs SymPy, with the function ``equations`` of the number of features.

    It gives four dictionaries. ``setup`` has what Setup gives, by name. ``predict`` has the prediction and what else Predict changes, as
    expressions of the features and of the values before the example. ``learn`` has every value after the example, as an expression of these, of the
    label, and of the prediction as the metric gives it to Learn. ``draws`` has the distributions of the symbols that stand for random draws.
    Vectors and matrices are matrices of symbols. Equal to the program but for rounding, on real numbers without division by zero and overflow.

    Raises ``TooManyRegisters``, and ``NoText`` for an op that the module cannot express.
    """
    writer = Writer(readable(program, metric), _DIALECT)
    body = list(_equations(writer))
    used = names_in([*body, "each(entries)"])
    while more := {name for helper in used & HELPERS.keys() for name in names_in([HELPERS[helper]])} - used:
        used |= more
    helpers = [text for name, text in HELPERS.items() if name in used]
    drawn = ", ".join(f'"draw_{number}": "{draw}"' for number, draw in enumerate(writer.draws))
    lines = [*body, f"draws = {{{drawn}}}", "return setup, predict, learn, draws"]
    doc = '    """The dictionaries setup, predict, learn and draws for n features."""\n'
    function = f"def equations(n):\n{doc}{indent(chr(10).join(lines), '    ')}\n"
    return "\n\n".join(part.strip("\n") + "\n" for part in (_HEAD, *helpers, function, _MAIN))


def _equations(writer: Writer) -> Iterator[str]:
    """The lines of the three functions. Before Predict and before Learn, names become symbols again."""
    form, prediction = writer.form, writer.prediction
    lasting = [v for v in writer.lasting if v.sort in (Sort.STATE, Sort.INVARIANT)]
    zeros = writer.zeros()
    setup, predict, learn = (list(writer.function(number)) for number in range(3))
    changed = [[s.target for s in function if s.target in lasting] for function in form.functions]
    kept = [v for v in lasting if v.address is None]
    vector = "vector" if form.metric.vector else "scalar"
    yield "# Setup"
    yield from (f"{name} = {zero}" for name, zero in zeros.items())
    yield from setup
    yield f"setup = {_dictionary(writer.name(v) for v in kept)}"
    yield "# Predict"
    yield 'features = vector("features", n)'
    yield from (f'{writer.name(v)} = {v.kind.word}("{writer.name(v)}", n)' for v in kept)
    yield f'{prediction} = {vector}("previous_{prediction}", n)'
    yield from predict
    yield f"predict = {_dictionary([prediction, *map(writer.name, dict.fromkeys(changed[1]))])}"
    yield "# Learn"
    yield f'{prediction}, {writer.label} = {vector}("{prediction}", n), {vector}("{writer.label}", n)'
    yield from learn
    yield f"learn = {_dictionary(map(writer.name, dict.fromkeys([*changed[1], *changed[2]])))}"


def _dictionary(names: Iterable[str]) -> str:
    return f"{{{', '.join(f'{name!r}: {name}' for name in dict.fromkeys(names))}}}".replace("'", '"')


_HEAD = '''"""The equations of a learning algorithm, written by azdsl. They are those of its program on real numbers, without rounding.

equations(n) gives four dictionaries for n features:
  setup    each value before the first example
  predict  the prediction, and each value that Predict changes, from the features and the values before the example
  learn    each value after the example, from the values before it, the label and the prediction
  draws    the distribution of each random symbol, which is drawn again for every example
The prediction in learn is what the metric makes of it: its sigmoid (accuracy) or softmax (multiclass).
"""

import sympy as sp


def scalar(name, n):
    """A symbol."""
    return sp.Symbol(name, real=True)


def vector(name, n):
    """A vector of n symbols."""
    return sp.Matrix([sp.Symbol(f"{name}_{i}", real=True) for i in range(n)])


def matrix(name, n):
    """A matrix of n x n symbols."""
    return sp.Matrix(n, n, lambda i, j: sp.Symbol(f"{name}_{i}_{j}", real=True))
'''

_MAIN = """if __name__ == "__main__":
    for title, found in zip(("Setup", "Predict", "Learn", "Draws"), equations(3)):
        print(title)
        for name, value in found.items():
            print(f"  {name} = {value}")
"""
