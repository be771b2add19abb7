"""Published programs parse as they stand."""

from __future__ import annotations

import re

from conformance.suites import suites

from azdsl.ir import FUNCTIONS
from azdsl.syntax import format_source, parse, parse_experiment

README_DEMO = """\
def Setup():
  s2 = 0.001 # Init learning rate.
def Predict(): # v0 = features
  s1 = dot(v0, v1) # Apply weights
def Learn(): # v0 = features; s0 = label
  s3 = s0 - s1 # Compute error.
  s4 = s3 * s2 # Apply learning rate.
  v2 = v0 * s4 # Compute gradient.
  v1 = v1 + v2 # Update weights.
"""

EXPERIMENT = """\
# linear.az: stochastic gradient descent on a linear model
task linear(features=4, tasks=10, train=100, valid=100)
registers(scalars=4, vectors=3, matrices=1)
search(population=1000, tournament=10, init=random, setup=10, predict=2, learn=8)
ops(const, dot, s - s, s * s, s * v, v + v)

def Setup():
  s2 = 0.001              # learning rate
def Predict():            # v0 = features
  s1 = dot(v0, v1)
def Learn():              # s0 = label
  s3 = s0 - s1
  s4 = s3 * s2
  v2 = s4 * v0
  v1 = v1 + v2
"""

FIGURE_5 = """\
# sX/vX/mX = scalar/vector/matrix at address X.
# "gaussian" produces Gaussian IID random numbers.
def Setup():
    # Initialize variables.
    m1 = gaussian(-1e-10, 9e-09) # 1st layer weights
    s3 = 4.1 # Set learning rate
    v4 = gaussian(-0.033, 0.01) # 2nd layer weights
def Predict(): # v0=features
    v6 = dot(m1, v0) # Apply 1st layer weights
    v7 = maximum(0, v6) # Apply ReLU
    s1 = dot(v7, v4) # Compute prediction
def Learn(): # s0=label
    v3 = heaviside(v6, 1.0) # ReLU gradient
    s1 = s0 - s1 # Compute error
    s2 = s1 * s3 # Scale by learning rate
    v2 = s2 * v3 # Approx. 2nd layer weight delta
    v3 = v2 * v4 # Gradient w.r.t. activations
    m0 = outer(v3, v0) # 1st layer weight delta
    m1 = m1 + m0 # Update 1st layer weights
    v4 = v2 + v4 # Update 2nd layer weights
"""


def _ops(text: str) -> list[str]:
    return [instruction.op.name for instruction in parse(text).instructions]


def test_the_human_design_of_the_reference() -> None:
    program = parse(README_DEMO)
    assert [str(i) for i in program.learn] == ["s3 = s0 - s1", "s4 = s3 * s2", "v2 = s4 * v0", "v1 = v1 + v2"]
    assert parse(format_source(README_DEMO)) == program


def test_figure_5() -> None:
    program = parse(FIGURE_5)
    assert [str(i) for i in program.predict] == ["v6 = dot(m1, v0)", "v7 = maximum(v1, v6)", "s1 = dot(v7, v4)"]
    assert len(program) == 14
    assert parse(format_source(FIGURE_5)) == program


def test_a_file_with_every_statement() -> None:
    experiment = parse_experiment(EXPERIMENT)
    assert experiment.search.init == "random"
    assert len(experiment.program) == 6
    assert parse_experiment(format_source(EXPERIMENT)) == experiment


def test_programs_that_the_reference_printed() -> None:
    texts = [program["text"] for suite in suites().values() for program in suite["programs"]]
    assert len(texts) == 774
    for text in texts:
        assert _numbers_short(str(parse(text))) == _numbers_short(text)


def _numbers_short(text: str) -> list[str]:
    """The lines with every number as Python would write it; the empty functions left out."""
    lines = [
        re.sub(r"(?<![\w.])-?\d[\d.]*(e[+-]?\d+)?", lambda m: repr(float(m[0])), line) for line in text.splitlines()
    ]
    return [line for line in lines if line]


def test_functions_may_be_missing_or_empty() -> None:
    assert str(parse("")) == "".join(f"def {name}():\n" for name in FUNCTIONS)
    assert _ops("def Learn():\n\n\n  NoOp()\n\n  pass\ndef Setup():\n") == ["noop"]
