"""Soak test: compare the backends on random programs. ``python tools/soak.py --seconds 3600 --workers 2``.

A check evaluates one program on one task set with two backends and compares the fitness of every task bit for bit. The
pairs of backends are: interpreter and VM, VM and JIT, VM and standalone model (in memory, or in a shared library). A
standalone model learns one task, so it is compared on the first task of a set.

Every round appends a line to the record (``--record``): random seed and round number, from which the round can be
repeated, the number of checks, and statistics of the programs. A later soak with the same random seed skips the rounds in the
record. ``--report`` prints the totals of the record. If two backends differ, the case is reduced and written beside the record.

Exit status: 0 no difference, 1 a difference (``--repeat CASE`` shows it), 2 bad usage.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from equivalence import ELEMENTARY, Outcome, Size, run_round
from soak_case import Case, shrink

from azdsl import atomic
from azdsl.config import quantities

Facts = Mapping[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Run rounds, print the record's totals or repeat a case. Returns the exit status."""
    options = _options(arguments)
    if options.repeat:
        return _repeat(options.repeat)
    before = read_record(options.record)
    if options.report:
        _show(before, options.json)
        return 0
    done = {
        facts["round"]
        for facts in before
        if (facts["seed"], facts.get("rich", False)) == (options.seed, options.elementary)
    }
    numbers = (number for number in count(options.first) if number not in done)
    size = Size(*options.size) if options.size else None
    options.record.parent.mkdir(parents=True, exist_ok=True)
    now: list[Facts] = []
    with options.record.open("a", encoding="utf-8") as record:
        do = partial(run_round, options.seed, size=size, rich=options.elementary)
        for outcome in _rounds(do, numbers, options.workers, options.seconds, options.rounds):
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
        print("including the rounds already in the record:")
        _show([*before, *now], False)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds",
        type=quantities.duration,
        default=60.0,
        help="seconds after which no round is started (default: 60)",
    )
    parser.add_argument("--rounds", type=quantities.count, help="maximum number of rounds")
    parser.add_argument("--seed", type=quantities.count, default=0, help="random seed of all rounds (default: 0)")
    parser.add_argument("--first", type=quantities.count, default=0, help="number of the first round (default: 0)")
    parser.add_argument("--workers", type=quantities.count, default=1, help="number of processes (default: 1)")
    size = (
        "of a round: programs, task sets, compiled programs, standalone models; and the number of different ops in a "
        "program, 0 for any (default: two sizes in turn)"
    )
    parser.add_argument("--size", type=quantities.count, nargs=5, metavar="N", help=size)
    parser.add_argument(
        "--elementary",
        action="store_true",
        help="about half of the ops are exp, log, sin, cos, tan, arcsin, arccos or arctan",
    )
    parser.add_argument(
        "--record",
        type=Path,
        default=Path("runs/soak.jsonl"),
        help="file to append to (default: runs/soak.jsonl)",
    )
    parser.add_argument("--report", action="store_true", help="only print the totals of the record")
    parser.add_argument("--repeat", type=Path, metavar="CASE", help="only run the case in this file again")
    parser.add_argument("--json", action="store_true", help="print the totals as one JSON object")
    return parser.parse_args(arguments)


def read_record(path: Path) -> list[Facts]:
    """Read the rounds in a record, without a last line that is incomplete."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1] if line]


def _rounds(
    do: Callable[[int], Outcome], numbers: Iterator[int], workers: int, seconds: float, rounds: int | None
) -> Iterator[Outcome]:
    """Run rounds in ``workers`` processes for ``seconds``, and yield the outcome of each when it ends."""
    end = time.monotonic() + seconds
    left = rounds if rounds is not None else sys.maxsize
    if workers == 1:
        while left > 0 and time.monotonic() < end:
            left -= 1
            yield do(next(numbers))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: set[Future[Outcome]] = set()
        while True:
            while left > 0 and len(running) < workers and time.monotonic() < end:
                left -= 1
                running.add(pool.submit(do, next(numbers)))
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()


def _failed(outcome: Outcome, record: Path) -> int:
    """Reduce a failed case, write it to a file and repeat it. Returns the exit status."""
    assert outcome.failure
    seed, number = outcome.facts["seed"], outcome.facts["round"]
    print(
        f"round {number} of seed {seed}: {outcome.failure.pair} differ; reducing the case …",
        file=sys.stderr,
        flush=True,
    )
    path = record.with_name(f"soak-{seed}-{number}.json")
    atomic.write(path, shrink(outcome.failure).to_json() + "\n")
    print(f"written {path}", file=sys.stderr)
    return max(1, _repeat(path))


def _repeat(path: Path) -> int:
    """Run a case and print the fitness by both backends. Returns the exit status."""
    case = Case.from_json(path.read_text(encoding="utf-8"))
    first, second = case.run()
    print(case.program)
    for name, fitness in zip(case.pair.split("="), (first, second), strict=True):
        print(f"{name:<10}{[float(value).hex() for value in fitness]}")
    return 0 if case.agrees else 1


def totals(record: Sequence[Facts]) -> dict[str, Any]:
    """Return the totals over the rounds of a record."""
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
    print(f"  registers   {_shares(sums['values'])} (of a sample of the programs)")
    print(f"  lengths     {_shares(sums['live_lengths'])} live instructions")
    elementary = sum(sums["ops"].get(op.name, 0) for op in ELEMENTARY) / max(1, sum(sums["ops"].values()))
    print(f"  elementary  {100 * elementary:.0f} % of the ops are exp, log, sin, cos, tan, arcsin, arccos or arctan")
    fewest = list(sums["ops"].items())[-3:]
    print(
        f"  ops         {len(sums['ops'])} executed; the rarest: {', '.join(f'{name} {times:,}' for name, times in fewest)}"
    )


def _shares(counts: Mapping[str, int]) -> str:
    total = sum(counts.values()) or 1
    return ", ".join(f"{name}: {100 * number / total:.0f} %" for name, number in counts.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
