"""Where a task-step of the VM goes, by instruction, and its bounds by arithmetic, loads and stores. Linux, with ``perf``.

    python tools/step_profile.py --data FOLDER [--precision 32] [--seconds 10]

FOLDER contains CIFAR-10. Three sets of programs: those of the S10 checkpoint (``azdsl/bench/s10_programs.txt``), the network of
``examples/cifar10.az``, and the bilinear model of the benchmark. The samples of ``perf`` are assigned to handlers by address. The
bounds count what the parts of an evaluation run, in cycles for ten tasks, for a processor that loads two vectors a cycle and stores one.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from azdsl.bench.baseline import SETTING, programs
from azdsl.bench.workloads import CIFAR10, bilinear
from azdsl.codegen import vm
from azdsl.codegen.backends import concatenate
from azdsl.codegen.engine import Capacity, EngineHandle, build_engine, handler_addresses
from azdsl.codegen.execute import evaluate_many
from azdsl.codegen.protocol import EvaluationSettings, Field, Part
from azdsl.ir import Instruction, Program, pack_live, remove_dead_code
from azdsl.ops import OPS
from azdsl.setting_overrides import override
from azdsl.syntax import load_experiment
from azdsl.tasks import build
from azdsl.taskset import TaskSet

ENDS = ("after Setup", "after Predict in training", "after Learn", "after Predict in validation")
"""What runs at the end of each call: the evaluation's own code."""

HANDLER_BYTES = 1 << 17
"""No handler is longer; what lies further behind one is other code."""

MULTIPLIES = {"dot", "matvec", "outer", "vector_scale", "matrix_scale", "scalar_multiply", "vector_multiply"}
ADDS = {"dot", "matvec"}
"""Ops that multiply, and those of them that also add; all others add, or cost as much."""


def counts(instruction: Instruction, features: int) -> np.ndarray:
    """Loads, stores, multiplications and additions of lane values."""
    op = instruction.op
    assert op.output
    sizes = [kind.size(features) for kind in op.inputs]
    out = op.output.size(features)
    terms = max(sizes, default=out) if op.name in ADDS else out
    multiplies = op.name in MULTIPLIES
    return np.array([sum(sizes), out, terms * multiplies, terms * (op.name in ADDS or not multiplies)])


def block_cycles(block: Sequence[Instruction], features: int, wide: bool) -> float:
    """Cycles of one vector of tasks, each instruction at the speed of what it needs most of."""
    total, at = 0.0, 0
    while at < len(block):
        work = counts(block[at], features)
        pair = block[at : at + 2]
        if len(pair) == 2 and (pair[0].op, pair[1].op) in vm.FUSED and pair[0].output in pair[1].inputs:
            result = pair[0].output.kind.size(features)
            work = work + counts(pair[1], features) - result * np.array([1, 1, 0, 0])
            at += 1
        loads, stores, multiplies, adds = work
        arithmetic = (multiplies + adds) / 2 if wide else max(multiplies, adds) / 2
        total += max(loads / 2, stores, arithmetic)
        at += 1
    return total


def bound(program: Program, handle: EngineHandle, tasks: TaskSet, wide: bool) -> float:
    """Cycles of a training step for one vector of tasks, with its share of validation, by what each part runs."""
    live = remove_dead_code(program, tasks.metric_definition)
    needed, instructions = handle.engine.needed, list(live.instructions)

    def cycles(part: Part) -> float:
        start = sum(len(f) for f in live.functions[: part.function])
        rows = range(start, start + len(live.functions[part.function]))
        return block_cycles([instructions[r] for r in rows if needed[r] >> part & 1], tasks.features, wide)

    examples = int(handle.engine.arguments[0, Field.M])
    first = min(examples, int(handle.engine.arguments[0, Field.SETTLED]))
    validation = first * cycles(Part.VALIDATE) + (examples - first) * cycles(Part.SETTLED)
    return cycles(Part.PREDICT) + cycles(Part.LEARN) + validation / tasks.epoch_length


def places(handle: EngineHandle) -> list[tuple[int, str]]:
    """The addresses of the handlers of all VMs of an engine, and their names."""
    ops = tuple(sorted((op for op in OPS if op.output), key=lambda op: op.code))
    found: list[tuple[int, str]] = []
    for lanes, code in zip(sorted({block.lanes for block in handle.blocks}), handle.code, strict=True):
        addresses = handler_addresses(code, ops)
        found += [(int(address), f"{end}, {lanes} lanes") for address, end in zip(addresses, ENDS, strict=False)]
        for chain, first in vm.handlers(ops).items():
            name = f"{' + '.join(op.name for op in chain)}, {lanes} lanes"
            found += [(int(addresses[first + at]), name) for at in range(len(vm.accumulations(chain[0])))]
    return sorted(found)


def sample(handle: EngineHandle, run: object, seconds: float) -> Counter[str]:
    """Samples by handler while ``run`` is called again and again."""
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "perf.data")
        command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "2000", "-o", data, "-p", str(os.getpid())]
        recorder = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            run()  # type: ignore[operator]
        recorder.send_signal(signal.SIGINT)
        recorder.wait()
        listing = subprocess.run(
            ["perf", "script", "-i", data, "-F", "ip"], check=True, capture_output=True, text=True
        ).stdout
    known = places(handle)
    starts = [address for address, _ in known]
    seen: Counter[str] = Counter()
    for address in (int(word, 16) for word in listing.split()):
        at = bisect_right(starts, address) - 1
        inside = at >= 0 and address - starts[at] < HANDLER_BYTES
        seen[known[at][1] if inside else "other code"] += 1
    return seen


def report(title: str, chosen: list[Program], tasks: TaskSet, precision: int, seconds: float) -> None:
    """Print one set's table."""
    packed = concatenate([pack_live(program, tasks.metric_definition) for program in chosen])
    settings = EvaluationSettings(precision=precision)
    handle = build_engine(tasks, capacity=Capacity(int(packed[1].sum(axis=1).max())), settings=settings)
    fitness = np.zeros((len(chosen), tasks.tasks))

    def run() -> None:
        evaluate_many(handle.engine, *packed, fitness)

    best = float("inf")
    for _ in range(6):
        started = time.thread_time()
        run()
        best = min(best, time.thread_time() - started)
    steps = int((fitness > 0).sum()) * tasks.steps
    print(
        f"\n{title}, float{precision}: {1e9 * best / steps:.1f} ns a task-step, {1e-6 * steps / best:.1f} million a second"
    )
    seen = sample(handle, run, seconds)
    total = sum(seen.values())
    print(f"{total} samples\n\n| what runs | share | ns a task-step |\n|---|--:|--:|")
    for name, count in seen.most_common(16):
        print(f"| {name} | {100 * count / total:.1f} % | {1e9 * best / steps * count / total:.2f} |")
    for wide, name in ((False, "AVX2"), (True, "AVX-512")):
        lanes = (64 if wide else 32) * 8 // precision
        vectors, cycles = -(-tasks.tasks // lanes), 0.0
        for program in chosen:
            one = concatenate([pack_live(program, tasks.metric_definition)])
            evaluate_many(handle.engine, *one, np.zeros((1, tasks.tasks)))
            cycles += bound(program, handle, tasks, wide) / len(chosen)
        print(f"bound, {name}: {cycles:.0f} cycles a vector, {cycles * vectors / tasks.tasks:.1f} a task-step")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--precision", type=int, choices=(64, 32), default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    sets = []
    for path in (SETTING, CIFAR10):
        experiment = override(load_experiment(path), {"data": str(options.data.resolve())})
        assert experiment.task
        sets.append((experiment, build(experiment.task, 0, "search")))
    report("programs of the S10 checkpoint", programs(), sets[0][1], options.precision, options.seconds)
    report("examples/cifar10.az", [sets[1][0].program], sets[1][1], options.precision, options.seconds)
    report("bilinear model", [bilinear()], sets[0][1], options.precision, options.seconds)


if __name__ == "__main__":
    main()
