"""``search(tune_finalists=…)``: the constants of the best finalists are tuned on the search tasks at the end of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from search_runs import files, small

import azdsl
from azdsl.config.search import Range
from azdsl.ir import remove_dead_code
from azdsl.ir.metric import RMSE
from azdsl.scoring import draw_seed
from azdsl.search.evolve import run
from azdsl.search.islands import final_tuning
from azdsl.search.islands.selection import canonical
from azdsl.tasks import build
from azdsl.tuning.finalists import better_constants

SLOW = azdsl.parse(
    "def Setup():\n  s2 = 0.0005\n  s3 = 0.25\ndef Predict():\n  s1 = dot(v0, v1)\n"
    "def Learn():\n  s3 = s0 - s1\n  s3 = s3 * s2\n  v2 = s3 * v0\n  v1 = v1 + v2\n"
)
"""A linear model whose learning rate is far too small; its second constant has no effect."""


def still(evaluations, **search):
    """A run that cannot change its seed program by mutations."""
    return replace(small(init="seed", mutation=0.0, choose="best", tune_finalists=evaluations, **search), program=SLOW)


@pytest.fixture(autouse=True)
def short_runs_are_tuned_but_not_their_seed_program(monkeypatch):
    monkeypatch.setattr(final_tuning, "SHARE", 1.0)
    monkeypatch.setattr(final_tuning, "SEED_EVALUATIONS", 0)


def test_the_answer_has_better_constants_and_the_same_instructions():
    plain, tuned = (run(still(evaluations), quiet=True) for evaluations in (0, 60))
    assert tuned.search_fitness > plain.search_fitness + 0.05 and tuned.fitness > plain.fitness
    assert [(i.op, i.inputs, i.output) for i in tuned.best.instructions] == [
        (i.op, i.inputs, i.output) for i in canonical(SLOW, RMSE).instructions
    ]
    assert tuned.hall_of_fame[-1].fitness == tuned.search_fitness
    search = build(still(0).task, 0, "search")
    assert azdsl.evaluate(tuned.best, search, seed=draw_seed(0, "search")).fitness == tuned.search_fitness


def test_results_do_not_depend_on_workers_and_interruptions(tmp_path):

    def asked(evaluations, candidates=2000):
        return still(evaluations, max_evals=candidates)

    tuned = run(asked(40), out=tmp_path / "a", quiet=True, workers=1)
    run(asked(40, 777), out=tmp_path / "b", quiet=True, workers=2)
    run(asked(40), resume=tmp_path / "b", quiet=True, workers=2)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert run(asked(0), quiet=True).search_fitness < tuned.search_fitness  # so that it is not vacuous


def test_an_interrupted_run_ends_at_once(monkeypatch):
    def fail(*arguments):
        raise AssertionError("the finalists are tuned")

    monkeypatch.setattr(final_tuning, "better_constants", fail)

    def stop(snapshot):
        raise KeyboardInterrupt

    assert run(still(60), quiet=True, on_epoch=stop).interrupted
    with pytest.raises(AssertionError, match="the finalists are tuned"):
        run(still(60, max_evals=200), quiet=True)


def test_a_short_run_is_tuned_in_proportion(monkeypatch):
    monkeypatch.setattr(final_tuning, "SHARE", 0.001)
    asked = []
    monkeypatch.setattr(final_tuning, "better_constants", lambda *arguments: asked.append(arguments[-1]))
    run(still(60, max_evals=12_000), quiet=True)
    assert asked and set(asked) == {12}


def test_a_program_without_constants_stays():
    experiment = small(setup=Range(0, 4))
    tasks = build(experiment.task, 0, "search")
    program = remove_dead_code(azdsl.parse("def Predict():\n  s1 = dot(v0, v0)\n"))
    assert better_constants(program, 0.5, experiment, tasks, lambda programs: [0.0 for _ in programs], 10) is None
