"""``azdsl predict``."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from azdsl.atomic import replacing
from azdsl.cli import DONE
from azdsl.cli.files import ProgramFile, load_experiment
from azdsl.cli.options import Count
from azdsl.cli.output import document, echo
from azdsl.config.experiment import Experiment
from azdsl.config.schema import metadata
from azdsl.config.tasks import FileTask
from azdsl.ir import METRICS

CATEGORICAL = metadata(FileTask, "categorical")["choices"]
MISSING = metadata(FileTask, "missing")["choices"]
KEYS = ("target_column", "columns", "categorical", "categories", "dates", "missing", "epochs", "metric")
"""The keys of a task that options set."""


@click.command()
@click.argument("file", type=ProgramFile())
@click.argument("data", type=click.Path())
@click.option("--train", required=True, type=click.Path(), help="Train on this .csv, .parquet or .npz file.")
@click.option(
    "-o",
    "--output",
    default="-",
    type=click.Path(allow_dash=True),
    help="A .csv file to write, - for standard output [-].",
)
@click.option("--only", is_flag=True, help="Write only the predictions, without the columns of DATA.")
@click.option("--target-column", metavar="NAME", help="Column to predict (default: from FILE).")
@click.option(
    "--columns", metavar="NAMES", help="Columns to predict from, comma-separated (default: from FILE, else all others)."
)
@click.option(
    "--categorical", type=click.Choice(CATEGORICAL), help="What becomes of text (default: from FILE, else one_hot)."
)
@click.option("--categories", metavar="NAMES", help="Columns of numbers that are categories too, comma-separated.")
@click.option("--dates", metavar="NAMES", help="Columns of ISO 8601 dates, comma-separated.")
@click.option(
    "--missing", type=click.Choice(MISSING), help="What becomes of missing values (default: from FILE, else error)."
)
@click.option("--metric", type=click.Choice(list(METRICS)), help="Metric (default: from FILE, else rmse).")
@click.option("--epochs", type=Count(1), help="Passes over the training rows (default: from FILE, else 10).")
@click.option("--json", "as_json", is_flag=True, help="Print figures as one JSON object; needs -o.")
def command(
    file: str, data: str, train: str, output: str, only: bool, as_json: bool, **options: str | int | None
) -> int:
    """Train a program on one table and predict another.

    The output has the columns of DATA and a new one, the target's name followed by _predicted, in the target's unit or with its
    class labels. Means, deviations and categories come from the training table. The rows are learned in a random
    order of the seed of FILE; no predicted row affects another. FILE may be a run directory, for its best.az.

    \b
    Example:
      azdsl predict runs/houses --train houses.csv new.csv -o out.csv
      azdsl predict best.az --train houses.csv new.csv --target-column price --only
    """
    from azdsl.tasks.tables import read
    from azdsl.tasks.training import training

    if as_json and output == "-":
        raise click.UsageError("--json prints figures: name the file for the predictions with -o")
    if output != "-" and Path(output).suffix.lower() != ".csv":
        raise click.UsageError(f"-o {output}: predictions are written as .csv")
    experiment = load_experiment(file)
    task = _task(experiment, options)
    table = read(train)
    if (
        task.target_column not in table.columns
        and not isinstance(experiment.task, FileTask)
        and options["target_column"] is None
    ):
        raise click.UsageError("FILE has no table as its task: name the column to predict with --target-column")
    examples = training(table, task, experiment.search.seed)
    asked = read(data)
    X = examples.encoding.encode(asked)
    outputs = _outputs(experiment, task, examples, X, train)
    from azdsl.tasks.row_encoding import decode

    encoding = examples.encoding.to_json()
    predictions = [decode(encoding, task.metric_definition.name, one) for one in outputs.tolist()]
    name = f"{task.target_column}_predicted"
    kept: Mapping[str, Sequence[Any]] = {} if only else asked.columns
    text = _csv({**kept, name: predictions})
    if output == "-":
        document(text)
        return DONE
    with replacing(Path(output)) as stream:
        stream.write(text.encode())
    figures = {"output": os.fspath(output), "rows": len(predictions), "column": name}
    figures |= _figures(asked.columns.get(task.target_column), predictions, task)
    echo(json.dumps(figures) if as_json else _summary(figures))
    return DONE


def _task(experiment: Experiment, options: Mapping[str, Any]) -> FileTask:
    """The table task of the file, else the default one, with the options in place of its keys."""
    known = experiment.task if isinstance(experiment.task, FileTask) else FileTask()
    return replace(known, **{key: options[key] for key in KEYS if options[key] is not None})


def _outputs(experiment: Experiment, task: FileTask, examples: Any, X: Any, train: str) -> Any:
    """The outputs of the program for X [n, F], after it was trained. Raises ``ClickException`` where training stops."""
    from azdsl.export.library.compiled_model import Model, make_spec

    search = experiment.search
    try:
        spec = make_spec(
            experiment.program,
            X.shape[1],
            task.metric_definition.name,
            64,
            search.seed,
            examples.classes,
            search.max_abs_error,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    model = Model(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        model.fit(examples.X, examples.y, task.epochs)
    if model.stopped:
        raise click.ClickException(
            f"{train}: training stopped: an error was NaN or larger than {spec.max_abs_error:g}; "
            "set a larger max_abs_error in the file's search statement, or fewer --epochs"
        )
    return model.predict_frozen(X)


def _csv(columns: Mapping[str, Sequence[Any]]) -> str:
    """The text of a .csv file."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue()


def _figures(actual: Sequence[Any] | None, predictions: Sequence[Any], task: FileTask) -> dict[str, Any]:
    """RMSE or accuracy over the rows whose target is known; empty if there are none."""
    from azdsl.tasks.row_encoding import category, is_missing, number

    if actual is None:
        return {}
    pairs = [(a, p) for a, p in zip(actual, predictions, strict=True) if not is_missing(a)]
    if not pairs:
        return {}
    if task.metric_definition.classifies:
        right = sum(category(a if isinstance(p, str) else _label(a)) == category(p) for a, p in pairs)
        return {"accuracy": right / len(pairs)}
    try:
        return {"rmse": math.sqrt(sum((number(a) - p) ** 2 for a, p in pairs) / len(pairs))}
    except ValueError:
        raise click.ClickException(
            f"the column {task.target_column!r} to compare with holds text; leave it out"
        ) from None


def _label(value: Any) -> Any:
    """The number of a class, which a file may write as 1.0 or true; a value that is no number as it is."""
    from azdsl.tasks.row_encoding import number

    try:
        return number(value)
    except ValueError:
        return value


def _summary(figures: Mapping[str, Any]) -> str:
    text = f"{figures['output']}: {figures['rows']} predictions in the column {figures['column']}"
    if "rmse" in figures:
        text += f"; RMSE {figures['rmse']:.6g}"
    if "accuracy" in figures:
        text += f"; accuracy {100 * figures['accuracy']:.2f} %"
    return text
