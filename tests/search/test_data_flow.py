"""Mutations of the live data flow: what they insert is legal and used, and they reach in one step what blind ones do not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import learners
import numpy as np
import pytest
from search.helpers import everything, mutate, task_set
from search.test_mutate import check_legal
from strategies import random_program

import azdsl
from azdsl.config.experiment import Experiment
from azdsl.config.search import BLIND_MUTATIONS, MUTATIONS, Range, Registers
from azdsl.ir import FUNCTIONS, remove_dead_code
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.population import genotype, make_island, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.search.kernel.steps import find_steps
from azdsl.syntax import parse_experiment

SOLUTIONS = Path(__file__).parents[2] / "examples" / "discover" / "solutions"
DATA_FLOW = MUTATIONS[len(BLIND_MUTATIONS) :]

LINEAR = """registers(scalars=5, vectors=8, matrices=4)
search(setup=0..8, predict=0..12, learn=0..24)
setup_ops(const, vector_gaussian, matrix_gaussian)
predict_ops(dot, matvec, vector_maximum, vector_add, s + s)
learn_ops(s - s, s * s, vector_heaviside, vector_scale, vector_add, vector_multiply, outer, matrix_add)
mutations(KINDS)

""" + learners.LINEAR.replace("0.01", "0.02")
"""A linear learner with the ops of Figure 5; ``KINDS`` stands for the mutations."""


def children(experiment: Experiment, count: int) -> list[azdsl.Program]:
    """Programs that one mutation of the seed program gives, without those that were reported as unchanged.

    Of several seed programs the first is mutated, and the last wins nearly every tournament.
    """
    experiment = replace(experiment, search=replace(experiment.search, init="seed"))
    space = make_space(experiment, task_set())
    island, scratch = make_island(space, experiment, 0), make_scratch(space, 1)
    write_initial(space, experiment, island)
    members, found = island.members, []
    seed = np.arange(len(members.fitness)) % len(experiment.seed_programs)
    members.about["hash"], members.adjusted[:] = 1 + seed, seed
    code, constants, lengths = (a[0].copy() for a in (members.code, members.constants, members.about["lengths"]))
    edit = find_steps(space, island, scratch, None).edit
    for _ in range(count):
        members.code[0], members.constants[0], members.about["lengths"][0] = code, constants, lengths
        if mutate(space, island.rng, scratch, members, 0, edit):
            found.append(genotype(space, members, 0))
    return found


def only(kind: str, experiment: Experiment) -> Experiment:
    return replace(experiment, mutations=(kind,))


def shorter(experiment: Experiment) -> Experiment:
    """The experiment without minimum lengths: functions are padded to these by NoOp, which is no op of the space."""
    least = {name.lower(): Range(0, getattr(experiment.search, name.lower()).most) for name in FUNCTIONS}
    return replace(experiment, search=replace(experiment.search, **least))


@pytest.mark.parametrize("kind", DATA_FLOW)
def test_children_are_in_the_search_space(kind):
    spaces = [
        everything(),
        replace(everything(), registers=Registers(3, 2, 0)),
        everything(setup=Range(0, 0), learn=Range(3, 3)),
    ]
    seen = set()
    for seed in range(60):
        experiment = spaces[seed % 3]
        rng = np.random.default_rng(seed)
        ops = [op for op in experiment.ops[0] if not op.constants]
        program = random_program(rng, ops, registers=experiment.registers, max_length=3 if seed % 3 == 2 else 6)
        if not experiment.search.setup.most:
            program = replace(program, setup=())
        donor = replace(random_program(rng, ops, registers=experiment.registers, max_length=3), setup=program.setup)
        experiment = replace(experiment, program=program, further_seeds=(donor,))
        for child in children(only(kind, experiment), 50):
            blocks = ([i for i in block if i.op.name != "noop"] for block in child.functions)
            check_legal(shorter(experiment), azdsl.Program(*map(tuple, blocks)))
            lengths = [getattr(experiment.search, name.lower()) for name in FUNCTIONS]
            assert all(r.least <= len(b) <= r.most for r, b in zip(lengths, child.functions, strict=True))
            seen.add(str(child))
    assert len(seen) > 50


@pytest.mark.parametrize("kind", ["graft", "accumulate", "parameter"])
def test_what_is_inserted_is_used(kind):
    """Most children have more live instructions; of blind insertions, almost none have."""

    def share(name: str) -> float:
        found = children(parse_experiment(LINEAR.replace("KINDS", name)), 400)
        return float(np.mean([len(remove_dead_code(child)) > 6 for child in found]))

    assert share("insert") < 0.2 < 0.5 < share(kind)


def test_frozen_functions_stay():
    text = LINEAR.replace("KINDS", ", ".join(DATA_FLOW)).replace("def Learn", "@frozen\ndef Learn")
    experiment = parse_experiment(text)
    found = children(experiment, 1000)
    assert len({str(child) for child in found}) > 100
    assert {child.learn for child in found} == {experiment.program.learn}


@pytest.mark.slow  # evaluates 40,000 children
def test_one_mutation_makes_a_linear_learner_bilinear():
    """Labels are quadratic in the features: blind insertions and one step do not help, a new parameter matrix does."""
    rng = np.random.default_rng(0)
    X, matrix = rng.standard_normal((8, 700, 4)), rng.standard_normal((8, 4, 4))
    y = np.einsum("tni,tij,tnj->tn", X, matrix, X)
    tasks = azdsl.TaskSet.from_arrays(X[:, :600], y[:, :600], X[:, 600:], y[:, 600:])

    def best(kind: str) -> float:
        found = children(parse_experiment(LINEAR.replace("KINDS", kind)), 20_000)
        programs = {str(child): child for child in found}
        return float(azdsl.evaluate(list(programs.values()), tasks, backend="vm").fitness.max())

    assert best("insert") < 0.3 < 0.6 < best("parameter")


def test_one_transplant_unites_two_learners():
    """The labels are a linear and a quadratic function of the features: neither learner alone fits them, some of their children do."""
    rng = np.random.default_rng(0)
    X, matrix = rng.standard_normal((8, 700, 4)), rng.standard_normal((8, 4, 4))
    y = np.einsum("tni,tij,tnj->tn", X, matrix, X) + X.sum(axis=2)
    tasks = azdsl.TaskSet.from_arrays(X[:, :600], y[:, :600], X[:, 600:], y[:, 600:])
    bilinear = azdsl.parse((SOLUTIONS / "bilinear.az").read_text())
    experiment = parse_experiment(LINEAR.replace("KINDS", "transplant"))
    programs = {str(child): child for child in children(replace(experiment, further_seeds=(bilinear,)), 5000)}

    def fitness(some: Iterable[azdsl.Program]) -> float:
        return float(azdsl.evaluate(list(some), tasks, backend="vm").fitness.max())

    assert fitness([experiment.program, bilinear]) < 0.3 < 0.9 < fitness(programs.values())


def test_nothing_is_transplanted_between_equal_programs():
    assert not children(parse_experiment(LINEAR.replace("KINDS", "transplant")), 10)
