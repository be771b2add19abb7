"""The section of a page with the commands that reproduce the run."""

from __future__ import annotations

import os
import shlex
from html import escape

from azdsl.messages import one_line
from azdsl.reporting.code import plain
from azdsl.reporting.data import Run
from azdsl.search.rundir import names


def section(run: Run) -> str:
    """The commands, and the conditions under which they give the same bytes."""
    timed = run.stopped is not None and not run.stopped.startswith(("max_evals", "target", "nothing better"))
    limit = f" --max-evals {run.evaluations}" if timed or run.stopped is None else ""
    seeds = quoted(f"{run.name}/{names.SEED}")
    if run.experiment.further_seeds:
        seeds += f" {quoted(f'{run.name}/{names.FURTHER_SEEDS}')}/*.az"
    proposals = f" --proposals {quoted(f'{run.name}/{names.PROPOSALS}')}" if run.proposals else ""
    best, hall_of_fame = quoted(f"{run.name}/{names.BEST}"), quoted(f"{run.name}/{names.HALL_OF_FAME_FILES}")
    commands = [
        f"pip install {quoted(f'azdsl=={run.version}')}",
        f"azdsl evolve {seeds} --out again{limit}{proposals}",
        f"cmp again/{names.BEST} {best} && diff -r again/{names.HALL_OF_FAME_FILES} {hall_of_fame}",
        f"azdsl score {best}",
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
    if run.proposals:
        words += (
            f" Programs were proposed while it ran. They are in {names.PROPOSALS}, and these commands try them again, at the same time; "
            "the function or the command that proposed them is not asked."
        )
    if run.from_python:
        words += " Tasks were given from Python: call azdsl.evolve with the same tasks."
    return f"<p>{escape(words)}</p>{plain(chr(10).join(commands))}"


def quoted(word: str) -> str:
    """A word of a shell command, which is no option; control characters as escapes, so that a terminal does not obey them."""
    word = f"./{word}" if word.startswith("-") else word
    if one_line(word) == word and "\t" not in word:
        return shlex.quote(word)
    escaped = (
        f"\\x{byte:02x}" if byte < ord(" ") or byte > ord("~") or byte in b"\\'" else chr(byte)
        for byte in os.fsencode(word)
    )
    return f"$'{''.join(escaped)}'"
