"""The result of a search with its figures, as ``azdsl.evolve`` returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from azdsl.search.result import Result


@dataclass(frozen=True)
class RunResult(Result):
    """A ``Result`` that can be plotted and that a notebook shows as HTML."""

    @classmethod
    def of(cls, result: Result) -> RunResult:
        """The result of the engine, with figures."""
        return cls(**vars(result))

    def plot(self, what: str = "progress,front,layers") -> Any:
        """A matplotlib figure of the run (extra ``plot``). Raises ``NoMatplotlib``, or ``ValueError`` for an unknown name."""
        from azdsl.reporting.plots import figure
        from azdsl.reporting.run_data import of_result

        return figure(of_result(self), what.split(","))

    def _repr_html_(self) -> str:
        """The figures, the program and the progress chart."""
        from azdsl.reporting.page import fragment
        from azdsl.reporting.run_data import of_result

        return fragment(of_result(self))
