"""The playground, by clicks, keys and touches in Chromium: its values are the interpreter's, bit for bit."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser, browser, needs_browser
from learners import LINEAR, SOFTMAX
from search_runs import small
from tracing import ExpectedTrace

import azdsl
from azdsl.cli import main
from azdsl.config.search import Search
from azdsl.export.library.errors import NoLinker
from azdsl.reporting.playground.document import page
from azdsl.reporting.playground.subject import NoPlayground, Subject, embedding, make_subject, payload
from azdsl.search.evolve import run
from azdsl.syntax import load_experiment
from azdsl.taskset import TaskSet

needs_linker = pytest.mark.skipif(
    not (shutil.which("wasm-ld") or find_spec("ziglang")), reason="needs wasm-ld or the extra zig"
)

DRAWING = """def Setup():
  s2 = 0.05
  v1 = gaussian(0, 0.3, n_features)
def Predict():
  s3 = uniform(0.5, 1.5)
  s4 = dot(v0, v1)
  s1 = s3 * s4
def Learn():
  v3 = gaussian(0, 0.01, n_features)
  s5 = s0 - s1
  s5 = s2 * s5
  s5 = sin(s5)
  v2 = s5 * v0
  v1 = v1 + v2
  v1 = v1 + v3
"""

READ = """(() => {
  const p = document.querySelector(".playground").playground;
  const hex = (values) => [...new Uint8Array(Float64Array.from(values).buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");
  return {
    visits: p.model.visits, X: hex(p.examples.X), y: hex(p.examples.y), map: hex(p.model.frozen(p.grid.slice(0, p.grid.length / 64))),
    lines: p.view.lines.map((line) => line.value.shown ? hex(p.model.written(line)) : ""),
    texts: p.view.lines.map((line) => line.row.querySelector(".pg-number").textContent),
  };
})()"""


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), "<f8")


def _tasks(features: int, metric: str, classes: int | None = None) -> TaskSet:
    rng = np.random.default_rng(features)
    X = rng.normal(size=(1, 60, features))
    y = X[..., 0] if metric == "rmse" else rng.integers(0, classes or 2, (1, 60)).astype(float)
    return TaskSet.from_arrays(X[:, :40], y[:, :40], X[:, 40:], y[:, 40:], metric=metric, classes=classes)


def _subjects() -> list[Subject]:
    network = load_experiment("examples/network.az").program
    return [
        make_subject("linear", azdsl.parse(LINEAR), _tasks(3, "rmse"), Search()),
        make_subject("network", network, _tasks(8, "accuracy"), Search()),
        make_subject("draws", azdsl.parse(DRAWING), _tasks(4, "rmse"), Search(seed=7)),
        make_subject("single", azdsl.parse(DRAWING), _tasks(2, "rmse"), Search(precision=32)),
        make_subject("softmax", azdsl.parse(SOFTMAX), _tasks(5, "multiclass", 3), Search()),
    ]


@pytest.fixture(scope="module")
def subjects() -> list[Subject]:
    return _subjects()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def address(subjects: list[Subject], tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("playground") / "page.html"
    file.write_text(page(subjects, "<Playground>"), encoding="utf-8")
    return file.as_uri()


DOCS = Path(__file__).parents[2] / "docs"
READY = "document.querySelector('.playground').dataset.ready === ''"


@pytest.fixture
def opened(chromium: Browser, address: str) -> Iterator[Browser]:
    """The page, ready; afterwards it must have had no errors."""
    chromium.open(address)
    chromium.wait(READY)
    yield chromium
    assert not chromium.errors


def pick(chromium: Browser, what: str, value: object) -> None:
    """Choose an entry of a list, and wait until the page shows it."""
    chromium.evaluate(
        f"(() => {{ const s = document.querySelector('[data-pick={what}]'); s.value = {json.dumps(str(value))};"
        "s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    if what == "subject":
        chromium.wait(f"document.querySelector('.playground').playground.number === {value}")


def expect(found: Any, subject: Subject) -> ExpectedTrace:
    """Assert that all values of the page are the interpreter's after as many examples."""
    expected = ExpectedTrace(subject.spec)
    y = numbers(found["y"])
    X = numbers(found["X"]).reshape(len(y), -1)
    order = np.arange(found["visits"]) % len(y)
    assert expected.learn(X[order], y[order])
    for line, wanted in zip(found["lines"], expected.results, strict=True):
        assert (line == "") == (wanted is None)
        if wanted is not None:
            assert numbers(line).tobytes() == wanted.tobytes()
    return expected


@needs_browser
@needs_linker
@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("examples", ["points", "task"])
def test_steps_and_runs_are_the_interpreters(
    opened: Browser, subjects: list[Subject], number: int, examples: str
) -> None:
    subject = subjects[number]
    pick(opened, "subject", number)
    if examples == "task":
        pick(opened, "examples", "task")
    found = opened.evaluate(READ)
    assert found["visits"] == 0
    expect(found, subject)
    for _ in range(3):
        opened.click("[data-do=step]")
    found = opened.evaluate(READ)
    assert found["visits"] == 3
    expected = expect(found, subject)
    assert any(line is not None and line.any() for line in expected.results)
    if examples == "task":
        assert subject.task and numbers(found["X"]).tobytes() == subject.task.X.tobytes()
    opened.press("s")
    opened.press(" ")
    opened.wait("document.querySelector('.playground').playground.model.visits > 60")
    opened.press(" ")
    found = opened.evaluate(READ)
    assert found["visits"] > 60
    expect(found, subject)
    opened.press("r")
    assert opened.evaluate(READ)["visits"] == 0


@needs_browser
@needs_linker
def test_the_map_leaves_the_model_as_it_is(opened: Browser, subjects: list[Subject]) -> None:
    pick(opened, "subject", 2)
    opened.click("[data-do=step]")
    first, second = (opened.evaluate(READ) for _ in range(2))
    assert first == second and np.unique(numbers(first["map"])).size > 10


@needs_browser
@needs_linker
def test_points_are_added_erased_and_cleared(opened: Browser) -> None:
    count = "document.querySelector('.playground').playground.examples.y.length"
    labels = "document.querySelector('.playground').playground.examples.labels"
    opened.click("[data-do=clear]")
    assert opened.evaluate(count) == 0
    assert "click on the map" in opened.evaluate("document.querySelector('.pg-status').textContent")
    opened.click("[name=pg-label][value='1']")
    opened.click(".pg-map", 0.25, 0.25)
    assert opened.evaluate(labels) == [1]
    (a, b) = opened.evaluate("document.querySelector('.playground').playground.examples.points[0]")
    assert abs(a + 1) < 0.02 and abs(b - 1) < 0.02
    opened.click("[name=pg-label][value='-1']")
    opened.click(".pg-map", 0.75, 0.75)
    assert opened.evaluate(labels) == [1, -1]
    opened.click("[data-do=step]")
    assert "label 1" in opened.evaluate("document.querySelector('.pg-status').textContent")
    opened.click("[name=pg-label][value='erase']")
    opened.click(".pg-map", 0.25, 0.25)
    assert opened.evaluate(labels) == [-1]
    opened.click("[name=pg-label][value='0']")
    opened.drag(".pg-map", (0.2, 0.5), (0.21, 0.5), (0.3, 0.5), (0.31, 0.5), (0.4, 0.5))
    assert opened.evaluate(labels) == [-1, 0, 0, 0]
    opened.click(".pg-map", 0.6, 0.2)
    assert opened.evaluate(labels) == [-1, 0, 0, 0, 0]


@needs_browser
@needs_linker
def test_keys_on_the_map_and_in_the_code(opened: Browser) -> None:
    opened.evaluate("document.querySelector('.pg-map').focus()")
    for key in ("ArrowRight", "ArrowUp", "Enter"):
        opened.press(key)
    points = opened.evaluate("document.querySelector('.playground').playground.examples.points")
    assert len(points) == 201 and points[-1] == [0.1, 0.1]
    assert "x₁ 0.1, x₂ 0.1" in opened.evaluate("document.querySelector('.pg-read').textContent")
    opened.press("Delete")
    assert opened.evaluate("document.querySelector('.playground').playground.examples.y.length") == 200
    opened.evaluate("document.activeElement.blur()")
    opened.press("ArrowDown")
    opened.press("ArrowRight")
    assert opened.evaluate("document.querySelector('.pg-line[aria-pressed=true] .pg-text').textContent") == (
        "s1 = dot(v0, v1)"
    )
    assert opened.evaluate("document.querySelector('[data-pick=speed]').value") == "4"
    opened.click("[data-do=step]")
    opened.click(".pg-line:nth-child(2)")
    assert "0.01" in opened.evaluate("document.querySelector('.pg-detail pre').textContent")
    assert "A constant." in opened.evaluate("document.querySelector('.pg-detail').textContent")


@needs_browser
@needs_linker
def test_training_that_stops_says_so(chromium: Browser, tmp_path: Path) -> None:
    wild = LINEAR.replace("0.01", "50.0")
    (tmp_path / "w.html").write_text(page([make_subject("wild", azdsl.parse(wild), _tasks(3, "rmse"), Search())], "w"))
    chromium.open((tmp_path / "w.html").as_uri())
    chromium.wait(READY)
    chromium.press(" ")
    chromium.wait("document.querySelector('.pg-status').classList.contains('bad')")
    assert "Training stopped after" in chromium.evaluate("document.querySelector('.pg-status').textContent")
    found = chromium.evaluate(READ)
    expected = ExpectedTrace(make_subject("wild", azdsl.parse(wild), _tasks(3, "rmse"), Search()).spec)
    y = numbers(found["y"])
    assert not expected.learn(numbers(found["X"]).reshape(len(y), -1), y) and expected.visits == found["visits"]
    chromium.press("r")
    assert not chromium.evaluate("document.querySelector('.pg-status').classList.contains('bad')")


@needs_browser
@needs_linker
def test_an_empty_program_after_another(chromium: Browser, subjects: list[Subject], tmp_path: Path) -> None:
    empty = make_subject("empty", azdsl.Program(), _tasks(3, "rmse"), Search())
    (tmp_path / "e.html").write_text(page([subjects[0], empty], "empty"), encoding="utf-8")
    chromium.open((tmp_path / "e.html").as_uri())
    chromium.wait(READY)
    pick(chromium, "subject", 1)
    chromium.click("[data-do=step]")
    found = chromium.evaluate(READ)
    assert (found["visits"], found["lines"]) == (1, []) and not numbers(found["map"]).any()
    assert "No instruction" in chromium.evaluate("document.querySelector('.pg-detail').textContent")
    assert not chromium.errors


@needs_browser
@needs_linker
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_needs_no_sideways_scrolling(chromium: Browser, address: str, dark: bool) -> None:
    chromium.open(address, 390, 844, dark)
    chromium.wait(READY)
    chromium.tap("[data-do=step]")
    chromium.wait("document.querySelector('.playground').playground.model.visits === 1")
    before = chromium.evaluate("document.querySelector('.playground').playground.examples.y.length")
    chromium.tap(".pg-map", 0.4, 0.4)
    chromium.wait(f"document.querySelector('.playground').playground.examples.y.length === {before + 1}")
    assert chromium.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # every control is large enough for a finger, and is named
    assert (
        chromium.evaluate("Math.min(...[...document.querySelectorAll('.pg-controls button')].map(b => b.offsetHeight))")
        >= 44
    )
    assert not chromium.errors


@needs_browser
@needs_linker
def test_every_control_has_a_name(opened: Browser) -> None:
    wanted = {"button", "combobox", "slider", "radio", "application", "image", "Canvas"}
    named: dict[str, list[str]] = {}
    for node in opened.call("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value", "")
        if role in wanted and not node["ignored"]:
            named.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    assert set(named) >= {"button", "combobox", "slider", "radio", "application", "image"}
    assert all(all(names) for names in named.values()), named


@needs_browser
@needs_linker
def test_marks_of_changes_stay_until_the_next_step(opened: Browser) -> None:
    changed = "[...document.querySelectorAll('.pg-code .changed')].length"
    assert opened.evaluate(changed) == 0
    for _ in range(2):
        opened.click("[data-do=step]")
    before = opened.evaluate(changed)
    left, top = opened.center(".pg-map", 0.3, 0.3)
    opened.call("Input.dispatchMouseEvent", type="mouseMoved", x=left, y=top)
    opened.wait("document.querySelector('.pg-read').textContent !== ''")
    assert before > 2 and opened.evaluate(changed) == before
    opened.press("r")
    assert opened.evaluate(changed) == 0


@needs_linker
def test_the_page_needs_nothing_from_elsewhere(subjects: list[Subject]) -> None:
    text = page(subjects, "</script><script>alert(1)")
    assert "<script>alert" not in text and "https://" not in text and "http://" not in text
    for source in re.findall(r'(?:src|href)="([^"]*)"', text):
        assert source.startswith("data:")


def test_directions_are_of_length_one() -> None:
    assert embedding(2) == [[1.0, 0.0], [0.0, 1.0]]
    for features in (1, 3, 8, 64):
        assert np.allclose(np.linalg.norm(embedding(features), axis=1), 1, atol=1e-5)


def test_large_programs_are_refused() -> None:
    subject = make_subject("large", azdsl.parse(LINEAR), _tasks(65, "rmse"), Search())
    with pytest.raises(NoPlayground, match="large has 65 features: the playground shows programs with at most 64"):
        payload([subject])


VARIES = re.compile(r'"[A-Za-z0-9+/=]{200,}"|<style>.*?</style>|Made by azdsl [^<]*', re.DOTALL)
"""What a page of the same program may differ in: WebAssembly, by versions of LLVM; examples, by versions of scikit-learn; looks; version."""


@needs_linker
def test_the_page_of_the_documents_is_as_the_command_writes_it(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    text = (DOCS / "playground.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("azdsl playground") and "docs/" in line]
    *words, output = shlex.split(line)[1:]
    assert main([*words, str(tmp_path / "p.html")]) == 0
    made, kept = (VARIES.sub("", file.read_text("utf-8")) for file in (tmp_path / "p.html", DOCS / Path(output).name))
    assert made == kept, f"write the page again: {line}"


@needs_linker
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "p.html"
    assert main(["playground", "examples/linear.az", "examples/network.az", "-o", str(target)]) == 0
    assert capsys.readouterr().out.startswith(f"{target}  ")
    text = target.read_text()
    assert "<title>Playground: linear.az, network.az</title>" in text and "gaussian" in text


@needs_browser
@needs_linker
def test_the_report_contains_it(chromium: Browser, tmp_path: Path) -> None:
    made = run(small(max_evals=2000), out=tmp_path / "run", quiet=True)
    assert main(["report", str(made.run_dir), "--tasks", "3"]) == 0
    chromium.open((tmp_path / "run" / "report.html").as_uri())
    chromium.wait(READY)
    chromium.evaluate("document.body.focus()")
    chromium.press("s")
    assert chromium.evaluate(READ)["visits"] == 0  # keys belong to the page until the playground is clicked
    chromium.click("[data-do=step]")
    chromium.press("s")
    assert chromium.evaluate(READ)["visits"] == 2
    assert not chromium.errors


def test_a_report_without_a_linker_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(small(max_evals=2000), out=tmp_path / "run", quiet=True)

    def missing(*_: object) -> None:
        raise NoLinker("no linker")

    monkeypatch.setattr("azdsl.reporting.playground.subject.link_wasm", missing)
    assert main(["report", str(made.run_dir), "--tasks", "3"]) == 0
    text = (tmp_path / "run" / "report.html").read_text()
    assert "pip install &#x27;azdsl[zig]&#x27;, then run azdsl report again." in text
