"""Pictures of the data flow of programs: SVG for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree

from azdsl.export.readable.graph_layout import Layout, Point, place
from azdsl.export.readable.named import expression_text
from azdsl.export.readable.statements import Readable, Statement, readable, variables
from azdsl.ir import FUNCTIONS, RMSE, Metric, Program
from azdsl.ir.linearize import Sort, Variable

NODE_HEIGHT, ROW, MARGIN, BAND_GAP, LETTER = 40.0, 78.0, 28.0, 34.0, 6.9

_STYLE = """
svg { color-scheme: light dark; }
.page { fill: #ffffff; } .band { fill: #f4f5f7; stroke: #d5d9e0; }
.head { fill: #5b6472; font: 600 13px sans-serif; }
.name { fill: #14181f; font: 600 12.5px monospace; } .does { fill: #4b5563; font: 11.5px monospace; }
.box { fill: #ffffff; stroke: #7b8494; stroke-width: 1.2; }
.given .box { fill: #e3effb; stroke: #2f74b5; } .state .box { fill: #fdf0d9; stroke: #b8741a; }
.answer .box { fill: #e0f3e4; stroke: #2c8a45; }
.edge { fill: none; stroke: #7b8494; stroke-width: 1.3; } .tip { fill: #7b8494; }
.loop { fill: none; stroke: #b8741a; stroke-width: 1.5; stroke-dasharray: 6 4; } .looptip { fill: #b8741a; }
@media (prefers-color-scheme: dark) {
.page { fill: #14171c; } .band { fill: #1c2027; stroke: #343b46; } .head { fill: #a6b0be; }
.name { fill: #eef1f5; } .does { fill: #b4bdc9; } .box { fill: #262c35; stroke: #8b95a5; }
.given .box { fill: #17324d; stroke: #5aa2e3; } .state .box { fill: #43300f; stroke: #e0a04a; }
.answer .box { fill: #143a20; stroke: #57bd74; } .edge { stroke: #8b95a5; } .tip { fill: #8b95a5; }
.loop { stroke: #e0a04a; } .looptip { fill: #e0a04a; }
}
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A box: the name of a value, its expression, its style class, and the number of its function."""

    name: str
    does: str
    style: str
    function: int

    @property
    def width(self) -> float:
        """Width in pixels, from the longer of its two lines of text."""
        return max(len(self.name) * 1.08, len(self.does)) * LETTER + 22


@dataclass(frozen=True)
class Flowchart:
    """Nodes and edges, by node number; ``loops`` connect the last value of a state to its value in the next example."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    loops: tuple[tuple[int, int], ...]


def graph_svg(program: Program, metric: Metric = RMSE) -> str:
    """The data flow of the three functions as the text of an SVG file. Raises ``TooManyRegisters``."""
    return draw(flowchart(readable(program, metric)))


def flowchart(form: Readable) -> Flowchart:
    """The flowchart of a program. Its nodes are statements, given registers, and states from the last example."""
    nodes: list[Node] = []
    edges: list[tuple[int, int]] = []
    at: dict[Variable, int] = {}
    before: dict[Variable, int] = {}
    last: dict[Variable, int] = {}

    def source(variable: Variable, function: int) -> int | None:
        if variable.sort is Sort.ZERO:
            return None
        if variable not in at:
            carried = variable.sort in (Sort.STATE, Sort.PREDICTION)
            style, does = ("state", "from the last example") if carried else ("given", "given")
            nodes.append(Node(form.names[variable], does, style, max(function, 1)))
            at[variable] = len(nodes) - 1
            if carried:
                before[variable] = at[variable]
        return at[variable]

    for number, statements in enumerate(form.functions):
        for variable in _carried(form) if number == 1 else ():
            start = at.get(variable)
            nodes.append(Node(form.names[variable], "from the last example", "state", 1))
            at[variable] = before[variable] = len(nodes) - 1
            edges += [(start, at[variable])] if start is not None else []
        for statement in statements:
            reads = {place for v in _reads(statement) if (place := source(v, number)) is not None}
            nodes.append(Node(form.names[statement.target], _does(statement, form), _style(statement.target), number))
            at[statement.target] = len(nodes) - 1
            edges += [(read, at[statement.target]) for read in sorted(reads)]
            if number and statement.target.sort is Sort.STATE:
                last[statement.target] = at[statement.target]
    loops = tuple((last[v], before[v]) for v in before if v in last)
    return Flowchart(tuple(nodes), tuple(dict.fromkeys(edges)), loops)


def _reads(statement: Statement) -> Iterable[Variable]:
    """The variables that a statement reads: an op that sets one entry reads the others."""
    return [*variables(statement.expression), *([statement.target] if statement.op.updates else [])]


def _carried(form: Readable) -> list[Variable]:
    """States that Predict or Learn reads before a write, in order of their first read."""
    written: set[Variable] = set()
    found: dict[Variable, None] = {}
    for statement in (*form.functions[1], *form.functions[2]):
        found |= dict.fromkeys(v for v in _reads(statement) if v.sort is Sort.STATE and v not in written)
        written.add(statement.target)
    return list(found)


def _style(variable: Variable) -> str:
    return {Sort.STATE: "state", Sort.PREDICTION: "answer"}.get(variable.sort, "plain")


def _does(statement: Statement, form: Readable) -> str:
    text = expression_text(statement.expression, form.names)
    return text.replace(", (n_features, n_features)", "").replace(", n_features", "")


def draw(chart: Flowchart) -> str:
    """The chart as SVG."""
    layers = _layers(chart)
    bands = [[layer for layer, node in zip(layers, chart.nodes, strict=True) if node.function == n] for n in range(3)]
    heights, bottom = _heights(max(layers, default=0) + 1, bands)
    widths = [node.width for node in chart.nodes]
    layout = place(widths, layers, chart.edges, heights)
    lanes = 16.0 * len(chart.loops)
    width, height = layout.width + 5 * MARGIN + lanes, bottom + MARGIN - (ROW - NODE_HEIGHT)
    svg = ElementTree.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        role="img",
    )
    ElementTree.SubElement(svg, "title").text = "Data flow of Setup, Predict and Learn"
    ElementTree.SubElement(svg, "style").text = _STYLE
    ElementTree.SubElement(svg, "rect", {"class": "page", "width": "100%", "height": "100%"})
    for number, rows in enumerate(bands):
        if rows:
            _band(svg, FUNCTIONS[number], heights[min(rows)], heights[max(rows)], width)
    shift = 3 * MARGIN
    for route in layout.routes.values():
        _edge(svg, [(x + shift, y) for x, y in route], "edge", "tip")
    for lane, (source, target) in enumerate(chart.loops):
        _loop(svg, layout, widths, (source, target), shift, lane)
    for number, node in enumerate(chart.nodes):
        _box(svg, node, (layout.centres[number][0] + shift, layout.centres[number][1]))
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def _heights(rows: int, bands: list[list[int]]) -> tuple[list[float], float]:
    """The y of each row, with a gap between the rows of different functions, and the y below the last row."""
    heights: list[float] = []
    last, y = 0, MARGIN + 30
    for row in range(rows):
        owner = next((n for n, band in enumerate(bands) if row in band), 0)
        if row and owner != last:
            y += BAND_GAP
        heights.append(y + NODE_HEIGHT / 2)
        last = owner
        y += ROW
    return heights, y


def _band(svg: ElementTree.Element, name: str, first: float, last: float, width: float) -> None:
    """Draw the background of a function from its first to its last row, with its name."""
    top = first - NODE_HEIGHT / 2 - 28
    tall = last + NODE_HEIGHT / 2 + 14 - top
    shape = {"x": _n(MARGIN / 2), "y": _n(top), "width": _n(width - MARGIN), "height": _n(tall), "rx": "8"}
    ElementTree.SubElement(svg, "rect", {"class": "band", **shape})
    label = {"class": "head", "x": _n(MARGIN / 2 + 12), "y": _n(top + 19)}
    ElementTree.SubElement(svg, "text", label).text = name


def _layers(chart: Flowchart) -> list[int]:
    """The layer of each node: below its sources, and below all nodes of earlier functions."""
    layers = [0] * len(chart.nodes)
    first = 0
    for function in range(3):
        members = [n for n, node in enumerate(chart.nodes) if node.function == function]
        for node in members:
            sources = [layers[s] + 1 for s, t in chart.edges if t == node]
            layers[node] = max([first, *sources])
        first = max([first, *(layers[n] + 1 for n in members)])
    return layers


def _n(number: float) -> str:
    return f"{number:.1f}"


def _edge(svg: ElementTree.Element, points: list[Point], style: str, tip: str) -> None:
    """Draw a smooth line from the bottom of the first box, through the points between, to the top of the last box."""
    (x, y), *rest = points
    y += NODE_HEIGHT / 2
    path = f"M{_n(x)} {_n(y)}"
    for at, (next_x, next_y) in enumerate(rest):
        end = next_y - NODE_HEIGHT / 2 - (6 if at == len(rest) - 1 else 0)
        middle = (y + end) / 2
        path += f" C{_n(x)} {_n(middle)} {_n(next_x)} {_n(middle)} {_n(next_x)} {_n(end)}"
        x, y = next_x, end
        if at < len(rest) - 1:
            y = next_y + NODE_HEIGHT / 2
            path += f" L{_n(x)} {_n(y)}"
    ElementTree.SubElement(svg, "path", {"class": style, "d": path})
    _tip(svg, (x, y + 6), tip, ((-4, -8), (4, -8)))


def _loop(
    svg: ElementTree.Element, layout: Layout, widths: list[float], loop: tuple[int, int], shift: float, lane: int
) -> None:
    """Draw a dashed line from a box back up to another, in its own lane at the right margin."""
    right, aside = layout.width + shift + MARGIN / 2 + 16.0 * (lane + 1), 6.0 + 3.5 * (lane % 5)
    (x0, y0), (x1, y1) = (layout.centres[n] for n in loop)
    x0, x1 = x0 + shift + widths[loop[0]] / 2, x1 + shift + widths[loop[1]] / 2
    out, back = y0 + NODE_HEIGHT / 2 + aside, y1 - NODE_HEIGHT / 2 - aside
    start, end = x0 - 14, x1 - 14
    path = f"M{_n(start)} {_n(y0 + NODE_HEIGHT / 2)} V{_n(out)} H{_n(right)} V{_n(back)} H{_n(end)} V{_n(y1 - NODE_HEIGHT / 2 - 4)}"
    ElementTree.SubElement(svg, "path", {"class": "loop", "d": path, "stroke-linejoin": "round"})
    _tip(svg, (end, y1 - NODE_HEIGHT / 2), "looptip", ((-4, -7), (4, -7)))


def _tip(svg: ElementTree.Element, at: Point, style: str, back: tuple[Point, Point]) -> None:
    points = " ".join(f"{_n(at[0] + dx)},{_n(at[1] + dy)}" for dx, dy in ((0.0, 0.0), *back))
    ElementTree.SubElement(svg, "polygon", {"class": style, "points": points})


def _box(svg: ElementTree.Element, node: Node, centre: Point) -> None:
    x, y = centre
    group = ElementTree.SubElement(svg, "g", {"class": node.style})
    shape = {
        "x": _n(x - node.width / 2),
        "y": _n(y - NODE_HEIGHT / 2),
        "width": _n(node.width),
        "height": _n(NODE_HEIGHT),
        "rx": "6",
    }
    ElementTree.SubElement(group, "rect", {"class": "box", **shape})
    for style, text, dy in (("name", node.name, -4.0), ("does", node.does, 12.0)):
        place_at = {"class": style, "x": _n(x), "y": _n(y + dy), "text-anchor": "middle"}
        ElementTree.SubElement(group, "text", place_at).text = text
