"""A checkpoint that azdsl did not write is refused before compiled code runs on it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from search_runs import small

from azdsl.config.search import SettingsError
from azdsl.search.evolve import run
from azdsl.search.rundir import checkpoint, names

HURDLES = {"hurdles": "4", "hurdle_every": 50}


@pytest.mark.parametrize(
    ("member", "change", "message"),
    [
        ("0.members.fields", lambda a: np.full_like(a, 255), "another kind of run"),
        (
            "0.members.fields",
            lambda a: a | np.array([0, 63, 63, 63], np.uint8),
            "a register that the search does not have",
        ),
        ("0.members.constants", lambda a: np.full_like(a, np.nan), "an invalid constant"),
        ("0.members.fitness", lambda a: a + 7, "an invalid fitness"),
        ("0.programs.values", lambda a: np.full_like(a, 1e-300), "an invalid fitness"),
        ("0.hurdles.filled", lambda a: np.full_like(a, 50), "more scores at a hurdle than are kept"),
        ("1.clock", lambda a: a - 10_000, "a negative count of candidates"),
        ("1.clock", lambda a: a + np.array([0, 0, 1, 0]), "a task group that the search does not have"),
        ("1.clock", lambda a: a + np.array([0, 0, 0, 10_000]), "more members are to be evaluated as they stand"),
        ("1.rng", lambda a: a * 0, "the state of its random number generator is 0"),
        ("1.members.fitness", lambda a: a[1:], "another kind of run"),
        ("1.clock", lambda a: a + np.array([0, 10_000, 0, 0]), "not in the epoch of its run state"),
        (
            "met.0.leaving.fields",
            lambda a: a | np.array([0, 63, 63, 63], np.uint8),
            "a register that the search does not have",
        ),
        ("met.1.leaving.lengths", lambda a: a * 0, "another kind of run"),
        ("met.0.fittest.constants", lambda a: np.full_like(a, np.nan), "an invalid constant"),
        ("met.0.finalists.fitness", lambda a: a + 7, "an invalid fitness"),
        ("met.0.leaving.fitness", lambda a: a * 0 - 1, "other numbers of programs than the search"),
        ("met.1.counts", lambda a: a - 10_000, "a negative count of candidates"),
        ("met.0.hurdles.sampled", lambda a: a - 1, "more scores at a hurdle than are kept"),
        ("met.1.fitness", lambda a: a[1:], "another kind of run"),
        ("met.0.leaving.fitness", lambda a: np.zeros(len(a), "V0"), "an array has elements of no bytes"),
        ("facts", lambda a: np.frombuffer(b"[]", np.uint8), "no other is beside it"),
    ],
)
def test_a_checkpoint_of_another_make(tmp_path, member, change, message):
    path = tmp_path / "run"
    run(small(max_evals=800, **HURDLES), out=path, quiet=True)
    sealed = (path / names.CHECKPOINT).read_bytes()
    with np.load(io.BytesIO(sealed[len(checkpoint.seal(b"")) :])) as stored:
        arrays = {name: stored[name] for name in stored.files}
    content = io.BytesIO()
    np.savez(content, **(arrays | {member: change(arrays[member])}))
    (path / names.CHECKPOINT).write_bytes(checkpoint.seal(content.getvalue()))
    (path / names.CHECKPOINT_BEFORE).unlink(missing_ok=True)
    before = {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}
    with pytest.raises(SettingsError, match=message):
        run(small(max_evals=1600, **HURDLES), resume=path, quiet=True)
    assert {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()} == before
