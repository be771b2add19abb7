"""A program as equations in LaTeX."""

from __future__ import annotations

import math
import re

from azdsl.export.readable.statements import Apply, Expression, Literal, Readable, Ref, Statement, readable, variables
from azdsl.ir import FUNCTIONS, Program, format_constant
from azdsl.ir.linearize import Variable
from azdsl.ops import OPS, Kind

SYMBOLS = {
    "features": r"\mathbf{x}",
    "label": "y",
    "prediction": r"\hat{y}",
    "labels": r"\mathbf{y}",
    "predictions": r"\hat{\mathbf{y}}",
    "weights": "w",
    "hidden_weights": "w^{\\mathrm{hid}}",
    "output_weights": "w^{\\mathrm{out}}",
    "bias": "b",
    "hidden_bias": "b^{\\mathrm{hid}}",
    "output_bias": "b^{\\mathrm{out}}",
    "learning_rate": r"\eta",
    "error": r"\delta",
    "pre_activation": "a",
    "hidden": "h",
    "hidden_gradient": r"g^{\mathrm{hid}}",
    "relu_gradient": "h'",
    "step": "s",
    "input_noise": r"\varepsilon",
    "noise": r"\varepsilon",
    "decay": r"\lambda",
    "momentum": "m",
}
"""Signs for names, before they are set in the type of their kind; other names are spelled out."""

_FAMILIES = {
    "add": "(a) + [b]",
    "subtract": "(a) - [b]",
    "divide": r"\frac{{a}}{{b}}",
    "abs": r"\left| {a} \right|",
    "reciprocal": r"\frac{1}{{a}}",
    "minimum": r"\min\left( {a}, {b} \right)",
    "maximum": r"\max\left( {a}, {b} \right)",
    "heaviside": r"\mathbf{1}\left[ {a} > 0 \right]",
    "uniform": r"\mathcal{U}\left( {c0}, {c1} \right)",
    "gaussian": r"\mathcal{N}\left( {c0}, {c1}^2 \right)",
    "norm": r"\left\lVert {a} \right\rVert",
    "mean": r"\operatorname{mean}\left( {a} \right)",
    "std": r"\operatorname{std}\left( {a} \right)",
}
_OWN = {
    "scalar_multiply": r"(a) \, [b]",
    "vector_multiply": r"(a) \odot [b]",
    "matrix_multiply": r"(a) \odot [b]",
    "scalar_heaviside": r"\mathbf{1}\left[ {a} \geq 0 \right]",
    "vector_scale": r"(a) \, [b]",
    "matrix_scale": r"(a) \, [b]",
    "vector_broadcast": r"[a] \, \mathbf{1}",
    "column_broadcast": r"[a] \, \mathbf{1}^{\top}",
    "row_broadcast": r"\mathbf{1} \, [a]^{\top}",
    "dot": r"[a]^{\top} [b]",
    "outer": r"[a] \, [b]^{\top}",
    "matvec": r"[a] \, [b]",
    "matmul": r"[a] \, [b]",
    "transpose": r"[a]^{\top}",
    "column_norm": r"\operatorname{norm}_{\mathrm{columns}}\left( {a} \right)",
    "row_norm": r"\operatorname{norm}_{\mathrm{rows}}\left( {a} \right)",
    "row_mean": r"\operatorname{mean}_{\mathrm{rows}}\left( {a} \right)",
    "row_std": r"\operatorname{std}_{\mathrm{rows}}\left( {a} \right)",
    "const": "{c0}",
    "vector_set": "{c1}",
    "matrix_set": "{c2}",
    **{
        name: rf"\{name}\left( {{a}} \right)"
        for name in ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "exp", "log")
    },
}
_SHARED = {f"{kind.word}_{name}": text for kind in Kind for name, text in _FAMILIES.items()}

TEXT: dict[str, str] = {name: text for name, text in (_SHARED | _OWN).items() if name in {op.name for op in OPS}}
"""The LaTeX of every op. ``{a}`` stands free, ``(a)`` in brackets if it is a sum, ``[a]`` also if it is a product."""

if TEXT.keys() != {op.name for op in OPS if op.output}:
    raise AssertionError(f"LaTeX and op table differ: {TEXT.keys() ^ {op.name for op in OPS if op.output}}")

_SUM, _PRODUCT, _ATOM = 1, 2, 3
_SLOT = re.compile(r"\{(a|b|c0|c1|c2)\}|\((a|b)\)|\[(a|b)\]")


def latex(program: Program, multiclass: bool = False, standalone: bool = False) -> str:
    """The program's equations in an ``aligned`` environment; a whole document with ``standalone``.

    Raises ``TooManyRegisters``.
    """
    form = readable(program, multiclass)
    rows: list[str] = []
    for name, statements in zip(FUNCTIONS, form.functions, strict=True):
        if statements:
            rows += [rf"&\textbf{{{name}}}", *(equation(statement, form) for statement in statements)]
    body = " \\\\\n".join(f"  {row}" for row in rows)
    aligned = f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n"
    return _DOCUMENT % aligned if standalone else aligned


_DOCUMENT = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage{amssymb}
\begin{document}
\[
%s\]
\end{document}
"""


def equation(statement: Statement, form: Readable) -> str:
    """One statement: ``target &= value``, with an arrow where the target is read."""
    target, expression = statement.target, statement.expression
    left = symbol(form.names[target], target)
    if isinstance(expression, Apply) and expression.op.updates:
        places = ", ".join(rf"\lfloor {_number(c)} F \rfloor" for c in expression.constants[:-1])
        return rf"{left}_{{{places}}} &\leftarrow {_number(expression.constants[-1])}"
    draws = isinstance(expression, Apply) and expression.op.random
    sign = r"\leftarrow" if target in variables(expression) else r"\sim" if draws else "="
    return f"{left} &{sign} {_write(expression, form)[0]}"


def symbol(name: str, variable: Variable) -> str:
    """A variable's sign: vectors bold, matrices capital; ``error_2`` is the error's with a 2 below."""
    base, _, number = name.rpartition("_")
    base, index = (base, f"_{{{number}}}") if number.isdigit() else (name, "")
    sign = SYMBOLS.get(base)
    if sign is None and base.endswith("_gradient"):
        return rf"\Delta {symbol(base.removesuffix('_gradient'), variable)}{index}"
    if sign is None:
        spelled = base.replace("_", r"\_")
        return rf"\mathit{{{spelled}}}{index}"
    if variable.kind is Kind.VECTOR and "mathbf" not in sign:
        sign = (
            rf"\boldsymbol{{{sign}}}"
            if sign.startswith("\\") and "^" not in sign
            else rf"\mathbf{{{sign[0]}}}{sign[1:]}"
        )
    if variable.kind is Kind.MATRIX and sign[0].isalpha():
        sign = sign[0].upper() + sign[1:]
    return sign + index


def _number(value: float) -> str:
    mantissa, _, exponent = format_constant(value).partition("e")
    return mantissa if not exponent else rf"{mantissa} \cdot 10^{{{int(exponent)}}}"


def _write(expression: Expression, form: Readable) -> tuple[str, int]:
    """The LaTeX, and how strongly it binds."""
    match expression:
        case Ref(variable=variable):
            text = symbol(form.names[variable], variable)
            return text, _ATOM
        case Literal(value=value):
            return _number(value), _SUM if math.copysign(1.0, value) < 0 else _ATOM
        case Apply(op=op, operands=operands, constants=constants):
            parts = {slot: _write(operand, form) for slot, operand in zip("ab", operands, strict=False)}
            parts |= {f"c{n}": (_number(c), _ATOM) for n, c in enumerate(constants)}
            template = TEXT[op.name]
            level = (
                _SUM
                if template.startswith("(a) +") or template.startswith("(a) -")
                else _PRODUCT
                if "[" in _bare(template)
                else _ATOM
            )

            def put(match: re.Match[str]) -> str:
                free, loose, tight = match.groups()
                text, inner = parts[free or loose or tight]
                need = 0 if free else level if loose else _PRODUCT if level == _SUM else _ATOM
                closed = rf"\left( {text} \right)"
                # An index above would join one that is there already.
                raised = template[match.end() :].startswith("^") and "^" in text
                return closed if inner < need or raised else text

            return _SLOT.sub(put, template), level
    raise AssertionError(f"not an expression: {expression!r}")


def _bare(template: str) -> str:
    """The template without LaTeX's own brackets."""
    return template.replace(r"\left[", "")
