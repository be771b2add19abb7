"""Several seed programs: populations start from all, the answer is compared with the best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from search_runs import LEARNER, small

import azdsl
from azdsl.cli import main
from azdsl.cluster.wire import decode_job, encode_job
from azdsl.config.experiment import Experiment
from azdsl.config.search import Search, SettingsError
from azdsl.ir import RMSE, remove_dead_code
from azdsl.reporting.load_run import read_run
from azdsl.reporting.reproduce import section
from azdsl.search.evolve import run
from azdsl.search.kernel.population import genotype, make_island, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.search.result import Result
from azdsl.syntax import parse_experiment
from azdsl.tasks import build

SLOW = "\n" + LEARNER.replace("0.05", "0.001")
MEAN = "def Predict():\n  s1 = mean(v0)\n"
ARCTAN = "def Predict():\n  s2 = mean(v0)\n  s1 = arctan(s2)\n"
PROGRAMS = tuple(map(azdsl.parse, (SLOW, MEAN, ARCTAN)))


def experiment(first, *others, **settings):
    made = small(init="seed", **settings)
    return replace(made, program=first, further_seeds=others)


def test_a_population_starts_from_all_in_turn():
    several = experiment(*PROGRAMS)
    tasks = build(several.task, 0, "search")
    space = make_space(several, tasks)
    island = make_island(space, several, 0)
    write_initial(space, several, island)
    for row in (0, 1, 2, 3, len(island.members.fitness) - 1):
        assert remove_dead_code(genotype(space, island.members, row), RMSE) == remove_dead_code(PROGRAMS[row % 3], RMSE)
    assert several.all_ops >= {i.op for program in PROGRAMS for i in program.instructions}, (
        "the engine has the ops of all"
    )


def test_the_order_does_not_matter_and_a_run_resumes_and_loads(tmp_path):
    several = experiment(*PROGRAMS, max_evals=2000)
    first = run(several, out=tmp_path / "run", quiet=True)
    second = run(experiment(*reversed(PROGRAMS), max_evals=2000), quiet=True)
    assert (first.best, first.layers, first.ending) == (second.best, second.layers, second.ending)
    assert first.ending.seed.fitness == azdsl.evaluate(first.experiment.program, build(several.task, 0, "test")).fitness
    scores = [azdsl.score(p, tasks=build(several.task, 0, "select"), on="select").fitness for p in PROGRAMS]
    assert first.experiment.program == PROGRAMS[int(np.argmax(scores))], "the best on the selection tasks"
    assert vars(azdsl.load_run(tmp_path / "run")) == vars(first)
    assert "started from 3 seed programs" in (tmp_path / "run" / "best.az").read_text()
    assert "azdsl evolve run/seed.az run/seeds/*.az --out again\n" in section(read_run(tmp_path / "run"))
    longer = replace(several, search=replace(several.search, max_evals=4000))
    again = run(longer, resume=tmp_path / "run", quiet=True)
    whole = run(longer, quiet=True)
    assert (again.best, again.layers) == (whole.best, whole.layers)
    with pytest.raises(SettingsError, match="other settings"):
        run(replace(longer, further_seeds=()), resume=tmp_path / "run", quiet=True)


def test_seed_programs_of_an_experiment_and_of_a_result(monkeypatch):
    """Those of an experiment are kept; a result stands for its best program alone."""
    started = []

    def fake(experiment, **driver):
        started.append(experiment.seed_programs)
        raise KeyboardInterrupt

    monkeypatch.setattr("azdsl.search.evolve.run", fake)
    several = replace(Experiment(PROGRAMS[0]), further_seeds=PROGRAMS[1:2])
    facts = dict.fromkeys(("fitness", "test_fitness", "run_dir"), None)
    facts |= {"search_fitness": 0.0, "evaluations": 0, "seconds": 0.0, "layers": {}, "reached": False}
    result = Result(PROGRAMS[2], **facts, interrupted=False, stopped="", metric="rmse", history=(), experiment=several)
    for seeds, expected in (
        (several, PROGRAMS[:2]),
        ([several, PROGRAMS[2]], PROGRAMS),
        (result, PROGRAMS[2:]),
        ([result, several], (PROGRAMS[2], PROGRAMS[0])),
    ):
        with pytest.raises(KeyboardInterrupt):
            azdsl.evolve(seeds)
        assert started.pop() == expected


def test_what_a_cluster_gets():
    several = experiment(*PROGRAMS)
    tasks = build(several.task, 0, "search")
    assert decode_job(encode_job(several, [tasks]))[0] == several


def test_impossible_seeds():
    with pytest.raises(SettingsError, match="init=random starts from no seed program"):
        run(replace(small(init="random"), further_seeds=PROGRAMS), quiet=True)
    frozen = parse_experiment(f"@frozen{SLOW}")
    with pytest.raises(SettingsError, match="Setup is frozen, but differs between the seed programs"):
        run(replace(frozen, further_seeds=PROGRAMS[1:], task=small().task, search=Search(max_evals=10)), quiet=True)
    with pytest.raises(SettingsError, match="the list of seed programs is empty"):
        azdsl.evolve([])
    with pytest.raises(TypeError, match="not a program, but None"):
        azdsl.evolve([SLOW, None])


def test_the_command_takes_several_files(tmp_path, capsys):
    files = [tmp_path / f"{name}.az" for name in "ab"]
    for file, text in zip(files, (SLOW, MEAN), strict=True):
        file.write_text(text)
    out = ["--out", str(tmp_path / "run")]
    assert main(["evolve", *map(str, files), "--init", "random", *out]) == 2
    assert "init=random starts from no seed program: give one, or set init=seed" in capsys.readouterr().err
    assert main(["evolve", str(files[0]), str(tmp_path / "c.az"), *out]) == 2
    assert f"error: {tmp_path / 'c.az'}: no such file" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_seed_programs_of_directories_and_runs(tmp_path, capsys, monkeypatch):
    """A file stands for itself, a directory for its files by name, a run for its hall of fame, in the shell and in Python."""
    started = []

    def fake(experiment, **driver):
        started.append(experiment.seed_programs)
        raise KeyboardInterrupt

    first, folder, run_dir = tmp_path / "first.az", tmp_path / "folder", tmp_path / "run"
    (run_dir / "hall_of_fame").mkdir(parents=True)
    folder.mkdir()
    first.write_text(SLOW)
    for path in (folder / "b.az", run_dir / "hall_of_fame" / "size-001.az"):
        path.write_text(MEAN)
    (folder / "a.az").write_text(ARCTAN)
    for path in (folder / "notes.txt", run_dir / "config.toml", run_dir / "best.az"):
        path.write_text("not a program")
    monkeypatch.setattr("azdsl.search.evolve.run", fake)
    paths = [str(path) for path in (folder, run_dir, first)]
    expected = tuple(azdsl.parse(text) for text in (SLOW, ARCTAN, MEAN, MEAN, SLOW))
    with pytest.raises(KeyboardInterrupt):
        azdsl.evolve([first, *paths])
    main(["evolve", str(first), *(word for path in paths for word in ("--seed-program", path))])
    assert started == [expected, expected]
    (run_dir / "hall_of_fame" / "size-001.az").unlink()
    (tmp_path / "empty").mkdir()
    capsys.readouterr()
    for path, message in ((run_dir, "its hall of fame is empty"), (tmp_path / "empty", "it has no .az files")):
        assert main(["evolve", str(first), "--seed-program", str(path)]) == 2
        assert f"{path} gives no seed program: {message}" in capsys.readouterr().err
    assert len(started) == 2


def test_more_seed_programs_than_a_population_has_room_for():
    with pytest.raises(SettingsError, match="3 seed programs do not fit a population of 2"):
        run(experiment(*PROGRAMS, population=2, tournament=2), quiet=True)
