"""Worker contexts: threads share examples, and have their own working memory."""

from __future__ import annotations

import threading

import pytest
from search.helpers import demo, task_set, to_arrays
from search_runs import files, small

from azdsl.search.evolve import run
from azdsl.search.islands.executor import ExecutorError
from azdsl.search.islands.workers import make_context, run_slices
from azdsl.search.kernel.population import make_island, write_initial
from azdsl.search.kernel.space import make_space


def test_contexts_share_examples_and_have_their_own_memory():
    experiment, tasks = demo(population=50), task_set(tasks=11)
    space = make_space(experiment, tasks)
    first = make_context(experiment, space, tasks)
    second = make_context(experiment, space, tasks, first)
    found = []
    for context in (first, second, make_context(experiment, space, tasks)):
        island = make_island(space, experiment, 0)
        write_initial(space, experiment, island)
        run_slices(space, island, context, 2000, lambda: False)
        found.append({name: array.tobytes() for name, array in to_arrays(island).items()})
    assert found[0] == found[1] == found[2]
    for own, others in zip(first.groups[0].parts, second.groups[0].parts, strict=True):
        assert len(own.blocks) == len(others.blocks)
        for a, b in zip(own.blocks, others.blocks, strict=True):
            assert all(x is y for x, y in zip(a.layout, b.layout, strict=True))
        assert own.engine.memory != others.engine.memory


@pytest.mark.parametrize(
    ("cores", "workers", "text"),
    [
        (16, None, "2 workers; islands=16 would use all 16 cores"),
        (16, 1, "1 worker"),
        (2, None, "2 workers"),
        (1, None, "1 worker"),
    ],
)
def test_idle_cores_are_reported(monkeypatch, capsys, cores, workers, text):
    monkeypatch.setattr("azdsl.search.evolve.default_workers", lambda: cores)
    run(small(max_evals=400), workers=workers)
    assert f"seed 0, {text}\n" in capsys.readouterr().err


def test_a_limit_of_threads_is_one_message_and_the_run_can_be_resumed(tmp_path, monkeypatch):
    """As with ``ulimit -u``."""

    def refuse(self):
        raise RuntimeError("can't start new thread")

    path = tmp_path / "run"
    with (
        monkeypatch.context() as patched,
        pytest.raises(ExecutorError, match="can't start new thread: use fewer workers") as error,
    ):
        patched.setattr(threading.Thread, "start", refuse)
        run(small(max_evals=800), out=path, quiet=True)
    assert "azdsl evolve --resume" in str(error.value)
    run(None, resume=path, quiet=True)
    run(small(max_evals=800), out=tmp_path / "whole", quiet=True)
    assert files(path) == files(tmp_path / "whole")
