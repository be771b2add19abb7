"""The result of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azdsl.config.experiment import Experiment
from azdsl.ir import Program
from azdsl.search.islands.ending import Ending
from azdsl.search.islands.hall_of_fame import HallOfFame
from azdsl.search.islands.proxy import describe
from azdsl.search.rundir import names


def describe_proposals(counts: Mapping[str, int]) -> str:
    """The counts of proposals as text."""
    tried = counts["proposed"] - counts["refused"] - counts["left_out"]
    text = f"{tried:,} programs tried, {counts['refused']:,} refused, {counts['left_out']:,} left out, in {counts['epochs']:,} epochs"
    return text + (f"; {counts['failures']:,} failures of the command" if counts["failures"] else "")


def describe_sample(sample: Mapping[str, int]) -> str:
    """The sample of cache hits as text."""
    return (
        f"{sample['hits']:,} hits; of {sample['sampled']:,} evaluated anew {sample['wrong']:,} had another fitness, "
        f"{sample['flattering']:,} a lower one"
    )


_NOT_JSON = ("history", "experiment", "hall_of_fame")


@dataclass(frozen=True)
class Result:
    """The best program of a search, its figures and the history of the run.

    ``fitness`` is that of ``best`` on the selection tasks, ``test_fitness`` on the test tasks (``task_fitness`` on each
    of them), ``search_fitness`` on the search tasks. The first two are None where no tasks were held out, ``test_fitness`` and
    ``ending`` also until the run has ended; ``tasks`` says how
    tasks given from Python were split, and is empty for a task statement. ``evaluations`` counts candidates, ``layers`` the candidates by how
    they were settled, ``seconds`` the running time of all sessions. ``stopped`` is the reason for the end.
    ``ending`` compares the seed program and the program that was chosen on the selection tasks with each other and with
    the trivial baseline; unless the chosen one is better than both, ``best`` is the seed program, perhaps with tuned constants.
    ``reached`` is whether the chosen program's selection fitness is at least the target (without a target: whether the run was not interrupted).
    ``history`` has the record of each epoch. For regression on a table, ``test_rmse`` is the root mean square error on
    held-out rows in the unit of the target, and ``mean_rmse`` that of a prediction of the mean. ``hurdles`` is the
    result of ``proxy.summary``, None without hurdles. ``fec_sample`` counts the ``hits`` of the functional equivalence cache; those
    ``sampled``, one in a thousand, were evaluated in full, and ``wrong`` of them had another fitness than the cache said, a lower one
    where it was ``flattering``; None with ``fec=false``. ``proposals`` counts
    the epochs for which programs were proposed, these programs, those that were refused or left out, and failures of a command; None without
    any. ``stages`` are the stages that ended before the run did: each with its statement,
    its own candidates, its answer and that program's fitness on its selection tasks, and the reason of its end.
    """

    best: Program
    fitness: float | None
    test_fitness: float | None
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
    fec_sample: Mapping[str, int] | None = None
    ending: Ending | None = None
    tasks: str = ""
    proposals: Mapping[str, int] | None = None
    stages: tuple[Mapping[str, Any], ...] = ()

    @property
    def front(self) -> HallOfFame:
        """The hall of fame, by size: an alias."""
        return self.hall_of_fame

    def history_frame(self) -> Any:
        """The history as a pandas data frame, one column for each layer; without programs. Raises ``ImportError``."""
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "history_frame needs pandas: pip install pandas; result.history has the same records"
            ) from None
        plain = ({k: v for k, v in event.items() if k not in ("layers", "milestones")} for event in self.history)
        return pandas.DataFrame([row | dict(event["layers"]) for row, event in zip(plain, self.history, strict=True)])

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values, the program as text; without history, experiment and hall of fame."""
        facts = {name: value for name, value in vars(self).items() if name not in _NOT_JSON}
        facts |= {"layers": dict(self.layers), "task_fitness": list(self.task_fitness)}
        facts |= {"ending": self.ending and self.ending.as_dict(), "stages": list(self.stages)}
        facts |= {"fec_sample": self.fec_sample and dict(self.fec_sample)}
        return {**facts, "best": str(self.best), "run_dir": self.run_dir and str(self.run_dir)}

    def details(self) -> list[str]:
        """How candidates were settled, the sample of cache hits and every finalist, as lines of text (``azdsl evolve --verbose``)."""
        total = max(1, self.evaluations)
        settled = [f"{name.replace('_', ' ')} {100 * n / total:.1f} %" for name, n in self.layers.items() if n]
        lines = [f"settled   {', '.join(settled)}"]
        if self.fec_sample:
            lines.append(f"FEC       {describe_sample(self.fec_sample)}")
        for item in self.ending.finalists if self.ending else ():
            failed = f", failed on {item.failures} selection tasks" if item.failures else ""
            lines.append(f"finalist  selection fitness {item.fitness:.6f}, {item.size} instructions{failed}")
        return lines

    def __str__(self) -> str:
        """The figures and the program as text for people."""
        held_out = [(self.test_fitness, "test"), (self.fitness, "selection")]
        known = [f"{value:.6f} on the {split} tasks" for value, split in held_out if value is not None]
        missing = [split for value, split in held_out if value is None]
        known += [f"{self.search_fitness:.6f} on the search tasks"] if missing else []
        if missing:
            ended = f"nothing was held out for {' or '.join(missing)}"
            known.append(ended if self.ending else "the run has not ended: its test fitness is not known")
        lines = [f"fitness   {', '.join(known)}"] + ([f"tasks     {self.tasks}"] if self.tasks else [])
        if self.ending:
            lines += self.ending.lines()
        for place, stage in enumerate(self.stages, 1):  # a result of an earlier version has no number
            lines.append(
                f"stage {stage.get('number', place)}   {stage['evaluations']:,} candidates; {stage['stopped']}"
            )
        lines.append(f"search    {self.evaluations:,} candidates, {self.seconds:.1f} s; {self.stopped}")
        if self.proposals:
            lines.append(f"proposals {describe_proposals(self.proposals)}")
        if self.hurdles:
            lines.append(f"hurdles   {describe(self.hurdles)}")
        if self.run_dir:
            lines.append(f"written   {self.run_dir / names.BEST}")
        return "\n".join([*lines, "", str(self.best).rstrip()])
