"""What a search gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azdsl.config.experiment import Experiment
from azdsl.ir import Program
from azdsl.search.islands.hall_of_fame import HallOfFame
from azdsl.search.islands.proxy import describe
from azdsl.search.rundir import names

_NOT_JSON = ("history", "experiment", "hall_of_fame")


@dataclass(frozen=True)
class Result:
    """The best program and how the search for it went.

    ``fitness`` is on the selection tasks, ``test_fitness`` on the test tasks, ``search_fitness`` on those of the
    search. ``evaluations`` counts candidates; ``layers`` says how each was settled. ``stopped`` says why the
    search ended; ``reached`` whether ``fitness`` is the target or better (without a target: true unless
    interrupted). ``history`` has a record of every epoch. For a regression on a table ``test_rmse`` is the error on the held-out rows in the target's
    units and ``mean_rmse`` that of predicting the mean. ``hurdles`` is as ``proxy.summary`` says, None without hurdles.
    """

    best: Program
    fitness: float
    test_fitness: float
    search_fitness: float
    evaluations: int
    seconds: float
    run_dir: Path | None
    layers: Mapping[str, int]
    reached: bool
    interrupted: bool
    stopped: str
    metric: str
    history: tuple[Mapping[str, Any], ...]
    test_rmse: float | None = None
    mean_rmse: float | None = None
    experiment: Experiment = Experiment()
    hall_of_fame: HallOfFame = ()
    task_fitness: tuple[float, ...] = ()
    hurdles: Mapping[str, Any] | None = None

    @property
    def front(self) -> HallOfFame:
        """The hall of fame: the programs that no smaller or equally small one beat in the search, by size."""
        return self.hall_of_fame

    def history_frame(self) -> Any:
        """The history as a pandas data frame, how candidates were settled in columns of their own; without programs."""
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "history_frame needs pandas: pip install pandas; result.history is the same as records"
            ) from None
        plain = ({k: v for k, v in event.items() if k not in ("layers", "milestones")} for event in self.history)
        return pandas.DataFrame([row | dict(event["layers"]) for row, event in zip(plain, self.history, strict=True)])

    def plot(self, what: str = "progress,front,layers") -> Any:
        """A matplotlib figure of the run (extra ``plot``)."""
        from azdsl.report.load_run import of_result
        from azdsl.report.plots import figure

        return figure(of_result(self), what.split(","))

    def _repr_html_(self) -> str:
        """What a notebook shows: the figures, the program and charts."""
        from azdsl.report.load_run import of_result
        from azdsl.report.page import fragment

        return fragment(of_result(self))

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values, the program as text; without the history, the settings and the hall of fame."""
        facts = {name: value for name, value in vars(self).items() if name not in _NOT_JSON}
        facts |= {"layers": dict(self.layers), "task_fitness": list(self.task_fitness)}
        return {**facts, "best": str(self.best), "run_dir": self.run_dir and str(self.run_dir)}

    def __str__(self) -> str:
        """The figures and the program, as a person reads them."""
        lines = [f"fitness   {self.test_fitness:.6f} on the test tasks, {self.fitness:.6f} on the selection tasks"]
        if self.metric != "rmse":
            lines.append(f"accuracy  {100 * self.test_fitness:.2f} % on the test tasks")
        if self.test_rmse is not None and self.mean_rmse is not None:
            better = f"; predicting the mean {self.mean_rmse:.6g}"
            lines.append(f"RMSE      {self.test_rmse:.6g} on held-out rows{better}")
        lines.append(f"search    {self.evaluations:,} candidates, {self.seconds:.1f} s; {self.stopped}")
        if self.hurdles:
            lines.append(f"hurdles   {describe(self.hurdles)}")
        if self.run_dir:
            lines.append(f"written   {self.run_dir / names.BEST}")
        return "\n".join([*lines, "", str(self.best).rstrip()])
