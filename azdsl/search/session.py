"""The scheduler of a run: starts the epochs of all islands, holds their exchanges and decides when to stop.

Islands are asynchronous. At the end of an epoch an island emits a report for the exchange and starts its next epoch, at whose end
the immigrants of that exchange are inserted. An island blocks only when another island is a complete epoch behind. The state of an
island depends on reports alone, not on the time at which they were made. A run may stop at any time: a run that was stopped and
resumed any number of times gives the same result as an uninterrupted one. Between two stages (``islands.stages``) all islands block.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from azdsl.config.search import Search
from azdsl.diagnostics import SyntaxError
from azdsl.ir import Program
from azdsl.search.display.progress import Snapshot
from azdsl.search.islands import exchange, proxy, run_state, stages
from azdsl.search.islands.exchange import Reports
from azdsl.search.islands.executor import TICK_SECONDS, Executor, WorkerPool
from azdsl.search.islands.final_tuning import tuned_finalists
from azdsl.search.islands.hall_of_fame import HallOfFame, include
from azdsl.search.islands.island_report import IslandReport, make_report
from azdsl.search.islands.migration import immigrants, receive_immigrants, sources
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.run_state import PastStage, RunState, numbered
from azdsl.search.islands.selection import Finalist, Found, canonical, choose, ranked, text_hash
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.hurdles import reset_thresholds
from azdsl.search.kernel.population import Island, Members, write_initial
from azdsl.search.proposer import Proposer
from azdsl.search.recorder import Recorder
from azdsl.search.rundir import checkpoint
from azdsl.search.rundir.validate import island_problem, report_problem
from azdsl.shapes import Finite, check

INTERRUPTED = "interrupted"
"""The reason of a run that the user stopped."""

_NEXT_STAGE = "next stage"
"""The reason for which a worker pool ends although the run goes on."""

OnEpoch = Callable[[Snapshot], Any]


@dataclass(frozen=True)
class Conclusion:
    """The outcome of a run: the chosen program among the finalists, the hall of fame, and candidates of all islands.

    ``layers`` counts them by layer, ``fec_sample`` the hits of the functional equivalence cache that were checked. ``past`` are the
    stages before the one in which the run ended.
    """

    chosen: Finalist
    finalists: Sequence[Finalist]
    hall_of_fame: HallOfFame
    evaluations: int
    layers: Mapping[str, int]
    hurdles: Mapping[str, Any] | None
    fec_sample: Mapping[str, int] | None
    past: tuple[PastStage, ...]


class Session:
    """A run in this process: its islands, the run state and the reports of the last exchange.

    ``plans`` and ``executors`` are those of the stages and of the run's own tasks, in their order. ``plan`` is the present one.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        islands: Sequence[Island],
        executors: Sequence[Executor],
        scratch: Scratch,
        recorder: Recorder,
        proposer: Proposer | None = None,
    ) -> None:
        self.plans = plans
        self.plan = plans[0]
        self.islands = islands
        self.recorder = recorder
        self.proposer = proposer
        self.state = RunState()
        self._executors = executors
        self._scratch = scratch
        self._reports: Reports = ()  # of the last exchange
        self._next_reports: dict[
            int, IslandReport
        ] = {}  # for the next exchange, of islands that are past ``state.epoch``
        self._immigrants: Sequence[Members | None] = [None] * len(islands)  # to insert at the end of ``state.epoch``
        self._proposals: Sequence[Members | None] | None = None  # the same, once they are known
        self._ended_at_exchange = False  # then later candidates do not count
        self._interrupted = False  # then the finalists are not tuned, since the user waits
        self._seconds_before = 0.0
        self._started = time.monotonic()
        if self.plan.groups > 1:
            for own, island in zip(self.plan.islands, islands, strict=True):
                stages.set_group(self.plan, own, island, 0)

    @property
    def seconds(self) -> float:
        """Time in seconds that the run took so far, without the time between sessions."""
        return self._seconds_before + time.monotonic() - self._started

    def resume(self, saved: checkpoint.Checkpoint) -> None:
        """Restore the run of a checkpoint. Raises ``checkpoint.Damaged`` when it does not belong to such a run."""
        try:
            self.state = run_state.from_json(saved.facts["state"])
            self._enter_stage()
            plan = self.plan
            checkpoint.restore(plan.space, self.islands, saved.arrays)
            searches = [own.search for own in plan.islands]
            reports, next_reports = checkpoint.restore_reports(plan.space, searches, saved.arrays)
            check(saved.facts["events_bytes"], int, "events_bytes")
            check(saved.facts["seconds"], Finite, "seconds")
            self._seconds_before = float(saved.facts["seconds"])
            placed = all(self._in_epoch(number, number in next_reports) for number in range(len(self.islands)))
        except (ArithmeticError, AttributeError, LookupError, SyntaxError, TypeError, ValueError) as error:
            raise checkpoint.Damaged(f"it belongs to another kind of run ({type(error).__name__}: {error})") from None
        each = zip(plan.islands, self.islands, strict=True)
        reasons = [island_problem(own.space, own.groups, island) for own, island in each]
        numbered = (*enumerate(reports), *next_reports.items())
        reasons += [report_problem(plan.islands[n].space, plan.islands[n].search, report) for n, report in numbered]
        began = plan.schedules.total(self.state.past[-1].epoch - 1) if self.state.past else 0
        placed &= stages.evaluations_before(self.state) == began
        placed &= bool(reports) == (self.state.epoch > 0) and (bool(reports) or not self.state.finalists)
        reasons += [None if placed else "its islands are not in the epoch of its run state"]
        if reason := next(filter(None, reasons), None):
            raise checkpoint.Damaged(reason)
        self._start_epoch(reports)
        self._next_reports = next_reports
        self.recorder.resume(exchange.evaluations(reports), self._seconds_before)

    def _in_epoch(self, number: int, reported: bool) -> bool:
        """Whether an island has a number of candidates that its present epoch allows."""
        schedule, epoch = self.plan.schedules.each[number], self.state.epoch + reported
        return schedule.end(epoch - 1) <= self.islands[number].candidates <= schedule.end(epoch)

    def go(self, asked: threading.Event, on_epoch: OnEpoch | None) -> str:
        """Search until a stopping condition holds, ``asked`` is set or ``on_epoch`` returns true. Returns the reason."""
        search = self.plans[-1].search
        self._started = time.monotonic()
        self.recorder.start()
        deadline = float("inf") if search.timeout is None else self._started + search.timeout - self._seconds_before
        reason = _NEXT_STAGE
        while reason == _NEXT_STAGE:
            with self._executors[self.state.stage].pool(self.islands, deadline) as pool:
                reason = self._stage(pool, asked, on_epoch)
        if self._in_stages and reason != INTERRUPTED:
            reason += f" in stage {self.state.stage + 1} of {len(self.plans)}"
        return reason

    @property
    def _in_stages(self) -> bool:
        """Whether the run has not come to its own tasks yet."""
        return self.state.stage < len(self.plans) - 1

    def _stage(self, pool: WorkerPool, asked: threading.Event, on_epoch: OnEpoch | None) -> str:
        """Search until the stage ends, which gives ``_NEXT_STAGE``, or the run. Returns the reason."""
        search = self.plans[-1].search
        idle = list(range(search.islands))
        waiting: list[int] = []  # for the next exchange, or at their limit of candidates
        reason = self._stop_reason()
        while not reason:
            if asked.is_set():
                self._interrupted = True
                return INTERRUPTED
            if self._timed_out():
                return f"timeout of {search.timeout:g} s reached"
            if self._proposals is None:
                self._propose(asked)
                continue  # the wait for them may have been ended
            waiting += [number for number in idle if not self._start(pool, number)]
            idle = []
            if len(self._next_reports) == search.islands:
                ends = bool(self.state.ending)
                snapshot = self._exchange()
                idle, waiting = sorted(waiting), []
                if ends:
                    self._next_stage()
                reason = _callback_reason(snapshot, asked, on_epoch)
                if self.recorder.save_due:
                    pool.pause()
                    self.save()
                reason = reason or self._stop_reason()
                if ends and not reason:
                    return _NEXT_STAGE
            elif len(waiting) == search.islands:
                return stages.limit_reached(search)
            else:
                idle = pool.wait(TICK_SECONDS)
                self.recorder.tick()
        self._ended_at_exchange, self._interrupted = True, reason == INTERRUPTED
        return reason

    def _timed_out(self) -> bool:
        """Whether the time limit of the run is reached."""
        limit = self.plans[-1].search.timeout
        return limit is not None and self.seconds >= limit

    def _propose(self, asked: threading.Event) -> None:
        """Ask for the proposals that enter at the end of the present epoch, unless none of them would be evaluated on its tasks.

        An interruption or the time limit ends the wait for them.
        """
        epoch, limit = self.state.epoch, self.plans[-1].search.max_evals
        complete = limit is None or self.plan.schedules.total(epoch) <= limit
        if self.proposer is None or epoch == 0 or self.state.ending or not complete:
            self._proposals = [None] * len(self.islands)
            return

        def halted() -> bool:
            self.recorder.tick()
            return asked.is_set() or self._timed_out()

        self._proposals = self.proposer.proposals(self.plan, self.state, halted)

    def _stop_reason(self) -> str:
        """The stopping condition of the run that holds at the last exchange; empty without one."""
        search, evaluations = self.plans[-1].search, exchange.evaluations(self._reports)
        if self._in_stages:  # the targets of stages do not end the run
            search = replace(search, target=Search().target, patience=None)
        return stages.stop_reason(search, self.state, evaluations, evaluations)

    def _start(self, pool: WorkerPool, number: int) -> bool:
        """Start an idle island; False if it has to wait for the exchange or is at its limit."""
        island, schedules, epoch = self.islands[number], self.plan.schedules, self.state.epoch
        if number not in self._next_reports and island.candidates == schedules.each[number].end(epoch):
            self._end_epoch(number)
        if self.state.ending and number in self._next_reports:
            return False
        end = schedules.end(number, epoch + (number in self._next_reports), self.plans[-1].search.max_evals)
        if island.candidates >= end:
            return False
        pool.start(number, end)
        return True

    def _end_epoch(self, number: int) -> None:
        """Make an island's report and prepare the island for its next epoch."""
        plan, state, own, island = self.plan, self.state, self.plan.islands[number], self.islands[number]
        self._next_reports[number] = self._report(number)
        arrived = [self._proposals[number] if self._proposals else None, self._immigrants[number]]
        if plan.restarts(state):
            write_initial(own.space, stages.restarted(plan, state, number), island)
            reset_thresholds(island.hurdles)
            del arrived[1]  # immigrants are of the population that was replaced
        receive_immigrants(own.search, island, [members for members in arrived if members is not None])
        if plan.redraws(state) and not own.tasks:
            stages.set_group(plan, own, island, state.groups_drawn + 1)
        if own.search.proxy:
            proxy.fit(island.hurdles)

    def _report(self, number: int) -> IslandReport:
        """The report of an island in its present state."""
        own = self.plan.islands[number]
        return make_report(own.space, own.search, self.islands[number], self._scratch)

    def _exchange(self) -> Snapshot:
        """Hold the exchange for which all reports have been made."""
        reports = [self._next_reports[number] for number in range(len(self.islands))]
        self.state, milestones = exchange.run_exchange(self.plan, self.state, reports)
        self._start_epoch(reports)
        if self._in_stages and not self.state.ending:
            ending = stages.stage_reason(self.plan, self.state, exchange.evaluations(reports))
            self.state = replace(self.state, ending=ending)
        return self.recorder.add_exchange(self.state, reports, milestones, self.seconds)

    def _next_stage(self) -> None:
        """Begin the next stage. All islands are idle at the end of the epoch whose exchange was held last."""
        stage = self.plans[-1].experiment.stages[self.state.stage]
        number = stages.following_stage(self.plan, stage, self.state)
        evaluations = exchange.evaluations(self._reports)
        self.state = stages.next_stage(self.plan, number, self.plans[number], self.state, evaluations)
        self._enter_stage()
        stages.carry_over(self.plan, self.state, self.islands)
        self._start_epoch([self._report(number) for number in range(len(self.islands))])
        self.recorder.say(_stage_ended(self.state, len(self.plans)))

    def _enter_stage(self) -> None:
        """Use the plan of the stage of the run state. Raises ``IndexError`` for more stages than the run has."""
        self.plan = stages.begun(self.plans, self.state)
        self.recorder.plan = self.plan

    def _start_epoch(self, reports: Reports) -> None:
        """Start ``state.epoch``, whose immigrants come from ``reports``."""
        plan, state = self.plan, self.state
        self._reports, self._next_reports, self._immigrants = reports, {}, [None] * len(self.islands)
        self._proposals = None
        schedules = plan.schedules
        begin = schedules.average(state.epoch - 1)
        # Members of a replaced population do not migrate. Nor do members whose fitness is on another task group than
        # that of their new island when they are inserted.
        discarded = begin == state.restarted_at or (begin == state.regrouped_at and not plan.redraws(state))
        if reports and not discarded:
            emigrated = [report.emigrants for report in reports]
            lengths = [schedule.length for schedule in schedules.each]
            self._immigrants = immigrants(emigrated, sources(plan.search, state.epoch), plan.islands, lengths)

    def finish(self) -> Conclusion:
        """Save the run and choose the final program among all finalists. The run state is not changed.

        In a stage, all of them are measured on the run's own tasks. If the run ended at an exchange, its reports are the basis. Otherwise
        it is the present state of all islands and the reports for the next exchange: an island may have restarted or changed its task
        group since its report.
        """
        plan = self.plan
        self.save()
        reports: Reports = self._reports
        found, hall_of_fame = [], self.state.hall_of_fame
        if not self._ended_at_exchange:
            reports = [self._report(number) for number in range(len(self.islands))]
            pending = [self._next_reports.get(n, r) for n, r in enumerate(reports)] if self._next_reports else []
            found = exchange.finalists(plan, pending)
            hall_of_fame = exchange.updated_hall_of_fame(plan, hall_of_fame, pending, found)
        found += exchange.finalists(plan, reports)
        hall_of_fame = exchange.updated_hall_of_fame(plan, hall_of_fame, reports, found)
        compared = plan.judge.compare(self.state.finalists, found)
        compared = plan.judge.compare(compared, self._others(compared, hall_of_fame))
        if self._in_stages:
            plan = self.plans[-1]
            been = plan.experiment.stages[: self.state.stage]
            self.recorder.plan = replace(plan, experiment=replace(plan.experiment, stages=been))
            on_own = [plan.judge.measured(f.found.program, f.found.island, f.found.birth) for f in compared]
            compared, hall_of_fame = plan.judge.compare((), on_own), include((), on_own)
        past = numbered(self.state.past)
        missed = [plan.judge.measured(ended.answer, 0, 0) for number, ended in past if ended.following <= number]
        compared = plan.judge.compare(compared, missed)
        tuned = [] if self._interrupted else tuned_finalists(plan.judge, compared, exchange.evaluations(reports))
        compared = plan.judge.compare(compared, tuned)
        chosen = choose(plan.judge, compared)
        # The fitness in the search may be one from a cache.
        fresh = replace(chosen.found, search_fitness=plan.judge.search_fitness([chosen.found.program])[0])
        return Conclusion(
            chosen=replace(chosen, found=fresh),
            finalists=ranked(compared),
            hall_of_fame=include(hall_of_fame, tuned),
            evaluations=exchange.evaluations(reports),
            layers=exchange.layers(reports),
            hurdles=exchange.hurdles(plan, reports),
            fec_sample=exchange.fec_sample(plan, reports),
            past=self.state.past,
        )

    def _others(self, finalists: Sequence[Finalist], hall_of_fame: HallOfFame) -> list[Found]:
        """The seed program and the programs of the hall of fame that are not among the finalists."""
        plan, known = self.plan, {finalist.found.program for finalist in finalists}
        found: dict[Program, Found] = {}
        for entry in hall_of_fame:
            if entry.program not in known:
                origin = entry.island, entry.birth
                found[entry.program] = Found(entry.program, text_hash(str(entry.program)), entry.fitness, *origin)
        seed_program = canonical(plan.experiment.program, plan.metric)
        if seed_program not in known and seed_program not in found:
            found[seed_program] = plan.judge.measured(seed_program, 0, 0)
        return list(found.values())

    def save(self) -> None:
        """Write a checkpoint, ``best.az`` and the hall of fame of the last exchange. All islands must be idle."""
        self.recorder.save(self.checkpoint, self.state, exchange.evaluations(self._reports))

    def checkpoint(self, events_bytes: int) -> bytes:
        """The checkpoint of the run, whose events take ``events_bytes`` in their file."""
        facts = {
            "identity": self.plans[-1].identity,
            "state": run_state.to_json(self.state),
            "seconds": self.seconds,
            "events_bytes": events_bytes,
        }
        return checkpoint.encode(self.plan.space, self.islands, facts, self._reports, self._next_reports)


def _stage_ended(state: RunState, stages_in_all: int) -> str:
    """A line about the stage that has ended."""
    *_, (number, ended) = numbered(state.past)
    figures = f"after {ended.evaluations:,} candidates, selection {ended.fitness:.6f}"
    again = f"; stage {ended.following + 1} begins again" if ended.following <= number else ""
    return f"stage {number + 1} of {stages_in_all} ended: {ended.reason} ({figures}){again}"


def _callback_reason(snapshot: Snapshot, asked: threading.Event, on_epoch: OnEpoch | None) -> str:
    """Why the user's callback stops the search; empty if it does not."""
    try:
        return "stopped by on_epoch" if on_epoch and on_epoch(snapshot) else ""
    except KeyboardInterrupt:
        if asked.is_set():
            raise
        return INTERRUPTED
