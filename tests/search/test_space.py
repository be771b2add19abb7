from dataclasses import replace

import pytest
from search.helpers import demo, everything, task_set

from azdsl.config.experiment import Experiment
from azdsl.config.search import BLIND_MUTATIONS, DATA_FLOW_MUTATIONS, MUTATIONS, Range, Registers, Search, SettingsError
from azdsl.config.tasks import FileTask, Linear
from azdsl.ir import Address, Instruction, Program, cost
from azdsl.ops import BY_NAME, OPS, Kind
from azdsl.search.kernel.space import BASELINE, make_space

S = [Address(Kind.SCALAR, i) for i in range(10)]
ADD = Instruction(BY_NAME["scalar_add"], (S[1], S[6]), S[2])


def test_every_op_has_a_record():
    space = make_space(everything(), task_set())
    for op, record in zip(OPS, space.table, strict=True):
        assert record["inputs"] == len(op.inputs) and record["constants"] == len(op.constants)
        assert (record["commutative"], record["random"], record["updates"]) == (op.commutative, op.random, op.updates)


@pytest.mark.parametrize("task, kinds", [(Linear(), BLIND_MUTATIONS), (FileTask(data="a.csv"), DATA_FLOW_MUTATIONS)])
def test_the_default_mutations_on_tables_know_the_data_flow(task, kinds):
    space = make_space(replace(everything(), task=task), task_set())
    assert [MUTATIONS[k] for k in space.mutations] == list(kinds)


def test_ops_without_registers_are_dropped():
    space = make_space(replace(everything(), registers=Registers(3, 1, 0)), task_set())
    kinds = {kind for code in space.ops for kind in (*OPS[code].inputs, OPS[code].output)}
    assert kinds == {Kind.SCALAR, Kind.VECTOR} and all(OPS[code].output is Kind.SCALAR for code in space.ops)


def test_fixed_lengths_rule_out_insert_and_remove():
    space = make_space(replace(demo(), task=Linear()), task_set())
    assert [MUTATIONS[k] for k in space.mutations] == ["alter", "randomize_instruction", "randomize_function", "trade"]


def test_budget_is_a_multiple_of_the_baselines_cost():
    tasks = task_set(features=5, train=7, valid=3)
    setup, predict, learn = (sum(BY_NAME[n].cost(5) for n in names) for names in BASELINE)
    assert make_space(everything(budget=3.0), tasks).budget == 3 * (setup + 7 * (predict + learn) + 3 * predict)
    assert make_space(everything(budget=0.0), tasks).budget == float("inf")
    assert cost(Program((ADD,), (ADD,), (ADD, ADD)), 5, 7, 3) == 1 + 7 * 3 + 3


@pytest.mark.parametrize(
    ("experiment", "key", "words"),
    [
        (replace(demo(), ops=((), (), ())), "ops", "no function can evolve"),
        (replace(demo(), frozen=frozenset({"Setup", "Predict", "Learn"})), "ops", "no function can evolve"),
        (
            replace(demo(), ops=((BY_NAME["transpose"],),) * 3, registers=Registers(4, 3, 0)),
            "ops",
            "none of the ops of Setup",
        ),
        (Experiment(Program((ADD,)), registers=Registers(4, 3, 1)), "scalars", "the program uses s6"),
        (Experiment(Program((ADD,) * 30)), "setup", "Setup has 30 instructions"),
        (replace(demo(), registers=Registers(30, 30, 5)), "registers", "65 registers in total"),
        (replace(demo(), mutations=("insert", "remove")), "mutations", "no mutation is possible"),
        (replace(demo(), mutations=("swap",)), "mutations", "unknown mutation 'swap'"),
    ],
)
def test_impossible_settings(experiment, key, words):
    with pytest.raises(SettingsError, match=words) as error:
        make_space(experiment, task_set())
    assert error.value.key == key


def test_multiclass_needs_three_vectors():
    with pytest.raises(SettingsError, match="v2"):
        make_space(replace(demo(), registers=Registers(4, 2, 1)), task_set(metric="multiclass"))


def test_a_frozen_function_has_the_length_of_the_seed_program():
    search = Search(setup=Range(1, 2), predict=Range(1, 5), learn=Range(1, 5))
    space = make_space(Experiment(Program((ADD,) * 4), search=search, frozen=frozenset({"Setup"})), task_set())
    assert space.functions["most"].tolist() == [4, 5, 5] and space.evolvable.tolist() == [1, 2]
