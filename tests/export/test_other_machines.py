"""Models compiled for another processor, run by an emulator, give the interpreter's bits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from emulators import EMULATORS, missing, run
from model_cases import cases, check


# compiling for a machine takes many seconds: one machine is enough for the ordinary checks
@pytest.mark.parametrize(
    "target",
    [pytest.param(name, marks=[] if name == "aarch64-linux" else pytest.mark.slow) for name in sorted(EMULATORS)],
)
def test_emulated_equals_the_interpreter(tmp_path: Path, target: str) -> None:
    if reason := missing(target):
        pytest.skip(reason)
    made = cases()
    check(made, *run(tmp_path, target, made))
