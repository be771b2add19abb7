"""Imports exported Python modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any


def imported(path: Path) -> Any:
    """A Python file as a new module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
