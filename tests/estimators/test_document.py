"""The snippets of ``docs/exports.md`` do what they say."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
from azdsl.cli import main

TEXT = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
SNIPPETS = [(kind, code) for kind, code in re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)]


def snippet(word: str) -> str:
    """The only one with this word in it."""
    (code,) = [code for _, code in SNIPPETS if word in code]
    return code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best.az").write_text(snippet("# best.az"))
    return tmp_path


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_c_and_python(folder: Path) -> None:
    build, link = snippet("azdsl compile").splitlines()
    assert main(shlex.split(build)[1:]) == 0
    (folder / "main.c").write_text(snippet("#include"))
    subprocess.run(shlex.split(link), check=True)
    printed = subprocess.run(["./main"], capture_output=True, text=True, check=True).stdout.split()
    (folder / "use.py").write_text(snippet("from model import"))
    found = subprocess.run([sys.executable, "-S", "use.py"], capture_output=True, text=True, check=True, env={}).stdout
    assert [float(number) for number in printed] == eval(found) == [1.0, -1.0, 0.0, 3.0]


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
@pytest.mark.skipif(not (shutil.which("wasm-ld") or find_spec("ziglang")), reason="needs wasm-ld or the extra zig")
def test_in_the_browser(folder: Path) -> None:
    assert main(["compile", "best.az", "--features", "2", "--emit", "wasm", "-o", "best.wasm"]) == 0
    data = "const X = [[1, 0], [0, 1]], y = [1, -1];\n"
    (folder / "use.mjs").write_text(data + snippet("await load()") + "console.log(predictions.length);")
    done = subprocess.run(["node", "use.mjs"], capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"


def test_in_memory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(snippet("azdsl.load"), {})
    assert capsys.readouterr().out.split() == ["[0.]", "[", "1.", "-1.]"]


def test_estimators(folder: Path) -> None:
    exec(snippet("cross_val_score"), {})


def test_equations(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sympy")
    monkeypatch.syspath_prepend(str(folder))
    code = snippet("from equations")
    first, *_ = code.splitlines()
    assert main(shlex.split(first.partition("azdsl ")[2])) == 0
    exec(code, {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print.*  # (.*)", code)


def test_pytorch(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(folder))
    assert main(["compile", "best.az", "--features", "2", "--emit", "torch", "-o", "price.py"]) == 0
    capsys.readouterr()
    exec(snippet("from price"), {})
    predicted, gradient = capsys.readouterr().out.splitlines()
    assert predicted.startswith("tensor([")
    assert gradient.startswith("tensor([[ 1.0000, -1.0000]]") and (folder / "price.pt").exists()
