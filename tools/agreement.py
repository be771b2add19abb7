"""The share of the conformance data on which azdsl agrees with the reference implementation of AutoML-Zero.

    python tools/agreement.py [--backend vm|jit|reference]

The data (``tests/conformance``) are 774 programs with the fitness that the reference implementation computed. A program agrees
if its fitness on every task is within 10⁻⁶. The exit status is 1 if fewer than 99.5 % agree.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

TOLERANCE, LEAST = 1e-6, 0.995


def worst(suite: Mapping[str, Any], backend: Any) -> np.ndarray:
    """The greatest deviation of each program of a suite over its tasks."""
    from canonical import read

    from azdsl import TaskSet, evaluate

    names = ("train_X", "train_y", "valid_X", "valid_y", "metric", "epoch_length")
    tasks = TaskSet.from_arrays(**{name: suite[name] for name in names})
    found = evaluate([read(case["text"]) for case in suite["programs"]], tasks, backend=backend).task_fitness
    expected = np.array([case["task_fitness"] for case in suite["programs"]])
    deviations: np.ndarray = np.abs(found - expected).max(axis=1)
    return deviations


def main() -> int:
    """Print a line for each suite and one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=("vm", "jit", "reference"), default="vm")
    backend = parser.parse_args().backend
    from conformance.suites import suites

    print(f"{'suite':24} {'programs':>8} {'agree':>6} {'greatest deviation of these':>27}")
    programs = agree = 0
    for name, suite in suites().items():
        deviations = worst(suite, backend)
        good = deviations <= TOLERANCE
        print(f"{name:24} {len(good):8} {good.sum():6} {deviations[good].max():27.1e}", flush=True)
        programs, agree = programs + len(good), agree + int(good.sum())
    print(f"{agree} of {programs} programs agree: {100 * agree / programs:.2f} %")
    return 0 if agree >= LEAST * programs else 1


if __name__ == "__main__":
    sys.exit(main())
