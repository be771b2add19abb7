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
from model_cases import cases, check
from node_models import prepare, read, run

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
pytestmark = [
    pytest.mark.skipif(not (shutil.which("wasm-ld") or find_spec("ziglang")), reason="needs wasm-ld or the extra zig"),
    pytest.mark.filterwarnings("ignore:training stopped:RuntimeWarning"),
]

BROWSER = """
import("./driver.mjs").then(async ({ run }) =>
  run(await (await fetch("code.wasm")).arrayBuffer(), await (await fetch("cases.json")).json()))
"""


EMPTY_PAGE = "<!DOCTYPE html><title>wasm</title><link rel=icon href=data:>"


@needs_node
def test_wasm_equals_the_interpreter(tmp_path: Path) -> None:
    made = cases()
    check(made, *run(tmp_path, made))


@needs_browser
def test_wasm_in_a_browser_equals_the_interpreter(tmp_path: Path) -> None:
    made = cases()[::5]
    prepare(tmp_path, made)
    (tmp_path / "index.html").write_text(EMPTY_PAGE)
    with served(tmp_path) as address, browser(tmp_path / "profile") as page:
        page.open(f"{address}/index.html")
        check(made, *read(page.evaluate(BROWSER)))
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
