"""Named groups of ops: what is in them, and that lists of ops with groups are read and written alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdsl import SyntaxError
from azdsl.config.experiment import EVOLVABLE, Experiment
from azdsl.config.task import Task
from azdsl.config.tasks import TASKS, FileTask, Linear
from azdsl.ops import BY_NAME, OPS, Op
from azdsl.ops.groups import ALL, GROUPS, MEMBERS, listed
from azdsl.search.kernel.space import BASELINE
from azdsl.setting_overrides import override
from azdsl.syntax import parse_experiment
from azdsl.syntax.op_patterns import callees

WORDS = st.lists(st.sampled_from([*GROUPS, *BY_NAME]), min_size=1, max_size=8, unique=True)


def ops_of(text: str) -> tuple[Op, ...]:
    found = parse_experiment(text).ops
    assert found[0] is not None and set(found) == {found[0]}
    return found[0]


@given(WORDS)
def test_lists_with_groups_come_back(words: list[str]) -> None:
    experiment = parse_experiment(f"ops({', '.join(words)})\n")
    ops = ops_of(f"ops({', '.join(words)})\n")
    assert set(ops) == {op for word in words for op in (MEMBERS.get(word) or (BY_NAME[word],))}
    assert len(set(ops)) == len(ops)
    assert parse_experiment(str(experiment)) == experiment
    assert len(listed(ops)) <= len(ops)


@given(st.permutations(OPS), st.integers(1, len(OPS)))
def test_any_order_of_ops_comes_back(ops: list[Op], count: int) -> None:
    assert ops_of(f"ops({', '.join(listed(ops[:count]))})\n") == tuple(ops[:count])


def test_a_group_is_written_by_its_name() -> None:
    text = str(parse_experiment("ops(dot, arithmetic, linear_algebra, sin)\nisland(0, ops(elementary, dot))\n"))
    assert "ops(dot, arithmetic, linear_algebra, sin)\nisland(0, ops(elementary, dot))\n" in text


def test_every_op_is_in_a_group_that_is_described() -> None:
    for op in EVOLVABLE:
        assert op.groups and set(op.groups) < GROUPS.keys(), f"{op} needs groups=, some of {', '.join(GROUPS)}"
    assert MEMBERS[ALL] == OPS[1:] and all(MEMBERS.values())
    assert not GROUPS.keys() & {*BY_NAME, *callees()}, "a group and an op have one name"


def test_the_network_group_has_the_ops_of_the_baseline() -> None:
    names = {op.name for op in MEMBERS["network"]}
    assert {name for function in BASELINE for name in function} <= names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("linear_algbra", "did you mean 'linear_algebra'?"),
        ("all, dot, all", "all is listed twice"),
        ("dot, linear_algebra, dot(v, v)", "dot is listed twice"),
    ],
)
def test_mistakes(words: str, message: str) -> None:
    with pytest.raises(SyntaxError) as error:
        parse_experiment(f"ops({words})\n")
    assert message in str(error.value)


def test_the_default_depends_on_the_task() -> None:
    for task in (*(kind() for kind in TASKS.values()), None):
        experiment = Experiment(task=task)
        default = "tables" if task is None or isinstance(task, FileTask) else ALL
        assert experiment.allowed_ops == (MEMBERS[default],) * 3
        assert "ops(" not in str(experiment)
    own = parse_experiment('task file("a.csv")\nlearn_ops(dot)\n')
    assert own.allowed_ops == (MEMBERS["tables"], MEMBERS["tables"], (BY_NAME["dot"],))
    other = override(own, {"task": "linear"})
    assert other.allowed_ops == (EVOLVABLE, EVOLVABLE, (BY_NAME["dot"],))


def test_options_name_groups() -> None:
    task: Task = Linear()
    experiment = override(Experiment(task=task), {"ops": "arithmetic, dot", "setup_ops": ["random"]})
    assert experiment.allowed_ops[0] == MEMBERS["random"]
    assert experiment.allowed_ops[1] == (*MEMBERS["arithmetic"], BY_NAME["dot"])
