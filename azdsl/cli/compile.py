"""``azdsl compile``."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from azdsl.cli import DONE
from azdsl.cli.files import ProgramFile, data_option, load_experiment, located
from azdsl.cli.options import Count
from azdsl.cli.output import echo
from azdsl.config.experiment import Experiment
from azdsl.config.image_tasks import ImageTask
from azdsl.config.tasks import FileTask, Linear
from azdsl.ir import METRICS, RMSE, MetricName

if TYPE_CHECKING:
    from azdsl.codegen.aot.models import Spec
    from azdsl.tasks.training import Training

TRAINING_OPTIONS = ("target_column", "columns", "epochs")


@click.command()
@click.argument("file", type=ProgramFile())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="One of the files to write; it names the others (default: FILE without its ending, in the current directory).",
)
@click.option(
    "--emit",
    default="shared,header,python",
    help="Kinds of files to write, comma-separated [shared,header,python]; also object, numpy, torch, wasm, llvm, asm.",
)
@click.option(
    "--features",
    metavar="F[,F…]",
    help="Number of features; with several, the library contains a model for each (default: from FILE).",
)
@click.option(
    "--metric",
    type=click.Choice(list(METRICS)),
    help="Metric, which defines what a prediction is (default: from FILE, else rmse).",
)
@click.option(
    "--classes",
    type=Count(2),
    help="Number of classes, for --metric multiclass (default: from the data of FILE).",
)
@click.option(
    "--precision",
    type=click.Choice(["64", "32"]),
    default="64",
    help="Bits of the floating-point numbers in the program [64].",
)
@click.option("--cpu", default="native", help="Processor to compile for: native, generic, or x86-64-v2 to v4 [native].")
@click.option(
    "--target",
    metavar="NAME",
    help="Another machine for object, llvm, asm: aarch64-linux, aarch64-macos, x86_64-linux, x86_64-windows, riscv64-linux, wasm32.",
)
@click.option(
    "--prefix", help="Start of the names of C functions, a C identifier (default: az_ and the name of the model)."
)
@click.option(
    "--seed",
    type=Count(0, 2**64 - 1),
    help="Random seed of the program's draws (default: from FILE).",
)
@click.option(
    "--max-abs-error",
    type=float,
    help="Largest absolute error; training stops at a larger one (default: from FILE).",
)
@click.option(
    "--train",
    type=click.Path(),
    help="Train on this .npz, .csv or .parquet file now; models in the library start trained.",
)
@click.option("--target-column", metavar="NAME", help="Column or array of --train to predict [y].")
@click.option(
    "--columns", metavar="NAMES", help="Columns of --train to predict from, comma-separated (default: all others)."
)
@click.option("--epochs", type=Count(1), help="Passes over the rows of --train [1].")
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    file: str,
    output: Path | None,
    emit: str,
    cpu: str,
    target: str | None,
    prefix: str | None,
    train: str | None,
    data: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Compile a program to a library for C, and to a Python module; neither needs azdsl.

    The ending of -o selects the file that is named: with -o price.py the module is price.py and its library
    price.azdsl.so. With a table as the task of FILE, the rows of --train are encoded, scaled and shuffled as that
    task says, and the Python, NumPy and ES modules and the C header have functions that predict rows of a table
    as they are. Otherwise the rows are learned in order and are not scaled: scale them as you scale the rows to
    predict. FILE may be a run directory, for its best.az, or - for standard input.

    \b
    Example:
      azdsl compile best.az
      azdsl compile runs/houses --train houses.csv -o price.py
      azdsl compile best.az -o price.py --features 8 --train prices.csv --target-column price
      azdsl compile best.az --emit object,header --cpu x86-64-v3 --features 4,8
      azdsl compile best.az --emit wasm -o price.wasm
      azdsl compile best.az --emit object,header --target aarch64-linux
    """
    from azdsl.experiments import given_metric
    from azdsl.export.library import bundle
    from azdsl.export.library.c_header import check_prefix, default_prefix
    from azdsl.export.library.file_names import model_name, output_files, parse_kinds
    from azdsl.export.library.linker import ZIG, linker

    experiment, directory = located(load_experiment(file), file, {"data": data})
    output = output or Path("stdin" if file == "-" else Path(file).stem)
    if train is None:
        for option in TRAINING_OPTIONS:
            if options[option] is not None:
                raise click.UsageError(f"--{option.replace('_', '-')} needs --train")
    try:
        kinds = parse_kinds(emit)
        output_files(output, kinds)
        name = check_prefix(prefix if prefix is not None else default_prefix(model_name(output)))
        own = experiment.task.metric_definition if experiment.task else given_metric(Path(file)) or RMSE
        metric: MetricName = options["metric"] or own.name
        examples = _training(train, experiment, metric, options) if train is not None else None
        sizes, classes = _shape(experiment, directory, metric, examples, options)
        specs = _specs(experiment, name, metric, sizes, classes, options)
        encoding = lesson = None
        if train is not None and examples is not None:
            tabular = experiment.task if isinstance(experiment.task, FileTask) else None
            lesson = (examples.X, examples.y, options["epochs"] or (tabular.epochs if tabular else 1))
            specs = [_trained(specs, examples, train, lesson[2])]
            encoding = examples.encoding.to_json() if tabular else None
        if "shared" in kinds and tuple(linker()) == ZIG:
            echo("linking with zig; the first use may take a minute", err=True)
        files = bundle.write(specs, output, kinds, cpu, target, encoding, lesson)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        echo(json.dumps({"files": {kind: str(made) for kind, made in files.items()}} | _metadata(specs, name)))
    else:
        for made in files.values():
            echo(f"{made}  {made.stat().st_size / 1024:.1f} KB")
    return DONE


def _metadata(specs: list[Spec], prefix: str) -> dict[str, object]:
    """The description of a library for ``--json``."""
    first = specs[0]
    return {
        "prefix": prefix,
        "features": [spec.features for spec in specs],
        "metric": first.metric.name,
        "outputs": first.outputs,
        "precision": first.precision,
        "trained": bool(first.image),
    }


def _shape(
    experiment: Experiment,
    directory: Path,
    metric: MetricName,
    examples: Training | None,
    options: dict[str, Any],
) -> tuple[list[int | None], int | None]:
    """Numbers of features and number of classes, from options, the rows of --train, or else the task in the file."""
    task = experiment.task
    sizes = _sizes(options["features"])
    classes = options["classes"] if METRICS[metric].vector else None
    if examples is not None and isinstance(task, FileTask):
        sizes, classes = sizes or [examples.X.shape[1]], classes or examples.classes
    if not sizes and isinstance(task, Linear | FileTask | ImageTask) and task.features:
        sizes = [task.features]
    unknown = not sizes or (METRICS[metric].vector and classes is None)
    if unknown and isinstance(task, FileTask | ImageTask):
        from azdsl import tasks

        built = tasks.build(task, experiment.search.seed, "search", directory)
        sizes = sizes or [built.features]
        classes = classes or (built.classes if METRICS[metric].vector else None)
    if not sizes and examples is not None:
        sizes = [examples.X.shape[1]]
    if not sizes:
        raise click.UsageError("the file has no task statement, so the number of features is unknown: set --features")
    if METRICS[metric].vector and classes is None:
        raise click.UsageError("the number of classes is unknown: set --classes")
    return list(sizes), classes


def _sizes(text: str | None) -> list[int]:
    """The different numbers in a comma-separated list such as ``4,8``."""
    if text is None:
        return []
    if not re.fullmatch(r"\s*\d{1,9}\s*(,\s*\d{1,9}\s*)*", text, re.ASCII):
        raise click.UsageError(f"--features {text!r} is not a comma-separated list of numbers")
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


def _training(train: str, experiment: Experiment, metric: MetricName, options: dict[str, Any]) -> Training:
    """The rows of --train: encoded and shuffled as the table task of FILE says; without one, numbers as they are."""
    from azdsl.tasks.tables import read
    from azdsl.tasks.training import training

    known = experiment.task if isinstance(experiment.task, FileTask) else None
    task = known or FileTask(standardize=False, categorical="error")
    keys = {
        "target_column": options["target_column"],
        "columns": options["columns"],
        "epochs": options["epochs"],
        "metric": metric,
    }
    given = {key: value for key, value in keys.items() if value is not None}
    return training(read(train), replace(task, **given), experiment.search.seed if known else None)


def _trained(specs: list[Spec], examples: Training, train: str, epochs: int) -> Spec:
    """The only model, trained on a table."""
    from azdsl.export.library.compiled_model import Model

    if len(specs) > 1:
        raise click.UsageError("--train works for one number of features: set --features to a single number")
    (spec,) = specs
    if examples.X.shape[1] != spec.features:
        sizes = f"{examples.X.shape[1]} columns to predict from, but --features is {spec.features}"
        raise click.ClickException(f"{train}: has {sizes}")
    model = Model(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        model.fit(examples.X, examples.y, epochs)
    if model.stopped:
        raise click.ClickException(
            f"{train}: training stopped: an error was NaN or larger than {spec.max_abs_error:g}; "
            "scale the data or raise --max-abs-error"
        )
    return replace(spec, image=model.state)
