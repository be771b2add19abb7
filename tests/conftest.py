"""Shared fixtures: the ``--slow`` option, the Hypothesis profile, the shared folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "azdsl",
    deadline=None,  # pure-Python evaluation takes as long as it takes
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
def shared() -> Path:
    """The folder that the project shares between its repositories: $AZDSL_SHARED, or beside this one."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("AZDSL_SHARED", beside))
    if not folder.is_dir():
        pytest.skip(f"no shared folder at {folder}: set AZDSL_SHARED to it")
    return folder
