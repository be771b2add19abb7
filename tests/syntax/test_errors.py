"""Every error message: what it says, and where its carets stand."""

from __future__ import annotations

import textwrap

import pytest

from azdsl.diagnostics import SyntaxError as AzSyntaxError
from azdsl.syntax import parse_experiment


def rendered(text: str) -> str:
    with pytest.raises(AzSyntaxError) as caught:
        parse_experiment(text, "a.az")
    return str(caught.value)


def block(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_unknown_op() -> None:
    assert rendered("def Predict():\n  s1 = dto(v0, v1)  # weights\n") == block(
        """
        a.az:2:8: error: unknown op 'dto'; did you mean 'dot'?
          2 |   s1 = dto(v0, v1)  # weights
            |        ^^^
        """
    )


def test_unknown_op_in_an_untyped_variable() -> None:
    """What depends on it is not said to be open."""
    text = "def Predict():\n  z = y * 2\n  x = dto(v0, v1)\n  y = x + x\n"
    assert rendered(text) == block(
        """
        a.az:3:7: error: unknown op 'dto'; did you mean 'dot'?
          3 |   x = dto(v0, v1)
            |       ^^^
        """
    )


def test_a_conflict_of_two_settings_is_told_once() -> None:
    assert rendered("search(population=5, tournament=20)\n") == block(
        """
        a.az:1:33: error: tournament=20 is larger than population=5; make it smaller
          1 | search(population=5, tournament=20)
            |                                 ^^
        """
    )


def test_the_kind_is_what_all_operands_leave() -> None:
    """norm(…, axis=0) says that x is a matrix; dot of it and a vector is no scalar."""
    learn = "def Learn():\n  y = heaviside(dot(x, norm(x, axis=0)), 1.0)\n  x = x * x\n"
    assert len(parse_experiment(learn).program.learn) == 4


def test_write_to_the_label() -> None:
    assert rendered("def Learn():\n  s0 = s1 - s2\n") == block(
        """
        a.az:2:3: error: s0 is the label and cannot be written
          2 |   s0 = s1 - s2
            |   ^^
        """
    )


def test_operands_of_the_wrong_type() -> None:
    assert rendered("def Learn():\n  v1 = dot(m0, s2)\n") == block(
        """
        a.az:2:8: error: dot(m, s): no such op; dot takes (v, v) or (m, v)
          2 |   v1 = dot(m0, s2)
            |        ^^^^^^^^^^^
        """
    )


def test_type_conflict_of_a_variable() -> None:
    assert rendered("def Setup():\n  w: vector\ndef Learn():\n  w = label - prediction\n") == block(
        """
        a.az:4:7: error: this is a scalar; a vector is needed here
          4 |   w = label - prediction
            |       ^^^^^^^^^^^^^^^^^^
          note: w is a vector, from line 2
        """
    )


def test_unknown_key() -> None:
    assert rendered("search(populaton=10)\n") == block(
        """
        a.az:1:8: error: unknown key 'populaton' of search; did you mean 'population'?
          1 | search(populaton=10)
            |        ^^^^^^^^^
        """
    )


def test_impossible_value_points_at_the_value() -> None:
    assert rendered("search(population=10, tournament=20)\n") == block(
        """
        a.az:1:34: error: tournament=20 is larger than population=10; make it smaller
          1 | search(population=10, tournament=20)
            |                                  ^^
        """
    )


def test_duplicate_function_names_the_first() -> None:
    assert rendered("def Setup():\ndef Setup():\n") == block(
        """
        a.az:2:5: error: Setup is given twice
          2 | def Setup():
            |     ^^^^^
          note: the first Setup is in line 1
        """
    )


def test_tabs_and_wide_characters_keep_the_caret_in_place() -> None:
    assert rendered("def Setup():\n\ts2 =\t$ # 数\n") == (
        "a.az:2:7: error: unexpected '$'\n  2 |     s2 =    $ # 数\n    |             ^"
    )
    assert rendered("def Setup():\n  重 = 重み + 1\n").splitlines()[1:] == [
        "  2 |   重 = 重み + 1",
        "    |        ^^^^",
    ]


def test_a_long_line_is_cut_around_the_error() -> None:
    lines = rendered(f"ops({'const, ' * 40}dto, {'sin, ' * 400})\n").splitlines()
    shown, carets = next((lines[i + 1], lines[i + 2]) for i, line in enumerate(lines) if "'dto'" in line)
    assert len(shown) <= 110
    assert shown[carets.index("^") :].startswith("dto, sin")


def test_all_errors_are_reported_at_once() -> None:
    text = "search(x=1)\ndef Setup():\n  s2 = )\n  s2 = foo(1)\n  s1 = (\n  v0 = 1\ndef Learn():\n  s1 = s1 $ 2\n  s3 = m1\n"
    heads = [line for line in rendered(text).splitlines() if line.startswith("a.az")]
    assert [head.split(": error: ")[0] for head in heads] == [
        "a.az:1:8",
        "a.az:3:8",
        "a.az:4:8",
        "a.az:5:8",
        "a.az:6:3",
        "a.az:8:11",
        "a.az:9:8",
    ]


def test_very_many_errors_are_counted() -> None:
    assert rendered("x\n" * 80).endswith("a.az: 30 more errors not shown")


IN_SETUP = "def Setup():\n  "
MESSAGES = {
    IN_SETUP + "v0 = 1": "2:3 v0 is the features and cannot be written",
    IN_SETUP + "label = 1": "2:3 s0 is the label and cannot be written",
    IN_SETUP + "s64 = 1": "2:3 s64 is out of range: scalars run from s0 to s63",
    IN_SETUP + "s2 = norm(v99)": "2:13 v99 is out of range: vectors run from v0 to v63",
    "registers(scalars=4)\n" + IN_SETUP + "s4 = 1": "3:3 s4 is out of range: registers(scalars=4) gives s0 to s3",
    "registers(matrices=0)\n" + IN_SETUP + "m0 = m0 + m0": "3:3 m0 is out of range: registers(matrices=0) gives none",
    IN_SETUP + "v1[1] = 2": "2:6 an index must be at least 0 and below 1, not 1.0: it is a fraction of the entries",
    IN_SETUP + "v1[-0.5] = 2": "2:6 an index must be at least 0 and below 1, not -0.5: it is a fraction of the entries",
    IN_SETUP + "s2 = 1e999": "2:8 a constant must be a finite number, not inf",
    IN_SETUP + "v1[0.5] = s2": "2:13 the value must be a number written out here",
    IN_SETUP + "v1 = gaussian(0, s2)": "2:20 the standard deviation must be a number written out here",
    IN_SETUP + "s1[0.5] = 2": "2:3 this is no entry of a scalar; entries are set as v[c] = c or m[c, c] = c",
    IN_SETUP + "s2 = v1[0.5]": "2:8 an entry cannot be read; it can only be assigned: v1[0.5] = 2",
    IN_SETUP
    + "s2 = v1 + s3": "2:8 v + s: no such op; + takes s + s, v + v or m + m; bcast(s) makes a vector of a scalar",
    IN_SETUP + "s2 = v1 @ s3": "2:8 v @ s: no such op; @ takes m @ m, m @ v or v @ v",
    IN_SETUP + "s2 = sin(v1)": "2:8 sin(v): no such op; sin takes (s)",
    IN_SETUP
    + "s2 = norm(v1, axis=1)": "2:8 norm(v, axis=1): no such op; norm takes (v), (m), (m, axis=0) or (m, axis=1)",
    IN_SETUP
    + "s2 = heaviside(s3, 2)": "2:8 heaviside(s, c): no such op; heaviside takes (s, 1.0), (v, 1.0) or (m, 1.0)",
    IN_SETUP + "s2 = v1 + v2": "2:8 this is a vector; a scalar is needed here",
    IN_SETUP + "s2 = v1": "2:8 this is a vector; a scalar is needed here",
    IN_SETUP + "s2 = NoOp()": "2:8 NoOp() has no value",
    IN_SETUP + "s2 = 'a'": "2:8 a text is no value here",
    IN_SETUP + "s2 = (1, 2)": "2:8 a list is no value here",
    IN_SETUP + "s2 = 1..2": "2:8 this is no value",
    IN_SETUP + "s2 = n_features": "2:8 n_features is the number of features, which only a task determines",
    IN_SETUP + "s2 = lr + 1": "2:8 lr is read but never assigned",
    IN_SETUP + "s2 = featurs": "2:8 featurs is read but never assigned; did you mean 'features'?",
    IN_SETUP + "w = gaussian(0, 1)": (
        "2:3 the type of w is open: scalar, vector or matrix; write its type where it is first set: w: vector = …"
    ),
    IN_SETUP + "s2 = norm(gaussian(0, 1))": (
        "2:13 whether this is a scalar, a vector or a matrix is open; "
        "give it a name of its own with its type: noise: vector = gaussian(0, 1)"
    ),
    IN_SETUP + "w: vecto": "2:6 unknown type 'vecto'; did you mean 'vector'?",
    IN_SETUP + "w: float": "2:6 unknown type 'float'; a type is scalar, vector or matrix",
    IN_SETUP + "s2: vector": "2:7 s2 is a scalar by its name",
    IN_SETUP + "w: vector\n  w: matrix": "3:6 w has two types",
    IN_SETUP + "s1 + s2 = 3": "2:3 only a register or a variable can be assigned",
    IN_SETUP + "norm(v1)": "2:3 the result is not assigned; write a register or a name and '=' before it",
    IN_SETUP + "s2 = s3 +* 2": "2:12 unexpected '*'; expected a name, a number or '('",
    IN_SETUP + "s2 =": "2:7 the statement ends too early; expected a name, a number or '('",
    IN_SETUP
    + "s2 = s3 ** 2": "2:12 unexpected '*'; expected a name, a number or '('; there is no power operator: write x * x",
    IN_SETUP
    + "s2 += 1": "2:7 unexpected '='; expected a name, a number or '('; there are no augmented assignments: write w = w + x",
    IN_SETUP + "s2 = dot(v1 v2)": "2:15 unexpected 'v2'; expected an operator, ')' or ','",
    IN_SETUP + "s2 = dot(v1, v2": "2:11 this '(' is not closed",
    IN_SETUP + "s2 = 1)": "2:9 this ')' has no opening bracket",
    IN_SETUP + "s2 = 1\n    s3 = 2": "3:5 the indentation differs from the lines above; use 2 spaces",
    IN_SETUP + "s2 = 1\n\ts3 = 2": "3:2 the indentation differs from the lines above; use 2 spaces",
    "def Setup():\ns2 = 1": "2:1 this instruction is not indented; indent it under its function",
    "s2 = 1": "1:1 this instruction is outside a function; put it below def Setup():",
    IN_SETUP + "search(seed=1)": "2:3 search must not be indented; remove the indentation",
    "def Setup()": "1:12 the statement ends too early; expected ':'; end the line with ':', as in def Setup():",
    "def Setup(x):": "1:11 unexpected 'x'; expected ')'; functions have no parameters: the features are v0, the label is s0",
    "def Setup(): s2 = 1": (
        "1:14 unexpected 's2'; expected the end of the line; write instructions on the lines below, indented"
    ),
    "def Lern():": "1:5 unknown function 'Lern'; did you mean 'Learn'?",
    "@frosen\ndef Setup():": "1:2 unknown decorator '@frosen'; did you mean 'frozen'?",
    "@frozen": "1:1 @frozen must stand directly above a function",
    "@frozen\nsearch(seed=1)": "1:1 @frozen must stand directly above a function",
    "serch(seed=1)": "1:1 unknown statement 'serch'; did you mean 'search'?",
    "tsk linear()": "1:1 unknown statement 'tsk'; did you mean 'task'?",
    "task linar()": "1:6 unknown task 'linar'; did you mean 'linear'?",
    "task linear(3)": "1:13 '3' has no key; write key=value",
    "task file()": '1:1 task file needs the data file; write task file("…")',
    "task sklearn(boston)": ("1:14 data must be one of diabetes, breast_cancer, digits, iris, wine, not 'boston'"),
    "task linear(features=many)": "1:22 features must be a whole number, not many",
    "task linear()\ntask affine()": "2:1 task is given twice",
    "search(seed=1, seed=2)": "1:16 seed is given twice",
    "search(fec=1)": "1:12 fec must be true or false, not 1",
    "search(mutation=1.5)": "1:17 mutation must be at most 1, not 1.5",
    "search(init=rand)": "1:13 init must be one of seed, random, empty, not 'rand'",
    "search(precision=16)": "1:18 precision must be one of 32, 64, not 16",
    "search(learn=9..2)": "1:14 learn=9..2: the range is empty; write it as least..most",
    "search(learn=1.5)": "1:14 learn must be a whole number or a range such as 1..21, not 1.5",
    "search(population=5)": "1:1 tournament=10 is larger than population=5; make it smaller",
    "registers(scalars=1)": "1:19 scalars must be at least 2, not 1",
    "registers(scalars=65)": "1:19 scalars must be at most 64, not 65",
    "ops()": "1:1 ops() allows no op; remove the statement, or write ops(all)",
    "ops(dto)": "1:5 unknown op 'dto'; did you mean 'dot'?",
    "ops(abs)": "1:5 'abs' could be several ops; write s = abs(s), v = abs(v) or m = abs(m)",
    "ops(dot(s, s))": "1:5 no op has the shape 'dot(s, s)'; there is s = dot(v, v) or v = dot(m, v)",
    "ops(dot, dot(v, v))": "1:10 dot is listed twice",
    "mutations()": "1:1 mutations() allows no kind of mutation; remove the statement to allow all",
    "mutations(altr)": "1:11 unknown mutation 'altr'; did you mean 'alter'?",
    "mutations(alter, alter)": "1:18 alter is listed twice",
}


@pytest.mark.parametrize("text", MESSAGES, ids=repr)
def test_messages(text: str) -> None:
    with pytest.raises(AzSyntaxError) as caught:
        parse_experiment(text)
    found = [f"{d.span.line}:{d.span.column} {d.text}" for d in caught.value.diagnostics if d.span]
    assert found == [MESSAGES[text]]


def test_running_out_of_registers() -> None:
    names = "".join(f"  w{i} = outer(features, features)\n  s2 = norm(w{i})\n" for i in range(3))
    carried = "".join(f"  s2 = norm(w{i})\n" for i in range(3))
    text = f"registers(matrices=2)\ndef Predict():\n{names}def Learn():\n{carried}"
    assert rendered(text).splitlines()[0] == (
        "a.az:7:3: error: out of matrix registers: 3 are needed, 2 available; use fewer names or raise registers(matrices=…)"
    )
    assert parse_experiment(text.replace("matrices=2", "matrices=3"))


def test_too_many_instructions() -> None:
    text = "def Learn():\n" + "  s2 = s1 + s1\n" * 4097
    assert rendered(text).splitlines()[0] == "a.az:4098:3: error: Learn has more than 4096 instructions"


def test_an_error_hides_what_follows_from_it() -> None:
    assert rendered(IN_SETUP + "w = dto(v0, v1)\n  u = w\n  s2 = u + 1").count("error:") == 1
