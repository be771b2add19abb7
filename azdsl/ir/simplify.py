"""Simplification: the shortest program that the rewrite rules find with the same results bit for bit.

It removes dead code, merges equal values, folds constants, hoists what depends only on values of Setup into Setup,
replaces registers that are never written by zeros, and applies the rules of ``rewrite_rules``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from azdsl.ir.linearize import Listing, linearize, to_program
from azdsl.ir.metric import RMSE, Metric
from azdsl.ir.passes import remove_dead_code, renumber
from azdsl.ir.program import Program
from azdsl.ir.rewrite_rules import exact_rules
from azdsl.ir.value_graph import Graph, build


@dataclass(frozen=True)
class Simplified:
    """A simplified program, its values and its lines. ``fired`` counts the applications of each rule."""

    graph: Graph
    listing: Listing
    program: Program
    fired: Counter[str]


def simplified(program: Program, metric: Metric = RMSE, precision: int = 64) -> Simplified | None:
    """The simplified program with its graph and lines; None when it needs more than ``MAX_REGISTERS`` registers of a kind."""
    rules = exact_rules(precision)
    best: Simplified | None = None
    while True:
        graph = build(program, metric, rules)
        listing = linearize(graph)
        smaller = to_program(listing)
        if smaller is None or (best and len(smaller) >= len(best.program)):
            return best
        best = Simplified(graph, listing, smaller, graph.fired + (best.fired if best else Counter()))
        program = smaller


def simplify(program: Program, metric: Metric = RMSE, precision: int = 64) -> Program:
    """A program of at most as many live instructions with the same fitness bit for bit, in ``precision`` bits (64 or 32).

    Live draws keep their number and order. A program that cannot be shortened, or would need more than
    ``MAX_REGISTERS`` registers of a kind, is returned without dead code and with its registers renumbered.
    """
    cleaned = renumber(remove_dead_code(program, metric), metric)
    form = simplified(program, metric, precision)
    return form.program if form and len(form.program) <= len(cleaned) else cleaned
