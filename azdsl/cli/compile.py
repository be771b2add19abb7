"""``azdsl compile``."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from azdsl.cli import DONE
from azdsl.cli.files import load_experiment, located, path_option
from azdsl.config.experiment import Experiment
from azdsl.config.tasks import FileTask, ImageTask, Linear
from azdsl.ir import METRICS, MetricName

if TYPE_CHECKING:
    from azdsl.codegen.aot.models import Spec

TRAINING_OPTIONS = ("target_column", "columns", "epochs")


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Library to write; other files take its name (default: FILE's name, here).",
)
@click.option(
    "--emit",
    default="shared,header,python",
    help="Kinds of files [shared,header,python]; also object, numpy, llvm, asm.",
)
@click.option(
    "--features",
    metavar="F[,F…]",
    help="Numbers in an example; several sizes make one library (default: what the file says).",
)
@click.option(
    "--metric", type=click.Choice(list(METRICS)), help="What predictions mean (default: what the file says, else rmse)."
)
@click.option(
    "--classes",
    type=click.IntRange(2),
    help="Number of classes for the metric multiclass (default: what the file's data say).",
)
@click.option(
    "--precision", type=click.Choice(["64", "32"]), default="64", help="Bits of a number inside the program [64]."
)
@click.option("--cpu", default="native", help="Processor: native, generic, or x86-64-v2 to v4 [native].")
@click.option(
    "--prefix", help="Start of the names of C functions, a C identifier (default: az_ and the library's name)."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    help="Seed of the program's random draws (default: what the file says).",
)
@click.option(
    "--max-abs-error",
    type=float,
    help="Training stops where a prediction is off by more (default: what the file says).",
)
@click.option(
    "--train",
    "data",
    type=click.Path(),
    help="Learn from a .npz, .csv or .parquet file now; models start with what was learned.",
)
@click.option("--target-column", metavar="NAME", help="Column or array of --train to predict [y].")
@click.option(
    "--columns", metavar="NAMES", help="Columns of --train to predict from, with commas between (default: all others)."
)
@click.option("--epochs", type=click.IntRange(1), help="Passes over the rows of --train [1].")
@path_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    file: str,
    output: Path | None,
    emit: str,
    cpu: str,
    prefix: str | None,
    data: str | None,
    path: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Compile a program into a library that needs no azdsl: for C, and for Python through one small file.

    The rows of --train are taken as they are, in order: scale them as you will scale what you predict.
    FILE may be - for standard input.

    \b
    Example:
      azdsl compile best.az
      azdsl compile best.az -o lib/price.so --features 8 --train prices.csv --target-column price
      azdsl compile best.az --emit object,header --cpu x86-64-v3 --features 4,8
    """
    from azdsl.export.library import bundle
    from azdsl.export.library.c_header import check_prefix, default_prefix
    from azdsl.export.library.file_names import model_name, output_files, parse_kinds
    from azdsl.export.library.linker import ZIG, linker

    experiment, directory = located(load_experiment(file), file, path)
    output = output or Path("stdin" if file == "-" else Path(file).stem)
    if data is None:
        for option in TRAINING_OPTIONS:
            if options[option] is not None:
                raise click.UsageError(f"--{option.replace('_', '-')} needs --train")
    try:
        kinds = parse_kinds(emit)
        if not output.parent.is_dir():
            problem = "is not a directory" if output.parent.exists() else "no such directory"
            raise click.ClickException(f"{output.parent}: {problem}")
        output_files(output, kinds)
        name = check_prefix(prefix if prefix is not None else default_prefix(model_name(output)))
        metric, sizes, classes = _shape(experiment, directory, data, options)
        specs = _specs(experiment, name, metric, sizes, classes, options)
        if data is not None:
            specs = [_trained(specs, experiment, data, options)]
        if "shared" in kinds and tuple(linker()) == ZIG:
            click.echo("linking with zig, which may take a minute the first time", err=True)
        files = bundle.write(specs, output, kinds, cpu)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    facts = {
        "files": {kind: str(made) for kind, made in files.items()},
        "prefix": name,
        "features": [spec.features for spec in specs],
        "metric": metric,
        "outputs": specs[0].outputs,
        "precision": int(options["precision"]),
        "trained": data is not None,
    }
    if as_json:
        click.echo(json.dumps(facts))
    else:
        for made in files.values():
            click.echo(f"{made}  {made.stat().st_size / 1024:.1f} KB")
    return DONE


def _shape(
    experiment: Experiment, directory: Path, data: str | None, options: dict[str, Any]
) -> tuple[MetricName, list[int | None], int | None]:
    """Metric, sizes and classes, from options or else from the file's task."""
    task = experiment.task
    metric: MetricName = options["metric"] or (task.metric if task else "rmse")
    sizes = _sizes(options["features"])
    classes = options["classes"] if METRICS[metric].vector else None
    if not sizes and isinstance(task, Linear | FileTask | ImageTask) and task.features:
        sizes = [task.features]
    unknown = not sizes or (METRICS[metric].vector and classes is None)
    if unknown and isinstance(task, FileTask | ImageTask):
        from azdsl import tasks

        built = tasks.build(task, experiment.search.seed, "search", directory)
        sizes = sizes or [built.features]
        classes = classes or (built.classes if METRICS[metric].vector else None)
    if not sizes and data is not None:
        sizes = [_training_rows(data, experiment, options)[0].shape[1]]
    if not sizes:
        raise click.UsageError("the file names no task, so the number of features is not known: give --features")
    if METRICS[metric].vector and classes is None:
        raise click.UsageError("the number of classes is not known: give --classes")
    return metric, list(sizes), classes


def _sizes(text: str | None) -> list[int]:
    """The sizes in ``4,8``, each once."""
    if text is None:
        return []
    if not re.fullmatch(r"\s*\d{1,9}\s*(,\s*\d{1,9}\s*)*", text, re.ASCII):
        raise click.UsageError(f"--features {text!r} is neither a number nor numbers with commas between")
    return list(dict.fromkeys(int(size) for size in text.split(",")))


def _specs(
    experiment: Experiment,
    name: str,
    metric: MetricName,
    sizes: list[int | None],
    classes: int | None,
    options: dict[str, Any],
) -> list[Spec]:
    from azdsl.export.library.compiled_model import make_spec

    search = experiment.search
    seed = search.seed if options["seed"] is None else options["seed"]
    limit = search.max_abs_error if options["max_abs_error"] is None else options["max_abs_error"]
    several = len(sizes) > 1
    return [
        make_spec(
            experiment.program, size, metric, int(options["precision"]), seed, classes, limit,
            f"{name}_f{size}_" if several else f"{name}_",
        )
        for size in sizes
    ]  # fmt: skip


def _training_rows(
    data: str, experiment: Experiment, options: dict[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """X and y of a table."""
    from azdsl.tasks.tables import read

    table = read(data)
    task = experiment.task if isinstance(experiment.task, FileTask) else FileTask()
    target = options["target_column"] or task.target
    listed = options["columns"] or task.columns
    names = [n.strip() for n in listed.split(",") if n.strip()] if listed else [n for n in table.columns if n != target]
    y = table.numbers(target)
    if not names or target in names:
        raise click.ClickException(
            f"{data}: needs columns to predict {target!r} from, and {target!r} is not one of them"
        )
    return np.stack([table.numbers(n) for n in names], axis=1), y


def _trained(specs: list[Spec], experiment: Experiment, data: str, options: dict[str, Any]) -> Spec:
    """The one model, with what it learns from a table."""
    from azdsl.export.library.compiled_model import Model

    if len(specs) > 1:
        raise click.UsageError("--train needs one size: give a single number to --features")
    X, y = _training_rows(data, experiment, options)
    (spec,) = specs
    if X.shape[1] != spec.features:
        sizes = f"{X.shape[1]} columns to predict from, but the program is compiled for {spec.features} features"
        raise click.ClickException(f"{data}: has {sizes}")
    model = Model(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        model.fit(X, y, options["epochs"] or 1)
    if model.stopped:
        raise click.ClickException(
            f"{data}: training stopped: a prediction was no number or off by more than {spec.max_abs_error:g}; "
            "scale the data or raise --max-abs-error"
        )
    return replace(spec, image=model.state)
