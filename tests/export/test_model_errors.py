"""Error messages of models in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learners import LINEAR

import azdsl


def test_bad_input_in_memory() -> None:
    program = azdsl.parse(LINEAR)
    bad: list[tuple[Any, str]] = [
        (lambda: azdsl.compile(program), "the number of features is unknown: set features=…"),
        (lambda: azdsl.compile(program, features=0), "features must be between 1 and 4096, not 0"),
        (
            lambda: azdsl.compile(program, features=2, metric="mae"),
            "unknown metric 'mae': use rmse, accuracy or multiclass",
        ),
        (lambda: azdsl.compile(program, features=2, precision=16), "precision must be 32 or 64, not 16"),
        (
            lambda: azdsl.compile(program, features=2, metric="multiclass"),
            "the number of classes is unknown: set classes=…",
        ),
        (
            lambda: azdsl.compile(program, 2, "multiclass", classes=3),
            "3 classes with 2 features: needs 2 to F classes; pad the features with zeros",
        ),
        (lambda: azdsl.compile(program, 2, max_abs_error=float("nan")), "max_abs_error must be 0 or more, not nan"),
        (lambda: azdsl.compile(program, 2).predict([[1, 2, 3]]), "X must have the shape [n, 2], not [1, 3]"),
        (lambda: azdsl.compile(program, 2).predict([1, 2]), "X must have the shape [n, 2], not [2]"),
        (
            lambda: azdsl.compile(program, 2).predict([["a", 2]]),
            f"X is not an array of numbers: could not convert string to float: {np.str_('a')!r}",
        ),
        (
            lambda: azdsl.compile(program, 2).predict([[1, np.nan]]),
            "X[0, 1] is nan: values must be finite; remove or fill them first",
        ),
        (
            lambda: azdsl.compile(program, 2).fit([[1, 2]], [np.inf]),
            "y[0] is inf: values must be finite; remove or fill them first",
        ),
        (lambda: azdsl.compile(program, 2).fit([[1, 2]], [[1]]), "y must have the shape [n], not [1, 1]"),
        (lambda: azdsl.compile(program, 2).fit([[1, 2]], [1, 2]), "X has 1 rows, but y has 2"),
        (lambda: azdsl.compile(program, 2, "accuracy").fit([[1, 2]], [2]), "y must contain only 0 and 1"),
        (
            lambda: azdsl.compile(program, 3, "multiclass", classes=3).fit([[1, 2, 3]], [3]),
            "y must contain only class numbers 0 to 2",
        ),
        (
            lambda: azdsl.compile(program, 3, "multiclass", classes=3).fit([[1, 2, 3]], [0.5]),
            "y must contain only class numbers 0 to 2",
        ),
        (lambda: azdsl.compile(program, 2).fit([[1, 2]], [1], epochs=0), "epochs must be at least 1, not 0"),
    ]
    for call, message in bad:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == message
    with pytest.raises(TypeError, match="not a program"):
        azdsl.compile(LINEAR, 2)  # type: ignore[arg-type]


def test_training_that_stops_gives_a_warning() -> None:
    with pytest.warns(RuntimeWarning, match="training stopped"):
        model = azdsl.compile(azdsl.parse(LINEAR), 2).fit([[1, 2]], [1000])
    assert model.stopped
    assert repr(model) == "<azdsl model: 1 + 1 + 4 instructions, features=2, metric='rmse', precision=64>"
