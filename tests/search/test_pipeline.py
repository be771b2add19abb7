"""Islands are asynchronous, and results do not depend on the order in which they run."""

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
from azdsl.search.islands.workers import make_contexts, run_slices
from azdsl.search.kernel.loop import run_epoch
from azdsl.search.kernel.population import make_island, select, write_initial

SETTINGS = {"islands": 3, "exchange": "both", "restart": 1400, "max_evals": 8400, "epoch": 400}


def diverse():
    """A search on three task groups of one task each."""
    return small(
        **SETTINGS | {"tasks_per_evaluation": 1, "redraw": 800, "restart": 2000, "hurdles": "4", "hurdle_every": 40}
    )


class WorkerPool:
    """Runs one island at a time, chosen by a random seed, to its end or a part of the way."""

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
        own = placement.plan.islands[number]
        run_slices(own.space, island, placement.contexts[own.tasks], end, lambda: False)
        clocks = [each.candidates for each in self.islands]
        placement.ahead[(max(clocks) - min(clocks)) // 400] += 1
        return [number]

    def pause(self):
        self.waiting = {number: self.islands[number].candidates for number in self.waiting}


class Placement:
    """A placement with such pools. ``ahead`` counts by how many epochs the first island was ahead of the last."""

    def __init__(self, seed):
        self.seed, self.turn, self.ahead = seed, 0, Counter()

    def describe(self):
        return "a pool in random order"

    def slots(self):
        return 1

    def start(self, plan):
        self.plan, self.contexts = plan, make_contexts(plan.experiment, plan.space, plan.task_sets)
        return self

    @contextmanager
    def pool(self, islands, deadline):
        yield WorkerPool(self, islands)


@pytest.mark.parametrize("experiment", [small(**SETTINGS), diverse()], ids=["same tasks", "diverse tasks"])
def test_results_do_not_depend_on_the_order_of_islands(tmp_path, experiment):
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
def test_a_run_stopped_with_islands_ahead_is_resumed(tmp_path, monkeypatch, sessions, experiment):
    """Stopped at any exchange and saved at every exchange, while islands are in different epochs."""
    run(experiment, out=tmp_path / "whole", quiet=True)
    monkeypatch.setattr(recorder, "save_after", lambda seconds: 0.0)
    ahead, part = 0, tmp_path / "part"
    for number in (1, 2, 5, 6):
        stop = {"on_epoch": lambda snapshot, at=number: snapshot.epoch >= at, "placement": Placement(number)}
        stopped = run(
            None if part.exists() else experiment, quiet=True, **{"resume" if part.exists() else "out": part}, **stop
        )
        assert stopped.evaluations == 1200 * number
        ahead += sum(island.candidates > 400 * number for island in sessions[-1].islands)
    run(None, resume=part, quiet=True, placement=Placement(9))
    assert files(part) == files(tmp_path / "whole") and ahead > 0


def test_candidates_after_the_last_exchange_do_not_count(tmp_path, sessions):
    """A search that stops at an exchange has the result of this exchange, also after a resume."""
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


def test_finalists_before_a_change_of_group_are_not_lost():
    """Stopped when one island has ended its epoch and the other has one candidate left."""
    settings = {"islands": 2, "epoch": 400, "tasks_per_evaluation": 1, "redraw": 400, "restart": None, "choose": "best"}
    found = [
        run(small(seed=2, max_evals=candidates, **settings), quiet=True, workers=1).ending.selection_fitness
        for candidates in (798, 799, 800)
    ]
    assert found[0] == found[1] == found[2] > 0.3


def test_a_limit_at_an_exchange_that_islands_are_past(tmp_path, sessions):
    """A resumed search with the same limit of candidates gives the same result."""
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
def test_immigrants_are_inserted_an_epoch_later(sessions, algorithm):
    """A model: all islands run an epoch, then insert the emigrants of the previous epoch, and restart if it is time."""
    experiment = small(**SETTINGS | {"algorithm": algorithm})
    run(experiment, quiet=True, workers=2)
    plan, search = sessions[-1].plan, experiment.search
    context = sessions[-1]._executors[0].contexts[0][0]
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
    for own, other_island in zip(islands, sessions[-1].islands, strict=True):
        every = range(search.population)
        for one, other in zip(select(own.members, every), select(other_island.members, every), strict=True):
            assert one.tobytes() == other.tobytes()
        assert np.array_equal(own.counts, other_island.counts)
