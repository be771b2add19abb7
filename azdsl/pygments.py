"""Pygments lexer of .az files, for ``pygmentize -l azdsl``, Sphinx and the report."""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text, Whitespace

from azdsl import editors

_WORDS = editors.words()


class AzLexer(RegexLexer):  # type: ignore[misc]
    """Lexer of the .az language."""

    name = "azdsl"
    aliases: ClassVar = ["azdsl", "az"]
    filenames: ClassVar = ["*.az"]
    mimetypes: ClassVar = ["text/x-azdsl"]
    url = "https://arxiv.org/abs/2003.03384"

    tokens: ClassVar = {
        "root": [
            (r"\s+", Whitespace),
            (r"#[^\n]*", Comment.Single),
            (rf"(def)(\s+)({editors.NAME})", bygroups(Keyword, Whitespace, Name.Function)),
            (rf"@\s*{editors.NAME}", Name.Decorator),
            (rf"^({'|'.join(_WORDS['statement'])})\b(?=\s*[(\w])", Keyword),
            (rf"(:)(\s*)({'|'.join(_WORDS['type'])})\b", bygroups(Punctuation, Whitespace, Keyword.Type)),
            (words(_WORDS["op"], suffix=r"\b(?=\s*\()"), Name.Builtin),
            (words(_WORDS["group"], suffix=r"\b(?=\s*[,)])"), Name.Builtin),
            (words(_WORDS["given"], suffix=r"\b"), Name.Builtin.Pseudo),
            (rf"{editors.REGISTER}\b", Name.Variable),
            (rf"({editors.NAME})(\s*)(=)(?=[^=])", bygroups(Name, Whitespace, Operator)),
            (editors.NAME, Name),
            (editors.RANGE, Number),
            (editors.NUMBER, Number),
            (editors.STRING, String),
            (r"[-+*/@=]", Operator),
            (r"[()\[\],:.]", Punctuation),
            (r".", Text),
        ]
    }
