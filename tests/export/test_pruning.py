"""Pruning of evolved programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from azdsl import tasks as make
from azdsl.api import evaluate
from azdsl.cli import main
from azdsl.export.readable.pruning import prune
from azdsl.ir import liveness
from azdsl.ir.simplify import simplify
from azdsl.syntax import load_experiment, parse

EVOLVED = sorted((Path(__file__).parent / "evolved").glob("*.az"))
"""Copies of best.az of ``azdsl evolve examples/linear.az --seed n``."""

MOST = 8


def live(program):
    return sum(map(sum, liveness(program)))


@pytest.mark.parametrize("path", EVOLVED, ids=lambda path: path.stem)
def test_show_leaves_at_most_eight_instructions_that_score_the_same(path, tmp_path):
    """On fresh tasks, which the pruning did not use."""
    shown = tmp_path / "shown.az"
    assert main(["show", "--style", "named", str(path), "-o", str(shown)]) == 0
    before, after = load_experiment(path), load_experiment(shown)
    assert live(simplify(after.program)) <= MOST
    tests = make.build(before.task, before.search.seed, "test")
    fitness = evaluate([before.program, after.program], tests, "vm", before.search.seed).fitness
    assert f"{fitness[0]:.6f}" == f"{fitness[1]:.6f}"
    assert fitness[0] > 0.9999
    pruned = live(simplify(before.program)) - live(simplify(after.program))
    words = "1 instruction" if pruned == 1 else f"{pruned} instructions"
    comment = f"# pruned {words} without effect on the fitness; --exact shows all\n"
    assert shown.read_text().startswith(comment) == bool(pruned)


def test_equations_are_pruned_as_names_are(capsys):
    path = str(max(EVOLVED, key=lambda p: live(simplify(load_experiment(p).program))))
    printed = {}
    for style in ("named", "latex"):
        assert main(["show", "--style", style, path]) == 0
        printed[style] = capsys.readouterr().out
    (first, *_), (same, *equations) = printed["named"].splitlines(), printed["latex"].splitlines()
    assert (first[0], same[0], first[1:]) == ("#", "%", same[1:])
    assert "pruned" in first
    assert main(["show", "--style", "latex", "--exact", path]) == 0
    assert len(equations) < len(capsys.readouterr().out.splitlines())


def test_the_fixtures_are_not_minimal_already():
    assert max(live(simplify(load_experiment(path).program)) for path in EVOLVED) > MOST + 2


def test_exact_keeps_all(capsys):
    path = EVOLVED[-1]
    assert main(["show", "--style", "named", "--exact", str(path)]) == 0
    out = capsys.readouterr().out
    assert "pruned" not in out
    assert len(simplify(parse(out))) == len(simplify(load_experiment(path).program))


def test_instructions_that_the_fitness_needs_are_kept():
    text = "def Setup():\n  s2 = 0.1\ndef Predict():\n  s3 = dot(v0, v1)\n  s1 = s3 * s2\n"
    program = parse(f"{text}def Learn():\n  v1 = v0 + v1\n")
    found = prune(program, lambda programs: [1.0 if p == simplify(program) else 0.5 for p in programs])
    assert (found.program, found.removed, found.fitness) == (simplify(program), 0, 1.0)


def test_a_program_with_fitness_0_is_not_pruned():
    program = parse("def Predict():\n  s1 = norm(v0)\n")
    assert prune(program, lambda programs: [0.0] * len(programs)).program == program
