"""Layout of directed graphs in layers with few crossings (Sugiyama, Tagawa and Toda 1981), in pure Python.

A long edge gets a bend point in every layer that it crosses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 24
GAP = 26.0
"""Space between two neighbours in a layer, in pixels."""

BEND_WIDTH = 14.0
"""Width reserved for a bend point, in pixels."""

Point = tuple[float, float]
Edge = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """Centres of nodes, routes of edges (points from source to target), and the total width; in pixels."""

    centres: Mapping[int, Point]
    routes: Mapping[Edge, tuple[Point, ...]]
    width: float


def place(widths: Sequence[float], layers: Sequence[int], edges: Sequence[Edge], heights: Sequence[float]) -> Layout:
    """Place the nodes. ``layers`` has the layer of each node, ``heights`` the y of each layer; edges go to higher layers."""
    sizes = list(widths)
    levels = list(layers)
    chains: dict[Edge, list[int]] = {}
    for source, target in edges:
        chain = [source]
        for level in range(layers[source] + 1, layers[target]):
            sizes.append(BEND_WIDTH)
            levels.append(level)
            chain.append(len(sizes) - 1)
        chains[source, target] = [*chain, target]
    rows: list[list[int]] = [[] for _ in heights]
    for node, level in enumerate(levels):
        rows[level].append(node)
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for chain in chains.values():
        for first, second in pairwise(chain):
            above[second].append(first)
            below[first].append(second)
    _order(rows, above, below)
    x = _positions(rows, sizes, above, below)
    left = min((x[n] - sizes[n] / 2 for n in x), default=0.0)
    centres = {node: (x[node] - left, heights[levels[node]]) for node in x}
    width = max((centres[n][0] + sizes[n] / 2 for n in x), default=0.0)
    routes = {edge: tuple(centres[node] for node in chain) for edge, chain in chains.items()}
    return Layout({n: centres[n] for n in range(len(widths))}, routes, width)


Neighbours = Mapping[int, list[int]]


def _order(rows: list[list[int]], above: Neighbours, below: Neighbours) -> None:
    """Sort each row by the mean position of its neighbours, alternately down and up; keep the order with the fewest crossings."""
    best = [list(row) for row in rows]
    least = _crossings(rows, below)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        places = {node: at / max(len(row), 1) for row in rows for at, node in enumerate(row)}
        for row in rows if down else reversed(rows):
            mean = {
                n: sum(places[m] for m in neighbours[n]) / len(neighbours[n]) if neighbours.get(n) else places[n]
                for n in row
            }
            row.sort(key=mean.__getitem__)
            places.update({node: at / max(len(row), 1) for at, node in enumerate(row)})
        crossings = _crossings(rows, below)
        if crossings < least:
            least, best = crossings, [list(row) for row in rows]
    rows[:] = best


def _crossings(rows: Sequence[Sequence[int]], below: Neighbours) -> int:
    """Number of crossings of edges between neighbouring rows."""
    total = 0
    for row, following in pairwise(rows):
        at = {node: place for place, node in enumerate(following)}
        ends = [sorted(at[m] for m in below.get(n, ()) if m in at) for n in row]
        flat = [end for group in ends for end in group]
        total += sum(flat[i] > later for i in range(len(flat)) for later in flat[i + 1 :])
    return total


def _positions(
    rows: Sequence[Sequence[int]], sizes: Sequence[float], above: Neighbours, below: Neighbours
) -> dict[int, float]:
    """The x of every node: close to its neighbours in other rows, with the order and the distances in its row kept."""
    x: dict[int, float] = {}
    for row in rows:
        at = 0.0
        for node in row:
            x[node] = at + sizes[node] / 2
            at += sizes[node] + GAP
    for sweep in range(SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [sum(x[m] for m in near) / len(near) if (near := neighbours.get(n)) else x[n] for n in row]
            x.update(zip(row, _apart(wanted, [sizes[n] for n in row]), strict=True))
    return x


def _apart(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Positions as close as possible to ``wanted``, in order and without overlap (pool adjacent violators)."""
    offsets = [0.0]
    for first, second in pairwise(sizes):
        offsets.append(offsets[-1] + (first + second) / 2 + GAP)
    blocks: list[tuple[float, int]] = []  # (mean of wanted minus offset, members)
    for want, offset in zip(wanted, offsets, strict=False):
        mean, count = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, size = blocks.pop()
            mean, count = (mean * count + other * size) / (count + size), count + size
        blocks.append((mean, count))
    shifts = [mean for mean, count in blocks for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=False)]
