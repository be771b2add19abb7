"""The output of the subcommands: everything that a terminal shows passes ``azdsl.messages.printable``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from azdsl.messages import printable


def echo(message: str = "", err: bool = False) -> None:
    """Print a message, with a line feed, on standard output or standard error."""
    click.echo(printable(message), err=err)


def document(text: str) -> None:
    """Print the content of a file on standard output: as it is, unless that is a terminal."""
    click.echo(printable(text) if sys.stdout.isatty() else text, nl=False, color=True)


@contextmanager
def details(verbose: bool) -> Iterator[None]:
    """Print the messages of ``azdsl.messages.detail`` in the block on standard error if ``verbose``."""
    if not verbose:
        yield
        return
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            echo(record.getMessage(), err=True)

    logger, handler = logging.getLogger("azdsl"), Handler()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
