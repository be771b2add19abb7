"""Stages that miss their target: another attempt, the first stage again, or the next one."""

from __future__ import annotations

from dataclasses import replace

from search.test_combinations import results
from search.test_stages import staged
from search_runs import files

from azdsl.config.experiment import Stage
from azdsl.config.search import StageSettings
from azdsl.search import recorder, session
from azdsl.search.display.introduction import introduction
from azdsl.search.evolve import run
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.stages import initial


def retried(**search):
    """Two attempts of at most 1200 candidates each at a target that is missed, with a stage before, and no end but that of the run."""
    again = Stage(None, StageSettings(target=1.0, max_evals=500, missed="first"))
    return replace(staged(**search), stages=(staged().stages[0], again))


def test_a_missed_target_begins_the_first_stage_again(tmp_path, monkeypatch):
    whole = run(retried(max_evals=4000), out=tmp_path / "whole", quiet=True, workers=1)
    assert [event["stage"] for event in whole.history] == [1, 1, 1, 2, 2, 1, 1, 1, 2, 2]
    assert [stage["evaluations"] for stage in whole.stages] == [1200, 800, 1200, 800]
    assert whole.stopped == "max_evals 4,000 reached in stage 1 of 3"
    first, second = (set(whole.history[at]["islands"]) for at in (0, 5))
    assert first.isdisjoint(second), "another attempt has other random numbers"
    kept = {finalist for stage in whole.stages[1::2] for finalist in [stage["program"]]}
    assert len(kept) == 2
    monkeypatch.setattr(recorder, "save_after", lambda seconds: 0.0)
    path = tmp_path / "parts"
    for number, limit in enumerate((1300, 2000, 2001, 3100)):
        asked = retried(max_evals=limit)
        run(asked, quiet=True, workers=1 + number % 2, **{"resume" if path.exists() else "out": path})
    last = run(retried(max_evals=4000), resume=path, quiet=True)
    assert files(path) == files(whole.run_dir) and results(last) == results(whole) and last.stages == whole.stages


def attempts(**search):
    """Three attempts of 800 candidates, and two of 800 at a target that is missed, before the run's own task."""
    first, second = staged().stages
    three = replace(first, settings=replace(first.settings, max_evals=500, attempts=3))
    two = replace(second, settings=StageSettings(target=1.0, max_evals=500, attempts=2))
    return replace(staged(**{"max_evals": 4800} | search), stages=(three, two))


def test_a_stage_of_several_attempts(tmp_path, monkeypatch):
    """Each starts from the same programs, and the next stage from the answers of all, however the run is interrupted."""
    started = []
    carry_over = session.stages.carry_over

    def spy(plan, state, islands):
        carry_over(plan, state, islands)
        codes = [len({row.tobytes() for row in island.members.code}) for island in islands]
        started.append((state, initial(plan, state).seed_programs, codes))

    monkeypatch.setattr(session.stages, "carry_over", spy)
    whole = run(attempts(), out=tmp_path / "whole", quiet=True, workers=1)
    assert [event["stage"] for event in whole.history] == [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    assert [(stage["number"], stage["evaluations"]) for stage in whole.stages] == [(n, 800) for n in (1, 1, 1, 2, 2)]
    assert str(whole).count("stage 2   800 candidates; max_evals 500 reached") == 2
    assert "until max_evals 500, 3 attempts" in next(introduction(Plan(attempts(), *[None] * 5), "", None, False))
    islands = [set(whole.history[at]["islands"]) for at in range(12)]
    assert islands[1].isdisjoint(islands[3]) and islands[7].isdisjoint(islands[9]), "each has other random numbers"
    past = started[-1][0].past
    for at, tried in ((2, past[:3]), (3, past[:3]), (4, past[3:])):
        answers = [ended.answer for ended in sorted(reversed(tried), key=lambda ended: -ended.fitness)]
        state, seeds, codes = started[at]
        assert seeds == tuple(dict.fromkeys(answers)) and codes == [len(seeds)] * 2
        assert {finalist.found.program for finalist in state.finalists} == set(seeds)
    assert len(started[2][1]) == 3 and [codes for *_, codes in started[:2]] == [[60, 60]] * 2
    monkeypatch.setattr(recorder, "save_after", lambda seconds: 0.0)
    path = tmp_path / "parts"
    for number, limit in enumerate((100, 900, 1600, 2500, 3300, 3301, 4100)):
        asked = attempts(max_evals=limit)
        run(asked, quiet=True, workers=1 + number % 2, **{"resume" if path.exists() else "out": path})
    last = run(attempts(), resume=path, quiet=True)
    assert files(path) == files(whole.run_dir) and results(last) == results(whole) and last.stages == whole.stages


def test_an_attempt_that_reaches_the_target_is_the_last():
    parts = [
        StageSettings(target=0.0, max_evals=500, attempts=3),
        StageSettings(max_evals=400, attempts=2, missed="next"),
    ]
    result = run(replace(staged(), stages=tuple(Stage(None, part) for part in parts)), quiet=True)
    assert [stage["stopped"] for stage in result.stages] == ["target 0 reached", *["max_evals 400 reached"] * 2]


def test_attempts_come_before_the_first_stage_again(capsys):
    second = Stage(None, StageSettings(target=1.0, max_evals=300, missed="first", attempts=2))
    result = run(replace(staged(max_evals=4000), stages=(staged().stages[0], second)), workers=1)
    assert [event["stage"] for event in result.history] == [1, 1, 1, 2, 2, 2, 2, 1, 1, 1]
    said = capsys.readouterr().err
    assert "stage 2 of 3 ended" in said and "stage 2 begins again" in said and "stage 1 begins again" in said


def test_a_target_that_is_reached_leads_to_the_next_stage():
    stages = (replace(retried().stages[1], settings=StageSettings(target=0.0, max_evals=500, missed="first")),)
    result = run(replace(staged(), stages=stages), quiet=True)
    assert [stage["stopped"] for stage in result.stages] == ["target 0 reached"]
