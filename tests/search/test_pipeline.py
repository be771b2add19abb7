"""Islands do not wait for one another, and it is of no matter which of them is how far ahead when."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
from search_runs import files, small

from azdsl.search import recorder
from azdsl.search.evolve import run
from azdsl.search.islands.migration import emigrants, insert_immigrants, sources
from azdsl.search.islands.seeds import permutation
from azdsl.search.islands.workers import make_context, run_slices
from azdsl.search.kernel.loop import run_epoch
from azdsl.search.kernel.population import make_island, select, write_initial

SETTINGS = {"islands": 3, "exchange": "both", "restart": 1400, "max_evals": 8400, "epoch": 400}


def diverse():
    """A search that evaluates on one task in turn of three."""
    return small(
        **SETTINGS | {"tasks_per_evaluation": 1, "redraw": 800, "restart": 2000, "hurdles": "4", "hurdle_every": 40}
    )


class WorkerPool:
    """Islands of which one at a time goes on, drawn from a seed: to its end, or not as far."""

    def __init__(self, placement, islands):
        self.placement, self.islands, self.waiting = placement, islands, {}

    def start(self, number, end):
        assert number not in self.waiting and self.islands[number].candidates < end
        self.waiting[number] = end

    def wait(self, seconds):
        placement = self.placement
        placement.turn += 1
        one, short, how_short = permutation(placement.seed, 7, placement.turn, size=12)[:3]
        number = sorted(self.waiting)[one % len(self.waiting)]
        island, end = self.islands[number], self.waiting.pop(number)
        if short < 3:
            end = min(end, island.candidates + 20 * how_short + 1)
        run_slices(placement.plan.spaces[number], island, placement.context, end, lambda: False)
        clocks = [each.candidates for each in self.islands]
        placement.ahead[(max(clocks) - min(clocks)) // 400] += 1
        return [number]

    def pause(self):
        self.waiting = {number: self.islands[number].candidates for number in self.waiting}


class Placement:
    """Where such crews are. ``ahead`` counts how many whole epochs the first island was ahead of the last."""

    def __init__(self, seed):
        self.seed, self.turn, self.ahead = seed, 0, Counter()

    def describe(self):
        return "a crew of whims"

    def slots(self):
        return 1

    def start(self, plan, tasks):
        self.plan, self.context = plan, make_context(plan.experiment, plan.space, tasks)
        return self

    @contextmanager
    def pool(self, islands, deadline):
        yield WorkerPool(self, islands)


@pytest.mark.parametrize("experiment", [small(**SETTINGS), diverse()], ids=["same tasks", "diverse tasks"])
def test_any_order_gives_the_same(tmp_path, experiment):
    whole = run(experiment, out=tmp_path / "threads", quiet=True, workers=2)
    ahead = Counter()
    for seed in range(6):
        placement = Placement(seed)
        other = run(experiment, out=tmp_path / str(seed), quiet=True, placement=placement)
        assert files(tmp_path / str(seed)) == files(tmp_path / "threads")
        assert (other.layers, other.hurdles, other.fitness) == (whole.layers, whole.hurdles, whole.fitness)
        ahead += placement.ahead
    assert ahead[1] > 60 and max(ahead) <= 2


@pytest.mark.parametrize("experiment", [small(**SETTINGS), diverse()], ids=["same tasks", "diverse tasks"])
def test_stopped_with_islands_ahead(tmp_path, monkeypatch, sessions, experiment):
    """Stopped at any meeting and saved at all of them, wherever islands are by then."""
    run(experiment, out=tmp_path / "whole", quiet=True)
    monkeypatch.setattr(recorder, "save_after", lambda seconds: 0.0)
    ahead, part = 0, tmp_path / "part"
    for meeting in (1, 2, 5, 6):
        stop = {"on_epoch": lambda snapshot, at=meeting: snapshot.epoch >= at, "placement": Placement(meeting)}
        stopped = run(
            None if part.exists() else experiment, quiet=True, **{"resume" if part.exists() else "out": part}, **stop
        )
        assert stopped.evaluations == 1200 * meeting
        ahead += sum(island.candidates > 400 * meeting for island in sessions[-1].islands)
    run(None, resume=part, quiet=True, placement=Placement(9))
    assert files(part) == files(tmp_path / "whole") and ahead > 0


def test_what_islands_did_after_the_last_meeting_is_not_looked_at(tmp_path, sessions):
    """A search that stops at a meeting gives what is known there, also when it is asked again."""
    experiment, counted = small(**SETTINGS | {"max_evals": None, "patience": 2000}), set()
    told = []
    for seed in range(5):
        path = tmp_path / str(seed)
        first = run(experiment, out=path, quiet=True, placement=Placement(seed))
        counted.add(tuple(island.candidates for island in sessions[-1].islands))
        before = files(path)
        again = run(None, resume=path, quiet=True)
        assert first.stopped == again.stopped and "nothing better" in first.stopped and files(path) == before
        told += [(files(path), first.evaluations, first.layers), (files(path), again.evaluations, again.layers)]
    assert all(one == told[0] for one in told) and len(counted) > 1


def test_what_an_island_forgot_when_it_took_other_tasks_is_not_lost():
    """Stopped when one island has left its epoch and the other has a candidate to go."""
    settings = {"islands": 2, "epoch": 400, "tasks_per_evaluation": 1, "redraw": 400, "restart": None}
    found = [
        run(small(seed=2, max_evals=candidates, **settings), quiet=True, workers=1).fitness
        for candidates in (798, 799, 800)
    ]
    assert found[0] == found[1] == found[2] > 0.3


def test_a_limit_at_a_meeting_that_islands_are_past(tmp_path, sessions):
    """Asked again for as many candidates as it had, a search gives what it gave, whatever its islands did since."""
    run(small(**SETTINGS | {"max_evals": 3600}), out=tmp_path / "whole", quiet=True)
    ahead = 0
    for seed in range(4):
        path = tmp_path / str(seed)
        run(
            small(**SETTINGS),
            out=path,
            quiet=True,
            placement=Placement(seed),
            on_epoch=lambda snapshot: snapshot.evaluations >= 3600,
        )
        ahead += sum(island.candidates > 1200 for island in sessions[-1].islands)
        again = run(small(**SETTINGS | {"max_evals": 3600}), resume=path, quiet=True)
        assert again.evaluations == 3600 and again.stopped == "max_evals 3,600 reached"
        assert files(path) == files(tmp_path / "whole")
    assert ahead > 0


@pytest.mark.parametrize("algorithm", ["regularized_evolution", "nonregularized_evolution"])
def test_migrants_come_an_epoch_later(sessions, algorithm):
    """A plain model: all islands run an epoch, then take in what left at the end of the one before, and perhaps restart."""
    experiment = small(**SETTINGS | {"algorithm": algorithm})
    run(experiment, quiet=True, workers=2)
    plan, search = sessions[-1].plan, experiment.search
    context = sessions[-1]._executor.contexts[0]
    islands = [make_island(plan.space, experiment, number) for number in range(3)]
    for island in islands:
        write_initial(plan.space, experiment, island)
    gone, started, moved = None, 0, 0
    for epoch in range(7):
        for island in islands:
            run_epoch(plan.space, island, context.scratch, context.groups[0].engines, 400)
        going = [emigrants(search, island.members) for island in islands]
        if gone:
            for island, origin in zip(islands, sources(search, epoch), strict=True):
                if island is not islands[origin]:
                    insert_immigrants(search, island, gone[origin])
                    moved += 1
        again = 400 * (epoch + 1) - started >= 1400
        if again:
            started = 400 * (epoch + 1)
            for island in islands:
                write_initial(plan.space, experiment, island)
        gone = None if again else going
    assert started == 1600 and moved > 8
    for mine, theirs in zip(islands, sessions[-1].islands, strict=True):
        every = range(search.population)
        for one, other in zip(select(mine.members, every), select(theirs.members, every), strict=True):
            assert one.tobytes() == other.tobytes()
        assert np.array_equal(mine.counts, theirs.counts)
