"""``azdsl fmt``."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from azdsl import atomic
from azdsl.cli import BAD_INPUT, DONE, NOT_REACHED
from azdsl.cli.files import STANDARD_INPUT, each_file, read_text
from azdsl.cli.output import document, echo


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="FILE…")
@click.option("--check", is_flag=True, help="Write nothing; exit with status 1 if a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
def command(files: tuple[str, ...], check: bool, diff: bool) -> int:
    """Format .az files in place, in the canonical layout.

    FILE may be - for standard input: the result is then written to standard output. Files with an error are not
    changed, and the exit status is 2 if a file has one.

    \b
    Example:
      azdsl fmt examples/linear.az
      azdsl fmt --check --diff examples/*.az
    """
    from azdsl.syntax import format_source

    changed: list[str] = []

    def format_one(file: str) -> None:
        piped = file == STANDARD_INPUT
        before, name = read_text(file), "<stdin>" if piped else file
        after = format_source(before, name)
        if before != after:
            changed.append(name)
        if diff:
            document("".join(_difference(before, after, name)))
        elif check:
            if before != after:
                echo(f"{name}: would be changed")
        elif piped:
            document(after)
        elif before != after:
            atomic.write(Path(file).resolve(), after, shared=True, devices=True)
            echo(f"{name}: formatted", err=True)

    if not each_file(files, format_one):
        return BAD_INPUT
    return NOT_REACHED if check and changed else DONE


def _difference(before: str, after: str, name: str) -> list[str]:
    """Return the unified diff of two texts, as lines."""
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, f"{name} (formatted)")
    return [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
