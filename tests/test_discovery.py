"""The discovery suite: only the intended program of a problem reaches its target."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azdsl.comparison.runs import Run
from azdsl.config.experiment import Experiment
from azdsl.syntax import load_experiment, parse_experiment
from tools.discovery import FOLDER, PROBLEMS, Problem, check, per_success, table, varied

ASKED_ELSEWHERE = {"from_empty", "evolved_network"}
"""Files of the folder that are no problems of the suite."""


def test_every_file_is_a_problem():
    assert {path.stem for path in FOLDER.glob("*.az")} - ASKED_ELSEWHERE == {problem.name for problem in PROBLEMS}


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_only_the_intended_program_reaches_the_target(problem: Problem):
    found = check(problem)
    assert found.passed, found


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_the_search_can_write_the_intended_program(problem: Problem):
    """Its ops, registers and lengths permit the solution: a file with both is valid."""
    experiment = problem.experiment
    solution = load_experiment(FOLDER / "solutions" / f"{problem.solution}.az")
    both = parse_experiment(str(replace(experiment, program=solution.program)))
    for function, allowed, length in zip(both.program.functions, experiment.ops, lengths(experiment), strict=True):
        assert allowed is not None
        assert {instruction.op for instruction in function} <= set(allowed)
        assert len(function) <= length


def lengths(experiment: Experiment) -> tuple[int, ...]:
    search = experiment.search
    return search.setup.most, search.predict.most, search.learn.most


def run(problem: str, variant: str, seed: int, reached: bool) -> Run:
    return Run(variant, seed, 1000, 0.5, 0.5, 0.5, reached, 500 if reached else None, 2.0, "", ())


def test_the_table_compares_what_both_solve():
    one = [run("a", "", 0, True), run("a", "", 1, False), run("a", "x", 0, True), run("a", "x", 1, True)]
    other = [run("b", "", 0, False), run("b", "x", 0, True)]
    text = "\n".join(table({"a": one, "b": other}, ["", "x"]))
    assert "| a | as given | 1 of 2 | 2,000 " in text
    assert "2 times fewer" in text and "1 problems solved by both" in text
    assert "solved 2 against 1 of 2" in text


def test_no_success_gives_a_lower_bound():
    assert per_success([run("a", "", 0, False)] * 20, 20_000.0).startswith("> 6,")


def test_a_variant_has_options_and_islands():
    islands = ("island(0..1, task=linear(tasks=1, train=20), epoch=4000)", "island(3, population=100)")
    own = varied(PROBLEMS[0].experiment, f"--islands 4; {islands[0]};{islands[1]}")
    assert own.search.islands == 4 and tuple(map(str, own.groups)) == islands
    assert varied(PROBLEMS[0].experiment, "") == PROBLEMS[0].experiment
