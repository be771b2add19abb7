"""The Python module of a shared library. It needs only the standard library of Python."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from azdsl.codegen.aot.models import Spec
from azdsl.export.library.model_metadata import model_metadata

_BEGIN = "# --- facts\n"
_END = "# --- end of facts\n"


def wrapper(specs: Sequence[Spec], library: str, version: str) -> str:
    """The text of the module. ``library`` is the file name of the shared library in the same directory."""
    template = (files("azdsl.export.library") / "python_module.py.in").read_text(encoding="utf-8")
    before, _, rest = template.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    facts = {spec.features: model_metadata(spec) for spec in specs}
    lines = ",\n".join(f"    {features}: {fact!r}" for features, fact in facts.items())
    text = (
        f"VERSION = {version!a}\nLIBRARY = {library!a}\nPROGRAM = {str(specs[0].source)!a}\nMODELS = {{\n{lines},\n}}\n"
    )
    return before + text + after
