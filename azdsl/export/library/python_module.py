"""The Python module of a shared library. It needs only the standard library of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from azdsl.codegen.aot.models import Spec
from azdsl.export.library.model_metadata import model_metadata

_BEGIN = "# --- facts\n"
_END = "# --- end of facts\n"


def wrapper(specs: Sequence[Spec], library: str, version: str, encoding: Mapping[str, Any] | None = None) -> str:
    """The text of the module. ``library`` is the file name of the shared library in the same directory.

    With an ``encoding``, as ``Encoding.to_json`` gives it, the module has a class ``TableModel`` too.
    """
    template = (files("azdsl.export.library") / "python_module.py.in").read_text(encoding="utf-8")
    before, _, rest = template.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    facts = {spec.features: model_metadata(spec) for spec in specs}
    lines = ",\n".join(f"    {features}: {fact!r}" for features, fact in facts.items())
    text = (
        f"VERSION = {version!a}\nLIBRARY = {library!a}\nPROGRAM = {str(specs[0].source)!a}\nMODELS = {{\n{lines},\n}}\n"
    )
    return before + text + after + (_table_model(encoding) if encoding else "")


def _table_model(encoding: Mapping[str, Any]) -> str:
    """The functions that azdsl itself encodes rows with, the encoding, and the class that uses both."""
    source = (files("azdsl.tasks") / "row_encoding.py").read_text(encoding="utf-8")
    _, _, functions = source.partition("from __future__ import annotations\n")
    model = (files("azdsl.export.library") / "table_model.py.in").read_text(encoding="utf-8")
    return f"\n\n# --- rows of a table{functions}\n\nENCODING = {dict(encoding)!r}\n{model}"
