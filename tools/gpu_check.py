"""The GPU backend, checked and measured: are all bits those of the processor, and how many task-steps a second are there?

``python tools/gpu_check.py`` needs a GPU with NVIDIA's driver; it takes at most five minutes and prints a table. What one part
finds wrong does not stop the others. ``--host`` checks the same kernel on this processor (``azdsl.codegen.gpu.twin``), with the
threads of a warp in three orders, for as many random programs as ``--programs`` says.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from strategies import METRIC_NAMES, Tally, random_program, random_tasks

from azdsl import interp, parse
from azdsl.codegen.backends import concatenate, evaluate_vm
from azdsl.codegen.engine import Capacity, build_engine
from azdsl.codegen.execute import evaluate_many
from azdsl.codegen.gpu.batch import make_batch
from azdsl.codegen.gpu.driver import gpu
from azdsl.codegen.gpu.evaluate import Device, TasksOnDevice, evaluate_gpu
from azdsl.codegen.gpu.threads import WARP, Shape
from azdsl.codegen.protocol import EvaluationSettings
from azdsl.config import quantities
from azdsl.ir import METRICS, MetricName, Program, pack_live
from azdsl.taskset import TaskSet

PROGRAMS = {
    "linear": """
def Predict():
  s1 = dot(v0, v1)
def Learn():
  s2 = s0 - s1
  s2 = s3 * s2
  v2 = s2 * v0
  v1 = v1 + v2
""",
    "network": """
def Predict():
  v3 = dot(m0, v0)
  v4 = maximum(v3, v2)
  s1 = dot(v4, v1)
def Learn():
  s2 = s0 - s1
  s2 = s3 * s2
  v5 = s2 * v4
  v6 = s2 * v1
  v1 = v1 + v5
  v7 = heaviside(v3)
  v6 = v6 * v7
  m1 = outer(v6, v0)
  m0 = m0 + m1
""",
    "bilinear": """
def Predict():
  v3 = dot(m0, v0)
  s1 = dot(v3, v0)
def Learn():
  s2 = s0 - s1
  s2 = s3 * s2
  m1 = outer(v0, v0)
  m1 = s2 * m1
  m0 = m0 + m1
""",
}
ROWS = tuple((bits, features, tasks) for bits in (64, 32) for features in (16, 4, 64) for tasks in (10, 100))
"""What is measured: bits, F, T."""

RATE = "def Setup():\n  s3 = 0.001\n  m0 = gaussian(0, 0.1)\n  v1 = gaussian(0, 0.1)\n"


@dataclass(frozen=True)
class Case:
    """Random programs on random tasks, all from one number."""

    number: int
    features: int
    metric: MetricName
    precision: int
    programs: int
    tasks: int | None = None

    def make(self) -> tuple[list[Program], TaskSet, EvaluationSettings]:
        """The programs, the tasks and the settings."""
        rng = np.random.default_rng((0x6B0, self.number))
        tasks = random_tasks(rng, self.features, self.tasks, self.metric)
        programs = [random_program(rng, metric=tasks.metric_definition) for _ in range(self.programs)]
        return programs, tasks, EvaluationSettings(self.number, 100.0, self.precision)

    def on_processor(self) -> NDArray[np.float64]:
        """The fitness by the virtual machine."""
        return evaluate_vm(*self.make())

    def __str__(self) -> str:
        return f"F {self.features}, {self.metric}, {self.precision} bits"


def cases(count: int, programs: int) -> Iterator[Case]:
    """Cases of every metric, both precisions and various F."""
    sizes = (4, 16, 1, 9, 64, 2, 8, 33, 5, 24, 13, 40)
    for number in range(count):
        metric = METRIC_NAMES[number % len(METRIC_NAMES)]
        features = max(sizes[number % len(sizes)], 2 if METRICS[metric].vector else 1)
        yield Case(number, features, metric, 32 if number % 4 == 3 else 64, programs)


def different(a: NDArray[np.float64], b: NDArray[np.float64]) -> int:
    """How many numbers do not have the same bits."""
    return int((a.view(np.int64) != b.view(np.int64)).sum())


def say(text: str) -> None:
    print(text, flush=True)


def part(name: str, run: Callable[[], bool]) -> bool:
    """Run a part of the check. What it raises is printed."""
    say(f"\n## {name}\n")
    started = time.perf_counter()
    try:
        good = run()
    except Exception:
        say("```\n" + traceback.format_exc() + "```")
        good = False
    say(f"\n{'passed' if good else 'FAILED'} in {time.perf_counter() - started:.1f} s")
    return good


def check_bits(count: int, programs: int) -> bool:
    """The fitness of random programs on the GPU beside that of the virtual machine, and of a few by the interpreter."""
    chosen, wrong, total, tally = list(cases(count, programs)), 0, 0, Tally()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(case.on_processor) for case in chosen]
        for case, result in zip(chosen, waiting, strict=True):
            own, tasks, settings = case.make()
            started = time.perf_counter()
            found = evaluate_gpu(own, tasks, settings)
            seconds = time.perf_counter() - started
            expected = result.result(timeout=150)
            bad = different(found, expected)
            for program, row in zip(own, expected, strict=True):
                tally.add(program, row, tasks.metric_definition)
            seen = [
                different(np.array(interp.evaluate(p, tasks, seed=settings.seed, precision=case.precision)), row)
                for p, row in zip(own[:3], found, strict=False)
            ]
            wrong, total = wrong + bad + sum(seen), total + found.size
            say(
                f"- {case}: {bad} of {found.size} different; by the interpreter {sum(seen)}; {seconds:.2f} s with loading"
            )
            if bad:
                at = int(np.flatnonzero((found.view(np.int64) != expected.view(np.int64)).any(axis=1))[0])
                say(f"```\n{own[at]}\n{found[at][:8]}\n{expected[at][:8]}\n```")
    say(
        f"\n{tally.cases} programs, {total} fitness values: {wrong} different; ops not seen: {tally.unseen or 'none'}; "
        f"{100 * tally.share:.0f} % of programs with a fitness above 0"
    )
    return wrong == 0


def example_tasks(features: int, tasks: int, examples: int) -> TaskSet:
    """Regression tasks with a linear target."""
    rng = np.random.default_rng(features)
    X, VX = rng.normal(size=(2, tasks, examples, features))
    weights = rng.normal(size=(tasks, features, 1)) / features**0.5
    return TaskSet.from_arrays(X, (X @ weights)[..., 0], VX[:, :100], (VX[:, :100] @ weights)[..., 0])


def processor_rate(
    program: Program, tasks: TaskSet, settings: EvaluationSettings, threads: int
) -> tuple[float, NDArray[np.float64]]:
    """Task-steps a second of the virtual machine on ``threads`` threads, each with an engine of its own; the fitness [1, T]."""
    packed = concatenate([pack_live(program, tasks.metric_definition)])
    size, ops = Capacity(int(packed[1].sum())), {instruction.op for instruction in program.instructions}
    handles = [build_engine(tasks, ops, capacity=size, settings=settings) for _ in range(threads)]
    out = [np.zeros((1, tasks.tasks)) for _ in range(threads)]
    evaluate_many(handles[0].engine, *packed, out[0])
    started = time.perf_counter()
    evaluate_many(handles[0].engine, *packed, out[0])
    repeats = max(1, int(0.25 / max(time.perf_counter() - started, 1e-6)))

    def work(at: int) -> None:
        for _ in range(repeats):
            evaluate_many(handles[at].engine, *packed, out[at])

    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        list(pool.map(work, range(threads)))
        seconds = time.perf_counter() - started
    return threads * repeats * tasks.tasks * tasks.steps / seconds, out[0]


def device_rate(
    device: Device,
    program: Program,
    tasks: TaskSet,
    settings: EvaluationSettings,
    warps: int,
    shape: Shape | None = None,
) -> tuple[float, NDArray[np.float64], int]:
    """Task-steps a second of a device on a batch of ``warps`` warps; the fitness [P, T], the bytes of a warp."""
    held = TasksOnDevice(device, tasks, settings, shape)
    count = max(1, warps // -(-tasks.tasks // held.shape.tasks))
    batch = make_batch(tasks, held.shape, *concatenate([pack_live(program, tasks.metric_definition)] * count))
    fitness, times = held.run(batch, count), []
    for _ in range(3):
        started = time.perf_counter()
        held.run(batch, count)
        times.append(time.perf_counter() - started)
    return count * tasks.tasks * tasks.steps / sorted(times)[1], fitness, int(batch.warp_bytes.max())


def measure(device: Device, deadline: float, warps: int, rows: Sequence[tuple[int, int, int]]) -> bool:
    """Task-steps a second of the device beside one core and all cores, until ``deadline``; nanoseconds for each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    columns = [
        "bits",
        "F",
        "T",
        "program",
        "GPU [ns]",
        "one core",
        f"{cores} cores",
        "GPU / core",
        f"GPU / {cores} cores",
    ]
    columns += ["programs", "bytes a warp", "same bits"]
    say(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    reached, same = True, True
    for precision, features, count in rows:
        settings = EvaluationSettings(0, 100.0, precision)
        tasks = example_tasks(features, count, 1000 if features < 64 else 200)
        for name, text in PROGRAMS.items():
            if time.monotonic() > deadline:
                say("\n(the time was over before the end of the table)")
                return same
            program = parse(RATE + text)
            rate, found, size = device_rate(device, program, tasks, settings, warps)
            (one, expected), (every, _) = (processor_rate(program, tasks, settings, n) for n in (1, cores))
            agree = different(found, expected.repeat(len(found), 0)) == 0
            same = same and agree
            if (precision, features) == (64, 16):
                reached = reached and rate >= 40 * one
            say(
                f"| {precision} | {features} | {count} | {name} | {1e9 / rate:.3f} | {1e9 / one:.1f} | {1e9 / every:.2f} "
                f"| {rate / one:.0f} | {rate / every:.1f} | {len(found)} | {size} | {'yes' if agree else 'NO'} |"
            )
    say(f"\nat least 40 times one core at F = 16: {'yes' if reached else 'no'}")
    return same


def measure_layouts(device: Device, deadline: float, warps: int) -> bool:
    """Task-steps a second with other numbers of threads a task, until ``deadline``."""
    say("| F | T | program | threads a task | GPU [ns] |\n| --- | --- | --- | --- | --- |")
    for features, rows in ((4, 1), (4, 4), (16, 1), (16, 4), (16, 16)):
        for tasks in (example_tasks(features, count, 500) for count in (10, 100)):
            for name, text in PROGRAMS.items():
                if time.monotonic() > deadline:
                    say("\n(the time was over before the end of the table)")
                    return True
                shape = Shape(features, 64, rows)
                rate, _, _ = device_rate(device, parse(RATE + text), tasks, EvaluationSettings(), warps, shape)
                say(f"| {features} | {tasks.tasks} | {name} | {rows} | {1e9 / rate:.3f} |")
    return True


def check_races(deadline: float) -> bool:
    """A few programs under compute-sanitizer: two threads of a warp must not meet in memory without a barrier."""
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if not Path(tool).exists():
        say("compute-sanitizer is not installed: not checked")
        return True
    good = True
    for check in ("racecheck", "memcheck"):
        command = [tool, "--tool", check, sys.executable, __file__, "--few"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=max(deadline - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            say(f"{check}: the time was over")
            continue
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        say(f"{check}, exit status {done.returncode}:\n```\n" + "\n".join(lines[-12:]) + "\n```")
        good = (
            good
            and done.returncode == 0
            and any("SUMMARY: 0 " in x or "(0 hazards" in x or "0 errors" in x for x in lines)
        )
    return good


def few() -> int:
    """A few programs of each kind on the GPU, for tools that watch it."""
    for number, features in enumerate((4, 16, 9, 33)):
        own, tasks, settings = Case(number, features, METRIC_NAMES[number % 3], 64, 40, 5).make()
        evaluate_gpu(own, tasks, settings)
    say("ran 160 programs")
    return 0


def host(programs: int, seed: int) -> int:
    """Random programs by the twin beside the virtual machine, the threads of a warp in three orders."""
    from azdsl.codegen.gpu.twin import Twin, evaluate_twin

    wrong, tally, number, each = 0, Tally(), seed, 60
    while tally.cases < programs:
        rng = np.random.default_rng((0x7817, number))
        metric = METRIC_NAMES[number % len(METRIC_NAMES)]
        features = int(rng.integers(2 if METRICS[metric].vector else 1, 65))
        case = Case(number, features, metric, 64 if rng.random() < 0.7 else 32, each, int(rng.integers(1, 201)))
        own, tasks, settings = case.make()
        expected = evaluate_vm(own, tasks, settings)
        bad = 0
        for order in (range(WARP), range(WARP - 1, -1, -1), rng.permutation(WARP).tolist()):
            bad += different(evaluate_twin(own, tasks, settings, Twin(order)), expected)
        for program, row in zip(own, expected, strict=True):
            tally.add(program, row, tasks.metric_definition)
        wrong, number = wrong + bad, number + 1
        say(f"{case}, T {tasks.tasks}: {bad} different; {tally.cases} programs")
    say(f"{tally.cases} programs, three orders each: {wrong} different; ops not seen: {tally.unseen or 'none'}")
    return int(wrong > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", action="store_true", help="check the kernel on this processor; needs no GPU")
    parser.add_argument("--few", action="store_true", help="only run a few programs on the GPU")
    parser.add_argument("--programs", type=quantities.count, default=10_000, help="programs for --host")
    parser.add_argument("--seed", type=quantities.count, default=0, help="the first case of --host")
    parser.add_argument("--seconds", type=quantities.duration, default=280.0, help="the time for all parts")
    parser.add_argument("--each", type=quantities.count, default=250, help="programs of each case")
    parser.add_argument(
        "--cases", type=quantities.count, default=12, help="cases: kinds of tasks, of F and of precision"
    )
    options = parser.parse_args()
    if options.host:
        return host(options.programs, options.seed)
    if options.few:
        return few()
    end = time.monotonic() + options.seconds
    device = gpu()
    say(f"# {device.name}, compute capability {'.'.join(map(str, device.capability))}\n")
    say(
        f"{device.multiprocessors} multiprocessors, {device.shared_bytes >> 10} KiB a warp at most; CUDA {device.driver_version}; "
        f"{platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}, NumPy {np.__version__}"
    )
    warps = device.multiprocessors * 128
    good = part("Bits", lambda: check_bits(options.cases, options.each))
    good = part("Task-steps a second", lambda: measure(device, end - 60, warps, ROWS)) and good
    part("Threads a task", lambda: measure_layouts(device, end - 30, warps))
    good = part("Races and memory", lambda: check_races(end)) and good
    return int(not good)


if __name__ == "__main__":
    from azdsl.errors import AzdslError

    try:
        sys.exit(main())
    except AzdslError as error:
        print(error.report, file=sys.stderr)
        sys.exit(2)
