"""The command ``azdsl``: imports a subcommand when it is called, and prints all errors."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from azdsl import __version__
from azdsl.cli.output import echo
from azdsl.errors import AzdslError
from azdsl.messages import one_line

DONE, NOT_REACHED, BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141
"""Exit statuses."""

COMMANDS = {
    "bench": "Measure the speed of azdsl on this machine.",
    "cache": "Show or clear the cache directory.",
    "check": "Check .az files and report every error.",
    "compare": "Compare search algorithms or settings with the same budget.",
    "compile": "Compile a program to a library for C and Python.",
    "completion": "Print a completion script for bash, zsh or fish.",
    "evolve": "Search for a better program.",
    "explain": "Explain each line of a program and its effect on the fitness.",
    "fmt": "Format .az files in canonical layout.",
    "help": "Explain a word of the language.",
    "lsp": "Start the language server of .az files, for editors.",
    "ops": "List the ops.",
    "playground": "Write an HTML page on which programs can be trained.",
    "plot": "Plot the figures of a run as PNG or SVG.",
    "predict": "Train a program on one table and predict another.",
    "report": "Write an HTML page about a run.",
    "score": "Compute a program's fitness on fresh tasks or on a data file.",
    "show": "Print a program in one of six styles.",
    "tune": "Tune the constants of a program.",
}
"""The subcommands: their module in ``azdsl.cli`` and their line in the overview."""


class _ReaderGone(Exception):
    """Standard output was closed by its reader."""


class LazyGroup(click.Group):
    """A group that lists its commands without importing them and suggests the nearest name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all subcommands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a subcommand."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"azdsl.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview of the subcommands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand. A closed pipe or terminal raises ``_ReaderGone``: click would exit with the status of a missed target."""
        try:
            result: object = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            raise _ReaderGone from None
        except OSError as error:
            if error.errno == errno.EIO and _terminal_gone():
                raise _ReaderGone from None
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; an unknown name is an error with a hint."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the commands are {', '.join(COMMANDS)}"
            ctx.fail(f"no such command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="azdsl %(version)s")
def commands() -> None:
    """Evolve machine-learning algorithms from basic mathematical operations.

    \b
    Example:
      azdsl evolve examples/linear.az

    \b
    Environment:
      AZDSL_CACHE  cache directory for compiled code and image tasks
                   [the user's cache directory]
      AZDSL_CPU    processor to compile for: native, generic, x86-64-v3, …
                   [native]

    Exit status: 0 done, 1 target not reached, 2 bad input, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status. A user error is one message on stderr."""
    try:
        result = commands.main(arguments, prog_name="azdsl", standalone_mode=False)
        return result if isinstance(result, int) else DONE
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return BAD_INPUT
    except click.UsageError as error:
        return _fail(f"error: {error.format_message()}", error.ctx)
    except click.ClickException as error:
        return _fail(f"error: {error.format_message()}")
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", status=INTERRUPTED)
    except _ReaderGone:
        # Python writes buffered output again when it exits: send it nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except AzdslError as error:
        return _fail(error.report)
    except ImportError as error:
        return _fail(_cannot_load(error))
    except OSError as error:
        if not error.strerror:
            if not _while_importing(error):
                raise
            return _fail(_cannot_load(error))
        where = "" if error.filename is None else f"{one_line(str(error.filename))}: "
        return _fail(f"error: {where}{error.strerror}")
    except RuntimeError as error:
        if str(error) != "can't start new thread":
            raise
        return _fail(f"error: {error}: allow more processes (ulimit -u), or more memory")
    except MemoryError:
        return _fail("error: out of memory; use fewer tasks or examples")


def _cannot_load(error: Exception) -> str:
    """The message about a package that cannot be loaded; the last line of NumPy's long text says why."""
    reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    return f"error: a package that azdsl needs cannot be loaded: {reason[0]}; memory may be short (ulimit -v), or install azdsl again"


def _while_importing(error: Exception) -> bool:
    """Whether an error was raised while a module was imported."""
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_name != "<module>":
        step = step.tb_next
    return step is not None


def _terminal_gone() -> bool:
    """Whether standard output is a closed terminal."""
    try:
        os.get_terminal_size(sys.stdout.fileno())
    except OSError as error:
        return error.errno == errno.EIO
    return False


def _fail(message: str, context: click.Context | None = None, status: int = BAD_INPUT) -> int:
    echo(message, err=True)
    if context is not None:
        echo(f"Try '{context.command_path} --help' for help.", err=True)
    return status
