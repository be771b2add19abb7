"""How to get the same result again."""

from __future__ import annotations

from html import escape

from azdsl.report.code import plain
from azdsl.report.data import Run
from azdsl.search.rundir import names


def section(run: Run) -> str:
    """Commands, and under what conditions they give the same bytes."""
    timed = run.stopped is not None and not run.stopped.startswith(("max_evals", "target", "nothing better"))
    limit = f" --max-evals {run.evaluations}" if timed or run.stopped is None else ""
    commands = [
        f'pip install "azdsl=={run.version}"',
        f"azdsl evolve {run.name}/{names.SEED} --out again{limit}",
        f"cmp again/{names.BEST} {run.name}/{names.BEST}"
        f" && diff -r again/{names.HALL_OF_FAME_FILES} {run.name}/{names.HALL_OF_FAME_FILES}",
        f"azdsl score {run.name}/{names.BEST}",
    ]
    words = (
        "The result is a function of the seed file, the data and the version: not of the machine's speed, of the number of workers "
        "or of interruptions."
    )
    if limit:
        words += (
            " This run was ended by the clock or by hand, with its islands at different places: the same number of candidates gives "
            "nearly, but not exactly, the same search."
        )
    if run.experiment.task is None:
        words += " Its tasks were given from Python: call azdsl.evolve with the same ones."
    return f"<p>{escape(words)}</p>{plain(chr(10).join(commands))}"
