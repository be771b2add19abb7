"""The loop of a run: epochs of all islands, and their meetings.

Islands do not wait for one another: one that comes to the end of an epoch leaves its standing for the meeting and goes on into
the next epoch, at whose end it takes in what migrates from that meeting. It waits there only when the others are a whole
epoch behind. What an island does depends on standings alone, not on when they came, and a run may stop anywhere:
so a run that was stopped and went on any number of times ends as one that was not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azdsl.config.search import Search
from azdsl.diagnostics import SyntaxError
from azdsl.search.display.progress import Reporter, Snapshot, Stop
from azdsl.search.islands import exchange, proxy, run_state, task_rotation
from azdsl.search.islands.executor import TICK_SECONDS, Executor, WorkerPool
from azdsl.search.islands.hall_of_fame import HallOfFame
from azdsl.search.islands.island_report import IslandReport, make_report
from azdsl.search.islands.migration import immigrants, insert_immigrants, sources
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.run_state import RunState
from azdsl.search.islands.schedule import shares
from azdsl.search.islands.selection import Finalist, Found, answer, canonical
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.hurdles import reset_thresholds
from azdsl.search.kernel.population import Island, Members, write_initial
from azdsl.search.rundir import checkpoint, names
from azdsl.search.rundir.artifacts import best_text, entry_text, front_table
from azdsl.search.rundir.directory import RunDirectory
from azdsl.search.rundir.validate import problem, report_problem

SAVE_SECONDS = 10.0
"""A checkpoint is written this long after the last one, or later,"""

SAVE_SHARE = 0.01
"""so that no more than this share of the time goes into them."""

OnEpoch = Callable[[Snapshot], Any]


@dataclass(frozen=True)
class Conclusion:
    """What a run came to: the answer, the hall of fame, candidates of all islands, how these were settled and what hurdles did."""

    answer: Finalist
    front: HallOfFame
    evaluations: int
    layers: Mapping[str, int]
    hurdles: Mapping[str, Any] | None


def save_after(seconds: float) -> float:
    """The time from a checkpoint, which took ``seconds`` to write, to the next one."""
    return max(SAVE_SECONDS, seconds / SAVE_SHARE)


def _limit_reached(search: Search) -> str:
    return f"max_evals {search.max_evals:,} reached"


class Session:
    """A run that is going on: islands, their standings, the ``RunState`` of the last meeting, and the time that it took."""

    def __init__(
        self,
        plan: Plan,
        islands: Sequence[Island],
        executor: Executor,
        scratch: Scratch,
        reporter: Reporter,
        directory: RunDirectory | None,
    ) -> None:
        self.plan = plan
        self.islands = islands
        self.state = RunState()
        self.history: list[dict[str, Any]] = []
        self._executor = executor
        self._scratch = scratch
        self._reporter = reporter
        self._directory = directory
        self._met: Sequence[IslandReport] = ()  # at the last meeting
        self._ahead: dict[int, IslandReport] = {}  # of islands that are past the epoch that the state says is running
        self._arriving: Sequence[Members | None] = [None] * len(islands)  # who comes in at the end of that epoch
        self._settled = False  # whether the run ended at a meeting: what islands have done since is not looked at
        self._before = 0.0
        self._started = time.monotonic()
        self._save_at = self._started
        self._last = (0, 0.0)
        if plan.groups > 1:
            for space, island in zip(plan.spaces, islands, strict=True):
                task_rotation.set_group(
                    space, island, task_rotation.group_of_draw(plan.search, plan.groups, self.state.groups_drawn)
                )

    @property
    def seconds(self) -> float:
        """Time since the start, without pauses between sessions."""
        return self._before + time.monotonic() - self._started

    def resume(self, saved: checkpoint.Checkpoint) -> None:
        """Take up where a checkpoint was written. Raises ``checkpoint.Damaged`` when it is of no such run."""
        plan = self.plan
        try:
            checkpoint.restore(plan.space, self.islands, saved.arrays)
            met, ahead = checkpoint.restore_reports(plan.space, plan.search, saved.arrays)
            self.state = run_state.from_json(saved.facts["state"])
            self._before = float(saved.facts["seconds"])
            placed = all(self._in_epoch(number, number in ahead) for number in range(len(self.islands)))
        except (ArithmeticError, AttributeError, LookupError, SyntaxError, TypeError, ValueError) as error:
            raise checkpoint.Damaged(f"it is of another kind of run ({type(error).__name__}: {error})") from None
        reasons = [problem(plan.space, plan.groups, island) for island in self.islands]
        reasons += [report_problem(plan.space, plan.search, standing) for standing in (*met, *ahead.values())]
        placed &= bool(met) == (self.state.epoch > 0) and (bool(met) or not self.state.finalists)
        reasons += [None if placed else "it has islands where they cannot be"]
        if reason := next(filter(None, reasons), None):
            raise checkpoint.Damaged(reason)
        self._gather(met)
        self._ahead = ahead
        self._last = (exchange.evaluations(met), self._before)

    def _in_epoch(self, number: int, ahead: bool) -> bool:
        """Whether an island is where the epoch that it is in allows."""
        schedule, epoch = self.plan.schedule, self.state.epoch + ahead
        begin = schedule.end(epoch - 1) if epoch else 0
        return begin <= self.islands[number].candidates <= schedule.end(epoch)

    def go(self, asked: threading.Event, on_epoch: OnEpoch | None) -> str:
        """Search until a stopping condition holds, ``asked`` is set or ``on_epoch`` says so; gives the reason."""
        search = self.plan.search
        self._started = time.monotonic()
        self._save_at = self._started + save_after(0.0)
        deadline = float("inf") if search.timeout is None else self._started + search.timeout - self._before
        limits = shares(search.max_evals, search.islands)
        standing_still = list(range(search.islands))
        waiting: list[int] = []  # for the next meeting, or at their limit
        reason = self._reason()
        with self._executor.pool(self.islands, deadline) as pool:
            while not reason:
                if asked.is_set():
                    return "interrupted"
                if search.timeout is not None and self.seconds >= search.timeout:
                    return f"timeout of {search.timeout:g} s reached"
                waiting += [number for number in standing_still if not self._start(pool, number, limits[number])]
                standing_still = []
                if len(self._ahead) == search.islands:
                    snapshot = self._meet()
                    standing_still, waiting = sorted(waiting), []
                    self._reporter.show(snapshot)
                    self._save_in_time(pool)
                    reason = self._reason() or self._wish(snapshot, asked, on_epoch)
                elif len(waiting) == search.islands:
                    return _limit_reached(search)
                else:
                    standing_still = pool.wait(TICK_SECONDS)
                    self._reporter.tick()
        self._settled = True
        return reason

    def _reason(self) -> str:
        """Why the search should stop after the last meeting; empty when it should not."""
        search, chosen, since = self.plan.search, answer(self.state.finalists), self._since()
        if chosen and chosen.fitness >= search.target:
            return f"target {search.target:g} reached"
        if search.max_evals is not None and exchange.evaluations(self._met) >= search.max_evals:
            return _limit_reached(search)
        if search.patience is not None and since >= search.patience:
            return f"nothing better in {since:,} candidates"
        return ""

    def _since(self) -> int:
        """Candidates since the best one, at the last meeting."""
        return exchange.evaluations(self._met) - self.state.best_at

    def _wish(self, snapshot: Snapshot, asked: threading.Event, on_epoch: OnEpoch | None) -> str:
        """Why whoever watches wants the search to stop; empty when nobody does."""
        try:
            return "stopped by on_epoch" if on_epoch and on_epoch(snapshot) else ""
        except KeyboardInterrupt:
            if asked.is_set():
                raise
            return "interrupted"

    def _start(self, pool: WorkerPool, number: int, limit: int | None) -> bool:
        """Let an island go on that stands still; whether it does."""
        island, schedule, epoch = self.islands[number], self.plan.schedule, self.state.epoch
        if number not in self._ahead and island.candidates == schedule.end(epoch):
            self._leave(number)
        end = schedule.end(epoch + (number in self._ahead))
        end = end if limit is None else min(end, limit)
        if island.candidates >= end:
            return False
        pool.start(number, end)
        return True

    def _leave(self, number: int) -> None:
        """What happens to an island at the end of an epoch."""
        plan, state, space, island = self.plan, self.state, self.plan.spaces[number], self.islands[number]
        self._ahead[number] = make_report(space, plan.search, island, self._scratch)
        migrants = self._arriving[number]
        if migrants is not None:
            insert_immigrants(plan.search, island, migrants)
        if plan.restarts(state):
            write_initial(space, plan.experiment, island)
            reset_thresholds(island.hurdles)
        if plan.redraws(state):
            task_rotation.set_group(
                space, island, task_rotation.group_of_draw(plan.search, plan.groups, state.groups_drawn + 1)
            )
        if plan.search.proxy:
            proxy.fit(island.hurdles)

    def _meet(self) -> Snapshot:
        """The meeting for which all standings are there."""
        met = [self._ahead[number] for number in range(len(self.islands))]
        self.state, steps = exchange.run_exchange(self.plan, self.state, met)
        self._gather(met)
        snapshot = self._snapshot()
        event = snapshot.as_event() | ({"milestones": steps} if steps else {})
        self.history.append(event)
        if self._directory:
            self._directory.add_event(event)
        return snapshot

    def _gather(self, met: Sequence[IslandReport]) -> None:
        """Take a meeting's standings for the last one's."""
        plan, state = self.plan, self.state
        self._met, self._ahead, self._arriving = met, {}, [None] * len(self.islands)
        clock = plan.schedule.end(state.epoch - 1) if met else 0
        # Of another population, or measured on other tasks than those at home when they come: these stay away.
        strangers = clock == state.restarted_at or (clock == state.regrouped_at and not plan.redraws(state))
        if met and not strangers:
            self._arriving = immigrants([report.emigrants for report in met], sources(plan.search, state.epoch))

    def _snapshot(self) -> Snapshot:
        """The figures of the last meeting."""
        state, chosen = self.state, answer(self.state.finalists)
        mean, each = exchange.means(self.plan, self._met)
        evaluations, seconds = exchange.evaluations(self._met), self.seconds
        passed = seconds - self._last[1]
        rate = (evaluations - self._last[0]) / passed if passed > 0.0 else 0.0
        self._last = (evaluations, seconds)
        return Snapshot(
            epoch=state.epoch,
            evaluations=evaluations,
            seconds=seconds,
            rate=rate,
            best=max(state.best, 0.0),
            mean=mean,
            selected=chosen.fitness if chosen else None,
            islands=each,
            layers=exchange.layers(self._met),
            program=chosen.found.program if chosen else None,
            hurdles=exchange.hurdles(self.plan, self._met),
            front=tuple((entry.size, entry.fitness) for entry in state.hall_of_fame),
            stops=tuple(self._stops(evaluations, rate)),
        )

    def _stops(self, evaluations: int, rate: float) -> Iterator[Stop]:
        """How far the run is on the way to the stopping conditions that are set."""
        search, chosen = self.plan.search, answer(self.state.finalists)
        if search.target <= 1.0:
            yield Stop("target", chosen.fitness if chosen else 0.0, search.target)
        if search.timeout is not None:
            yield Stop("timeout", self.seconds, search.timeout, max(0.0, search.timeout - self.seconds))
        for name, done, of in (
            ("max_evals", evaluations, search.max_evals),
            ("patience", self._since(), search.patience),
        ):
            if of is not None:
                yield Stop(name, done, of, max(0, of - done) / rate if rate else None)

    def finish(self) -> Conclusion:
        """The answer, chosen among all finalists, and the hall of fame; what a resumed run knows stays as it was.

        A run that ended at a meeting is judged by what was known there, another one by its islands as they are and as they came to
        the end of their last epoch: an island may have forgotten since, when it started afresh or took other tasks.
        """
        plan = self.plan
        self.save()
        ended: Sequence[IslandReport] = self._met
        found, front = [], self.state.hall_of_fame
        if not self._settled:
            each = zip(plan.spaces, self.islands, strict=True)
            ended = [make_report(space, plan.search, island, self._scratch) for space, island in each]
            left = [self._ahead.get(number, standing) for number, standing in enumerate(ended)] if self._ahead else []
            found = exchange.finalists(plan, left)
            front = exchange.updated_hall_of_fame(plan, front, left, found)
        found += exchange.finalists(plan, ended)
        finalists = plan.judge.compare(self.state.finalists, found)
        chosen = answer(finalists)
        if chosen is None:  # stopped before anything was evaluated: the seed itself
            seed = Found(canonical(plan.experiment.program, plan.multiclass), 0, 0.0, 0, 0)
            chosen = plan.judge.compare((), [seed])[0]
        return Conclusion(
            answer=chosen,
            front=exchange.updated_hall_of_fame(plan, front, ended, found),
            evaluations=exchange.evaluations(ended),
            layers=exchange.layers(ended),
            hurdles=exchange.hurdles(plan, ended),
        )

    def save(self) -> None:
        """Write a checkpoint, and the texts of the last meeting."""
        started = time.monotonic()
        if self._directory:
            self._directory.save_checkpoint(self.checkpoint())
            self.publish(answer(self.state.finalists), self.state.hall_of_fame, exchange.evaluations(self._met))
        ended = time.monotonic()
        self._save_at = ended + save_after(ended - started)

    def publish(
        self, chosen: Finalist | None, front: HallOfFame, evaluations: int, test_fitness: float | None = None
    ) -> None:
        """Write the answer, if there is one, and the hall of fame, as they are after so many candidates."""
        if self._directory is None:
            return
        experiment = self.plan.experiment
        files = {names.entry(entry.size): entry_text(experiment, entry) for entry in front}
        files |= {names.BEST: best_text(experiment, chosen, evaluations, test_fitness)} if chosen else {}
        self._directory.save_texts(files | {names.HALL_OF_FAME: front_table(front)})

    def add_result(self, facts: Mapping[str, Any]) -> None:
        """Write the figures of the end."""
        if self._directory:
            self._directory.save_result(facts)

    def checkpoint(self) -> bytes:
        """All that a later session needs."""
        facts = {
            "identity": self.plan.identity,
            "state": run_state.to_json(self.state),
            "seconds": self.seconds,
            "events_bytes": self._directory.events_bytes if self._directory else 0,
        }
        return checkpoint.encode(self.plan.space, self.islands, facts, self._met, self._ahead)

    def _save_in_time(self, pool: WorkerPool) -> None:
        """Save when the last time is long enough ago."""
        if time.monotonic() >= self._save_at:
            pool.pause()
            self.save()
