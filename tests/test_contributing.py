"""CONTRIBUTING.md is true: its code, applied to a copy of the package, is all that two new ops need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def additions() -> list[tuple[str, str, str]]:
    """(file, the name above which to add or nothing, code) of each block that the guide adds."""
    return re.findall(r"<!-- add to ([^\s,]+)(?:, above (\w+))? -->\n```python\n(.*?)```", GUIDE, re.DOTALL)


def python(copy: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(copy), str(copy / "tests")])}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which the guide was followed."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in ("azdsl", "grammar", "tools", "tests", "examples"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name, above, code in additions():
        path = copy / name
        text = path.read_text(encoding="utf-8")
        at = re.search(rf"^(?:def )?{above}\b", text, re.MULTILINE).start() if above else len(text)  # type: ignore[union-attr]
        path.write_text(f"{text[:at]}\n\n{code}\n\n{text[at:]}", encoding="utf-8")
    (command,) = re.findall(r"```sh\n(python tools/ops_doc.py.*)\n```", GUIDE)
    for part in command.split(" && "):
        done = python(copy, *part.split()[1:])
        assert done.returncode == 0, done.stderr
    return copy


def test_the_guide_adds_an_elementwise_op_and_a_reduction() -> None:
    files = [name for name, _, _ in additions()]
    ops = ["azdsl/ops/elementwise.py", "azdsl/ops/algebra.py"]
    assert files == [*ops, "azdsl/codegen/lowering.py", "tests/interp/test_ops.py"]


@pytest.mark.slow  # compiles the engine for the new ops
def test_adding_an_op_takes_what_the_guide_says(copy: Path, tmp_path: Path) -> None:
    """Every part that handles ops works with the new ones."""
    done = python(copy, "tests/added_ops.py", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["package"] == str(copy / "azdsl" / "__init__.py")
    failures = {name: error for name, error in found["results"].items() if error}
    assert not failures, "\n".join(f"{name}:\n{error}" for name, error in failures.items())
    assert len(found["results"]) == 10


@pytest.mark.slow
def test_the_tests_of_every_op_cover_the_new_ones(copy: Path) -> None:
    (command,) = re.findall(r"```sh\npython -m (pytest tests.*)\n```", GUIDE)
    done = python(
        copy, "-m", *command.split(), "-q", "-k", "square or vector_sum or every_op", "-p", "no:cacheprovider"
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 20  # type: ignore[index]
