"""README's Python example runs as it stands, and finds what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


def test_the_python_example_finds_a_program_that_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## From Python")[2]
    match = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert match
    draw = np.random.default_rng(0)
    X = draw.normal(size=(10, 200, 4))
    y = np.einsum("tnf,tf->tn", X, draw.normal(size=(10, 4)))
    names: dict[str, Any] = {"X": X[0], "y": y[0]}
    names |= {"train_X": X[:, :100], "train_y": y[:, :100], "valid_X": X[:, 100:], "valid_y": y[:, 100:]}
    exec(match[1], names)
    found = names["result"]
    assert found.fitness > 0.999 and found.evaluations < 2_000_000
    assert np.abs(names["model"].predict(X[0]) - y[0]).max() < 0.01
