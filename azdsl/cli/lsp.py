"""``azdsl lsp``."""

from __future__ import annotations

import click

from azdsl.cli import DONE


@click.command()
@click.option("--stdio", is_flag=True, help="Standard input and output; other ways do not exist.")
def command(stdio: bool) -> int:
    """Answer an editor: the language server of .az files, on standard input and output.

    Editors start it. It reports errors while you type, explains and completes words, formats files and renames
    variables. It needs pygls: pip install 'azdsl[lsp]'. docs/editors.md says how to set up editors.

    \b
    Example:
      azdsl lsp
    """
    try:
        from azdsl.lsp.server import serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise click.ClickException("the language server needs pygls: pip install 'azdsl[lsp]'") from None
    serve()
    return DONE
