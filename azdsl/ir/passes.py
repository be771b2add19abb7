"""Pure passes Program -> Program that keep what a program computes, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

from azdsl.ir.metric import RMSE, Metric
from azdsl.ir.program import Address, Block, Program
from azdsl.ops import Kind


def _before(block: Block, after: frozenset[Address]) -> tuple[list[bool], frozenset[Address]]:
    """Which instructions of ``block`` matter when ``after`` is read later, and what is read before it."""
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
    """What is read after Setup, after Predict and after Learn, by live instructions or as the prediction.

    ``observed`` are registers that are read after Predict beside the prediction.

    After Predict comes the reading of the prediction, then Learn or the next Predict; after Learn and Setup
    comes Predict. The least fixed point of that: a register that only feeds itself is dead. Labels and
    features are written before each function, so nothing carries them over.
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
    """For each function, which instructions can reach a prediction."""
    exits = live_exits(program, metric)
    return tuple(_before(block, after)[0] for block, after in zip(program.functions, exits, strict=True))


def remove_dead_code(program: Program, metric: Metric = RMSE) -> Program:
    """Keep only the instructions that can reach a prediction."""
    kept = [
        tuple(instruction for instruction, live in zip(block, flags, strict=True) if live)
        for block, flags in zip(program.functions, liveness(program, metric), strict=True)
    ]
    return Program(*kept)


def renumber(program: Program, metric: Metric = RMSE) -> Program:
    """Rename registers in order of first appearance, leaving those with a fixed meaning."""
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
    """The registers of ``kind`` in order, without the fixed ones."""
    return (address for address in (Address(kind, i) for i in count()) if address not in fixed)


def cost(program: Program, features: int, train_examples: int, valid_examples: int) -> float:
    """Work of one evaluation on one task, in scalar additions (the sum of the op table's costs)."""
    setup, predict, learn = (sum(i.op.cost(features) for i in block) for block in program.functions)
    return setup + train_examples * (predict + learn) + valid_examples * predict
