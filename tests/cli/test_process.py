"""What only a real process shows: imports, pipes, signals, time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "numba", "llvmlite", "lark", "rich", "sklearn")


def python(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_help_imports_nothing_heavy():
    code = f"import sys; from azdsl.cli import main; main(['--help']); print(sorted(set({HEAVY}) & set(sys.modules)))"
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


def test_the_package_imports_nothing_heavy():
    code = f"import sys, azdsl; dir(azdsl); print(sorted(set({HEAVY}) & set(sys.modules)))"
    assert python("-c", code).stdout.strip() == "[]"


def test_module_and_status():
    assert python("-m", "azdsl", "--version").stdout.startswith("azdsl ")
    assert python("-m", "azdsl", "nonsense").returncode == 2


def test_a_closed_pipe_is_quiet():
    process = subprocess.Popen(
        [sys.executable, "-m", "azdsl", "ops"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    with process:
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_one_message():
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "azdsl", "ops"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (result.returncode, result.stderr) == (2, "error: No space left on device\n")


def test_interrupt_gives_130():
    code = (
        "import sys, azdsl.cli as cli, azdsl.cli.ops as ops\n"
        "def stop(*_, **__): raise KeyboardInterrupt\n"
        "ops.command.callback = stop\n"
        "sys.exit(cli.main(['ops']))"
    )
    result = python("-c", code)
    assert (result.returncode, result.stderr.strip()) == (130, "interrupted")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("ImportError('NumPy was not found.\\nlibx.so: failed to map segment\\n')", "libx.so: failed to map segment"),
        ("OSError('libllvmlite.so could not be loaded')", "libllvmlite.so could not be loaded"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_one_message(tmp_path, error, reason):
    """As with little memory (``ulimit -v``)."""
    (tmp_path / "lark.py").write_text(f"raise {error}")
    result = subprocess.run(
        [sys.executable, "-m", "azdsl", "show", str(ROOT / "examples" / "linear.az")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert result.stderr.startswith(
        f"error: a package that azdsl needs cannot be loaded: {reason}; memory may be short"
    )
