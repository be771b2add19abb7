"""Rules that the repository itself keeps."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
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


@pytest.mark.parametrize("tool", ["ops_doc", "language_doc", "layers_doc", "textmate", "settings_types"])
def test_generated_documents_are_up_to_date(tool: str):
    result = python(f"tools/{tool}.py", "--check")
    assert result.returncode == 0, result.stderr


def test_the_list_of_mutants_fits_the_sources():
    result = python("tools/mutants.py", "--list")
    assert result.returncode == 0 and result.stdout.endswith(" mutants\n"), result.stderr


def test_import_rules():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    result = python("-c", code)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_examples_check_and_are_formatted(path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", str(path)]) == 0, capsys.readouterr().err
    assert main(["fmt", "--check", str(path)]) == 0, capsys.readouterr().out


def test_dependencies_have_lower_bounds_and_no_upper_ones():
    """An upper bound needs a reason, and would be stated here with it. ``tools/check.py --step minimum`` tests the lower ones."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert project["requires-python"].startswith(">=") and extras.pop("all") == [
        "azdsl[sklearn,parquet,plot,tensorboard,cluster,lsp]"
    ]
    for requirement in (*project["dependencies"], *(one for group in extras.values() for one in group)):
        assert re.fullmatch(r"[\w-]+>=[\d.]+", requirement), requirement


def test_no_file_is_longer_than_400_lines():
    text = [p for p in SOURCES if p.suffix in {".py", ".lark"}]
    assert text and not [p.name for p in text if len(p.read_text(encoding="utf-8").splitlines()) > 400]


def test_every_op_stands_in_no_other_place():
    """The grammar knows no op names."""
    from azdsl.ops import OPS

    grammar = (ROOT / "grammar" / "azdsl.lark").read_text(encoding="utf-8")
    names = {op.callee for op in OPS if op.callee} - {"NoOp"}
    assert not [name for name in sorted(names) if re.search(rf"\b{name}\b", grammar)]
