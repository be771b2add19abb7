"""The smallest form of a program that this package knows, with the same results bit for bit.

Dead code goes, equal values are computed once, constants are folded, what Predict and Learn compute from
Setup's values alone moves to Setup, and registers that nothing writes are zeros. ``rules`` says what else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from azdsl.ir.linearize import Listing, to_program, unroll
from azdsl.ir.metric import RMSE, Metric
from azdsl.ir.passes import remove_dead_code, renumber
from azdsl.ir.program import Program
from azdsl.ir.rewrite_rules import exact_rules
from azdsl.ir.value_graph import Graph, build


@dataclass(frozen=True)
class Simplified:
    """A program's simplest form: its values, its lines and its text; ``fired`` counts what changed it."""

    graph: Graph
    listing: Listing
    program: Program
    fired: Counter[str]


def simplified(program: Program, metric: Metric = RMSE, precision: int = 64) -> Simplified | None:
    """The simplest form in all its forms; None when it needs more registers than there are."""
    rules = exact_rules(precision)
    best: Simplified | None = None
    while True:
        graph = build(program, metric, rules)
        listing = unroll(graph)
        smaller = to_program(listing)
        if smaller is None or (best and len(smaller) >= len(best.program)):
            return best
        best = Simplified(graph, listing, smaller, graph.fired + (best.fired if best else Counter()))
        program = smaller


def simplify(program: Program, metric: Metric = RMSE, precision: int = 64) -> Program:
    """The program with the same fitness, bit for bit in the arithmetic of ``precision`` bits, in fewer instructions.

    Live draws keep their number and order. A program without dead code that is as short already, or that
    would need more registers than the language has, comes back renumbered.
    """
    cleaned = renumber(remove_dead_code(program, metric), metric)
    form = simplified(program, metric, precision)
    return form.program if form and len(form.program) <= len(cleaned) else cleaned
