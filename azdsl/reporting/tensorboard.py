"""The figures of a run in TensorBoard: ``azdsl.evolve(seed, on_epoch=TensorBoardLogger("logs"))``."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any


class TensorBoardLogger:
    """A callback that writes the figures of each epoch; the step is the number of candidates.

    ``writer`` has a method ``add_scalar(name, value, step)``, such as torch's SummaryWriter; the default is tensorboardX's
    (extra ``tensorboard``), which needs no torch and writes to ``directory``. ``then`` is called afterwards; the search
    stops if it returns true. Raises ``ImportError`` without tensorboardX.
    """

    def __init__(self, directory: str | Path | None = None, writer: Any = None, then: Any = None) -> None:
        if writer is None:
            try:
                from tensorboardX import SummaryWriter
            except ImportError:
                raise ImportError('TensorBoardLogger needs tensorboardX: pip install "azdsl[tensorboard]"') from None
            writer = SummaryWriter(str(directory or "logs"))
        self._writer = writer
        self._then = then

    def __call__(self, snapshot: Any) -> Any:
        """Write the figures of an epoch."""
        step = snapshot.evaluations
        figures = {"best": snapshot.best, "mean": snapshot.mean, "selection": snapshot.selected}
        for name, value in figures.items():
            if value is not None:
                self._writer.add_scalar(f"fitness/{name}", value, step)
        self._writer.add_scalar("rate", snapshot.rate, step)
        for name, count in snapshot.layers.items():
            self._writer.add_scalar(f"layers/{name}", count / max(1, step), step)
        if snapshot.program is not None:
            self._writer.add_scalar("size", len(snapshot.program), step)
        return self._then(snapshot) if self._then else False

    def close(self) -> None:
        """Flush and close the writer."""
        if hasattr(self._writer, "close"):
            self._writer.close()

    def __enter__(self) -> TensorBoardLogger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
