"""Equations are balanced and complete, and LaTeX typesets them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from strategies import random_program

from azdsl.export.readable.latex import TEXT, latex
from azdsl.ops import OPS
from azdsl.syntax import load

EXAMPLES = Path(__file__).parents[2] / "examples"


def check_structure(text: str) -> None:
    """Brackets, \\left and \\right match; every equation has one alignment mark; nothing has two subscripts or superscripts."""
    depth = 0
    for sign in re.sub(r"\\[{}]", "", text):
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    for line in text.splitlines()[1:-1]:
        assert line.count("&") == 1
        assert len(re.findall(r"\\left\b", line)) == len(re.findall(r"\\right\b", line))
        assert not re.search(r"(?<!\\)_(\{([^{}]|\{([^{}]|\{[^{}]*\})*\})*\}|[^{\\])_", line), line
        assert not re.search(r"'\^", line), line
        assert not re.search(r"\^(\{([^{}]|\{[^{}]*\})*\}|[^{])\^", line), line


def test_every_op_has_a_text():
    assert TEXT.keys() == {op.name for op in OPS if op.output}


def test_random_programs_are_well_formed():
    for seed in range(200):
        check_structure(latex(random_program(np.random.default_rng(seed), max_length=12)))


def test_figure_5():
    text = latex(load(EXAMPLES / "figure5.az"))
    check_structure(text)
    for line in (
        r"\eta &= 4.1",
        r"W^{\mathrm{hid}} &\sim \mathcal{N}\left( -1 \cdot 10^{-10}, \left( 9 \cdot 10^{-9} \right)^2 \right)",
        r"\mathbf{h} &= \max\left( 0, \mathbf{a} \right)",
        r"\delta &= y - \hat{y}",
        r"W^{\mathrm{hid}} &\leftarrow W^{\mathrm{hid}} + \mathbf{g}^{\mathrm{hid}} \, \mathbf{x}^{\top}",
    ):
        assert line in text


@pytest.mark.parametrize("name", ["figure5", "network"])
def test_mathtext_typesets_every_line(name):
    pyplot = pytest.importorskip("matplotlib.mathtext", reason="matplotlib is not installed")
    parser = pyplot.MathTextParser("path")
    for line in latex(load(EXAMPLES / f"{name}.az")).splitlines()[1:-1]:
        plain = line.strip().removesuffix(" \\\\").replace("&", "")
        if "textbf" not in plain:
            width, *_ = parser.parse(f"${plain}$")
            assert width > 0


def test_latex_typesets_a_standalone_document(tmp_path):
    engine = shutil.which("pdflatex") or shutil.which("tectonic")
    document = latex(load(EXAMPLES / "network.az"), standalone=True)
    assert document.startswith("\\documentclass") and document.endswith("\\end{document}\n")
    if engine is None:
        pytest.skip("no LaTeX engine (pdflatex or tectonic) is installed")
    (tmp_path / "a.tex").write_text(document)
    options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in engine else []
    subprocess.run([engine, *options, "a.tex"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "a.pdf").stat().st_size > 1000
