"""Programs as HTML: in the named style, highlighted, with new lines marked."""

from __future__ import annotations

import re
from html import escape

from azdsl.export.readable.named import named
from azdsl.export.readable.statements import TooManyRegisters
from azdsl.ir import Metric, Program, remove_dead_code

DIGITS = 4
_NUMBER = re.compile(r"(?<![\w.])[0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?\b")


def text_of(program: Program, metric: Metric) -> str:
    """The program in the named style, or as instructions if it has too many registers for that."""
    try:
        return named(program, metric)
    except TooManyRegisters:
        return str(remove_dead_code(program, metric))


def shortened(text: str) -> str:
    """The text with long numbers rounded to four digits, for display."""

    def short(match: re.Match[str]) -> str:
        number = match[0]
        return number if len(number) <= DIGITS + 2 else f"{float(number):.{DIGITS}g}"

    lines = (line.partition("  # ") for line in text.split("\n"))
    return "\n".join(_NUMBER.sub(short, code) + mark + comment for code, mark, comment in lines)


def highlighted_lines(text: str) -> list[str]:
    """The lines of the text as HTML."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter

    from azdsl.pygments import AzLexer

    marked = str(highlight(text.rstrip("\n"), AzLexer(), HtmlFormatter(nowrap=True))).rstrip("\n")
    return marked.split("\n")


def highlighted(text: str, before: str | None = None) -> str:
    """The text as a ``pre`` element; lines that are not in ``before`` are marked as new."""
    old = None if before is None else {_code(line) for line in before.split("\n")}
    rows = []
    for line, html in zip(text.rstrip("\n").split("\n"), highlighted_lines(text), strict=True):
        code = _code(line)
        new = old is not None and code and not code.startswith("def ") and code not in old
        rows.append(f'<span class="line new">{html}</span>' if new else f'<span class="line">{html}</span>')
    return f'<pre class="code"><code>{"".join(rows)}</code></pre>'


def plain(text: str) -> str:
    """Any text as a ``pre`` element."""
    return f'<pre class="code"><code>{escape(text.rstrip())}</code></pre>'


def _code(line: str) -> str:
    """A line without its comment, with all numbers replaced by 0."""
    return _NUMBER.sub("0", line.partition("#")[0].strip())
