"""Hurdles and the proxy in the compiled loop, compared with models in Python, on a fake engine."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from search import helpers
from search.helpers import demo, everything, restore, stopped_fitness, task_set, to_arrays, would_pass

from azdsl.config.search import Hurdle, Search, SettingsError
from azdsl.ir import renumber
from azdsl.ir.metric import RMSE
from azdsl.search.islands import proxy
from azdsl.search.islands.hall_of_fame import fittest, update
from azdsl.search.islands.plan import without_stops
from azdsl.search.kernel.hurdles import (
    SAMPLED,
    STOPPED_BELOW,
    costs,
    hurdle_tasks,
    make_hurdles,
    percentile_of_unique,
    reset_thresholds,
)
from azdsl.search.kernel.population import genotype

TASKS = task_set(3)
HURDLES = {"hurdles": "4, 8", "hurdle_every": 60, "hurdle_percentile": 60.0, "population": 100}


class Run(helpers.Run):
    """An island with a fake engine that keeps a record of its hurdles."""

    def __init__(self, experiment):
        super().__init__(experiment, log=100_000)

    def layer(self, name):
        return self.counts()[name]

    def log(self):
        return self.engine.log[: self.engine.calls[2]].tolist()


def model(log, every, percentile, hurdles=2):
    """Thresholds, programs at each hurdle and after the last one, and the fitness of stopped programs."""
    thresholds, windows, reached, stopped = [0.0] * hurdles, [[] for _ in range(hurdles)], [0] * (hurdles + 1), []
    for number, score, _ in log:
        k = int(number)
        reached[k] += 1
        enough = score >= thresholds[k]
        windows[k].append(score)
        if len(windows[k]) == every:
            unique = sorted(set(windows[k]))
            thresholds[k], windows[k] = unique[int(percentile * (len(unique) - 1) / 100)], []
        if not enough:
            stopped.append(score * 2.0 ** (-20 * (hurdles - k)))
        elif k == hurdles - 1:
            reached[hurdles] += 1
    return thresholds, reached, stopped


def test_thresholds_and_stops_equal_those_of_a_model():
    run = Run(everything(**HURDLES)).go(20_000)
    state = run.island.hurdles
    thresholds, reached, stopped = model(run.log(), 60, 60.0)
    assert state.thresholds.tolist() == thresholds and state.reached.tolist() == reached
    assert len(stopped) == run.layer("hurdle") > 1000 and min(thresholds) > 0.3
    assert 300 < reached[2] <= run.engine.calls[0] < 1.1 * reached[2]  # the rest confirmed finalists
    stored = run.island.fitness_cache.sets["values"][run.island.fitness_cache.sets["tags"] != 0]
    below = stored[(stored < STOPPED_BELOW) & (stored > 0)]
    assert len(below) > 300 and set(below.tolist()) <= set(stopped)
    assert run.island.members.fitness.max() > 0.9


def test_stopped_programs_are_no_finalists():
    run = Run(everything(**HURDLES, finalists=30)).go(3000)
    assert (run.island.members.fitness < STOPPED_BELOW).sum() > 10
    finalists = run.island.finalists.fitness
    assert ((finalists == -1.0) | (finalists > STOPPED_BELOW)).all() and (finalists > 0.5).sum() > 5
    best = fittest(run.space, (run.island.finalists, run.island.members), run.scratch)
    rows = range(best.fitness.size)
    fitness = {renumber(genotype(run.space, best, row), RMSE): float(best.fitness[row]) for row in rows}
    hall_of_fame = update((), run.space, {0: best}, RMSE, lambda program: fitness[program])
    assert len(hall_of_fame) > 2 and min(entry.fitness for entry in hall_of_fame) > STOPPED_BELOW


def test_results_do_not_depend_on_the_split_into_calls_and_on_restoring():
    experiment = everything(**HURDLES, proxy=True)
    whole, parts = Run(experiment).go(6000), Run(experiment)
    for size in (1, 99, 1900, 1000):
        parts.go(size)
    saved = {name: array.copy() for name, array in to_arrays(parts.island).items()}
    other = Run(experiment)
    restore(other.island, saved)
    assert parts.go(3000).state() == whole.state() == other.go(3000).state()
    assert whole.layer("hurdle") > 100


@pytest.mark.parametrize(("make", "digest"), [(demo, "f796e46bd42db6de"), (everything, "00fbb11217eda3a6")])
def test_hurdles_did_not_change_searches_without_them(make, digest):
    """The digests are those before hurdles were added, with the confirmation of finalists that FEC settled."""
    run, found = Run(make(population=100)).go(5000), hashlib.blake2b(digest_size=8)
    for name, array in sorted(to_arrays(run.island).items()):
        if name.split(".")[0] in ("members", "finalists", "rng", "clock") and not name.endswith(".adjusted"):
            found.update(
                name.encode() + (array[:2] if name == "clock" else array).tobytes()
            )  # the third number was added with task groups
    assert found.hexdigest() == digest and run.layer("hurdle") == 0 == run.engine.calls[2]


def test_a_hurdle_with_threshold_0_has_no_effect():
    plain, low = (
        Run(everything(population=100)).go(5000),
        Run(everything(population=100, hurdles="4", hurdle_every=10**6)).go(5000),
    )
    evaluated = low.layer("full") + low.layer("stopped_early")
    assert (
        250 < low.engine.calls[2] <= evaluated < low.engine.calls[2] + 10
    )  # hits that were not confirmed meet no hurdle
    assert plain.island.members.fitness.tobytes() == low.island.members.fitness.tobytes()
    assert plain.island.members.code.tobytes() == low.island.members.code.tobytes()


def test_the_fitness_of_a_stopped_program_encodes_hurdle_and_score():
    state = make_hurdles(Search(hurdles="1, 2, 3"))
    draw = np.random.default_rng(0)
    before = 0.0
    for k in range(3):
        scores = np.sort(np.concatenate([[STOPPED_BELOW, 1.0 - 2.0**-53], draw.random(200)]))
        for score in scores:
            fitness = stopped_fitness(score, 3 - k)
            assert before < fitness < STOPPED_BELOW
            before = fitness
            state.thresholds[:] = 1.0
            state.thresholds[k] = score
            assert would_pass(state, fitness)
            state.thresholds[:] = 0.0
            state.thresholds[k] = np.nextafter(score, 2.0)
            assert not would_pass(state, fitness)
    assert not would_pass(state, 0.0) and not would_pass(state, STOPPED_BELOW)


def test_a_reset_discards_thresholds_and_the_scores_toward_the_next_ones():
    hurdles = make_hurdles(everything(**HURDLES).search)
    hurdles.thresholds[:], hurdles.filled[:] = 0.5, 3
    reset_thresholds(hurdles)
    assert hurdles.filled.size and not hurdles.filled.any() and not hurdles.thresholds.any()


def test_a_cached_fitness_is_invalid_after_its_threshold_was_reset():
    run = Run(everything(**HURDLES)).go(5000)
    run.island.hurdles.thresholds[:], run.island.hurdles.filled[:] = 0.0, 0
    sets = run.island.fitness_cache.sets
    before = dict(zip(sets["tags"].ravel().tolist(), sets["values"].ravel().tolist(), strict=True))
    run.go(50)
    after = dict(zip(sets["tags"].ravel().tolist(), sets["values"].ravel().tolist(), strict=True))
    raised = [tag for tag in before if tag and before[tag] < STOPPED_BELOW <= after.get(tag, 0.0)]
    assert raised and all(before[tag] > 0.0 for tag in raised)


def test_percentiles():
    draw = np.random.default_rng(0)
    for n in (1, 2, 3, 10, 101):
        for values in (draw.normal(size=n), draw.integers(0, 5, n).astype(float)):
            unique = np.unique(values)
            for percentile in (0.0, 50.0, 75.0, 100.0):
                wanted = np.percentile(unique, percentile, method="lower")
                assert percentile_of_unique(values.copy(), percentile) == wanted


def test_the_proxy_is_fitted_to_programs_sampled_by_hash():
    run = Run(everything(**HURDLES, proxy=True)).go(20_000)
    state = run.island.hurdles
    stopped, full = run.layer("hurdle"), int(state.reached[2])
    assert state.sampled[0] == pytest.approx((stopped + full) / SAMPLED, rel=0.2)
    assert not state.coefficients.any()
    proxy.fit(state)
    assert state.coefficients.all(axis=1).tolist() == [False, True] and not state.thresholds.any()
    run.go(20_000)
    facts = proxy.summary([state], [0.25, 0.5])
    assert (
        facts["rank_correlation"] > 0.9
        and facts["reached"] == state.reached.tolist()
        and facts["samples"] == state.sampled[0]
    )
    used = 0.25 * state.reached[0] + 0.5 * state.reached[1] + state.reached[2]
    assert facts["saved"] == pytest.approx(1.0 - used / state.reached[0])


def test_the_proxy_solves_its_equations_as_a_library_does():
    draw = np.random.default_rng(0)
    for n in (1, 2, 7, 13):
        X, y = draw.normal(size=(60, n)), draw.normal(size=n)
        matrix = X.T @ X
        assert proxy.solve(matrix, y) == pytest.approx(np.linalg.solve(matrix, y), rel=1e-10)


def test_rank_correlation():
    a, b = np.array([1.0, 2.0, 2.0, 5.0]), np.array([1.0, 3.0, 3.0, 4.0])
    assert proxy.rank_correlation(a, b) == pytest.approx(1.0) and proxy.rank_correlation(a, -b) == pytest.approx(-1.0)
    assert proxy.rank_correlation(a, np.array([2.0, 1.0, 2.0, 3.0])) == pytest.approx(0.5)
    assert proxy.rank_correlation(a, np.ones(4)) is None


def test_the_tasks_and_examples_of_a_hurdle():
    tasks = task_set(4, train=12, valid=6)
    some = hurdle_tasks(tasks, Hurdle(4, 2))
    assert (some.tasks, some.steps, some.epoch_length, some.valid_X.shape[1]) == (2, 4, 4, 2)
    assert (some.train_X == tasks.train_X[:2, :4]).all() and (some.valid_y == tasks.valid_y[:2, :2]).all()
    assert costs(tasks, Search(hurdles="4x2, 6")) == pytest.approx([1 / 6, 1 / 2])
    for hurdle, message in (
        (Hurdle(13), "only 4 tasks of 12"),
        (Hurdle(3, 5), "only 4 tasks"),
        (Hurdle(12, 4), "the full evaluation"),
    ):
        with pytest.raises(SettingsError, match=message):
            hurdle_tasks(tasks, hurdle)


@pytest.mark.parametrize("text", ["0", "4,", "4x", "x4", "4x0", "a"])
def test_invalid_hurdles_are_refused(text):
    with pytest.raises(SettingsError, match="hurdles must be training examples"):
        Search(hurdles=text)


def test_hurdles_are_part_of_a_runs_identity():
    assert str(without_stops(everything(**HURDLES))) != str(without_stops(everything()))
    assert [str(stage) for stage in Search(hurdles="800x5,4000").hurdle_list] == ["800x5", "4000"]
    with pytest.raises(SettingsError, match="at most 8"):
        Search(hurdles=",".join(map(str, range(1, 10))))
    with pytest.raises(SettingsError, match="proxy=true needs hurdles"):
        Search(proxy=True)
