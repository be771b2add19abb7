"""The wire format of islands and jobs, and the environment fingerprint."""

from __future__ import annotations

import random

import numpy as np
import pytest
from search_runs import small

from azdsl.cluster import wire
from azdsl.cluster.fingerprint import differences, fingerprint
from azdsl.config.search import ALGORITHMS
from azdsl.search.islands.workers import make_context, run_slices
from azdsl.search.kernel.population import make_island, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.search.rundir import checkpoint
from azdsl.search.rundir.validate import island_problem
from azdsl.tasks import build


def setup(**settings):
    experiment = small(all_ops=True, **settings)
    tasks = build(experiment.task, 1, "search", None)
    space = make_space(experiment, tasks)
    island = make_island(space, experiment, 1)
    write_initial(space, experiment, island)
    return experiment, tasks, space, island


@pytest.mark.parametrize(
    ("before", "algorithm"), [(0, ALGORITHMS[0]), (30, ALGORITHMS[0]), (700, ALGORITHMS[0]), (700, "reinforce")]
)
def test_a_decoded_island_continues_as_the_original(before, algorithm):
    experiment, tasks, space, island = setup(hurdles="4, 8", hurdle_every=30, proxy=True, algorithm=algorithm)
    context = make_context(experiment, space, tasks)
    run_slices(space, island, context, before, lambda: False)
    data = wire.encode_island(space, island)
    other = make_island(space, experiment, 0)
    other.fitness_cache.sets["tags"] = 5  # is overwritten
    wire.decode_island(space, other, data)
    assert wire.encode_island(space, other) == data
    for one in (island, other):
        run_slices(space, one, context, before + 500, lambda: False)
    assert wire.encode_island(space, other) == wire.encode_island(space, island)
    assert island.candidates == before + 500 and island.hurdles.reached[0] > 20


def test_a_changed_state_is_valid_or_refused():
    """A refused state leaves the island as it was; compiled code runs on a valid one."""
    experiment, tasks, space, island = setup(hurdles="4, 8", hurdle_every=30, proxy=True)
    context = make_context(experiment, space, tasks)
    run_slices(space, island, context, 400, lambda: False)
    data = wire.encode_island(space, island)
    draw, refused = random.Random(0), 0
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(draw.choice((1, 1, 8, 64))):
            changed[draw.randrange(len(data))] = draw.randrange(256)
        try:
            wire.receive_island(
                space, 1, island, bytes(changed[: draw.choice((len(data), draw.randrange(len(data))))]), 0, 400
            )
        except checkpoint.Damaged as error:
            refused += 1
            assert str(error) and wire.encode_island(space, island) == data
        else:
            assert island_problem(space, 1, island) is None
            run_slices(space, island, context, 450, lambda: False)
            wire.receive_island(space, 1, island, data, 400, 400)
            assert wire.encode_island(space, island) == data
    assert 100 < refused < 290


def test_a_cache_without_an_order_is_refused():
    """Compiled code finds the entry to evict by the order."""
    experiment, _, space, island = setup()
    island.fec_cache.sets["tags"], island.fec_cache.sets["ranks"] = 1, 0
    with pytest.raises(checkpoint.Damaged, match="a cache without an order of its entries"):
        wire.receive_island(space, 1, make_island(space, experiment, 0), wire.encode_island(space, island), 0, 0)


def test_empty_caches_are_omitted():
    _, _, space, island = setup(cache=100_000)
    assert len(wire.encode_island(space, island)) < 20_000 < island.fitness_cache.sets.nbytes


def test_a_job_is_decoded():
    experiment, tasks, *_ = setup()
    again, (same,) = wire.decode_job(wire.encode_job(experiment, [tasks]))
    assert again == experiment
    for name in ("train_X", "train_y", "valid_X", "valid_y"):
        assert np.array_equal(getattr(tasks, name), getattr(same, name))
    assert (same.metric, same.epochs, same.epoch_length, same.classes) == (
        tasks.metric,
        tasks.epochs,
        tasks.epoch_length,
        tasks.classes,
    )
    assert wire.job_of(wire.encode_job(experiment, [tasks])) == wire.job_of(wire.encode_job(again, [same]))


def test_differences():
    here = {"numpy": "1", "numba": "2"}
    assert differences(here, dict(here)) == []
    assert differences(here, {"numpy": "1", "numba": "3"}) == ["numba is 2 here and 3 there"]
    assert differences(here, {"numpy": "1"}) == ["numba is 2 here and absent there"]


def test_the_fingerprint_names_versions_and_no_processor():
    names = {"azdsl", "azdsl's sources", "azdsl's grammar", "numpy", "numba", "llvmlite"}
    assert fingerprint().keys() == names
