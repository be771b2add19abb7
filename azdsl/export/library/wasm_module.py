"""The ES module that goes beside a WebAssembly file: no dependencies, for Node and browsers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from azdsl.codegen.aot.models import Spec
from azdsl.export.library.model_metadata import model_metadata

_BEGIN = "// --- facts\n"
_END = "// --- end of facts\n"

FUNCTIONS = ("size", "init", "setup", "learn_one", "fit", "partial_fit", "predict")
"""Functions of a model that the module calls: what the WebAssembly file exports."""


def wasm_module(specs: Sequence[Spec], wasm: str, version: str, encoding: Mapping[str, Any] | None = None) -> str:
    """The module's text. ``wasm`` is the WebAssembly file's name, beside which it will stand.

    With an ``encoding``, as ``Encoding.to_json`` gives it, the module has a class ``TableModel`` too.
    """
    template = (files("azdsl.export.library") / "wasm_module.mjs.in").read_text(encoding="utf-8")
    before, _, rest = template.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    facts = {
        "VERSION": version,
        "WASM": wasm,
        "MODELS": {spec.features: model_metadata(spec) for spec in specs},
        "PROGRAM": str(specs[0].source),
    }
    lines = "".join(f"const {name} = {literal(value)};\n" for name, value in facts.items())
    return (
        before.replace("NAME.mjs", wasm.removesuffix(".wasm") + ".mjs")
        + lines
        + after
        + "\n"
        + model_class()
        + _table(encoding)
    )


def _table(encoding: Mapping[str, Any] | None) -> str:
    """The encoding, and the class that uses it; empty without one."""
    if encoding is None:
        return ""
    table = (files("azdsl.export.library") / "wasm_table.js.in").read_text(encoding="utf-8")
    return f"\nconst ENCODING = {literal(dict(encoding))};\n{table}"


def model_class() -> str:
    """The JavaScript class ``Model``, a model in the memory of a WebAssembly instance."""
    return (files("azdsl.export.library") / "wasm_model.js.in").read_text(encoding="utf-8")


def literal(value: object) -> str:
    """A value as JavaScript text, also within a page's script element."""
    return json.dumps(value).replace("<", "\\u003c")
