"""File names cannot inject code into generated files."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from learners import LINEAR

import azdsl
from azdsl.export.library.c_header import check_prefix, comment, default_prefix, header
from azdsl.export.library.compiled_model import make_spec
from azdsl.export.library.errors import ExportError
from azdsl.export.library.python_module import wrapper

names = st.text(st.sampled_from("*/\\\"'\n\r\0 ?%{}#;$`abé—Z9_.-") | st.characters(codec="utf-8"), max_size=60)

ATTACKS = [
    "*/ int stolen; /*",
    "x\n#define AZ_OK 1\n",
    "x??/\n*/ int stolen;",
    "\\",
    'x"; stolen = 1 #',
    "x'; stolen = 1 #",
    "x\nstolen = 1\n",
    '""" ; stolen = 1 #',
    "é\u2028stolen = 1",
]
"""Names that would be code if they were copied unescaped: into C, or into Python between quotes of either kind."""


def without_library(module: str) -> tuple[str, str]:
    """The syntax tree of a module without the name of its library, and this name."""
    tree = ast.parse(module)
    (name,) = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LIBRARY"]
    assert isinstance(name.value, ast.Constant)
    library, name.value.value = name.value.value, ""
    return ast.dump(tree), library


def examples(function: Any) -> Any:
    """The property with every attack as an example."""
    for attack in ATTACKS:
        function = example(attack)(function)
    return function


@examples
@given(name=names)
def test_hostile_names_cannot_put_code_into_files(name: str) -> None:
    spec = make_spec(azdsl.parse(LINEAR), 2)
    module = wrapper([spec], name, "0")
    assert without_library(module) == (without_library(wrapper([spec], "plain", "0"))[0], name)
    assert f"LIBRARY = {name!a}\n" in module  # it was there to be escaped
    prefix = default_prefix(name)
    assert check_prefix(prefix) == prefix
    text = header([make_spec(azdsl.parse(LINEAR), 2, prefix=f"{prefix}_")], "0")
    assert text.count("/*") == text.count("*/")
    inside = comment(name)
    assert not any(mark in inside for mark in ("*/", "/*", "\\", "??"))


def test_hostile_names_would_be_code_without_escaping() -> None:
    """The attacks are effective: between plain quotes, or in a comment, these names are code."""
    works = set()
    for attack in ATTACKS:
        for quote in ("'", '"', '"""'):
            with contextlib.suppress(SyntaxError):
                if len(ast.parse(f"LIBRARY = {quote}{attack}{quote}\n").body) > 1:
                    works.add(attack)
    assert len(works) >= 3
    assert sum("*/" in attack or "??/" in attack for attack in ATTACKS) >= 2


@pytest.mark.parametrize("prefix", ["", "1a", "a b", "a-b", "é", "a\n", 'a"', "*/", "a" * 49])
def test_prefixes_that_are_not_identifiers_are_refused(prefix: str) -> None:
    with pytest.raises(ExportError, match="is not a C identifier"):
        check_prefix(prefix)
