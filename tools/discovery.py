"""The discovery suite: ``python tools/discovery.py [--variant OPTIONS]… [--seeds 20] [--problems NAMES] [--workers N] [--out DIRECTORY]``.

Problems of rising difficulty (``examples/discover/*.az``), each with a target that only the intended kind of program reaches.
Every variant of the settings, given as options of ``azdsl evolve`` and, each after a semicolon, statements ``island(…)``, runs on
every problem with every random seed. The table has the runs that reached the target, and the candidates and CPU seconds of all runs
over these successes with 95 % intervals; the last line the geometric mean of the speed-ups over the first variant. Finished runs are
stored in the directory and not repeated.

``--check`` runs no search. It scores the intended program of each problem (``examples/discover/solutions``) on the selection tasks, and the same
program without each of the lines that the problem is about: only the whole one may reach the target.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import azdsl
from azdsl import tasks
from azdsl.cli.compare import variant_settings
from azdsl.comparison import statistics, store
from azdsl.comparison.runs import Run, one_run, settings_of
from azdsl.config.experiment import Experiment
from azdsl.search.islands.workers import default_workers
from azdsl.setting_overrides import override
from azdsl.syntax import load_experiment, parse_experiment

FOLDER = Path(__file__).parents[1] / "examples" / "discover"


@dataclass(frozen=True)
class Problem:
    """A problem, the program that it asks for, and the lines without which that program must miss the target."""

    name: str
    solution: str
    essential: tuple[str, ...]

    @property
    def experiment(self) -> Experiment:
        """The content of the file."""
        return load_experiment(FOLDER / f"{self.name}.az")


PROBLEMS = (
    Problem("linear", "linear", ("s3 = s0 - s1", "v1 = v1 + v2")),
    Problem("affine", "affine", ("v1 = v1 + v2", "s3 = s3 + s4")),
    Problem("classification", "hebbian", ("v2 = s0 * v0", "v1 = v1 + v2")),
    Problem("random_features", "random_features", ("m1 = gaussian", "v1 = v1 + v4")),
    Problem("even", "bilinear", ("m1 = m1 + m2",)),
    Problem("past_linear", "network", ("m1 = m1 + m2",)),
    Problem("first_layer", "first_layer", ("m1 = m1 + m2", "v4 = heaviside")),
    Problem("both_layers", "network", ("m1 = m1 + m2", "v1 = v1 + v4")),
    Problem("backprop", "network", ("m1 = m1 + m2", "v1 = v1 + v4")),
    Problem("noisy_labels", "decay", ("s2 = s2 * s4",)),
)


def without(text: str, line: str) -> str:
    """The program text without its last line that starts with ``line``."""
    lines = text.splitlines()
    last = max(at for at, words in enumerate(lines) if words.strip().startswith(line))
    return "\n".join(lines[:last] + lines[last + 1 :])


@dataclass(frozen=True)
class Check:
    """Fitness on the selection tasks: of the program that the search starts from, the intended one, and it without each line."""

    problem: Problem
    target: float
    start: float
    intended: float
    without: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Whether only the intended program reaches the target."""
        return self.intended >= self.target > max(self.start, *self.without)


def check(problem: Problem) -> Check:
    """The fitness of the intended program of a problem and of its knock-outs."""
    experiment = problem.experiment
    assert experiment.task
    on = tasks.build(experiment.task, experiment.search.seed, "select")
    text = (FOLDER / "solutions" / f"{problem.solution}.az").read_text()
    programs = [experiment.program, *map(azdsl.parse, (text, *(without(text, line) for line in problem.essential)))]
    start, intended, *less = (float(fitness) for fitness in azdsl.evaluate(programs, on, backend="vm").fitness)
    return Check(problem, experiment.search.target, start, intended, tuple(less))


def varied(experiment: Experiment, variant: str) -> Experiment:
    """The experiment with the options and the statements of a variant, such as ``--islands 2; island(1, task=linear(tasks=1))``."""
    options, *statements = variant.split(";")
    groups = parse_experiment("\n".join(map(str.strip, statements))).groups
    return replace(override(experiment, variant_settings(options)), groups=groups)


def measured(problem: Problem, options: str, seed: int) -> Run:
    """One search in this process; its ``seconds`` are processor time. The name of the run is that of the variant."""
    experiment = varied(problem.experiment, options)
    budget = experiment.search.max_evals
    assert budget
    experiment = replace(experiment, search=settings_of(experiment.search, budget))
    started = time.process_time()
    run = one_run(experiment, options, seed, FOLDER, lambda: False)
    assert run is not None  # nothing halts it
    return replace(run, seconds=round(time.process_time() - started, 3))


def run_all(
    problems: Sequence[Problem], variants: Sequence[str], seeds: Iterable[int], workers: int, out: Path
) -> dict[str, list[Run]]:
    """The runs of every problem, by its name: stored ones, and those that are missing, ``workers`` processes at a time."""
    wanted = [(problem, options, seed) for seed in seeds for problem in problems for options in variants]
    done: dict[str, list[Run]] = {}
    for problem in problems:
        folder = out / problem.name
        store.begin(folder, store.identity(problem.experiment, FOLDER), problem.experiment)
        keys = {(options, seed) for other, options, seed in wanted if other == problem}
        done[problem.name] = [run for run in store.finished(folder) if run.key in keys]
    missing = [key for key in wanted if key[1:] not in {run.key for run in done[key[0].name]}]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(measured, *key): key[0] for key in missing}
        for number, future in enumerate(as_completed(futures), 1):
            problem, run = futures[future], future.result()
            store.add(out / problem.name, run)
            done[problem.name].append(run)
            verdict = f"reached after {run.needed:,} candidates" if run.reached else f"missed with {run.selection:.3f}"
            words = f"{number} of {len(missing)}: {problem.name}, seed {run.seed}, {run.name or 'as given'}: {verdict}"
            print(words, file=sys.stderr, flush=True)
    return done


def per_success(runs: Sequence[Run], spent: float) -> str:
    """``spent`` in all runs over the successes, with the interval that Wilson's for the share of successes gives."""
    successes = sum(run.reached for run in runs)
    low, high = statistics.wilson(successes, len(runs))
    each = spent / len(runs)
    if not successes:
        return f"> {each / high:,.0f}"
    return f"{spent / successes:,.0f} ({each / high:,.0f} to {each / low:,.0f})"


def table(done: dict[str, list[Run]], variants: Sequence[str]) -> Iterator[str]:
    """The Markdown table, and a line for each further variant: the geometric mean of its speed-ups over the first."""
    yield "| problem | variant | reached | candidates a success | CPU seconds a success |"
    yield "|---|---|--:|--:|--:|"
    ratios: dict[str, list[float]] = {options: [] for options in variants[1:]}
    solved = dict.fromkeys(variants, 0)
    for name, found in done.items():
        costs: dict[str, float] = {}
        for options in variants:
            runs = [run for run in found if run.name == options]
            successes, seconds = sum(run.reached for run in runs), sum(run.seconds for run in runs)
            solved[options] += successes > 0
            if successes:
                costs[options] = seconds / successes
            cells = [name, f"`{options}`" if options else "as given", f"{successes} of {len(runs)}"]
            cells += [per_success(runs, sum(run.evaluations for run in runs)), per_success(runs, seconds)]
            yield f"| {' | '.join(cells)} |"
        for options, values in ratios.items():
            if options in costs and variants[0] in costs:
                values.append(costs[variants[0]] / costs[options])
    for options, values in ratios.items():
        mean = math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan
        yield (
            f"\n`{options or 'as given'}` against `{variants[0] or 'as given'}`: CPU seconds a success {mean:.3g} times fewer (geometric "
            f"mean over {len(values)} problems solved by both); solved {solved[options]} against {solved[variants[0]]} of {len(done)}."
        )


def main() -> int:
    """Run what the command line asks for; returns 1 if a check fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [problem.name for problem in PROBLEMS]
    parser.add_argument("--problems", default=",".join(names), help="names separated by commas")
    parser.add_argument("--variant", action="append", help="options of azdsl evolve; island(…) statements")
    parser.add_argument("--seeds", type=int, default=20, help="number of random seeds")
    parser.add_argument("--workers", type=int, default=default_workers(), help="processes")
    parser.add_argument("--out", type=Path, default=Path("runs") / "discovery", help="directory of finished runs")
    parser.add_argument("--check", action="store_true", help="score the intended programs and their knock-outs")
    chosen = parser.parse_args()
    problems = [problem for problem in PROBLEMS if problem.name in chosen.problems.split(",")]
    if chosen.check:
        checks = [check(problem) for problem in problems]
        print("| problem | target | start | intended program | without |\n|---|--:|--:|--:|---|")
        for one in checks:
            less = ", ".join(
                f"`{line}` {fitness:.3f}" for line, fitness in zip(one.problem.essential, one.without, strict=True)
            )
            print(f"| {one.problem.name} | {one.target:g} | {one.start:.3f} | {one.intended:.3f} | {less} |")
        return int(not all(one.passed for one in checks))
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the processor time of a search is that of one thread
    variants = chosen.variant or [""]
    done = run_all(problems, variants, range(chosen.seeds), chosen.workers, chosen.out)
    print("\n".join(table(done, variants)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
