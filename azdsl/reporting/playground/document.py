"""The playground as HTML: a part of a page, or a page of its own, with WebAssembly and script inside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources

from azdsl import __version__
from azdsl.export.library.wasm_module import literal, model_class
from azdsl.reporting.playground.subject import Subject, payload

SCRIPTS = ("format.js", "traced_model.js", "examples.js", "pictures.js", "code_view.js", "playground.js")
"""The parts of the script, in order, after the class ``Model``."""

INTRODUCTION = (
    "Train the program in this page. Each step is one training example: Predict, then Learn. Beside every line stands the value that it "
    "last wrote. The arithmetic is that of the reference interpreter, bit for bit."
)


def playground(subjects: Sequence[Subject], alone: bool = False) -> str:
    """The HTML of a playground, with style and script; at least one subject. A page has at most one playground.

    If it is ``alone`` on the page, its keys work without a click on it. Raises ``ExportError`` and ``NoPlayground``.
    """
    script = "\n".join([f"const SUBJECTS = {literal(payload(subjects))};", model_class(), *map(_asset, SCRIPTS)])
    flag = " data-alone" if alone else ""
    return (
        f"<style>{_asset('playground.css')}</style>"
        f'<div class="playground" tabindex="-1"{flag}>{_asset("playground.html")}</div>'
        f'<script type="module">\n{script}\n</script>'
    )


def page(subjects: Sequence[Subject], title: str) -> str:
    """A self-contained page with a playground. Raises ``ExportError`` and ``NoPlayground``."""
    style = (resources.files("azdsl.reporting") / "style.css").read_text("utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title><style>{style}</style></head>\n'
        f'<body><div class="azdsl"><header><h1>{escape(title)}</h1><p>{escape(INTRODUCTION)}</p></header>'
        f"<main>{playground(subjects, alone=True)}</main><footer>Made by azdsl {escape(__version__)}.</footer></div></body></html>\n"
    )


def _asset(name: str) -> str:
    return (resources.files("azdsl.reporting.playground") / name).read_text("utf-8")
