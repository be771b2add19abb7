"""The errors of a text, as ``azdsl check`` finds them."""

from __future__ import annotations

from azdsl.diagnostics import Diagnostic, SyntaxError
from azdsl.syntax import parse_experiment


def diagnostics(text: str) -> tuple[Diagnostic, ...]:
    """Every error of a text, in the order of the text."""
    try:
        parse_experiment(text)
    except SyntaxError as error:
        return error.diagnostics
    return ()
