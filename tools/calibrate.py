"""Measure how well ``backend="auto"`` chooses: a table of predicted and measured times of programs of all sizes.

``regret`` is the additional time of the chosen backend, relative to the faster one. The times exclude imports and the
compilation of code that is cached on disk.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))

from azdsl.api import load
from azdsl.codegen.autoselect.choice import choose
from azdsl.codegen.autoselect.cost_model import Costs, predict
from azdsl.codegen.autoselect.cost_store import stored_costs
from azdsl.codegen.backends import evaluate_jit, evaluate_vm, vm_probe
from azdsl.codegen.compiled_program import compiled_program
from azdsl.codegen.protocol import EvaluationSettings
from azdsl.ir import Program, remove_dead_code
from azdsl.taskset import TaskSet

LENGTHS = ((5, 10), (11, 25), (26, 50), (51, 100))
FEATURES = (2, 4, 8, 16, 32, 64)
EXAMPLES = (100, 1000, 10_000, 100_000)
ALLOWED = 0.2
NEVER_STOPS = EvaluationSettings(max_abs_error=1e300)
EXAMPLES_FOLDER = Path(__file__).parents[1] / "examples"
WRITTEN, WRITTEN_SHARE = ("linear.az", "network.az"), 0.5
LONGEST_SECONDS = 5.0
"""Maximum predicted time of an evaluation on the VM, in seconds. Slower cases are skipped."""

MOST_NUMBERS = 20_000_000
"""Maximum number of features in a task set, over all examples. Larger cases are skipped."""


def random_tasks(rng: np.random.Generator, features: int, examples: int, tasks: int) -> TaskSet:
    def numbers(*shape: int) -> Any:
        return rng.normal(size=shape)

    return TaskSet.from_arrays(
        numbers(tasks, examples, features), numbers(tasks, examples), numbers(tasks, 100, features), numbers(tasks, 100)
    )


def random_program(rng: np.random.Generator, least: int, most: int) -> Program:
    """Draw a program of ``least`` to ``most`` live instructions."""
    from strategies import random_program as draw  # in tests/

    from azdsl.config.search import Registers

    while True:
        program = remove_dead_code(draw(rng, registers=Registers(8, 6, 4), max_length=most // 2 + 2))
        if least <= len(program) <= most:
            return program


def measured(run: Any, program: Program, tasks: TaskSet, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        compiled_program.cache_clear()  # so that the JIT's time includes the compilation
        started = thread_time()
        run([program], tasks, NEVER_STOPS)
        times.append(thread_time() - started)
    return min(times)


def case(rng: np.random.Generator, costs: Costs, repeats: int) -> dict[str, Any] | None:
    """Draw a program and a task set and time both backends. Returns None for a case that is skipped."""
    least, most = LENGTHS[rng.integers(len(LENGTHS))]
    features, examples = int(rng.choice(FEATURES)), int(rng.choice(EXAMPLES))
    count = int(rng.choice([1, 8, 10, 100]))
    if features * examples * count > MOST_NUMBERS:
        return None
    tasks = random_tasks(rng, features, examples, count)
    # random programs gain little by compilation, programs that people write gain more
    written = rng.random() < WRITTEN_SHARE
    program = load(EXAMPLES_FOLDER / str(rng.choice(WRITTEN))) if written else random_program(rng, least, most)
    program = remove_dead_code(program)
    prediction = predict(program, tasks, costs)
    trial = vm_probe(NEVER_STOPS)
    # most programs whose training stops early are skipped: for them the choice is easy
    if prediction.vm > LONGEST_SECONDS or (trial(program, tasks.first(32, 32))[1] and rng.random() < 0.9):
        return None
    compiled = bool(choose([program], tasks, costs, probe=trial)[0])
    evaluate_vm([program], tasks.first(1, 1))  # compiles the VM and starts numba, which the times exclude
    vm, jit = measured(evaluate_vm, program, tasks, repeats), measured(evaluate_jit, program, tasks, repeats)
    chosen, better = (jit if compiled else vm), min(vm, jit)
    return {
        "instructions": len(program),
        "features": features,
        "examples": examples,
        "tasks": count,
        "predicted": {"vm": prediction.vm, "jit": prediction.jit},
        "measured": {"vm": vm, "jit": jit},
        "chosen": "jit" if compiled else "vm",
        "regret": chosen / better - 1.0,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=60, help="number of cases (default: 60)")
    parser.add_argument(
        "--repeats", type=int, default=3, help="measurements of a time, of which the shortest counts (default: 3)"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of the cases (default: 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each case")
    options = parser.parse_args()
    rng, costs = np.random.default_rng(options.seed), stored_costs()
    regrets: list[float] = []
    if not options.json:
        print("instructions   F examples tasks   predicted vm/jit    measured vm/jit [ms]   chosen  regret")
    while len(regrets) < options.cases:
        found = case(rng, costs, options.repeats)
        if found is None:
            continue
        regrets.append(found["regret"])
        if options.json:
            print(json.dumps(found), flush=True)
            continue
        times = [1e3 * found[kind][name] for kind in ("predicted", "measured") for name in ("vm", "jit")]
        sizes = f"{found['instructions']:12} {found['features']:3} {found['examples']:8} {found['tasks']:5}"
        print(
            f"{sizes} {times[0]:9.1f} {times[1]:9.1f} {times[2]:9.1f} {times[3]:9.1f} {found['chosen']:>10} {found['regret']:7.1%}",
            flush=True,
        )
    right = sum(regret <= ALLOWED for regret in regrets)
    print(
        f"{right} of {len(regrets)} within {ALLOWED:.0%} of the faster backend; mean regret {np.mean(regrets):.1%}, "
        f"worst {max(regrets):.1%}"
    )
    return 0 if right == len(regrets) else 1


if __name__ == "__main__":
    sys.exit(main())
