"""Layout: what changes, and that nothing else does."""

from __future__ import annotations

import pytest

from azdsl.diagnostics import SyntaxError as AzSyntaxError
from azdsl.syntax import format_source, parse_experiment

UGLY = """

# head
task  linear ( features = 4,tasks=10 )   # the task


search(population=1_000,
    learn = 1..23,   # lengths

      seed=3
  )
ops( s-s , v=uniform , bcast(v,axis = 0),m [c,c]=c)
@ frozen
def  Setup ( ) :
\t# weights
\tv2 [ 0.125 ]=-0.25
#odd
\tw:vector=-( s2+-s3 )*v0 # a
\t  # body
def Predict():# p
\ts1=dot(  v0,w )/2.50
# before Learn
def Learn():
\tNoOp( )
# end


"""

NEAT = """# head
task linear(features=4, tasks=10)  # the task

search(population=1_000,
  learn=1..23,  # lengths
  seed=3
)
ops(s - s, v = uniform, bcast(v, axis=0), m[c, c] = c)
@frozen
def Setup():
  # weights
  v2[0.125] = -0.25
  #odd
  w: vector = -(s2 + -s3) * v0  # a
  # body
def Predict():  # p
  s1 = dot(v0, w) / 2.50
# before Learn
def Learn():
  NoOp()
# end
"""


def test_layout() -> None:
    assert format_source(UGLY) == NEAT
    assert format_source(NEAT) == NEAT
    assert parse_experiment(UGLY) == parse_experiment(NEAT)


@pytest.mark.parametrize("text", ["", "\n \n", "# only a comment", "def Setup():"])
def test_short_texts(text: str) -> None:
    assert format_source(text) == (text.strip() + "\n" if text.strip() else "")


def test_a_bad_text_is_not_formatted() -> None:
    with pytest.raises(AzSyntaxError, match=r"a\.az:1:4"):
        format_source("s1 $ 2", "a.az")
