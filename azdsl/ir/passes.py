"""Passes over programs: liveness, dead code elimination, renumbering, cost. They preserve predictions bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

from azdsl.ir.metric import RMSE, Metric
from azdsl.ir.program import Address, Block, Program
from azdsl.ops import Kind


def _before(block: Block, after: frozenset[Address]) -> tuple[list[bool], frozenset[Address]]:
    """Which instructions of ``block`` are live when ``after`` is read later, and the registers that are live before it."""
    live = set(after)
    keep = [False] * len(block)
    for at in reversed(range(len(block))):
        instruction = block[at]
        if instruction.output in live:
            keep[at] = True
            live.discard(instruction.output)
            live.update(instruction.reads)
    return keep, frozenset(live)


def live_exits(
    program: Program, metric: Metric = RMSE, observed: frozenset[Address] = frozenset()
) -> tuple[frozenset[Address], ...]:
    """The registers that are live after Setup, after Predict and after Learn.

    ``observed`` are registers that are read after Predict in addition to the prediction.

    Predict is followed by a read of the prediction, then by Learn or the next Predict; Setup and Learn are followed by
    Predict. Liveness is the least fixed point of these flows, so a register that only depends on itself is dead.
    Labels and features are written before each function and are never live after one.
    """
    entry: frozenset[Address] = frozenset()
    while True:
        _, before_learn = _before(program.learn, entry)
        after = observed | {metric.prediction} | (before_learn - metric.given) | entry
        _, before = _before(program.predict, after)
        if before - metric.given == entry:
            return entry, after, entry
        entry = before - metric.given


def liveness(program: Program, metric: Metric = RMSE) -> tuple[list[bool], ...]:
    """For each function, one flag per instruction: whether it can reach a prediction."""
    exits = live_exits(program, metric)
    return tuple(_before(block, after)[0] for block, after in zip(program.functions, exits, strict=True))


def remove_dead_code(program: Program, metric: Metric = RMSE) -> Program:
    """The program with only the instructions that can reach a prediction."""
    kept = [
        tuple(instruction for instruction, live in zip(block, flags, strict=True) if live)
        for block, flags in zip(program.functions, liveness(program, metric), strict=True)
    ]
    return Program(*kept)


def renumber(program: Program, metric: Metric = RMSE) -> Program:
    """The program with registers renamed in order of first appearance, except those with a fixed meaning."""
    names: dict[Address, Address] = {address: address for address in metric.fixed}
    free = {kind: _unfixed(kind, metric.fixed) for kind in Kind}

    def rename(addresses: Iterable[Address]) -> tuple[Address, ...]:
        for address in addresses:
            if address not in names:
                names[address] = next(free[address.kind])
        return tuple(names[address] for address in addresses)

    blocks = []
    for block in program.functions:
        renamed = []
        for instruction in block:
            inputs = rename(instruction.inputs)
            output = rename((instruction.output,))[0] if instruction.output else None
            renamed.append(replace(instruction, inputs=inputs, output=output))
        blocks.append(tuple(renamed))
    return Program(*blocks)


def _unfixed(kind: Kind, fixed: frozenset[Address]) -> Iterator[Address]:
    """The registers of ``kind`` in ascending order, without the fixed ones."""
    return (address for address in (Address(kind, i) for i in count()) if address not in fixed)


def cost(program: Program, features: int, train_examples: int, valid_examples: int) -> float:
    """The cost of one evaluation on one task with F features, in scalar additions: the sum of the costs in the op table."""
    setup, predict, learn = (sum(i.op.cost(features) for i in block) for block in program.functions)
    return setup + train_examples * (predict + learn) + valid_examples * predict
