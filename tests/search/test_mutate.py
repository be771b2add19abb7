import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from search.helpers import demo, everything, mutate, task_set
from strategies import random_program

from azdsl.config.experiment import Experiment
from azdsl.config.search import BLIND_MUTATIONS, Range, Registers
from azdsl.ir import FUNCTIONS, Program
from azdsl.ops import BY_NAME, OPS, Role
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.population import genotype, make_island, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.search.kernel.steps import find_steps


def population(experiment: Experiment):
    space = make_space(experiment, task_set())
    island = make_island(space, experiment, 0)
    write_initial(space, experiment, island)
    return space, island


def mutated(space, island, row):
    """Mutate a row: the programs before and after, and the returned flag."""
    before, members, scratch = genotype(space, island.members, row), island.members, make_scratch(space, 1)
    edit = find_steps(space, island, scratch, None).edit
    changed = mutate(space, island.rng, scratch, members, row, edit)
    return before, genotype(space, members, row), changed


def check_legal(experiment: Experiment, program: Program) -> None:
    """Check the rules of the search space; ``genotype`` checks those of the language."""
    sizes = dict(
        zip("svm", (getattr(experiment.registers, n) for n in ("scalars", "vectors", "matrices")), strict=True)
    )
    for name, block, ops in zip(FUNCTIONS, program.functions, experiment.ops, strict=True):
        lengths = getattr(experiment.search, name.lower())
        assert lengths.least <= len(block) <= lengths.most
        for instruction in block:
            assert instruction.op in ops
            addresses = (*instruction.inputs, *([instruction.output] if instruction.output else []))
            assert all(a.index < sizes[a.kind.value] for a in addresses)
            for role, c in zip(instruction.op.constants, instruction.constants, strict=True):
                assert math.isfinite(c) and (role is not Role.STD or c >= 0)
            if Role.LOW in instruction.op.constants:
                assert instruction.constants[0] <= instruction.constants[1]


@pytest.mark.parametrize(
    "experiment",
    [
        demo(),
        everything(),
        replace(everything(), registers=Registers(2, 1, 0)),
        everything(setup=Range(0, 0), learn=Range(3, 3)),
    ],
    ids=["demo", "everything", "few registers", "no Setup"],
)
def test_mutants_are_legal(experiment):
    space, island = population(experiment)
    changes, seen = 0, Counter()
    for i in range(3000):
        before, after, changed = mutated(space, island, i % 50)
        assert changed or before == after
        check_legal(experiment, after)
        changes += changed
        seen.update(instruction.op.code for instruction in after.instructions)
    assert changes > 2000
    assert set(seen) == set(space.ops.tolist())


@pytest.mark.parametrize("kind", BLIND_MUTATIONS)
def test_each_kind_of_mutation_makes_its_change(kind):
    experiment = replace(everything(), mutations=(kind,))
    space, island = population(experiment)
    changes, at_the_end = 0, False
    for i in range(600):
        before, after, changed = mutated(space, island, i % 100)
        different = [f for f in range(3) if before.functions[f] != after.functions[f]]
        assert len(different) <= changed
        if not different:  # a random instruction can be the one that was there
            continue
        changes += 1
        old, new = before.functions[different[0]], after.functions[different[0]]
        assert len(new) - len(old) == {"insert": 1, "remove": -1}.get(kind, 0)
        if kind in ("alter", "randomize_instruction"):
            at = [i for i, (x, y) in enumerate(zip(old, new, strict=True)) if x != y]
            assert len(at) == 1
            if kind == "alter":
                x, y = old[at[0]], new[at[0]]
                assert x.op is y.op
                parts = [
                    x.output != y.output,
                    *(p != q for p, q in zip(x.inputs, y.inputs, strict=True)),
                    x.constants != y.constants,
                ]
                assert sum(parts) == 1
        if kind == "insert":
            assert any(new[:i] + new[i + 1 :] == old for i in range(len(new)))
        if kind == "remove":
            assert any(old[:i] + old[i + 1 :] == new for i in range(len(old)))
        if kind == "trade":
            at_the_end |= len(old) > 1 and new[:-1] == old[1:]
            shorter = {old[:i] + old[i + 1 :] for i in range(len(old))}
            assert any(new[:i] + new[i + 1 :] in shorter for i in range(len(new)))
    assert changes > 100 and at_the_end == (kind == "trade")


def test_choices_are_uniform():
    """The choices of function, instruction and op, measured on the changes."""
    experiment = replace(demo(), mutations=("randomize_instruction",))
    space, island = population(experiment)
    functions, places, ops = Counter(), Counter(), Counter()
    for i in range(6000):
        before, after, _ = mutated(space, island, i % 100)
        if before == after:
            continue
        f = next(f for f in range(3) if before.functions[f] != after.functions[f])
        at = next(i for i, (x, y) in enumerate(zip(before.functions[f], after.functions[f], strict=True)) if x != y)
        functions[f] += 1
        ops[after.functions[f][at].op.name] += 1
        if f == 0:
            places[at] += 1
    for counts, n in ((functions, 3), (places, 10)):
        expected = sum(counts.values()) / n
        assert len(counts) == n and sum((c - expected) ** 2 for c in counts.values()) / expected < n + 5 * math.sqrt(
            2 * n
        )
    assert len(ops) == 6 and min(ops.values()) > 0.7 * max(ops.values())


def alterations(name: str, constants: tuple[float, ...], count: int = 4000) -> np.ndarray:
    """Constants after each of ``count`` alterations of an instruction."""
    op = BY_NAME[name]
    experiment = replace(everything(setup=Range(0, 0), predict=Range(1, 1)), ops=((), (op,), ()), mutations=("alter",))
    space, island = population(experiment)
    members, results = island.members, []
    scratch = make_scratch(space, 1)
    for _ in range(count):
        members.constants[0, : len(constants)] = constants
        mutate(space, island.rng, scratch, members, 0, 0)
        results.append(members.constants[0, : len(constants)].copy())
    return np.array(results)


def test_a_constant_flips_or_scales():
    out = alterations("const", (0.5,))[:, 0]
    changed = out[out != 0.5]
    assert 0.46 < changed.size / out.size < 0.54  # the output's register is as likely
    assert 0.08 < (changed == -0.5).mean() < 0.12
    logs = np.log(changed[changed > 0] / 0.5)
    assert abs(logs.mean()) < 0.08 and abs(logs.std() - 1) < 0.06


def test_roles_of_constants():
    gaussian = alterations("scalar_gaussian", (0.3, 0.7))
    assert (gaussian[:, 1] > 0).all() and (gaussian[:, 0] == -0.3).any() and (gaussian[:, 1] != 0.7).mean() > 0.2
    placed = alterations("vector_set", (0.25, 2.0))
    index = placed[placed[:, 0] != 0.25, 0]
    assert ((index >= 0) & (index < 1)).all() and abs(index.mean() - 0.5) < 0.04 and index.size > 800
    assert (placed[:, 1] == -2.0).any()
    bounds = alterations("vector_uniform", (0.1, 0.2))
    assert (bounds[:, 0] <= bounds[:, 1]).all() and (bounds[:, 0] == -0.2).any() and (bounds[:, 1] == 0.1).any()


def test_constants_remain_finite():
    out = alterations("const", (1.7e308,))
    assert np.isfinite(out).all()


def test_noop_has_nothing_to_alter():
    experiment = replace(demo(init="empty"), mutations=("alter",))
    space, island = population(experiment)
    assert not any(mutated(space, island, 0)[2] for _ in range(50))


def test_frozen_functions_do_not_change():
    draw = np.random.default_rng(1)
    program = random_program(draw, registers=Registers(5, 4, 3), max_length=6)
    experiment = replace(everything(), program=program, frozen=frozenset({"Predict"}))
    space, island = population(experiment)
    for i in range(500):
        _, after, _ = mutated(space, island, i % 20)
        assert after.predict == program.predict


def test_initial_populations():
    draw = np.random.default_rng(2)
    program = random_program(draw, registers=Registers(5, 4, 3), max_length=3)
    seeded = replace(
        everything(init="seed", setup=Range(4, 6), predict=Range(0, 9), learn=Range(0, 9)), program=program
    )
    space, island = population(seeded)
    first = genotype(space, island.members, 99)
    assert first.setup[: len(program.setup)] == program.setup and len(first.setup) == 4
    assert all(i.op is OPS[0] for i in first.setup[len(program.setup) :])
    assert (first.predict, first.learn) == (program.predict, program.learn)
    space, island = population(everything(init="empty"))
    assert str(genotype(space, island.members, 5)) == "def Setup():\ndef Predict():\n  NoOp()\ndef Learn():\n"
    space, island = population(everything())
    programs = [genotype(space, island.members, row) for row in range(100)]
    for p in programs:
        check_legal(everything(), p)
    assert {len(p.setup) for p in programs} == set(range(7)) and len({str(p) for p in programs}) > 95
