"""Programs as equations in LaTeX."""

from __future__ import annotations

import math
import re

from azdsl.export.readable.op_text import ATOM, PRODUCT, SUM, latex_text
from azdsl.export.readable.statements import Apply, Expression, Literal, Readable, Ref, Statement, readable, variables
from azdsl.ir import FUNCTIONS, RMSE, Metric, Program, format_constant
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
"""Symbols of names, before the typeface of the kind is applied; other names are spelled out."""

TEXT: dict[str, str] = {op.name: latex_text(op) for op in OPS if op.output}
"""The LaTeX text of every op."""

_SLOT = re.compile(r"\{(a|b|c0|c1|c2)\}|\((a|b)\)|\[(a|b)\]")


def latex(program: Program, metric: Metric = RMSE, standalone: bool = False) -> str:
    """The equations of the program in an ``aligned`` environment; with ``standalone`` a complete document.

    Raises ``TooManyRegisters``.
    """
    form = readable(program, metric)
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
    """One statement as ``target &= value``; with an arrow if the target is also read, and with ~ for a random draw."""
    target, expression = statement.target, statement.expression
    left = symbol(form.names[target], target)
    if isinstance(expression, Apply) and expression.op.updates:
        places = ", ".join(rf"\lfloor {_number(c)} F \rfloor" for c in expression.constants[:-1])
        return rf"{{{left}}}_{{{places}}} &\leftarrow {_number(expression.constants[-1])}"
    draws = isinstance(expression, Apply) and expression.op.random
    sign = r"\leftarrow" if target in variables(expression) else r"\sim" if draws else "="
    return f"{left} &{sign} {_write(expression, form)[0]}"


def symbol(name: str, variable: Variable) -> str:
    """The symbol of a variable: bold for vectors, capital for matrices, with the number of ``error_2`` as an index."""
    base, _, number = name.rpartition("_")
    base, index = (base, f"_{{{number}}}") if number.isdigit() else (name, "")
    sign = SYMBOLS.get(base)
    if sign is None and base.endswith("_gradient"):
        change = rf"\Delta {symbol(base.removesuffix('_gradient'), variable)}"
        return f"{{{change}}}{index}" if index else change
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
    """The LaTeX text, and how strongly it binds."""
    match expression:
        case Ref(variable=variable):
            text = symbol(form.names[variable], variable)
            return text, ATOM
        case Literal(value=value):
            return _number(value), SUM if math.copysign(1.0, value) < 0 else ATOM
        case Apply(op=op, operands=operands, constants=constants):
            parts = {slot: _write(operand, form) for slot, operand in zip("ab", operands, strict=False)}
            parts |= {f"c{n}": (_number(c), ATOM) for n, c in enumerate(constants)}
            template = TEXT[op.name]
            level = (
                SUM
                if template.startswith("(a) +") or template.startswith("(a) -")
                else PRODUCT
                if "[" in _bare(template)
                else ATOM
            )

            def put(match: re.Match[str]) -> str:
                free, loose, tight = match.groups()
                text, inner = parts[free or loose or tight]
                need = 0 if free else level if loose else PRODUCT if level == SUM else ATOM
                closed = rf"\left( {text} \right)"
                # LaTeX refuses a second superscript, of which a prime is one, and a second subscript.
                following = template[match.end() :][:1]
                twice = (following == "^" and ("^" in text or "'" in text)) or (following == "_" and "_" in text)
                return closed if inner < need or twice else text

            return _SLOT.sub(put, template), level
    raise AssertionError(f"not an expression: {expression!r}")


def _bare(template: str) -> str:
    """The template without the brackets of LaTeX itself."""
    return template.replace(r"\left[", "")
