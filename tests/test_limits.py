"""The limits are stated as they are, and each is told clearly."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import azdsl
from azdsl import limits
from azdsl.ops import BY_NAME
from azdsl.search.kernel.space import make_space
from azdsl.taskset import TaskError

DOCUMENT = Path(__file__).parents[1] / "docs" / "limits.md"


def test_the_document_states_every_limit() -> None:
    stated = dict(re.findall(r"`(MAX_\w+)`\) \| ([^ ]+) \|", DOCUMENT.read_text(encoding="utf-8")))
    values = {name: value for name, value in vars(limits).items() if name.startswith("MAX_")}
    assert {name: float(text.replace(",", "")) for name, text in stated.items()} == {
        n: float(v) for n, v in values.items()
    }


def test_too_many_features() -> None:
    X, y = np.zeros((1, 2, limits.MAX_FEATURES + 1)), np.zeros((1, 2))
    with pytest.raises(TaskError, match="4,097 features are too many: at most 4096; project or choose some"):
        azdsl.TaskSet.from_arrays(X, y, X, y)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def Predict():\n  s1 = s64\n", "s64 is out of range"),
        ("def Predict():\n  s1 = 1e999\n", "a constant must be a finite number"),
        ("def Predict():\n  v1[1] = 2\n", "an index must be at least 0 and below 1"),
        (
            "def Predict():\n  s1 = s1" + " " * limits.MAX_STATEMENT + "+ s2\n",
            "this statement has more than 10,000 characters",
        ),
        ("def Learn():\n" + "  s2 = s1\n" * (limits.MAX_INSTRUCTIONS + 1), "Learn has more than 4096 instructions"),
        ("#" * (limits.MAX_FILE_BYTES + 1), "at most 1,000,000 bytes are read"),
    ],
)
def test_limits_of_a_text(text: str, message: str) -> None:
    with pytest.raises(azdsl.SyntaxError, match=re.escape(message)):
        azdsl.parse(text)


def test_the_default_budget_lets_no_matrix_product_of_many_features_run() -> None:
    from azdsl.config.experiment import Experiment

    X, y = np.zeros((2, 100, 256)), np.zeros((2, 100))
    space = make_space(Experiment(), azdsl.TaskSet.from_arrays(X, y, X, y))
    product, dot = (space.table["costs"][BY_NAME[name].code] for name in ("matmul", "dot"))
    assert (product[1:] > space.budget).all() and (dot < space.budget / 100).all()
