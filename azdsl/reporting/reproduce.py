"""The section of a page with the commands that reproduce the run."""

from __future__ import annotations

from html import escape

from azdsl.reporting.code import plain
from azdsl.reporting.data import Run
from azdsl.search.rundir import names


def section(run: Run) -> str:
    """The commands, and the conditions under which they give the same bytes."""
    timed = run.stopped is not None and not run.stopped.startswith(("max_evals", "target", "nothing better"))
    limit = f" --max-evals {run.evaluations}" if timed or run.stopped is None else ""
    seeds = f"{run.name}/{names.SEED}" + (
        f" {run.name}/{names.FURTHER_SEEDS}/*.az" if run.experiment.further_seeds else ""
    )
    commands = [
        f'pip install "azdsl=={run.version}"',
        f"azdsl evolve {seeds} --out again{limit}",
        f"cmp again/{names.BEST} {run.name}/{names.BEST}"
        f" && diff -r again/{names.HALL_OF_FAME_FILES} {run.name}/{names.HALL_OF_FAME_FILES}",
        f"azdsl score {run.name}/{names.BEST}",
    ]
    words = (
        "The result depends on the seed file, the data and the version, not on the speed of the machine, the number of workers "
        "or interruptions."
    )
    if limit:
        words += (
            " This run was stopped by a time limit or by hand between two exchanges: the same number of candidates gives "
            "nearly, but not exactly, the same search."
        )
    if run.from_python:
        words += " Tasks were given from Python: call azdsl.evolve with the same tasks."
    return f"<p>{escape(words)}</p>{plain(chr(10).join(commands))}"
