"""The conformance data: programs, their tasks, and the fitness that the reference implementation computed."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

NAMES = ("linear-f4-rmse", "nn-f8-rmse", "affine-f4-accuracy", "nn-f16-accuracy", "affine-f2-rmse-3-epochs")


@cache
def suites() -> dict[str, dict[str, Any]]:
    """All suites by name; README.md describes their keys."""
    data = (Path(__file__).parent / "reference.json.gz").read_bytes()
    return {suite["name"]: suite for suite in json.loads(gzip.decompress(data))}
