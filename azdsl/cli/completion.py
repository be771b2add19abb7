"""``azdsl completion``."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from azdsl.cli import DONE, commands
from azdsl.cli.output import echo

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
def command(shell: str) -> int:
    """Print a shell script that completes the commands and options of azdsl.

    \b
    Example:
      azdsl completion bash > ~/.local/share/bash-completion/completions/azdsl
      azdsl completion zsh > "${fpath[1]}/_azdsl"
      azdsl completion fish > ~/.config/fish/completions/azdsl.fish
    """
    echo(SHELLS[shell](commands, {}, "azdsl", "_AZDSL_COMPLETE").source())
    return DONE
