"""Rules that the repository itself keeps."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from azdsl.cli import main

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").rglob("*.az"))
SOURCES = sorted(
    p for folder in ("azdsl", "grammar", "tests", "tools") for p in (ROOT / folder).rglob("*") if p.is_file()
)


def python(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(cwd)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("tool", ["ops_doc", "layers_doc", "textmate"])
def test_generated_documents_are_up_to_date(tool: str):
    result = python(f"tools/{tool}.py", "--check")
    assert result.returncode == 0, result.stderr


def test_import_rules():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    result = python("-c", code)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_examples_check_and_are_formatted(path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", str(path)]) == 0, capsys.readouterr().err
    assert main(["fmt", "--check", str(path)]) == 0, capsys.readouterr().out


def test_no_file_is_longer_than_400_lines():
    text = [p for p in SOURCES if p.suffix in {".py", ".lark"}]
    assert text and not [p.name for p in text if len(p.read_text(encoding="utf-8").splitlines()) > 400]


def test_every_op_stands_in_no_other_place():
    """The grammar knows no op names."""
    from azdsl.ops import OPS

    grammar = (ROOT / "grammar" / "azdsl.lark").read_text(encoding="utf-8")
    names = {op.callee for op in OPS if op.callee} - {"NoOp"}
    assert not [name for name in sorted(names) if re.search(rf"\b{name}\b", grammar)]


def test_adding_an_op_takes_what_contributing_says(tmp_path: Path):
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    additions = re.findall(r"<!-- add to (\S+) -->\n```python\n(.*?)```", guide, re.DOTALL)
    assert len(additions) == 2
    for folder in ("azdsl", "grammar", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, code in additions:
        path = tmp_path / name
        before, end, after = path.read_text(encoding="utf-8").partition("\nLOWERINGS")
        path.write_text(f"{before}\n\n{code}{end}{after}", encoding="utf-8")
    script = tmp_path / "use.py"
    script.write_text(
        "import numpy as np, azdsl\n"
        "p = azdsl.parse('def Setup():\\ndef Predict():\\n  s1 = sum(v0)\\ndef Learn():\\n')\n"
        "X = np.random.default_rng(0).normal(size=(3, 20, 5)); y = X[..., 0]\n"
        "t = azdsl.TaskSet.from_arrays(X, y, X, y)\n"
        "r = [azdsl.evaluate(p, t, backend=b).task_fitness.tolist() for b in ('reference', 'vm', 'jit')]\n"
        "assert r[0] == r[1] == r[2] and min(r[0]) > 0, r\n"
        "print(azdsl.__file__, p)\n"
    )
    result = python(str(script), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert str(tmp_path) in result.stdout and "s1 = sum(v0)" in result.stdout
    assert python("-m", "azdsl", "ops", "vector_sum", cwd=tmp_path).stdout.count("vector_sum") == 1
