"""Measure the growth of costs with sizes, as a Markdown table: ``python tools/scaling.py``.

Each row varies one size over two decades and shows the exponent of growth between neighbouring sizes; 1 is linear. The exit status is
1 if an exponent exceeds its limit.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import azdsl
from azdsl import tasks as make
from azdsl.bench.engine import jit_runner, shortest, vm_runner
from azdsl.bench.machine import describe
from azdsl.bench.workloads import DEMO, NETWORK, demo, random_tasks
from azdsl.ir import Program
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.engines import make_engines
from azdsl.search.kernel.loop import run_epoch
from azdsl.search.kernel.population import make_island, write_initial
from azdsl.search.kernel.space import make_space

TOLERANCE = 1.15
"""Factor by which an exponent may exceed the allowed one, because of the processor's caches and noise."""

ROUNDS, ROUND_SECONDS = 7, 0.02

CANDIDATES = 50_000


@dataclass(frozen=True)
class Growth:
    """A cost, in seconds, as a function of a size, and the greatest exponent allowed."""

    title: str
    sizes: tuple[int, ...]
    allowed: float
    cost: Callable[[int], float]


def run_cost(run: Callable[[], None]) -> float:
    """Processor time of one run in seconds. Short runs are repeated because of the clock's resolution."""
    once = shortest(run, 1)
    times = max(1, math.ceil(ROUND_SECONDS / max(once, 1e-7)))

    def several() -> None:
        for _ in range(times):
            run()

    return shortest(several, ROUNDS) / times


def demo_program() -> Program:
    return azdsl.load(DEMO)


def network() -> Program:
    """The network with a low learning rate, so that training never stops early for any F."""
    return azdsl.parse(NETWORK.read_text(encoding="utf-8").replace("rate = 0.01", "rate = 0.000001"))


def long_program(length: int) -> Program:
    """A program whose Learn has ``length`` live instructions, on vectors and scalars in turn."""
    steps = "  v1 = v1 * v1\n  s2 = s2 * s2\n" * (length // 2)
    setup, predict = "  s2 = 0.5\n  v1 = gaussian(0, 0.3)\n", "  s1 = dot(v0, v1)\n  s1 = s1 * s2\n"
    return azdsl.parse(f"def Setup():\n{setup}def Predict():\n{predict}def Learn():\n{steps}")


def evaluation(backend: str, program: Callable[[], Program], size: str) -> Callable[[int], float]:
    """The cost of one evaluation as a function of one size of the task set."""
    runner = {"vm": vm_runner, "jit": jit_runner}[backend]

    def cost(n: int) -> float:
        sizes = {"tasks": 10, "examples": 200, "features": 4, "valid": 100}
        if size == "features":  # few examples, so that they fit in the processor's cache
            sizes |= {"examples": 20, "valid": 10}
        sizes[size] = n
        return run_cost(runner(program(), random_tasks(**sizes)))

    return cost


def program_length(backend: str) -> Callable[[int], float]:
    """The cost of one evaluation as a function of the program's length."""
    runner = {"vm": vm_runner, "jit": jit_runner}[backend]
    return lambda length: run_cost(runner(long_program(length), random_tasks(10, 100, 4, 100)))


def compilation(length: int) -> float:
    """The cost of compiling a program for the JIT."""
    tasks, program = random_tasks(8, 1, 4, 1), long_program(length)
    return shortest(lambda: void(jit_runner(program, tasks)), 1)


def void(_: object) -> None:
    """Drop a value."""


def candidates(population: int) -> float:
    """The cost of ``CANDIDATES`` candidates of a search after its initial population."""
    experiment = demo(population=population)
    assert experiment.task
    tasks = make.build(experiment.task, 0, "search")
    space, handle = make_space(experiment, tasks), make_engines(experiment, tasks)
    scratch, island = make_scratch(space, tasks.tasks), make_island(space, experiment, 0)
    write_initial(space, experiment, island)
    run_epoch(space, island, scratch, handle.engines, population)
    started = time.thread_time()
    run_epoch(space, island, scratch, handle.engines, CANDIDATES)
    return time.thread_time() - started


def growths() -> Iterator[Growth]:
    """All rows."""
    for backend in ("vm", "jit"):
        yield Growth(f"training examples, {backend}", (100, 1000, 10_000), 1, evaluation(backend, network, "examples"))
        yield Growth(f"tasks, {backend}", (10, 100, 1000), 1, evaluation(backend, network, "tasks"))
        yield Growth(f"F, vectors only, {backend}", (4, 40, 400), 1, evaluation(backend, demo_program, "features"))
        yield Growth(f"F, matrices, {backend}", (4, 40, 400), 2, evaluation(backend, network, "features"))
        yield Growth(f"instructions, {backend}", (10, 100, 1000), 1, program_length(backend))
    yield Growth("instructions, compiling", (10, 100, 1000), 1, compilation)
    yield Growth(f"population, {CANDIDATES:,} candidates", (100, 1000, 10_000), 1, candidates)


def seconds(value: float) -> str:
    """A time with a suitable unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def row(growth: Growth, costs: Sequence[float]) -> tuple[str, bool]:
    """A row of the table, and whether its exponents are within the limit."""
    pairs = zip(growth.sizes, growth.sizes[1:], costs, costs[1:], strict=False)
    exponents = [math.log(after / before) / math.log(more / less) for less, more, before, after in pairs]
    good = max(exponents) <= growth.allowed * TOLERANCE
    cells = [
        growth.title,
        " → ".join(f"{size:,}" for size in growth.sizes),
        " → ".join(map(seconds, costs)),
        ", ".join(f"{exponent:.2f}" for exponent in exponents),
        f"{growth.allowed:g}",
        "yes" if good else "**no**",
    ]
    return f"| {' | '.join(cells)} |", good


def main() -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description="Measure the growth of costs with sizes, as a Markdown table.")
    parser.add_argument("--only", default="", help="print only rows whose title starts with this text")
    options = parser.parse_args()
    machine = describe()
    print(f"{machine['processor']}, {machine['cores']} cores, load average {machine['load average']}\n")
    print("| size | values | cost | exponent per decade | allowed | met |\n|---|---|---|---|--:|---|")
    good = True
    for growth in growths():
        if not growth.title.startswith(options.only):
            continue
        line, met = row(growth, [growth.cost(size) for size in growth.sizes])
        print(line, flush=True)
        good = good and met
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
