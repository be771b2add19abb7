"""The data-flow picture is complete, inside its frame, and without overlaps."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from strategies import random_program

from azdsl.export.readable.graph import draw, flowchart, graph_svg
from azdsl.export.readable.statements import readable
from azdsl.ir import Program
from azdsl.syntax import load

EXAMPLES = Path(__file__).parents[2] / "examples"
SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of each node."""
    found = ElementTree.fromstring(svg).iterfind(f".//{SVG}rect[@class='box']")
    return [tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height")) for box in found]  # type: ignore[misc]


def overlap(a, b):
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


@pytest.mark.parametrize("seed", range(60))
def test_no_two_boxes_overlap_and_all_are_in_the_frame(seed):
    svg = graph_svg(random_program(np.random.default_rng(seed), max_length=12))
    _, _, width, height = map(float, ElementTree.fromstring(svg).attrib["viewBox"].split())
    found = boxes(svg)
    assert not any(overlap(a, b) for a, b in combinations(found, 2))
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in found)


def test_edges_of_states_to_the_next_example_are_dashed():
    chart = flowchart(readable(load(EXAMPLES / "network.az")))
    carried = {chart.nodes[target].name for _, target in chart.loops}
    assert carried == {"hidden_weights", "output_weights", "hidden_bias", "output_bias"}
    tree = ElementTree.fromstring(draw(chart))
    assert len(tree.findall(f".//{SVG}path[@class='loop']")) == 4
    assert len(tree.findall(f".//{SVG}path[@class='edge']")) == len(chart.edges)
    assert {"Setup", "Predict", "Learn"} <= {text.text for text in tree.iter(f"{SVG}text")}


def test_edges_connect_statements_with_what_they_read():
    chart = flowchart(readable(load(EXAMPLES / "linear.az")))
    named = {(chart.nodes[a].name, chart.nodes[b].name) for a, b in chart.edges}
    assert {("features", "prediction"), ("weights", "prediction"), ("prediction", "error"), ("label", "error")} <= named


def test_an_empty_program_has_a_picture():
    ElementTree.fromstring(graph_svg(Program()))


def test_the_picture_has_both_colour_schemes():
    svg = graph_svg(load(EXAMPLES / "linear.az"))
    assert "prefers-color-scheme: dark" in svg and "http://www.w3.org/2000/svg" in svg
