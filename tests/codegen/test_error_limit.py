"""``max_abs_error``: an error of exactly the limit is allowed, in training and in validation, by every backend."""

from __future__ import annotations

import numpy as np
import pytest

import azdsl
from azdsl.taskset import TaskSet

PROGRAM = azdsl.parse("def Predict():\n  s1 = mean(v0)\n")
LIMIT = 2.5


def fitness(backend, precision, train_error, valid_error, lanes):
    """The fitness of each task: features are predictions, labels are 0 but for the errors wanted in the last task."""
    X, y, VX, Vy = np.zeros((lanes, 3, 1)), np.zeros((lanes, 3)), np.zeros((lanes, 2, 1)), np.zeros((lanes, 2))
    X[-1, 1], VX[-1, 0] = train_error, valid_error
    tasks = TaskSet.from_arrays(X, y, VX, Vy)
    return azdsl.evaluate(PROGRAM, tasks, backend, max_abs_error=LIMIT, precision=precision).task_fitness


@pytest.mark.parametrize("lanes", [1, 9])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize("backend", ["reference", "vm", "jit"])
def test_an_error_of_exactly_the_limit_is_allowed(backend, precision, sign, lanes):
    number = {32: np.float32, 64: np.float64}[precision]
    above = float(np.nextafter(number(LIMIT), number(np.inf)))
    for errors in ((sign * LIMIT, 0.0), (0.0, sign * LIMIT)):
        assert (fitness(backend, precision, *errors, lanes) > 0.0).all()
    for errors in ((sign * above, 0.0), (0.0, sign * above)):
        found = fitness(backend, precision, *errors, lanes)
        assert found[-1] == 0.0 and (found[:-1] == 1.0).all()


@pytest.mark.parametrize("error", [LIMIT, -LIMIT])
def test_a_compiled_model_allows_an_error_of_exactly_the_limit(error):
    model = azdsl.compile(PROGRAM, features=1, max_abs_error=LIMIT)
    model.fit(np.array([[0.0], [error]]), np.zeros(2))
    assert not model.stopped
    with pytest.warns(RuntimeWarning, match="training stopped"):
        model.fit(np.array([[0.0], [float(np.nextafter(error, np.inf * error))]]), np.zeros(2))
    assert model.stopped
