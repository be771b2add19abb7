"""The search algorithms, compared with models in plain Python, candidate by candidate."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from search.helpers import Run, demo, everything, task_set
from search_runs import files, small

from azdsl.config.search import ALGORITHMS, Range
from azdsl.search.evolve import run
from azdsl.search.islands.migration import emigrants, immigrants, insert_immigrants
from azdsl.search.kernel.algorithms import extremes
from azdsl.search.kernel.population import genotype
from azdsl.search.kernel.reinforce import BATCH, DECAY, ascend, make_policy
from azdsl.search.kernel.rng import seeded
from azdsl.search.kernel.space import make_space

TASKS = task_set(3)
OTHERS = ALGORITHMS[1:]


class Island(Run):
    """An island with a fake engine, for any algorithm."""

    @property
    def fitness(self):
        return self.island.members.fitness

    @property
    def births(self):
        return self.island.members.about["birth"]

    def rows(self):
        members = self.island.members
        return [members.code[i].tobytes() + members.constants[i].tobytes() for i in range(len(self.fitness))]


def digits(word, n, count):
    """``count`` digits of a word, by the rule of ``rng.digit``."""
    found = []
    for _ in range(count):
        product = word * n
        found.append(product >> 64)
        word = product & (2**64 - 1)
    return found


class Words:
    """xoshiro256++ in plain Python."""

    def __init__(self, state):
        self.s = [int(x) for x in state]

    def next(self):
        def turn(x, k):
            return ((x << k) | (x >> (64 - k))) & (2**64 - 1)

        s = self.s
        result = (turn((s[0] + s[3]) & (2**64 - 1), 23) + s[0]) & (2**64 - 1)
        t = (s[1] << 17) & (2**64 - 1)
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = turn(s[3], 45)
        return result


def sample(state, size, draws):
    """The members that a tournament draws, two from each random word."""
    words, drawn = Words(state), []
    while len(drawn) < draws:
        drawn += digits(words.next(), size, min(2, draws - len(drawn)))
    return drawn


def test_the_bits_of_regularized_evolution_do_not_change():
    """The digest is that of one island before other algorithms were added, on tasks whose normal numbers the polar method draws."""
    result = run(small(seed=3, restart=1000, islands=1), quiet=True, workers=1)
    names = ("copies", "neutral", "over_budget", "cached", "fec", "stopped_early", "full")
    layers = {name: result.layers[name] for name in names}
    front = [(str(entry.program), entry.fitness) for entry in result.hall_of_fame]
    digest = hashlib.sha256(repr((front, layers)).encode()).hexdigest()
    assert digest == "20095d27bfc922bf817377378b477caa9fc104d64c2e214393f727dafbd74556"


def test_nonregularized_evolution_replaces_the_worst_of_the_sample():
    run, killed = Island(demo(population=12, tournament=4, algorithm="nonregularized_evolution")).go(12), set()
    assert sorted(run.births.tolist()) == list(range(12))
    for birth in range(12, 400):
        fitness, drawn = run.fitness.copy(), sample(run.island.rng, 12, 4)
        worst = min(reversed(drawn), key=lambda row: fitness[row])
        before, parent = run.rows(), max(drawn, key=lambda row: fitness[row])
        run.go(1)
        changed = [row for row in range(12) if run.births[row] == birth]
        assert changed == [worst]
        assert [r for r in range(12) if r != worst and run.rows()[r] != before[r]] == []
        killed.add(worst)
        if run.rows()[worst] == before[parent]:
            assert run.fitness[worst] == fitness[parent]
    assert len(killed) > 3


def test_the_best_and_the_worst_of_equal_members_differ():
    fitness, state = np.zeros(50), seeded(0, 0)
    pairs = [extremes(fitness, 4, state) for _ in range(200)]
    assert sum(best != worst for best, worst in pairs) > 190


def test_hill_climbing_accepts_a_child_unless_it_is_worse():
    run, moves, refused = Island(everything(population=5, tournament=2, algorithm="hill_climbing")).go(1), 0, 0
    incumbent = 0
    for birth in range(1, 600):
        before, fitness = run.rows()[incumbent], run.fitness[incumbent]
        run.go(1)
        child = 1 - incumbent
        assert run.births[child] == birth and run.rows()[incumbent] == before
        if run.fitness[child] >= fitness:
            incumbent, moves = child, moves + 1
        else:
            refused += 1
    assert moves > 20 and refused > 100
    assert (run.fitness[2:] == -1.0).all()


def test_every_candidate_of_random_search_is_random():
    """The candidates are those that ``init=random`` generates from the same random state."""
    run = Island(everything(population=40, algorithm="random_search"))
    state = run.island.rng.copy()
    run.go(40)
    other = Island(everything(population=40))
    other.island.rng[:] = state
    other.start()
    for row in range(40):
        assert genotype(run.space, run.island.members, row) == genotype(other.space, other.island.members, row)
    before = run.rows()
    run.go(40)
    assert not set(before) & set(run.rows())


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def test_reinforce_follows_the_gradient():
    """After six batches the policy equals that of a model that reads the choices from the programs."""
    run = Island(demo(population=BATCH, algorithm="reinforce", policy_rate=0.5, policy_entropy=0.05))
    policy, space, members = run.island.policy, run.space, run.island.members
    logits = {tuple(f): np.zeros(f[2]) for f in policy.factors.tolist()}
    rewards = weights = 0.0
    for _ in range(6):
        gains = {key: np.zeros(key[2]) for key in logits}
        for row in range(BATCH):
            run.go(1)
            advantage = run.fitness[row] - rewards / weights if weights else 0.0
            rewards, weights = DECAY * rewards + run.fitness[row], DECAY * weights + 1.0
            for key, column in _choices(space, members, row):
                gains[key][column] += advantage
        for key, theta in logits.items():
            p = softmax(theta)
            entropy = -(p * np.log(p)).sum()
            theta += 0.5 * (gains[key] - gains[key].sum() * p - BATCH * 0.05 * p * (np.log(p) + entropy))
    for (row, first, count), theta in logits.items():
        assert np.allclose(policy.logits[row, first : first + count], theta, rtol=0, atol=1e-9)
        assert np.allclose(policy.probabilities[row, first : first + count], softmax(theta), rtol=0, atol=1e-9)
    assert np.abs(policy.logits).max() > 0.1


def _choices(space, members, row):
    """The choices of a program: softmax and index of the choice."""
    total = space.starts.shape[1]
    for f in range(3):
        limits, length = space.functions[f], int(members.about["lengths"][row, f])
        yield (f, 0, int(limits["most"] - limits["least"]) + 1), length - int(limits["least"])
        ops = space.ops[limits["first_op"] :][: limits["op_count"]].tolist()
        for at in range(limits["offset"], limits["offset"] + length):
            code, a, b, out = (int(x) for x in members.code[row, [at]].view("<u2"))
            op = space.table[code]
            yield (3 + at, 0, len(ops)), ops.index(code)
            first = len(ops)
            yield (3 + at, first + int(op["a_base"]), int(op["a_count"])), a
            yield (3 + at, first + total + int(op["b_base"]), int(op["b_count"])), b
            start = first + 2 * total + int(op["out_base"]) + int(op["out_first"])
            yield (3 + at, start, int(op["out_count"])), out - int(op["out_first"])


def test_entropy_leads_to_the_uniform_policy_and_gains_to_the_better_choice():
    logits, p, gains = np.array([2.0, 0.0, -1.0]), softmax(np.array([2.0, 0.0, -1.0])), np.zeros(3)
    for _ in range(2000):
        ascend(logits, p, gains, 0.5, 0.1)
    assert np.allclose(p, 1 / 3, atol=1e-3)
    for _ in range(50):
        gains[1] = 1.0
        ascend(logits, p, gains, 0.5, 0.0)
    assert p[1] > 0.9 and gains.sum() == 0.0


def test_a_policy_with_extreme_logits_is_finite():
    logits, p, gains = np.zeros(2), np.full(2, 0.5), np.zeros(2)
    for _ in range(10):
        gains[:] = 1e6, -1e6
        ascend(logits, p, gains, 1.0, 0.01)
    assert np.isfinite(logits).all() and np.isfinite(p).all() and p.sum() == pytest.approx(1.0)


def test_other_algorithms_have_an_empty_policy():
    for name in ALGORITHMS:
        size = make_policy(make_space(demo(algorithm=name), TASKS), name == "reinforce").logits.size
        assert (size > 0) == (name == "reinforce")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("init", ["empty", "random"])
def test_after_a_restart_every_member_is_evaluated(algorithm, init):
    """Also members whose canonical hash equals that of the row's previous program."""
    run, same = Island(everything(population=12, tournament=3, predict=Range(1, 1), algorithm=algorithm, init=init)), 0
    for _ in range(20):
        run.go(12)
        keys = run.island.members.about["hash"].copy()
        run.start()
        run.go(12)
        same += int((run.island.members.about["hash"] == keys).sum())
        evaluated = run.fitness[:2] if algorithm == "hill_climbing" else run.fitness
        assert (evaluated >= 0.0).all()
    assert same > 3


@pytest.mark.parametrize("algorithm", OTHERS)
def test_results_do_not_depend_on_the_split_into_calls(algorithm):
    whole, parts = (Island(everything(population=50, algorithm=algorithm)) for _ in range(2))
    whole.go(3000)
    for size in (1, 49, 50, 7, 893, 2000):
        parts.go(size)
    assert whole.state() == parts.state()


@pytest.mark.parametrize("algorithm", OTHERS)
def test_results_do_not_depend_on_workers_and_interruptions(tmp_path, algorithm):
    settings = {"algorithm": algorithm, "restart": 700, "max_evals": 2000}
    whole = run(small(**settings), out=tmp_path / "a", quiet=True, workers=1)
    path = tmp_path / "b"
    run(small(**settings), out=path, quiet=True, workers=2, on_epoch=lambda snapshot: snapshot.epoch == 3)
    assert run(None, resume=path, quiet=True).layers == whole.layers
    assert files(path) == files(tmp_path / "a")


def test_immigrants_replace_the_worst_in_nonregularized_evolution():
    experiment = demo(population=30, islands=2, migrants=0.1, algorithm="nonregularized_evolution")
    islands = [Run(experiment, n).go(60).island for n in range(2)]
    plans: Any = [SimpleNamespace(search=experiment.search, tasks=None)] * 2
    fitness = [island.members.fitness.copy() for island in islands]
    for island, migrants in zip(
        islands,
        immigrants([emigrants(experiment.search, island.members) for island in islands], [1, 0], plans, [60, 60]),
        strict=True,
    ):
        insert_immigrants(experiment.search, island, migrants)
    for own, other, island in zip(fitness, fitness[::-1], islands, strict=True):
        expected = np.sort(np.concatenate([np.sort(own)[3:], np.sort(other)[-3:]]))
        assert (np.sort(island.members.fitness) == expected).all()
    for settings in ({"algorithm": "random_search"}, {"migrants": 0.0}, {"islands": 1}):
        assert not emigrants(replace(experiment.search, **settings), islands[0].members).fitness.size
    assert immigrants([island.members for island in islands], [1, 1], plans, [60, 60])[1] is None
