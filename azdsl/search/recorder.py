"""The recorder of a run: its history, progress display, events, checkpoints, ``best.az``, hall of fame and result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from azdsl.search.display.progress import Reporter, Snapshot, Stop
from azdsl.search.islands import exchange
from azdsl.search.islands.ending import Ending
from azdsl.search.islands.exchange import Reports
from azdsl.search.islands.hall_of_fame import HallOfFame
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.run_state import RunState
from azdsl.search.islands.selection import Finalist, answer
from azdsl.search.islands.stages import evaluations_before
from azdsl.search.rundir import names
from azdsl.search.rundir.artifacts import best_text, entry_text, front_table
from azdsl.search.rundir.directory import RunDirectory
from azdsl.taskset import units_text

SAVE_SECONDS = 10.0
"""The shortest time between two checkpoints."""

SAVE_SHARE = 0.01
"""The greatest share of the run's time that is spent on checkpoints."""


def save_after(seconds: float) -> float:
    """The time in seconds until the next checkpoint, after one that took ``seconds`` to write."""
    return max(SAVE_SECONDS, seconds / SAVE_SHARE)


class Recorder:
    """Records a run. ``history`` has the event of every exchange; without a ``directory`` no file is written.

    ``plan`` is that of the stage that is running, ``run_plan`` that of the run's own tasks.
    """

    def __init__(self, plan: Plan, run_plan: Plan, reporter: Reporter, directory: RunDirectory | None) -> None:
        self.history: list[dict[str, Any]] = []
        self.plan = plan
        self._run_plan = run_plan
        self._reporter = reporter
        self._directory = directory
        self._last = (0, 0.0)  # candidates and seconds at the last exchange
        self._save_at = time.monotonic()

    @property
    def save_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() >= self._save_at

    def start(self) -> None:
        """Start the time until the first checkpoint."""
        self._save_at = time.monotonic() + save_after(0.0)

    def resume(self, evaluations: int, seconds: float) -> None:
        """Continue a run whose last exchange was after ``evaluations`` candidates and ``seconds``."""
        self._last = (evaluations, seconds)

    def say(self, message: str) -> None:
        """Show a message permanently."""
        self._reporter.say(message)

    def tick(self) -> None:
        """Update the time on the display. Called several times a second."""
        self._reporter.tick()

    def add_exchange(
        self, state: RunState, reports: Reports, milestones: list[dict[str, Any]], seconds: float
    ) -> Snapshot:
        """Record and display the exchange that led to ``state``, ``seconds`` after the start of the run."""
        evaluations, passed = exchange.evaluations(reports), seconds - self._last[1]
        rate = (evaluations - self._last[0]) / passed if passed > 0.0 else 0.0
        self._last = (evaluations, seconds)
        snapshot = make_snapshot(self.plan, self._run_plan, state, reports, seconds, rate)
        event = snapshot.as_event() | ({"milestones": milestones} if milestones else {})
        self.history.append(event)
        if self._directory:
            self._directory.add_event(event)
        self._reporter.show(snapshot)
        return snapshot

    def save(self, encode: Callable[[int], bytes], state: RunState, evaluations: int) -> None:
        """Write the checkpoint that ``encode`` makes, given the size of the events in bytes, and the texts of ``state``."""
        started = time.monotonic()
        if self._directory:
            self._directory.save_checkpoint(encode(self._directory.events_bytes))
            self.publish(answer(state.finalists), state.hall_of_fame, evaluations)
        ended = time.monotonic()
        self._save_at = ended + save_after(ended - started)

    def publish(
        self, chosen: Finalist | None, hall_of_fame: HallOfFame, evaluations: int, ending: Ending | None = None
    ) -> None:
        """Write ``best.az``, if there is a final program, and the hall of fame, as they are after ``evaluations`` candidates."""
        if self._directory is None:
            return
        files = {names.entry(entry.size): entry_text(self.plan, entry) for entry in hall_of_fame}
        files |= {names.BEST: best_text(self.plan, chosen, evaluations, ending)} if chosen else {}
        self._directory.save_texts(files | {names.HALL_OF_FAME: front_table(hall_of_fame)})

    def add_result(self, result: Mapping[str, Any]) -> None:
        """Write the result of the run."""
        if self._directory:
            self._directory.save_result(result)


def make_snapshot(
    plan: Plan, run_plan: Plan, state: RunState, reports: Reports, seconds: float, rate: float
) -> Snapshot:
    """The figures of an exchange, ``seconds`` after the start; ``rate`` is in candidates per second."""
    stages = len(run_plan.experiment.stages)
    chosen, evaluations = answer(state.finalists), exchange.evaluations(reports)
    compared = chosen if plan.judge.selects_on_held_out else None
    mean, by_island = exchange.means(plan, reports)
    return Snapshot(
        epoch=state.epoch,
        evaluations=evaluations,
        seconds=seconds,
        rate=rate,
        best=max(state.best, 0.0),
        mean=mean,
        selected=compared.fitness if compared else None,
        islands=by_island,
        layers=exchange.layers(reports),
        program=chosen.found.program if chosen else None,
        units=units_text(plan.metric.name, compared.units) if compared and compared.units is not None else "",
        hurdles=exchange.hurdles(plan, reports),
        front=tuple((entry.size, entry.fitness) for entry in state.hall_of_fame),
        stops=tuple(_stops(plan, run_plan, state, evaluations, seconds, rate)),
        stage=(state.stage + 1, stages + 1) if stages else None,
        own_tasks=plan.own_tasks,
    )


def _stops(
    plan: Plan, run_plan: Plan, state: RunState, evaluations: int, seconds: float, rate: float
) -> Iterator[Stop]:
    """The progress towards each stopping condition that is set, of the stage that is running or of the run."""
    search, run_search, chosen = plan.search, run_plan.search, answer(state.finalists)
    if search.target <= 1.0:
        yield Stop("target", chosen.fitness if chosen else 0.0, search.target)
    if run_search.timeout is not None:
        yield Stop("timeout", seconds, run_search.timeout, max(0.0, run_search.timeout - seconds))
    counted = [("max_evals", evaluations, run_search.max_evals)]
    if state.stage < len(run_plan.experiment.stages):
        counted.append(("stage's max_evals", evaluations - evaluations_before(state), search.max_evals))
    for name, done, of in (*counted, ("patience", evaluations - state.best_at, search.patience)):
        if of is not None:
            yield Stop(name, done, of, max(0, of - done) / rate if rate else None)
