"""The live display of a run in a notebook: an output that is updated."""

from __future__ import annotations

import html
import io
import sys
import time
from importlib import import_module
from typing import Any

from rich.console import Console

from azdsl.search.display.progress import Snapshot
from azdsl.search.display.terminal import Display

WIDTH, HEIGHT = 100, 50
"""The width of the display in characters and its height in lines."""

UPDATE_SECONDS = 0.5
"""The least time between two updates of the output."""

_STYLE = "line-height: 1.25; font-family: monospace; white-space: pre"


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


class Notebook:
    """Shows messages and, below them, the text of ``Display``."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._display = Display(Console(file=io.StringIO(), width=WIDTH, height=HEIGHT, color_system=None))
        self._handle: Any = None
        self._snapshot: Snapshot | None = None
        self._at = float("-inf")

    def say(self, message: str) -> None:
        """Add a message to the output."""
        self._messages.append(message)
        self._update()

    def show(self, snapshot: Snapshot) -> None:
        """Show the figures after an exchange."""
        self._display.remember(snapshot)
        self._snapshot = snapshot
        if time.monotonic() - self._at >= UPDATE_SECONDS:
            self._update()

    def tick(self) -> None:
        """Do nothing: the output changes after exchanges."""

    def close(self) -> None:
        """Replace the display by the last figures."""
        if self._snapshot:
            self._messages.append(str(self._snapshot))
            self._snapshot = None
        self._update()

    def _update(self) -> None:
        shown: Any = import_module("IPython.display")
        self._at = time.monotonic()
        text = "\n".join([*self._messages, *([self._display.text(self._snapshot)] if self._snapshot else [])])
        content = shown.HTML(f'<div style="{_STYLE}">{html.escape(text)}</div>')
        if self._handle is None:
            self._handle = shown.display(content, display_id=True)
        else:
            self._handle.update(content)
