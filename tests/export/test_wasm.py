"""WebAssembly gives the interpreter's bits, and its ES module a model's interface, under Node and in a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import browser, needs_browser, served
from learners import LINEAR, SOFTMAX

import azdsl
from azdsl.codegen.aot.cross_targets import CROSS_TARGETS, WASM
from azdsl.codegen.aot.models import compile_models
from azdsl.export.library.compiled_model import make_spec
from azdsl.export.library.linker import link_wasm
from azdsl.export.library.wasm_module import FUNCTIONS, wasm_module

sys.path.insert(0, str(Path(__file__).parent))
from machine import same
from model_cases import Case, cases, check, specs_of

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
pytestmark = [
    pytest.mark.skipif(not (shutil.which("wasm-ld") or find_spec("ziglang")), reason="needs wasm-ld or the extra zig"),
    pytest.mark.filterwarnings("ignore:training stopped:RuntimeWarning"),
]

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

BROWSER = """
import("./driver.mjs").then(async ({ run }) =>
  run(await (await fetch("code.wasm")).arrayBuffer(), await (await fetch("cases.json")).json()))
"""


EMPTY_PAGE = "<!DOCTYPE html><title>wasm</title><link rel=icon href=data:>"


def prepare(folder: Path, made: list[Case]) -> None:
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


def compare(made: list[Case], found: Any) -> None:
    check(made, [one["fit"] for one in found], [np.frombuffer(bytes.fromhex(one["out"])) for one in found])


@needs_node
def test_wasm_equals_the_interpreter(tmp_path: Path) -> None:
    made = cases()
    prepare(tmp_path, made)
    (tmp_path / "node.mjs").write_text(NODE)
    done = subprocess.run(["node", "node.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    compare(made, json.loads(done.stdout))


@needs_browser
def test_wasm_in_a_browser_equals_the_interpreter(tmp_path: Path) -> None:
    made = cases()[::5]
    prepare(tmp_path, made)
    (tmp_path / "index.html").write_text(EMPTY_PAGE)
    with served(tmp_path) as address, browser(tmp_path / "profile") as page:
        page.open(f"{address}/index.html")
        compare(made, page.evaluate(BROWSER))
        assert not page.errors


@needs_browser
def test_module_in_a_browser_loads_the_file_beside_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    write_module(tmp_path, azdsl.parse(LINEAR), features=3)
    (tmp_path / "index.html").write_text(EMPTY_PAGE)
    with served(tmp_path) as address, browser(tmp_path / "profile") as page:
        page.open(f"{address}/index.html")
        found = page.evaluate(
            f"import('./m.mjs').then(async ({{ load }}) => [...(await load()).fit({X.tolist()}, {y.tolist()}).predict({X.tolist()})])"
        )
        assert not page.errors
    assert same(found, azdsl.compile(azdsl.parse(LINEAR), features=3).fit(X, y).predict(X))


def write_module(tmp_path: Path, program: azdsl.Program, **facts: Any) -> None:
    specs = [make_spec(program, **facts, prefix="az_m_")]
    (tmp_path / "m.o").write_bytes(compile_models(specs, "0", CROSS_TARGETS[WASM]).object_code())
    link_wasm(tmp_path / "m.o", tmp_path / "m.wasm", ["az_m_" + name for name in FUNCTIONS])
    (tmp_path / "m.mjs").write_text(wasm_module(specs, "m.wasm", "0"))


def node(tmp_path: Path, script: str) -> Any:
    """What a script that imports the module prints, as JSON."""
    (tmp_path / "script.mjs").write_text('import { load } from "./m.mjs";\n' + script)
    done = subprocess.run(["node", "script.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _entries(register: Any) -> Any:
    """The numbers of a register: JSON has a Float64Array as an object."""
    return register.values() if isinstance(register, dict) else [register]


@needs_node
def test_module_learns_and_predicts_as_python(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    write_module(tmp_path, azdsl.parse(LINEAR), features=3)
    found = node(
        tmp_path,
        f"""
const X = {X.tolist()}, y = {y.tolist()};
const rows = await load(), flat = await load(), one = await load(), twin = await load();
rows.fit(X, y); flat.fit(Float64Array.from(X.flat()), Float64Array.from(y)); X.forEach((x, i) => one.learnOne(x, y[i]));
twin.state = rows.state; rows.partialFit(X, y); twin.partialFit(X, y);
console.log(JSON.stringify([...[rows, twin, flat, one].map((m) => [...m.predict(X)]), flat.predictOne(X[0]), flat.memory]));
""",
    )
    model = azdsl.compile(azdsl.parse(LINEAR), features=3).fit(X, y)
    once = model.predict(X)
    assert same(found[2], once) and same(found[3], once) and found[4] == once[0]
    model.predict(X[:1])
    assert {name: np.fromiter(_entries(v), float).tolist() for name, v in found[5].items()} == {
        name: np.ravel(v).tolist() for name, v in model.memory.items()
    }
    twice = model.partial_fit(X, y).predict(X)
    assert same(found[0], twice) and same(found[1], twice) and not same(once, twice)


@needs_node
def test_module_predicts_probabilities_of_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(40, 4)), rng.integers(0, 3, 40).astype(float)
    facts: dict[str, Any] = {"features": 4, "metric": "multiclass", "classes": 3}
    write_module(tmp_path, azdsl.parse(SOFTMAX), **facts)
    found = node(
        tmp_path,
        f"const m = await load(); m.fit({X.tolist()}, {y.tolist()}); console.log(JSON.stringify([...m.predict({X.tolist()})]));",
    )
    assert same(np.reshape(found, (40, 3)), azdsl.compile(azdsl.parse(SOFTMAX), **facts).fit(X, y).predict(X))


@needs_node
@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("m.fit([[1, 2]], [0])", "X must have 3 numbers in every row, not 2 in row 0"),
        ("m.fit([[1, 2, 3]], [0, 1])", "X has 1 rows, but y has 2"),
        ("m.fit([[1, 2, NaN]], [0])", "X and y must be finite: remove or fill NaN and infinities first"),
        ("m.predict(new Float64Array(4))", "X must hold 3 numbers a row; 4 is no multiple of that"),
        ("m.fit([[1, 2, 3]], [0.5])", "y must hold 0 and 1"),
        ("m.fit([], [], { epochs: 0 })", "epochs must be at least 1, not 0"),
        ("m.setup(-1)", "seed must be between 0 and 2**64 - 1, not -1"),
        ("(m.state = new Uint8Array(3))", "the state has 64 bytes, not 3"),
        ("await load({ features: 5 })", "features=5: this file was compiled for features=3"),
    ],
)
def test_module_refuses(tmp_path: Path, call: str, message: str) -> None:
    write_module(tmp_path, azdsl.parse(LINEAR), features=3, metric="accuracy")
    assert (
        node(
            tmp_path,
            f"const m = await load(); try {{ {call}; }} catch (e) {{ console.log(JSON.stringify(e.message)); }}",
        )
        == message
    )


@needs_node
def test_predicting_keeps_whether_training_stopped(tmp_path: Path) -> None:
    write_module(tmp_path, azdsl.parse(LINEAR), features=3)
    script = "const m = await load(); m.fit([[1, 1, 1]], [1000]); m.predict([[1, 1, 1]]); console.log(m.stopped);"
    assert node(tmp_path, script) is True


@needs_node
def test_large_tables_grow_the_memory(tmp_path: Path) -> None:
    write_module(tmp_path, azdsl.parse(LINEAR), features=3)
    script = """
const m = await load(), X = new Float64Array(900000);
console.log(m.fit(X, new Float64Array(300000)).predict(X).length);
"""
    assert node(tmp_path, script) == 300000


@pytest.mark.parametrize("name", sorted(CROSS_TARGETS))
def test_objects_for_other_machines(name: str) -> None:
    code = compile_models([make_spec(azdsl.parse(LINEAR), features=3)], "0", CROSS_TARGETS[name]).object_code()
    magic = {"wasm32": b"\0asm", "aarch64-macos": b"\xcf\xfa\xed\xfe", "x86_64-windows": b"\x64\x86"}.get(
        name, b"\x7fELF"
    )
    assert code.startswith(magic)
