"""The soak test counts its checks, and finds, reduces and repeats a planted fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TOOLS = Path(__file__).parents[1] / "tools"
SMALL = ["--size", "40", "12", "2", "2", "0", "--seed", "3"]
OF_FEW_OPS = ["--size", "40", "12", "20", "2", "6", "--seed", "3"]


@pytest.fixture
def soak(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOLS))
    import soak

    return soak


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "soak.jsonl"


def test_a_round_is_recorded_and_a_later_soak_continues(
    soak: Any, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*SMALL, "--rounds", "1", "--record", str(record), "--json"]
    assert soak.main(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert soak.main(command) == 0
    lines = soak.read_record(record)
    assert [facts["round"] for facts in lines] == [0, 1]
    assert first["checks"]["vm=jit"] == 2 * 12 and first["checks"]["interp=vm"] >= 40
    assert first["checks"].get("vm=aot", 0) + first["checks"].get("vm=library", 0) == 2 * 12
    assert first["all_checks"] == sum(first["checks"].values())
    for facts in lines:  # each check needs an evaluation by the VM; two pairs may share it
        assert 4 * 12 + 36 <= sum(facts["fitness"].values()) <= sum(facts["checks"].values()) and facts["ops"]
    assert soak.main(["--record", str(record), "--report"]) == 0
    assert "in 2 rounds of seeds [3]" in capsys.readouterr().out


def test_programs_of_few_ops_compute_nan(soak: Any, record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main([*OF_FEW_OPS, "--rounds", "1", "--record", str(record), "--json"]) == 0
    sums = json.loads(capsys.readouterr().out)
    assert sums["checks"]["vm=jit"] == 20 * 12 and sums["programs"]["vm=jit"] == 20
    assert sums["values"]["nan"] >= 1


def test_programs_rich_in_elementary_functions(soak: Any, record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*SMALL, "--rounds", "1", "--record", str(record)]
    assert soak.main([*command, "--elementary"]) == 0
    assert soak.main(command) == 0, "the same round without is another one"
    rich, plain = soak.read_record(record)
    assert (rich["round"], rich["rich"]) == (plain["round"], not plain["rich"]) == (0, True)
    shares = [
        sum(times for name, times in facts["ops"].items() if name in {op.name for op in soak.ELEMENTARY})
        / sum(facts["ops"].values())
        for facts in (rich, plain)
    ]
    assert shares[0] > 0.35 > 2 * shares[1]
    assert "elementary" in capsys.readouterr().out


@pytest.mark.slow
def test_every_pair_agrees_on_every_kind_of_task(soak: Any) -> None:
    from equivalence import Size, run_round

    outcomes = [run_round(11, number * 4, Size(40, 12, 2, 2, 6 * (number % 2))) for number in range(20)]
    assert not [outcome.failure for outcome in outcomes if outcome.failure]
    assert {outcome.facts["shape"]["metric"] for outcome in outcomes} == {"rmse", "accuracy", "multiclass"}
    assert {outcome.facts["shape"]["precision"] for outcome in outcomes} == {32, 64}
    assert len(soak.totals([outcome.facts for outcome in outcomes])["checks"]) >= 3


def test_a_fault_is_found_reduced_and_repeated(
    soak: Any, record: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from azdsl import codegen

    correct = codegen.evaluate

    def faulty(programs: Any, tasks: Any, *, backend: str, **settings: Any) -> Any:
        """Evaluate with a fault: the JIT's fitness of a program with a live vector_add is wrong by one bit."""
        fitness = correct(programs, tasks, backend=backend, **settings)
        if backend == "jit":
            from azdsl.ir import remove_dead_code

            live = [remove_dead_code(program, tasks.metric_definition) for program in programs]
            wrong = [any(i.op.name == "vector_add" for i in program.instructions) for program in live]
            fitness[wrong] = np.nextafter(fitness[wrong], 2.0)
        return fitness

    monkeypatch.setattr(codegen, "evaluate", faulty)
    command = ["--size", "40", "12", "40", "2", "0", "--seed", "3", "--rounds", "4", "--record", str(record)]
    assert soak.main(command) == 1
    case = next(record.parent.glob("soak-3-*.json"))
    written = json.loads(case.read_text())
    assert written["pair"] == "vm=jit" and written["program"].count("=") <= 4
    assert np.shape(written["tasks"]["train_X"])[:2] == (1, 1)
    capsys.readouterr()
    assert soak.main(["--repeat", str(case)]) == 1
    assert "vm " in capsys.readouterr().out
    monkeypatch.setattr(codegen, "evaluate", correct)
    assert soak.main(["--repeat", str(case)]) == 0
