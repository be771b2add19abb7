"""Results are those of the golden file, as every processor that this machine can stand for."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import golden  # noqa: E402  # a tool, found by the path above

EVERY_RUN = ("native",)
"""The others take a minute each; ``test_target.py`` compares this processor with the least one in every run."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in EVERY_RUN else pytest.mark.slow) for n in golden.MACHINES]
)
def test_results_are_the_golden_ones(name):
    command = [sys.executable, "tools/golden.py", "--json"]
    variables = golden.MACHINES[name]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if "lacks" in done.stderr or "known are" in done.stderr:
        pytest.skip(f"this processor cannot stand for {name}: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout)
    assert found["different"] == 0 and found["compared"] > 1000


def test_the_golden_file_is_not_vacuous():
    cases = json.loads(golden.PATH.read_text())["cases"]
    ops = {case["op"] for case in cases}
    values = [value for case in cases for value in case["fitness"]]
    assert len(ops) == 65 and len(set(values)) > len(values) / 3


def test_hiding_processor_features_changes_the_c_library():
    """Else the golden file would say nothing about it. Another C library than GNU's has no such setting."""
    script = "import math, random; r = random.Random(0); print([math.exp(r.uniform(-30, 30)) for _ in range(100000)])"
    found = [
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, **more}, capture_output=True, check=True
        ).stdout
        for more in ({}, {"GLIBC_TUNABLES": golden.HIDDEN})
    ]
    rng = random.Random(0)
    assert found[0].decode().strip() == str([math.exp(rng.uniform(-30, 30)) for _ in range(100000)])
    if found[0] == found[1]:
        pytest.skip("the C library is not GNU's, or this processor has no FMA")
