"""The display fits the terminal, whatever its size, and says what stops the run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from azdsl.search.display.progress import Snapshot, Stop
from azdsl.search.display.terminal import Display, fitting
from azdsl.syntax import parse

PROGRAM = parse(
    "def Setup():\n"
    + "  s2 = 0.1234567890123456\n" * 12
    + "def Predict():\n  s1 = dot(v0, v1)\ndef Learn():\n  s3 = s0 - s1\n"
)

SNAPSHOT = Snapshot(
    epoch=3,
    evaluations=1_234_567,
    seconds=61.0,
    rate=345_678.0,
    best=0.9,
    mean=0.4,
    selected=0.91,
    islands=(0.35, 0.45),
    layers={"copies": 200_000, "full": 1_034_567},
    program=PROGRAM,
    units="RMSE 61.59",
    front=((2, 0.25), (7, 0.5), (9, 0.9)),
    stops=(
        Stop("target", 0.91, 0.9999),
        Stop("timeout", 61.0, 600.0, 539.0),
        Stop("max_evals", 1_234_567, 5_000_000, 10.9),
    ),
)


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (120, 40)])
def test_it_fits(width, height):
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    lines = console.render_lines(Display(console).rendered(SNAPSHOT), pad=False)
    text = ["".join(segment.text for segment in line) for line in lines]
    assert len(text) < height and max(map(len, text)) <= width
    assert text[-1].startswith("Ctrl-C")
    words = " ".join(text)
    assert "RMSE 61.59" in words
    assert "0.900000" in words and "target 0.91 of 0.9999" in words and "0:10 left" in " ".join(words.split())
    assert ("more lines" in words) == (height < 40) and "7: 0.5000" in words


def test_lines_that_are_left_out_are_counted():
    assert fitting(["a", "b"], 2) == ["a", "b"]
    assert fitting(["a", "b", "c"], 2) == ["a", "… 2 more lines"]
    assert fitting(["a", "b", "c"], 1) == ["… 3 more lines"]
