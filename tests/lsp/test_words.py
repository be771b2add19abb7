"""Completion, hover and symbols: the words of the language at their places, also in texts that are being typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azdsl.config.search import MUTATIONS, Registers, Search, keys
from azdsl.config.tasks import TASKS
from azdsl.diagnostics import SyntaxError
from azdsl.lsp.completion import completions
from azdsl.lsp.diagnostics import diagnostics
from azdsl.lsp.hover import hover
from azdsl.lsp.positions import Positions
from azdsl.lsp.symbols import symbols
from azdsl.ops import OPS
from azdsl.syntax import parse_experiment
from azdsl.syntax.file_builder import STATEMENTS
from azdsl.syntax.op_patterns import callees

EXAMPLES = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[2] / "examples").rglob("*.az"))]

TEXT = """\
task linear(features=4)
search(population=10)

@frozen
def Setup():
  rate = 0.01
def Predict():
  w: vector
  s1 = dot(w, v0)
def Learn():
  err = label - prediction
  w = w + rate * err * v0
"""


def at(marked: str) -> tuple[str, int]:
    """A text and the offset of its only ``|``."""
    before, _, after = marked.partition("|")
    return before + after, len(before)


def words(marked: str) -> set[str]:
    return {found.word for found in completions(*at(marked))}


def shown(marked: str) -> str:
    found = hover(*at(marked))
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("|", {*STATEMENTS, "@frozen", "def Setup():", "def Predict():", "def Learn():"}),
        (f"{TEXT}sea|", {*STATEMENTS, "@frozen"}),
        ("task |", set(TASKS)),
        ("island(0..1, task=li|)", set(TASKS)),
        ("task linear(features=4, m|", {key.name for key in keys(TASKS["linear"])} - {"features"}),
        ("island(0, task=linear(m|, tasks=3))", {key.name for key in keys(TASKS["linear"])} - {"tasks"}),
        ("task linear(metric=|)", {"rmse", "accuracy"}),
        ("registers(scalars=4, |)", {key.name for key in keys(Registers)} - {"scalars"}),
        ("search(\n  seed=3,\n  i|\n\ndef Setup():\n  s2 = 1\n", {key.name for key in keys(Search)} - {"seed"}),
        ("search(seed=3, |, init=random)", {key.name for key in keys(Search)} - {"seed", "init"}),
        ("search(fec=|\ndef Setup():\n", {"true", "false"}),
        ("mutations(alter, |", set(MUTATIONS)),
        ("stage(target=0.9, mutations(|", set(MUTATIONS)),
        ("def |\n", {"Setup", "Predict", "Learn"}),
        ("@|\ndef Setup():\n", {"frozen"}),
        (f"{TEXT}  x: |", {"scalar", "vector", "matrix"}),
        ("search(timeout=|)", set()),
        ("task linear(feature|", {key.name for key in keys(TASKS["linear"])}),
        ("dot(|", set()),
    ],
)
def test_completion_offers_exactly_the_words_of_a_place(marked: str, expected: set[str]):
    assert words(marked) == expected


def test_a_list_of_ops_offers_all_ops_and_groups():
    found = words("ops(s - s, |")
    assert {op.name for op in OPS if op.output} | {"all", "arithmetic"} <= found
    for word in sorted(found):
        parse_experiment(f"ops({word})\n")


def test_an_expression_offers_functions_and_names_in_scope():
    for marked in (
        f"{TEXT}  x = do|",
        f"{TEXT}  x = dot(w, |",
        TEXT.replace("w + rate", "w + |").replace(" * err * v0", " *"),
    ):
        assert {*callees(), "w", "rate", "err", "s1", "features", "label"} <= words(marked)
    assert "x" not in words(f"{TEXT}  x|")
    assert not words(f"{TEXT}  x|") & set(callees()), "an instruction does not begin with a function"
    found = {item.word: item.remark for item in completions(f"{TEXT}  y = ", len(TEXT) + 6)}
    assert (found["w"], found["err"], found["v0"]) == ("vector", "scalar", "vector")
    assert found["dot"] == "dot takes (v, v) or (m, v)"


@pytest.mark.parametrize(
    "marked", ["# task li|near", 'task file(data="tas|k")', "search(seed=1|2)", f"{TEXT}  x = 1e-|3"]
)
def test_comments_texts_and_numbers_are_left_alone(marked: str):
    assert not words(marked) and not shown(marked)


@pytest.mark.parametrize(
    ("marked", "part"),
    [
        ("ta|sk linear()\n", "**task**: statement"),
        ("task lin|ear(features=4", "**linear**: kind of task"),
        ("task linear(feat|ures=4", "Features of an example (F)."),
        ("search(popul|ation=10", "Individuals of each island."),
        ("search(init=ran|dom)\n", "**init**: key of search"),
        ("task linear(metric=rm|se)\n", "**rmse**: metric"),
        ("ops(arith|metic)\n", "**arithmetic**: group of ops"),
        ("ops(do|t(m, v))\n", "`v = dot(m, v)`"),
        ("ops(vector_no|rm)\n", "`s = norm(v)`"),
        ("island(0, mutations(gra|ft))\n", "**graft**: kind of mutation"),
        ("island(0, mut|ations(graft))\n", "**mutations**: statement"),
        ("@fro|zen\ndef Setup():\n", "keeps the function as it is written"),
        ("def Set|up():\n  s2 = 1\n", "Runs once, before training."),
        (TEXT.replace("rate * err", "rate |* err"), "`s = s * s`"),
        (TEXT.replace("err * v0", "err |* v0"), "`v = s * v`"),
        (TEXT.replace("w + rate", "|w + rate"), "**w**: vector variable, first assigned in line 8"),
        (TEXT.replace("s1 =", "s|1 ="), "**s1**: scalar register, first assigned in line 9"),
        (TEXT.replace("label", "la|bel"), "It cannot be written."),
        (TEXT.replace(": vector", ": vec|tor"), "**annotations**"),
        (f"{TEXT}  v5 = re|lu(v0)\n", "**relu**"),
        (f"{TEXT}  m2 = gaussian(0, 1, (n_feat|ures, n_features", "The number of features F"),
    ],
)
def test_hover_explains_the_word(marked: str, part: str):
    assert part in shown(marked)


def test_hover_on_an_overloaded_function_shows_the_op_that_the_operands_select():
    assert "matvec" not in shown(TEXT.replace("dot(w", "d|ot(w"))
    assert "matvec" in shown(f"{TEXT}  x = do|t(w,"), "while the call is not complete, all its ops are shown"
    text, offset = at(TEXT.replace("dot(w", "d|ot(w"))
    found = hover(text, offset)
    assert found and text[found[1] : found[2]] == "dot"


@pytest.mark.parametrize("op", [op for op in OPS if op.callee and op.output], ids=lambda op: op.name)
def test_hover_tells_the_ops_of_a_function_apart(op):
    registers = {
        "a": f"{op.inputs[0].value}3" if op.inputs else "",
        "b": f"{op.inputs[-1].value}4" if op.inputs else "",
    }
    line = op.template.format(out=f"{op.output.value}5", **registers, **dict.fromkeys(("c0", "c1"), "1"))
    text = f"def Predict():\n  {line}\n"
    found = hover(text, text.index(f"{op.callee}(") + 1)
    assert found and f"`{op.shape}`" in found[0] and "---" not in found[0]


def test_diagnostics_are_those_of_check():
    text = "def Setup():\n  s2 = dto(v0, v1)\n  s0 = 1\n"
    with pytest.raises(SyntaxError) as error:
        parse_experiment(text)
    assert diagnostics(text) == error.value.diagnostics and len(diagnostics(text)) == 2
    assert diagnostics(TEXT) == ()


def test_symbols_are_the_outline_of_a_file():
    found = list(symbols(TEXT))
    assert [one.name for one in found] == ["task", "search", "Setup", "Predict", "Learn"]
    assert [[(part.name, part.remark) for part in one.parts] for one in found[2:]] == [
        [("rate", "scalar")],
        [("w", "vector")],
        [("err", "scalar")],
    ]
    for one in found:
        assert TEXT[slice(*one.selected)] == one.name and one.start <= one.selected[0] < one.selected[1] <= one.end


@settings(max_examples=50)
@given(st.sampled_from(EXAMPLES), st.data())
def test_texts_that_are_being_typed(text: str, data: st.DataObject):
    """Any beginning of a file, with any characters lost in the middle, has answers and no exceptions."""
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    if data.draw(st.booleans()):
        typed = text[:stop] + data.draw(st.text(st.sampled_from('()[]=,:@"# \n\tsvmd0.é'), max_size=6))
    else:
        typed = text[:start] + data.draw(st.text(max_size=4)) + text[stop:]
    offset = data.draw(st.integers(0, len(typed)))
    completions(typed, offset)
    found = hover(typed, offset)
    assert found is None or found[1] <= offset <= found[2]
    for one in symbols(typed):
        assert 0 <= one.start < one.end <= len(typed)


@given(st.text(st.sampled_from("ab\né€😀\r\u2028\t")), st.sampled_from(["utf-8", "utf-16", "utf-32"]), st.data())
def test_positions_and_offsets_are_inverse(text: str, encoding: str, data: st.DataObject):
    positions = Positions(text, encoding)
    offset = data.draw(st.integers(0, len(text)).filter(lambda at: text[at - 1 : at + 1] != "\r\n"))
    line, column = positions.position(offset)
    assert positions.offset(line, column) == offset
    assert positions.offset(line, column + 10**6) >= offset
    assert positions.offset(10**6, 0) == len(text)


def test_columns_count_units_of_the_encoding():
    assert [Positions("a😀b", name).position(2) for name in ("utf-8", "utf-16", "utf-32")] == [(0, 5), (0, 3), (0, 2)]
