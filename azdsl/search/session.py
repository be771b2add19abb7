"""The loop of a run: epochs of all islands, and what happens when they meet.

What happens when islands meet depends on their state alone, and a run may stop anywhere between: so a run that was
stopped and went on any number of times ends as one that was not.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.diagnostics import SyntaxError
from azdsl.experiment import Experiment
from azdsl.search import checkpoint, proxy, rotation
from azdsl.search import state as states
from azdsl.search.canonical import Scratch
from azdsl.search.executor import Executor, Stretch
from azdsl.search.front import Front, include, update
from azdsl.search.hurdles import lower
from azdsl.search.intact import problem
from azdsl.search.lineage import milestones
from azdsl.search.migration import migrate, sources
from azdsl.search.population import LAYERS, Island, write_initial
from azdsl.search.progress import Reporter, Snapshot, Stop
from azdsl.search.rundir import BEST, FRONT, RunDirectory
from azdsl.search.schedule import Schedule, shares
from azdsl.search.selection import Finalist, Found, Judge, all_found, answer, canonical, island_best
from azdsl.search.space import Space
from azdsl.search.state import State
from azdsl.search.texts import best_text, entry_name, entry_text, front_table
from azdsl.settings import Search

SAVE_SECONDS = 10.0
"""A checkpoint is written this long after the last one, or later,"""

SAVE_SHARE = 0.01
"""so that no more than this share of the time goes into them."""

STOPS = ("max_evals", "timeout", "target", "patience")
"""Settings that may change when a run goes on."""

OnEpoch = Callable[[Snapshot], Any]


@dataclass(frozen=True)
class Plan:
    """All that is fixed before a run starts. ``experiment`` is as the run directory's files say it.

    ``spaces`` are the islands' own: ``space`` with what an island has for itself.
    ``costs`` are those of the hurdles, as shares of a full evaluation; ``groups`` is how many the tasks are dealt into.
    """

    experiment: Experiment
    space: Space
    spaces: tuple[Space, ...]
    judge: Judge
    schedule: Schedule
    costs: Sequence[float] = ()
    groups: int = 1

    @property
    def search(self) -> Search:
        """The search's settings."""
        return self.experiment.search

    @property
    def multiclass(self) -> bool:
        """Whether predictions are vectors."""
        return self.judge.select.multiclass

    @property
    def identity(self) -> str:
        """A digest of what a checkpoint belongs to: the experiment but for the settings that stop it."""
        return hashlib.blake2b(str(without_stops(self.experiment)).encode(), digest_size=16).hexdigest()


def without_stops(experiment: Experiment) -> Experiment:
    """The experiment with the settings that stop a search at their defaults."""
    default = Search()
    return replace(experiment, search=replace(experiment.search, **{name: getattr(default, name) for name in STOPS}))


def save_after(seconds: float) -> float:
    """The time from a checkpoint, which took ``seconds`` to write, to the next one."""
    return max(SAVE_SECONDS, seconds / SAVE_SHARE)


class Session:
    """A run that is going on: islands, the ``State`` of their last meeting, and the time that it took."""

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
        self.state = State()
        self.history: list[dict[str, Any]] = []
        self._executor = executor
        self._scratch = scratch
        self._reporter = reporter
        self._directory = directory
        self._before = 0.0
        self._started = time.monotonic()
        self._save_at = self._started
        self._last = (0, 0.0)
        if plan.groups > 1:
            self._take_group(self.state.draws)

    @property
    def evaluations(self) -> int:
        """Candidates of all islands."""
        return sum(int(island.clock[1]) for island in self.islands)

    @property
    def seconds(self) -> float:
        """Time since the start, without pauses between sessions."""
        return self._before + time.monotonic() - self._started

    def resume(self, saved: checkpoint.Checkpoint) -> None:
        """Take up where a checkpoint was written. Raises ``checkpoint.Damaged`` when it is of no such run."""
        try:
            checkpoint.restore(self.plan.space, self.islands, saved.arrays)
            self.state = states.from_json(saved.facts["state"])
            self._before = float(saved.facts["seconds"])
        except (ArithmeticError, AttributeError, LookupError, SyntaxError, TypeError, ValueError) as error:
            raise checkpoint.Damaged(f"it is of another kind of run ({type(error).__name__}: {error})") from None
        for island in self.islands:
            if reason := problem(self.plan.space, self.plan.groups, island):
                raise checkpoint.Damaged(reason)
        self._last = (self.evaluations, self._before)

    def go(self, asked: threading.Event, on_epoch: OnEpoch | None) -> str:
        """Search until a stopping condition holds, ``asked`` is set or ``on_epoch`` says so; gives the reason."""
        self._started = time.monotonic()
        self._save_at = self._started + save_after(0.0)
        while True:
            reason = self._reason() or ("interrupted" if asked.is_set() else "")
            if reason:
                return reason
            if not self._advance(asked):
                continue
            snapshot = self._meet()
            self._reporter.show(snapshot)
            self._save_in_time()
            if on_epoch is None:
                continue
            try:
                if on_epoch(snapshot):
                    return self._reason() or "stopped by on_epoch"
            except KeyboardInterrupt:
                if asked.is_set():
                    raise
                return "interrupted"

    def _reason(self) -> str:
        """Why the search should stop now; empty when it should not."""
        search, chosen = self.plan.search, answer(self.state.finalists)
        if chosen and chosen.fitness >= search.target:
            return f"target {search.target:g} reached"
        if search.max_evals is not None and self.evaluations >= search.max_evals:
            return f"max_evals {search.max_evals:,} reached"
        if search.timeout is not None and self.seconds >= search.timeout:
            return f"timeout of {search.timeout:g} s reached"
        if search.patience is not None and self.evaluations - self.state.best_at >= search.patience:
            return f"nothing better in {self.evaluations - self.state.best_at:,} candidates"
        return ""

    def _advance(self, asked: threading.Event) -> bool:
        """Let the islands go on; whether all came to the epoch's end."""
        search = self.plan.search
        end = self.plan.schedule.end(self.state.epoch)
        ends = [end if share is None else min(end, share) for share in shares(search.max_evals, search.islands)]
        deadline = float("inf") if search.timeout is None else self._started + search.timeout - self._before
        stretch = Stretch(ends, deadline)
        self._executor.advance(self.islands, stretch, asked, self._reporter.tick)
        return all(island.clock[1] == end for island in self.islands)

    def _meet(self) -> Snapshot:
        """What happens at the end of an epoch: compare, remember, exchange, perhaps start afresh."""
        plan, state, search = self.plan, self.state, self.plan.search
        clock = plan.schedule.end(state.epoch)
        drawing = plan.groups > 1 and clock - state.drawn >= search.draw_after
        first = plan.groups > 1 and state.best < 0.0
        found = self._all_found() if drawing or first else self._bests()
        best = max((f.search_fitness for f in found), default=-1.0)
        steps = milestones(found if plan.groups > 1 else self._all_found(), state.best, search.islands) if best > state.best else []
        if best > state.best:
            state = replace(state, best=best, best_at=self.evaluations, finalists=plan.judge.compare(state.finalists, found))
        elif best >= search.target:
            state = replace(state, finalists=plan.judge.compare(state.finalists, found))
        state = replace(state, front=self._front(state.front, found), epoch=state.epoch + 1)
        snapshot = self._snapshot(state)
        migrate(self.islands, search.migrants, sources(search, snapshot.epoch), search.algorithm)
        if search.restart is not None and clock - state.started >= search.restart:
            for space, island in zip(plan.spaces, self.islands, strict=True):
                write_initial(space, plan.experiment, island)
                lower(island.hurdles)
            state = replace(state, started=clock)
        if drawing:
            state = replace(state, drawn=clock, draws=state.draws + 1)
            self._take_group(state.draws)
        if search.proxy:
            for island in self.islands:
                proxy.fit(island.hurdles)
        self.state = state
        event = snapshot.as_event() | ({"milestones": steps} if steps else {})
        self.history.append(event)
        if self._directory:
            self._directory.add_event(event)
        return snapshot

    def _bests(self) -> list[Found]:
        """The best of every island; none where they are evaluated on a part of the tasks and not yet on the others."""
        if self.plan.groups > 1:
            return []
        found = (island_best(self.plan.space, island, n, self.plan.multiclass) for n, island in enumerate(self.islands))
        return [item for item in found if item]

    def _all_found(self) -> list[Found]:
        """All finalists, with their fitness on all tasks of the search."""
        found = all_found(self.plan.space, self.islands, self.plan.multiclass)
        return self.plan.judge.on_all(found) if self.plan.groups > 1 else found

    def _front(self, front: Front, found: Iterable[Found]) -> Front:
        if self.plan.groups > 1:
            return include(front, found)
        return update(front, self.plan.space, self.islands, self._scratch, self.plan.multiclass)

    def _take_group(self, draw: int) -> None:
        plan = self.plan
        rotation.take(plan.spaces, self.islands, rotation.group(plan.search, plan.groups, draw))

    def _snapshot(self, state: State) -> Snapshot:
        """The figures of this moment."""
        fitness, chosen = [island.members.fitness for island in self.islands], answer(state.finalists)
        evaluations, seconds = self.evaluations, self.seconds
        passed = seconds - self._last[1]
        rate = (evaluations - self._last[0]) / passed if passed > 0.0 else 0.0
        self._last = (evaluations, seconds)
        return Snapshot(
            epoch=state.epoch,
            evaluations=evaluations,
            seconds=seconds,
            rate=rate,
            best=max(state.best, 0.0),
            mean=self._mean(np.concatenate(fitness)),
            selected=chosen.fitness if chosen else None,
            islands=tuple(map(self._mean, fitness)),
            layers=self.layers(),
            program=chosen.found.program if chosen else None,
            hurdles=self.hurdles(),
            front=tuple((entry.size, entry.fitness) for entry in state.front),
            stops=tuple(self._stops(state, rate)),
        )

    def _mean(self, fitness: NDArray[np.float64]) -> float:
        """The mean of members whose fitness is known, without those that a hurdle stopped; 0 when there is none."""
        known = fitness[fitness >= max(self.plan.space.floor, 0.0)]
        return float(known.mean()) if known.size else 0.0

    def _stops(self, state: State, rate: float) -> Iterator[Stop]:
        """How far the run is on the way to the stopping conditions that are set."""
        search, chosen, since = self.plan.search, answer(state.finalists), self.evaluations - state.best_at
        if search.target <= 1.0:
            yield Stop("target", chosen.fitness if chosen else 0.0, search.target)
        if search.timeout is not None:
            yield Stop("timeout", self.seconds, search.timeout, max(0.0, search.timeout - self.seconds))
        for name, done, of in (("max_evals", self.evaluations, search.max_evals), ("patience", since, search.patience)):
            if of is not None:
                yield Stop(name, done, of, max(0, of - done) / rate if rate else None)

    def hurdles(self) -> dict[str, Any] | None:
        """What the hurdles did; None without any."""
        return proxy.summary([island.hurdles for island in self.islands], self.plan.costs) if self.plan.costs else None

    def layers(self) -> dict[str, int]:
        """How candidates were settled."""
        counts = np.sum([island.counts for island in self.islands], axis=0)
        return dict(zip(LAYERS, counts.tolist(), strict=True))

    def finish(self) -> tuple[Finalist, Front]:
        """The answer, chosen among all finalists, and the hall of fame; what a resumed run knows stays as it was."""
        plan = self.plan
        self.save()
        found = self._all_found()
        finalists = plan.judge.compare(self.state.finalists, found)
        chosen = answer(finalists)
        if chosen is None:  # stopped before anything was evaluated: the seed itself
            seed = Found(canonical(plan.experiment.program, plan.multiclass), 0, 0.0, 0, 0)
            chosen = plan.judge.compare((), [seed])[0]
        return chosen, self._front(self.state.front, found)

    def save(self) -> None:
        """Write a checkpoint, and the texts of the last meeting."""
        started = time.monotonic()
        if self._directory:
            self._directory.save_checkpoint(self.checkpoint())
            self.publish(answer(self.state.finalists), self.state.front)
        ended = time.monotonic()
        self._save_at = ended + save_after(ended - started)

    def publish(self, chosen: Finalist | None, front: Front, test_fitness: float | None = None) -> None:
        """Write the answer, if there is one, and the hall of fame."""
        if self._directory is None:
            return
        experiment = self.plan.experiment
        best = {BEST: best_text(experiment, chosen, self.evaluations, test_fitness)} if chosen else {}
        files = {entry_name(entry): entry_text(experiment, entry) for entry in front}
        self._directory.save_texts({**best, FRONT: front_table(front)}, files)

    def add_result(self, facts: Mapping[str, Any]) -> None:
        """Write the figures of the end."""
        if self._directory:
            self._directory.save_result(facts)

    def checkpoint(self) -> bytes:
        """All that a later session needs."""
        facts = {
            "identity": self.plan.identity,
            "state": states.to_json(self.state),
            "seconds": self.seconds,
            "events_bytes": self._directory.events_bytes if self._directory else 0,
        }
        return checkpoint.encode(self.plan.space, self.islands, facts)

    def _save_in_time(self) -> None:
        """Save when the last time is long enough ago."""
        if time.monotonic() >= self._save_at:
            self.save()
