from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numba import typeof
from search.helpers import task_set
from strategies import random_program

from azdsl.codegen.numba_jit import jit
from azdsl.config.experiment import Experiment
from azdsl.config.search import Range, Registers, Search
from azdsl.interp.evaluate import evaluate
from azdsl.ir import METRICS, Address, Instruction, Metric, Program, cost, liveness, remove_dead_code, unpack
from azdsl.ops import BY_NAME, Kind
from azdsl.search.kernel import canonical
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.population import genotype, make_island, write_initial
from azdsl.search.kernel.space import make_space

BANKS = Registers(5, 4, 3)


@jit
def _canonical(space, scratch, code, constants, lengths):
    canonical.liveness(space, scratch, code, lengths)
    return canonical.canonical_hash(space, scratch, code, constants, lengths)


class Canon:
    """The canonical form of programs, on tasks of one metric."""

    def __init__(self, metric: str = "rmse", registers: Registers = BANKS) -> None:
        self.tasks = task_set(metric=metric, features=3, train=6, valid=4)
        length = Range(0, 12)
        self.base = Experiment(
            registers=registers, search=Search(population=2, tournament=1, setup=length, predict=length, learn=length)
        )
        self.space = make_space(self.base, self.tasks)
        self.island, self.scratch = make_island(self.space, self.base, 0), make_scratch(self.space, 1)
        # Compiled for these types once: numba's look-up of the types takes longer than the call.
        self.run = _canonical.compile(tuple(map(typeof, self._arguments())))

    def _arguments(self) -> tuple[Any, ...]:
        members = self.island.members
        return self.space, self.scratch, members.code[0], members.constants[0], members.about[0]["lengths"]

    def __call__(self, program: Program) -> tuple[int, Program, float]:
        """Hash, live program and cost."""
        write_initial(self.space, replace(self.base, program=program), self.island)
        assert genotype(self.space, self.island.members, 0) == program
        scratch = self.scratch
        price, key = self.run(*self._arguments())
        count = int(scratch.lengths.sum())
        return key, unpack(scratch.lengths, scratch.code[:count], scratch.constants[:count]), price


@pytest.mark.parametrize(
    "registers", [BANKS, Registers(20, 22, 22), Registers(4, 3, 1)], ids=["small", "largest", "demo"]
)
@pytest.mark.parametrize("metric", METRICS)
def test_liveness_and_cost_equal_those_of_the_passes(metric, registers):
    canon, draw, live = Canon(metric, registers), np.random.default_rng(0), Counter()
    for _ in range(400):
        program = random_program(draw, registers=registers, max_length=12, metric=METRICS[metric])
        _, compacted, price = canon(program)
        expected = remove_dead_code(program, METRICS[metric])
        assert compacted == expected
        assert price == cost(expected, 3, 6, 4)
        live.update(flag for block in liveness(program, METRICS[metric]) for flag in block)
    assert min(live.values()) > 500


def shuffled(draw: np.random.Generator, block: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """The block with independent neighbours swapped."""
    block = list(block)
    for _ in range(4 * len(block)):
        at = int(draw.integers(max(len(block) - 1, 1)))
        if at + 1 < len(block):
            x, y = block[at], block[at + 1]
            if (
                x.output not in (*y.reads, y.output)
                and y.output not in (*x.reads, x.output)
                and not (x.op.random and y.op.random)
            ):
                block[at], block[at + 1] = y, x
    return tuple(block)


def commuted(draw: np.random.Generator, block: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """The block with the inputs of some commutative ops swapped."""
    return tuple(replace(i, inputs=i.inputs[::-1]) if i.op.commutative and draw.random() < 0.5 else i for i in block)


def renamed(draw: np.random.Generator, program: Program, metric: Metric) -> Program:
    """The live program with one temporary of one function moved to another register."""
    blocks = list(program.functions)
    f = int(draw.integers(3))
    block = list(blocks[f])
    for at in draw.permutation(len(block)):
        out = block[at].output
        later = next((i for i in range(at + 1, len(block)) if block[i].output == out and not block[i].op.updates), None)
        if (
            out is None
            or later is None
            or block[at].op.updates
            or any(i.op.updates and i.output == out for i in block[at:later])
        ):
            continue
        used = {a for b in blocks for i in b for a in (*i.reads, i.output)}
        free = [Address(out.kind, k) for k in range(5, 9) if Address(out.kind, k) not in used]
        new = free[0]
        block[at] = replace(block[at], output=new)
        for i in range(at + 1, later + 1):
            block[i] = replace(block[i], inputs=tuple(new if a == out else a for a in block[i].inputs))
        blocks[f] = tuple(block)
        break
    return Program(*blocks)


@pytest.mark.parametrize("metric", METRICS)
def test_equivalent_programs_have_equal_hashes(metric):
    """They differ in the order of independent instructions or commutative inputs, in dead code or in temporaries' registers."""
    canon, draw, counts = Canon(metric, Registers(9, 9, 9)), np.random.default_rng(1), Counter()
    for _ in range(300):
        program = random_program(draw, registers=BANKS, max_length=12, metric=METRICS[metric])
        key, live, _ = canon(program)
        variants = {
            "dead code": live,
            "order": Program(*(shuffled(draw, b) for b in live.functions)),
            "commuted": Program(*(commuted(draw, b) for b in live.functions)),
            "renamed": renamed(draw, live, METRICS[metric]),
        }
        for name, variant in variants.items():
            assert canon(variant)[0] == key, f"{name}:\n{program}\n{variant}"
            counts[name] += variant != program and (name == "dead code" or variant != live)
    assert min(counts.values()) > 20, counts


@pytest.mark.parametrize("metric", METRICS)
def test_programs_with_equal_hashes_have_equal_fitness(metric):
    """Small programs with few registers and constants, so that many different programs are equivalent."""
    canon, draw = Canon(metric, Registers(3, 3, 1)), np.random.default_rng(2)
    groups: dict[int, list[Program]] = defaultdict(list)
    names = ["scalar_add", "scalar_multiply", "scalar_subtract", "scalar_minimum", "dot", "vector_scale", "vector_add", "const",
             "vector_set", "scalar_gaussian", "vector_uniform", "vector_broadcast", "scalar_divide", "vector_mean"]  # fmt: skip
    ops = [BY_NAME[name] for name in names]
    choices = {len(op.constants): [0.0, 0.5] for op in ops}
    for _ in range(3000):
        program = random_program(draw, ops, Registers(3, 3, 1), 4, METRICS[metric])
        blocks = [
            tuple(
                replace(i, constants=tuple(draw.choice(choices[len(i.op.constants)]) for _ in i.constants))
                for i in block
            )
            for block in program.functions
        ]
        program = Program(*blocks)
        key, live, _ = canon(program)
        groups[key].append(live)
    pairs, scores = 0, set()
    for programs in groups.values():
        different = list(dict.fromkeys(map(str, programs)))
        if len(different) > 1:
            texts = {str(p): p for p in programs}
            fitness = [tuple(evaluate(texts[t], canon.tasks, seed=5)) for t in different[:6]]
            assert len(set(fitness)) == 1, different
            pairs += len(fitness) - 1
            scores.update(fitness)
    assert pairs > 25 and len(scores) > 5, (pairs, len(scores))


def instruction(name: str, out: str, *inputs: str, constants: tuple[float, ...] = ()) -> Instruction:
    def address(text):
        return Address(Kind(text[0]), int(text[1:]))

    return Instruction(BY_NAME[name], tuple(map(address, inputs)), address(out), constants)


def test_different_programs_have_different_hashes():
    """Each change alone changes the hash: order of inputs, bits of constants, draws, functions, registers."""
    canon = Canon()
    minimum = instruction("scalar_minimum", "s1", "s2", "s3")
    sets = (instruction("const", "s2", constants=(0.0,)), instruction("const", "s3", constants=(2.0,)))
    draws = [instruction("scalar_uniform", f"s{k}", constants=(0.0, 1.0)) for k in (2, 3)]
    divide = instruction("scalar_divide", "s1", "s2", "s3")
    square = instruction("scalar_multiply", "s1", "s2", "s2")
    programs = [
        Program(sets, (minimum,)),
        Program(sets, (replace(minimum, inputs=minimum.inputs[::-1]),)),
        Program((replace(sets[0], constants=(-0.0,)), sets[1]), (minimum,)),
        Program((), (*sets, minimum)),
        Program((*draws,), (divide,)),
        Program((draws[1], draws[0]), (divide,)),
        Program((draws[0], sets[1]), (divide,)),
        Program((), (draws[0], square)),
        Program((draws[0],), (square,)),
        Program((draws[0],), (square,), (instruction("scalar_add", "s2", "s2", "s0"),)),
        Program((draws[0],), (square,), (instruction("scalar_add", "s2", "s2", "s1"),)),
        Program((draws[0],), (replace(square, inputs=divide.inputs),)),
    ]
    keys = [canon(program)[0] for program in programs]
    assert len(set(keys)) == len(keys)


def test_the_label_is_zero_in_predict():
    """There s0 equals a register that was never written; in Learn it is the label."""
    canon = Canon()
    doubled = instruction("scalar_add", "s1", "s0", "s2")
    assert canon(Program((), (doubled,)))[0] != canon(Program((), (instruction("scalar_add", "s1", "s2", "s2"),)))[0]
    predict = (instruction("scalar_add", "s1", "s2", "s2"),)
    setups = [instruction("scalar_add", "s2", *inputs) for inputs in (("s3", "s0"), ("s4", "s1"))]
    assert canon(Program((setups[0],), predict))[0] == canon(Program((setups[1],), predict))[0]
