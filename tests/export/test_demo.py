"""Programs that the demo evolves are shown in a few named lines with the same fitness, for every random seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from azdsl.cli import main
from azdsl.ir.simplify import simplify
from azdsl.syntax import load

DEMO = Path(__file__).parents[2] / "examples" / "linear.az"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_an_evolved_program_is_shown_in_eight_instructions(tmp_path, capsys, seed):
    run, shown = tmp_path / "run", tmp_path / "shown.az"
    assert main(["evolve", str(DEMO), "--seed", str(seed), "--timeout", "180", "--out", str(run), "--quiet"]) == 0
    assert main(["show", str(run / "best.az"), "--style", "named", "-o", str(shown)]) == 0
    assert len(simplify(load(shown))) <= 8
    text = shown.read_text()
    assert "error = " in text and "prediction = " in text
    capsys.readouterr()
    fitness = []
    for file in (run / "best.az", shown):
        assert main(["score", str(file), "--json"]) == 0
        fitness.append(json.loads(capsys.readouterr().out)["fitness"])
    assert fitness[0] == pytest.approx(fitness[1], rel=0, abs=5e-7) and fitness[0] >= 0.999
