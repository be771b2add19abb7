"""REINFORCE: a policy that draws programs, trained by policy gradients.

R. J. Williams (1992), "Simple statistical gradient-following algorithms for connectionist reinforcement learning", Machine Learning
8. The policy is factorised into independent softmaxes: for each function one over its lengths; for each instruction of each function
one over the ops, and for each operand one over the registers of the kind that the drawn op needs. Constants are not part of the
policy; they are drawn as in a random instruction. All logits start at 0, where the policy equals random search.

The reward is the fitness. The gradient is that of (reward - baseline) * log probability + ``policy_entropy`` * entropy, summed over
the softmaxes. The policy is updated with the learning rate ``policy_rate`` after every ``BATCH`` candidates. The baseline is an
exponential moving average of the rewards with decay ``DECAY`` per candidate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.instruction_words import first_input, make_word, op_code, output_register, second_input
from azdsl.codegen.numba_jit import jit
from azdsl.ir.packing import CONSTANTS
from azdsl.search.kernel.rng import Words, exp, log, uniform
from azdsl.search.kernel.rows import fresh_constant, order
from azdsl.search.kernel.space import Space

BATCH = 16
"""Candidates between two updates of the policy."""

DECAY = 0.99
"""Decay of the baseline per candidate."""

_LEAST_EXPONENT = -700.0
_LENGTHS, _OPERANDS = 3, 3
"""Functions, each with one length; operands of an instruction: two inputs and the output."""


class Policy(NamedTuple):
    """Tables float64[3 + C, W]: one row for the length of each function, then one row for each index of a member's code.

    The columns of an instruction's row are its choices: the function's ops, then all registers three times, for the two inputs and
    the output. ``factors`` int64[N, 3] lists the softmaxes: row, first column, number of choices. ``gains`` sums the advantages of
    the batch over the programs that made a choice. ``drawn`` int64[3 + C] is scratch memory: the index of each op of the last
    program among its function's ops. ``reward_sums`` holds the weighted sum of rewards, the sum of
    their weights (the baseline is their quotient) and
    the number of candidates of this batch.
    """

    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    gains: NDArray[np.float64]
    factors: NDArray[np.int64]
    drawn: NDArray[np.int64]
    reward_sums: NDArray[np.float64]


def make_policy(space: Space, learns: bool) -> Policy:
    """The uniform policy; an empty one unless ``learns``."""
    factors = np.array(sorted(_factors(space)) if learns else [], np.int64).reshape(-1, 3)
    shape = (_LENGTHS + space.capacity, int(factors[:, 1:].sum(axis=1).max())) if learns else (0, 0)
    policy = Policy(
        np.zeros(shape), np.zeros(shape), np.zeros(shape), factors, np.zeros(shape[0], np.int64), np.zeros(3)
    )
    reset_policy(policy)
    return policy


def reset_policy(policy: Policy) -> None:
    """Reset a policy to the uniform one."""
    for table in (policy.logits, policy.gains, policy.reward_sums):
        table[...] = 0.0
    for row, first, count in policy.factors:
        policy.probabilities[row, first : first + count] = 1.0 / count


def _factors(space: Space) -> set[tuple[int, int, int]]:
    """All softmaxes: row, first column and number of choices."""
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
    """Draw one of ``count`` choices whose probabilities start at column ``first``."""
    left = uniform(state)
    for k in range(count - 1):
        left -= probabilities[first + k]
        if left < 0.0:
            return k
    return count - 1


@jit
def compose(space: Space, policy: Policy, state: Words, members: Any, row: Any) -> bool:
    """Draw a program from the policy. Returns True: the row is changed."""
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
            op_number = space.ops[limits.first_op + k]
            op = space.table[op_number]
            first = limits.op_count
            a = choose(table, first + op.a_base, op.a_count, state)
            b = choose(table, first + total + op.b_base, op.b_count, state)
            out = op.out_first + choose(table, first + 2 * total + op.out_base + op.out_first, op.out_count, state)
            code[at] = make_word(op_number, a, b, out)
            for i in range(CONSTANTS):
                constants[CONSTANTS * at + i] = fresh_constant(state, op.roles[i]) if i < op.constants else 0.0
            order(constants, at, op.low, op.high)
    return True


@jit
def learn(space: Space, policy: Policy, members: Any, row: Any) -> bool:
    """Add the advantage of the last drawn program to the gains of its choices; update the policy at the end of a batch.

    Returns whether it was updated.
    """
    code, gains, rewards = members.code[row], policy.gains, policy.reward_sums
    total, reward = space.starts.shape[1], members.fitness[row]
    advantage = reward - rewards[0] / rewards[1] if rewards[1] > 0.0 else 0.0
    rewards[0], rewards[1] = DECAY * rewards[0] + reward, DECAY * rewards[1] + 1.0
    for f in space.evolvable:
        limits, length = space.functions[f], members.about[row].lengths[f]
        gains[f, length - limits.least] += advantage
        for at in range(limits.offset, limits.offset + length):
            op, first = space.table[op_code(code[at])], limits.op_count
            here, word = gains[_LENGTHS + at], code[at]
            here[policy.drawn[_LENGTHS + at]] += advantage
            here[first + op.a_base + np.int64(first_input(word))] += advantage
            here[first + total + op.b_base + np.int64(second_input(word))] += advantage
            here[first + 2 * total + op.out_base + np.int64(output_register(word))] += advantage
    rewards[2] += 1.0
    if rewards[2] < BATCH:
        return False
    rewards[2] = 0.0
    for i in range(policy.factors.shape[0]):
        at, first, count = policy.factors[i]
        end = first + count
        ascend(
            policy.logits[at, first:end],
            policy.probabilities[at, first:end],
            policy.gains[at, first:end],
            space.policy_rate,
            BATCH * space.policy_entropy,
        )
    return True


@jit
def ascend(logits: Any, probabilities: Any, gains: Any, rate: Any, entropy: Any) -> None:
    """One step of gradient ascent for one softmax. Resets ``gains`` to 0.

    The gradient for the logit of choice k is ``gains[k] - sum(gains) * p[k]`` for the advantages and
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
