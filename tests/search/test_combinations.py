"""Combinations of settings: results do not depend on the number of workers and on interruptions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from search_runs import OPS, files, small

from azdsl.config.experiment import Group
from azdsl.config.search import ALGORITHMS, MUTATIONS, IslandSettings, Range
from azdsl.search.evolve import run

STAGES = {"hurdles": "4x2, 8", "hurdle_every": 40}
PROXY = STAGES | {"proxy": True}
TUNED = {"tune": 0.3}
BACK = {"restart_from": "both", "edits": 0.3}
PRICED = STAGES | {"parsimony": 0.003}
OWN = Group(Range(0, 0), IslandSettings(tournament=20, mutation=0.5), (OPS[1:4],) * 3)

ROWS = [
    # algorithm, hurdles, exchange, restart, precision, fec, init, combine, islands, an island's own settings
    (ALGORITHMS[0], PROXY, "both", 700, 32, True, "random", "median", 3, True),
    (ALGORITHMS[0], PRICED, "pairs", None, 64, False, "empty", "mean", 4, True),
    (ALGORITHMS[0], TUNED, "both", 700, 32, True, "seed", "mean", 3, False),
    (ALGORITHMS[0], BACK, "both", 700, 64, True, "empty", "mean", 3, False),
    (ALGORITHMS[1], PROXY, "pairs", 300, 32, False, "random", "mean", 4, False),
    (ALGORITHMS[1], TUNED, "both", None, 64, True, "random", "median", 3, True),
    (ALGORITHMS[2], PRICED | TUNED, "both", 700, 32, True, "seed", "median", 2, True),
    (ALGORITHMS[3], PROXY, "ring", 300, 64, True, "random", "mean", 3, True),
    (ALGORITHMS[4], STAGES, "pairs", 700, 32, False, "empty", "median", 3, True),
]


def results(result):
    """The results of a run without times."""
    events = [
        {name: value for name, value in event.items() if name not in ("seconds", "rate")} for event in result.history
    ]
    return result.layers, result.hurdles, events


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_results_do_not_depend_on_workers_and_interruptions(tmp_path, row):
    algorithm, hurdles, exchange, restart, precision, fec, init, combine, islands, own = row
    settings = {"algorithm": algorithm, "exchange": exchange, "restart": restart, "precision": precision, **hurdles}
    settings |= {"fec": fec, "init": init, "combine": combine, "islands": islands}

    def asked(candidates):
        mutations = MUTATIONS if "edits" in hurdles else None
        return replace(small(max_evals=candidates, **settings), groups=(OWN,) if own else (), mutations=mutations)

    uninterrupted = run(asked(3000), out=tmp_path / "a", quiet=True, workers=1)
    run(asked(77), out=tmp_path / "b", quiet=True, workers=3)
    run(asked(1313), resume=tmp_path / "b", quiet=True, workers=1)
    parts = run(asked(3000), resume=tmp_path / "b", quiet=True, workers=2)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert results(uninterrupted) == results(parts) and len(uninterrupted.history) >= 3
    assert sum(uninterrupted.layers.values()) == 3000 and (uninterrupted.layers["hurdle"] > 0) == ("hurdles" in hurdles)
