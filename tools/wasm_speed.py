"""Training of a network as WebAssembly, in plain JavaScript and as native code: ``python tools/wasm_speed.py [F…]``.

``examples/network.az`` learns the same examples in all three, in turns. Printed are nanoseconds per example, the smallest of
all turns, and the number of 64-bit words of the learned registers that differ. Needs Node and a linker for WebAssembly
(extra zig).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import azdsl
from azdsl.export.library import bundle
from azdsl.export.library.compiled_model import make_spec

NETWORK = Path(__file__).parent.parent / "examples" / "network.az"
EXAMPLES, REPEATS, TURNS = 20_000, 30, 5

PLAIN = """
// The program in plain JavaScript, as a person would write it.
export function train(F, X, y, hiddenWeights, outputWeights) {
  const rate = 0.01, n = y.length;
  const hiddenBias = new Float64Array(F), before = new Float64Array(F), after = new Float64Array(F), back = new Float64Array(F);
  let outputBias = 0;
  for (let e = 0; e < n; e++) {
    const x = e * F;
    for (let i = 0; i < F; i++) {
      let sum = hiddenWeights[i * F] * X[x];
      for (let j = 1; j < F; j++) sum += hiddenWeights[i * F + j] * X[x + j];
      before[i] = sum + hiddenBias[i];
      after[i] = before[i] < 0 ? 0 : before[i];
    }
    let prediction = after[0] * outputWeights[0];
    for (let i = 1; i < F; i++) prediction += after[i] * outputWeights[i];
    prediction += outputBias;
    if (!(Math.abs(y[e] - prediction) <= 100)) break;
    const step = rate * (y[e] - prediction);
    outputBias += step;
    for (let i = 0; i < F; i++) {
      outputWeights[i] += step * after[i];
      back[i] = (before[i] > 0 ? 1 : 0) * (step * outputWeights[i]);
      hiddenBias[i] += back[i];
      for (let j = 0; j < F; j++) hiddenWeights[i * F + j] += back[i] * X[x + j];
    }
  }
  return [outputBias, ...outputWeights, ...hiddenBias, ...hiddenWeights];
}
"""

DRIVER = """
import { readFileSync } from "node:fs";
import { load } from "./net.mjs";
import { train } from "./plain.mjs";
const [F, repeats, bias, output, hiddenBias, hidden] = JSON.parse(process.argv[2]);
const numbers = (name) => new Float64Array(new Uint8Array(readFileSync(name)).buffer);
const X = numbers("X"), y = numbers("y"), model = await load(), start = (await load()).memory;
const best = { wasm: Infinity, plain: Infinity };
let learned;
const timed = (name, work) => {
  const before = performance.now();
  work();
  best[name] = Math.min(best[name], ((performance.now() - before) * 1e6) / y.length);
};
for (let k = 0; k < repeats; k++) {
  timed("wasm", () => model.fit(X, y));
  const weights = [hidden, output].map((name) => start[name].slice());
  timed("plain", () => { learned = train(F, X, y, ...weights); });
}
const words = (values) => Buffer.from(Float64Array.from(values).buffer).toString("hex");
const { memory } = model;
const found = [memory[bias], ...memory[output], ...memory[hiddenBias], ...memory[hidden]];
console.log(JSON.stringify({ ...best, stopped: model.stopped, words: { wasm: words(found), plain: words(learned) } }));
"""

BIAS, OUTPUT, HIDDEN_BIAS, HIDDEN = "s3", "v1", "v3", "m0"
"""The registers of ``examples/network.az`` that learn."""


@dataclass(frozen=True)
class Result:
    """Nanoseconds per example by kind of code, the learned words, how many differ, and the size of the .wasm file in bytes."""

    nanoseconds: dict[str, float]
    words: int
    different: int
    size: int


def measure(features: int) -> Result:
    """Compile, train in turns and compare."""
    rng = np.random.default_rng(features)
    X = rng.normal(size=(EXAMPLES, features))
    y = np.maximum(X @ rng.normal(size=(features, features)), 0) @ rng.normal(size=features) / features
    program = azdsl.load(NETWORK)
    native = azdsl.compile(program, features=features)
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = bundle.write([make_spec(program, features)], folder / "net.wasm", ["wasm", "javascript"])
        for name, text in {"plain.mjs": PLAIN, "driver.mjs": DRIVER}.items():
            (folder / name).write_text(text, encoding="utf-8")
        for name, array in {"X": X, "y": y}.items():
            (folder / name).write_bytes(array.astype("<f8").tobytes())
        facts = json.dumps([features, REPEATS, BIAS, OUTPUT, HIDDEN_BIAS, HIDDEN])
        for _ in range(TURNS):
            done = subprocess.run(["node", "driver.mjs", facts], cwd=folder, capture_output=True, text=True, check=True)
            found: dict[str, Any] = json.loads(done.stdout)
            took = {"native": _native(native, X, y), "wasm": found["wasm"], "plain": found["plain"]}
            best = {name: min(value, best.get(name, value)) for name, value in took.items()}
        size = files["wasm"].stat().st_size
    memory = native.memory
    own = np.concatenate([np.ravel(memory[name]) for name in (BIAS, OUTPUT, HIDDEN_BIAS, HIDDEN)]).view(np.uint64)
    others = [np.frombuffer(bytes.fromhex(words), np.uint64) for words in found["words"].values()]
    if found["stopped"] or native.stopped:
        raise SystemExit(f"training stopped with F = {features}: the figures would mean nothing")
    return Result(best, own.size, sum(int((own != other).sum()) for other in others), size)


def _native(model: Any, X: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Nanoseconds per example of a compiled model."""
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        model.fit(X, y)
        took.append((time.perf_counter() - start) * 1e9 / len(y))
    return min(took)


def main(arguments: list[str]) -> None:
    """Print one line for each F."""
    print(f"{'F':>3} {'native':>8} {'wasm':>8} {'plain JS':>9}  ns per example   words different   .wasm")
    for features in map(int, arguments or ["4", "8", "16"]):
        result = measure(features)
        native, wasm, plain = (result.nanoseconds[name] for name in ("native", "wasm", "plain"))
        compared = f"{result.different} of 2 × {result.words}"
        print(f"{features:3} {native:8.1f} {wasm:8.1f} {plain:9.1f} {compared:>33} {result.size / 1024:7.1f} KB")


if __name__ == "__main__":
    main(sys.argv[1:])
