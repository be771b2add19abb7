"""Reinforcement learning of programs: a policy that draws them, trained by REINFORCE.

R. J. Williams (1992), "Simple statistical gradient-following algorithms for connectionist reinforcement
learning", Machine Learning 8. The policy is factorised: every place of every function has a softmax over the
ops, and for each operand one over the registers of the kind that the drawn op wants; each function has one
over its lengths. Constants are no part of it: they are drawn as in a random instruction. All logits start at
0, so the first programs are those of random search.

The reward is the fitness. Every candidate moves the logits by ``policy_rate`` times the gradient of (reward -
baseline) * log probability + ``policy_entropy`` * entropy of each softmax; ``BATCH`` candidates at a time, which are drawn
from the same policy. The baseline is a moving average of rewards that keeps ``KEPT`` of its weights at each candidate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.numba_jit import jit
from azdsl.ir.packing import A_SHIFT, B_SHIFT, CONSTANTS, FIELD, OUT_SHIFT
from azdsl.search.kernel.mutate import fresh_constant, order
from azdsl.search.kernel.rng import Words, exp, log, uniform
from azdsl.search.kernel.space import Space

BATCH = 16
"""Candidates between two changes of the policy."""

KEPT = 0.99
"""What the baseline keeps of its value."""

_FIELD = np.uint64(FIELD)
_A, _B, _OUT = np.uint64(A_SHIFT), np.uint64(B_SHIFT), np.uint64(OUT_SHIFT)
_LEAST_EXPONENT = -700.0
_LENGTHS, _OPERANDS = 3, 3
"""Functions, each with a length; two inputs and the output."""


class Policy(NamedTuple):
    """Tables float64[3 + C, W]: a row for the length of each function, then one for each place of a member's code.

    A row of an instruction holds one choice a column: the function's ops, then all registers three times, for
    the two inputs and the output. ``factors`` int64[N, 3] lists the softmaxes: row, first column, choices.
    ``gains`` sums the advantages of the batch for every choice that was made. ``drawn`` is the place of each
    op of the last program among its function's ops (as long as the tables). ``pace`` holds the weighted sum of rewards, the sum of
    their weights (the baseline is their quotient) and the number of candidates of this batch.
    """

    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    gains: NDArray[np.float64]
    factors: NDArray[np.int64]
    drawn: NDArray[np.int64]
    pace: NDArray[np.float64]


LEARNED = ("logits", "probabilities", "gains", "pace")
"""What a policy has learned. The space gives ``factors``, and ``drawn`` is read only by the candidate that wrote it."""


def make_policy(space: Space, learns: bool) -> Policy:
    """A policy that draws everything with the same probability; an empty one if it is not to learn."""
    factors = np.array(sorted(_factors(space)) if learns else [], np.int64).reshape(-1, 3)
    shape = (_LENGTHS + space.capacity, int(factors[:, 1:].sum(axis=1).max())) if learns else (0, 0)
    policy = Policy(
        np.zeros(shape), np.zeros(shape), np.zeros(shape), factors, np.zeros(shape[0], np.int64), np.zeros(3)
    )
    forget(policy)
    return policy


def forget(policy: Policy) -> None:
    """Start learning afresh."""
    for table in (policy.logits, policy.gains, policy.pace):
        table[...] = 0.0
    for row, first, count in policy.factors:
        policy.probabilities[row, first : first + count] = 1.0 / count


def _factors(space: Space) -> set[tuple[int, int, int]]:
    """Every softmax: its row, first column and number of choices."""
    found, total = set(), space.starts.shape[1]
    for f in space.evolvable.tolist():
        limits = space.functions[f]
        found.add((f, 0, int(limits["most"] - limits["least"]) + 1))
        count = int(limits["op_count"])
        ops = space.table[space.ops[int(limits["first_op"]) :][:count]]
        for row in range(int(limits["offset"]), int(limits["offset"] + limits["most"])):
            found.add((_LENGTHS + row, 0, count))
            for op in ops:
                firsts = int(op["a_base"]), int(op["b_base"]), int(op["out_base"]) + int(op["out_first"])
                counts = int(op["a_count"]), int(op["b_count"]), int(op["out_count"])
                for k in range(_OPERANDS):
                    found.add((_LENGTHS + row, count + k * total + firsts[k], counts[k]))
    return found


@jit
def choose(probabilities: Any, first: Any, count: Any, state: Words) -> Any:
    """A choice among ``count`` with the probabilities from column ``first`` on."""
    left = uniform(state)
    for k in range(count - 1):
        left -= probabilities[first + k]
        if left < 0.0:
            return k
    return count - 1


@jit
def compose(space: Space, policy: Policy, state: Words, members: Any, row: Any) -> None:
    """Draw a program from the policy."""
    code, constants, tables = members.code[row], members.constants[row], policy.probabilities
    total = space.starts.shape[1]
    for f in space.evolvable:
        limits = space.functions[f]
        length = limits.least + choose(tables[f], 0, limits.most - limits.least + 1, state)
        members.about[row].lengths[f] = length
        for at in range(limits.offset, limits.offset + length):
            table = tables[_LENGTHS + at]
            k = choose(table, 0, limits.op_count, state)
            policy.drawn[_LENGTHS + at] = k
            code[at] = np.uint64(space.ops[limits.first_op + k])
            op = space.table[code[at]]
            first = limits.op_count
            a = choose(table, first + op.a_base, op.a_count, state)
            b = choose(table, first + total + op.b_base, op.b_count, state)
            out = op.out_first + choose(table, first + 2 * total + op.out_base + op.out_first, op.out_count, state)
            code[at] |= (np.uint64(a) << _A) | (np.uint64(b) << _B) | (np.uint64(out) << _OUT)
            for i in range(CONSTANTS):
                constants[CONSTANTS * at + i] = fresh_constant(state, op.roles[i]) if i < op.constants else 0.0
            order(constants, at, op.low, op.high)


@jit
def learn(space: Space, policy: Policy, members: Any, row: Any) -> None:
    """Credit the choices of the program drawn last with its advantage; after a batch, change the policy."""
    code, gains, pace = members.code[row], policy.gains, policy.pace
    total, reward = space.starts.shape[1], members.fitness[row]
    advantage = reward - pace[0] / pace[1] if pace[1] > 0.0 else 0.0
    pace[0], pace[1] = KEPT * pace[0] + reward, KEPT * pace[1] + 1.0
    for f in space.evolvable:
        limits, length = space.functions[f], members.about[row].lengths[f]
        gains[f, length - limits.least] += advantage
        for at in range(limits.offset, limits.offset + length):
            op, first = space.table[code[at] & _FIELD], limits.op_count
            here, word = gains[_LENGTHS + at], code[at]
            here[policy.drawn[_LENGTHS + at]] += advantage
            here[first + op.a_base + np.int64((word >> _A) & _FIELD)] += advantage
            here[first + total + op.b_base + np.int64((word >> _B) & _FIELD)] += advantage
            here[first + 2 * total + op.out_base + np.int64(word >> _OUT)] += advantage
    pace[2] += 1.0
    if pace[2] >= BATCH:
        pace[2] = 0.0
        for i in range(policy.factors.shape[0]):
            place, first, count = policy.factors[i]
            end = first + count
            climb(
                policy.logits[place, first:end],
                policy.probabilities[place, first:end],
                policy.gains[place, first:end],
                space.policy_rate,
                BATCH * space.policy_entropy,
            )


@jit
def climb(logits: Any, probabilities: Any, gains: Any, rate: Any, entropy: Any) -> None:
    """Move one softmax up the gradient of its choices' advantages and of its entropy; empties ``gains``.

    The logit of choice k has the gradient ``gains[k] - sum(gains) * p[k]`` for the advantages and
    ``-p[k] * (log p[k] + entropy)`` for the entropy.
    """
    credit, bits = 0.0, 0.0
    for k in range(gains.size):
        credit += gains[k]
        bits -= probabilities[k] * log(probabilities[k])
    highest = -np.inf
    for k in range(gains.size):
        p = probabilities[k]
        logits[k] += rate * (gains[k] - credit * p - entropy * p * (log(p) + bits))
        highest = max(highest, logits[k])
        gains[k] = 0.0
    scale = 0.0
    for k in range(gains.size):
        probabilities[k] = exp(max(logits[k] - highest, _LEAST_EXPONENT))
        scale += probabilities[k]
    for k in range(gains.size):
        probabilities[k] /= scale
