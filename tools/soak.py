"""Compare the backends on random programs for as long as you like: ``python tools/soak.py --seconds 3600 --workers 2``.

A check is one program on one task set by two backends, equal bit for bit in every task's fitness: the interpreter
and the virtual machine, the virtual machine and compiled programs, the virtual machine and standalone models (in memory,
and as a shared library). Standalone models learn one task, so they are compared on the first of each set.

Every round adds a line to the record (``--record``): seed and number, which repeat it, what was compared how often, and
what the programs did. A later soak of the same seed goes on after the rounds that are in the record; ``--report`` sums it
up. Where backends differ the case is made as small as it gets and written beside the record: program, tasks, settings.

Exit status: 0 all agreed, 1 some differed (``--repeat CASE`` shows how), 2 bad usage.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from equivalence import Outcome, Size, run_round
from soak_case import Case, shrink

from azdsl import atomic

Facts = Mapping[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Soak, or show the record or a case; the exit status."""
    options = _options(arguments)
    if options.repeat:
        return _repeat(options.repeat)
    before = read_record(options.record)
    if options.report:
        _show(before, options.json)
        return 0
    done = {facts["round"] for facts in before if facts["seed"] == options.seed}
    numbers = (number for number in count(options.first) if number not in done)
    size = Size(*options.size) if options.size else None
    options.record.parent.mkdir(parents=True, exist_ok=True)
    now: list[Facts] = []
    with options.record.open("a", encoding="utf-8") as record:
        for outcome in _rounds(options.seed, numbers, size, options.workers, options.seconds, options.rounds):
            if outcome.failure:
                return _failed(outcome, options.record)
            now.append(outcome.facts)
            record.write(json.dumps(outcome.facts) + "\n")
            record.flush()
            if not options.json:
                checks = sum(sum(facts["checks"].values()) for facts in now)
                print(f"round {outcome.facts['round']}: {checks:,} checks, all agree", flush=True)
    _show(now, options.json)
    if before and not options.json:
        print("with those before:")
        _show([*before, *now], False)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="start no round after this long (default: 60)")
    parser.add_argument("--rounds", type=int, help="stop after this many rounds")
    parser.add_argument("--seed", type=int, default=0, help="seed of all rounds (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="the first round's number (default: 0)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    size = "programs, task sets, programs compiled and standalone models of a round, kinds of ops of a program, 0 for all (default: by turns)"
    parser.add_argument("--size", type=int, nargs=5, metavar="N", help=size)
    parser.add_argument(
        "--record",
        type=Path,
        default=Path("runs/soak.jsonl"),
        help="file of lines to add to (default: runs/soak.jsonl)",
    )
    parser.add_argument("--report", action="store_true", help="sum the record up and stop")
    parser.add_argument("--repeat", type=Path, metavar="CASE", help="run one written case again and stop")
    parser.add_argument("--json", action="store_true", help="print the sums as JSON")
    return parser.parse_args(arguments)


def read_record(path: Path) -> list[Facts]:
    """The rounds in a record; a last line that was cut off is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1] if line]


def _rounds(
    seed: int, numbers: Iterator[int], size: Size | None, workers: int, seconds: float, rounds: int | None
) -> Iterator[Outcome]:
    """Rounds as they end, until the time is over."""
    end = time.monotonic() + seconds
    left = rounds if rounds is not None else sys.maxsize
    if workers == 1:
        while left > 0 and time.monotonic() < end:
            left -= 1
            yield run_round(seed, next(numbers), size)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: set[Future[Outcome]] = set()
        while True:
            while left > 0 and len(running) < workers and time.monotonic() < end:
                left -= 1
                running.add(pool.submit(run_round, seed, next(numbers), size))
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()


def _failed(outcome: Outcome, record: Path) -> int:
    """Write the smallest case that was found and say where it is."""
    assert outcome.failure
    seed, number = outcome.facts["seed"], outcome.facts["round"]
    print(
        f"round {number} of seed {seed}: {outcome.failure.pair} differ; looking for a smaller case …",
        file=sys.stderr,
        flush=True,
    )
    path = record.with_name(f"soak-{seed}-{number}.json")
    atomic.write(path, shrink(outcome.failure).to_json() + "\n")
    print(f"written {path}", file=sys.stderr)
    return max(1, _repeat(path))


def _repeat(path: Path) -> int:
    """Run a case and show both sides."""
    case = Case.from_json(path.read_text(encoding="utf-8"))
    first, second = case.run()
    print(case.program)
    for name, fitness in zip(case.pair.split("="), (first, second), strict=True):
        print(f"{name:<10}{[float(value).hex() for value in fitness]}")
    return 0 if case.agrees else 1


def totals(record: Sequence[Facts]) -> dict[str, Any]:
    """The sums over rounds."""
    summed: dict[str, Any] = {"rounds": len(record), "seeds": sorted({facts["seed"] for facts in record})}
    for key in ("checks", "programs", "fitness", "values", "live_lengths", "ops"):
        counter: Counter[str] = Counter()
        for facts in record:
            counter.update(facts[key])
        summed[key] = dict(sorted(counter.items(), key=lambda item: -item[1]))
    summed["all_checks"] = sum(summed["checks"].values())
    summed["cpu_seconds"] = round(sum(facts["cpu_seconds"] for facts in record), 1)
    return summed


def _show(record: Sequence[Facts], as_json: bool) -> None:
    sums = totals(record)
    if as_json:
        print(json.dumps(sums))
        return
    rate = sums["all_checks"] / sums["cpu_seconds"] if sums["cpu_seconds"] else 0.0
    took = f"{sums['cpu_seconds']:,} s of processor time, {rate:,.0f} a second"
    print(f"{sums['all_checks']:,} checks in {sums['rounds']:,} rounds of seeds {sums['seeds']}, {took}")
    for pair, number in sums["checks"].items():
        share = 100 * number / sums["all_checks"]
        print(f"  {pair:<12}{number:>12,} checks ({share:.0f} %) of {sums['programs'][pair]:,} programs")
    print(f"  fitness     {_shares(sums['fitness'])}")
    print(f"  registers   {_shares(sums['values'])} (a sample of the programs)")
    print(f"  lengths     {_shares(sums['live_lengths'])} live instructions")
    fewest = list(sums["ops"].items())[-3:]
    print(
        f"  ops         {len(sums['ops'])} met; the rarest: {', '.join(f'{name} {times:,}' for name, times in fewest)}"
    )


def _shares(counts: Mapping[str, int]) -> str:
    whole = sum(counts.values()) or 1
    return ", ".join(f"{name}: {100 * number / whole:.0f} %" for name, number in counts.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
