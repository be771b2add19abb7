"""Models compiled to WebAssembly and run by Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from model_cases import Case, specs_of

from azdsl.codegen.aot.cross_targets import CROSS_TARGETS, WASM
from azdsl.codegen.aot.models import compile_models
from azdsl.export.library.linker import link_wasm
from azdsl.export.library.wasm_module import FUNCTIONS

# Fits and predicts with every model of a file through its bare functions; the bits of the predictions in hexadecimal.
DRIVER = """
const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hexOf = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export async function run(wasm, cases) {
  const { instance } = await WebAssembly.instantiate(wasm);
  const code = instance.exports, at = Math.ceil(code.__heap_base.value / 64) * 64;
  code.memory.grow(64);
  return cases.map(({ prefix, X, y, V, outputs }) => {
    const call = (name, ...values) => code[prefix + name](...values);
    let end = at + Math.ceil(Number(call("size")) / 64) * 64;
    const put = (hex) => {
      const bytes = bytesOf(hex), place = end;
      new Uint8Array(code.memory.buffer, place, bytes.length).set(bytes);
      end += Math.ceil((bytes.length + 1) / 64) * 64;
      return place;
    };
    call("init", at);
    const from = put(X), labels = put(y), rows = put(V), n = V.length / 2 / 8 / (X.length / y.length);
    const fit = call("fit", at, from, labels, BigInt(y.length / 16));
    call("predict", at, rows, BigInt(n), end);
    return { fit, out: hexOf(new Uint8Array(code.memory.buffer, end, n * outputs * 8)) };
  });
}
"""

NODE = """
import { readFileSync } from "node:fs";
import { run } from "./driver.mjs";
console.log(JSON.stringify(await run(readFileSync("code.wasm"), JSON.parse(readFileSync("cases.json")))));
"""


def missing() -> str | None:
    """What this machine needs to run models under Node; None if it has everything."""
    if not (shutil.which("wasm-ld") or find_spec("ziglang")):
        return "needs wasm-ld or the extra zig"
    return None if shutil.which("node") else "needs Node"


def prepare(folder: Path, made: Sequence[Case]) -> None:
    """Write programs as WebAssembly, their examples and the driver."""
    specs = specs_of(made)
    (folder / "code.o").write_bytes(compile_models(specs, "0", CROSS_TARGETS[WASM]).object_code())
    link_wasm(folder / "code.o", folder / "code.wasm", [spec.prefix + name for spec in specs for name in FUNCTIONS])
    given = [
        {"prefix": spec.prefix, "outputs": spec.outputs}
        | {name: array.astype("<f8").tobytes().hex() for name, array in zip("XyV", case[2:], strict=True)}
        for spec, case in zip(specs, made, strict=True)
    ]
    (folder / "cases.json").write_text(json.dumps(given))
    (folder / "driver.mjs").write_text(DRIVER)


def read(found: Any) -> tuple[list[int], list[np.ndarray]]:
    """Whether the training of each case stopped, and its predictions, from what the driver returns."""
    return [one["fit"] for one in found], [np.frombuffer(bytes.fromhex(one["out"])) for one in found]


def run(folder: Path, made: Sequence[Case]) -> tuple[list[int], list[np.ndarray]]:
    """What ``read`` gives, under Node. ``folder`` is empty."""
    prepare(folder, made)
    (folder / "node.mjs").write_text(NODE)
    done = subprocess.run(["node", "node.mjs"], cwd=folder, capture_output=True, text=True, check=True)
    return read(json.loads(done.stdout))
