"""Programs from a function or a command are tried; the result depends on them alone, not on workers or interruptions."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from html import unescape

import pytest
from search_runs import LEARNER, files, small

import azdsl
from azdsl.cli import main
from azdsl.config.experiment import Group
from azdsl.config.search import IslandSettings, Range, SettingsError
from azdsl.config.tasks import Linear
from azdsl.ir import RMSE, remove_dead_code
from azdsl.reporting.load_run import read_run
from azdsl.reporting.reproduce import section
from azdsl.search import proposer, recorder
from azdsl.search.evolve import run
from azdsl.search.islands.migration import receive_immigrants
from azdsl.search.islands.proposals import examine
from azdsl.search.kernel.population import Clock, genotype, make_island, write_initial
from azdsl.search.planning import make_all_task_sets, make_plans
from azdsl.search.rundir import names
from azdsl.search.rundir.directory import RunDirectory
from azdsl.search.task_sets import Given
from azdsl.syntax import parse_experiment

GOOD = LEARNER
OTHERS = [f"def Predict():\n  s2 = dot(v0, v0)\n  s3 = s2 * s2\n  s1 = s{n} - s3\n" for n in (0, 1, 2)]
CHEAP = Linear(features=3, tasks=2, train=8, valid=4)


def propose(hall_of_fame):
    """A function of the hall of fame, with a program that does not parse."""
    best = [entry.program for entry in hall_of_fame[-2:]]
    return [*best, OTHERS[len(hall_of_fame) % 3], "def Predict():\n  s1 = s0 ?"]


def plan(experiment):
    return make_plans(experiment, make_all_task_sets(experiment, Given(), None))[-1]


def programs(own, members):
    return [remove_dead_code(genotype(own.space, members, row), RMSE) for row in range(len(members.fitness))]


def live(text):
    return remove_dead_code(azdsl.parse(text), RMSE)


def test_islands_receive_proposals_in_turn_and_try_them_next():
    made = plan(small())
    batch, packed = examine(made, 3, [GOOD, *OTHERS])
    assert not batch.refused and batch.programs == (GOOD, *OTHERS)
    own = made.islands[1]
    assert programs(own, packed[1]) == [live(GOOD), live(OTHERS[1])], "the first one is for island 3 modulo 2"
    assert programs(own, packed[0]) == [live(OTHERS[0]), live(OTHERS[2])]
    island = make_island(own.space, own.experiment, 1)
    write_initial(own.space, own.experiment, island)
    island.members.fitness[:], island.clock[Clock.WRITTEN] = 0.5, 250
    receive_immigrants(own.search, island, [packed[1]])
    assert island.clock[Clock.UNCHANGED] == 252
    rows = [250 % 60, 251 % 60]
    assert [remove_dead_code(genotype(own.space, island.members, row), RMSE) for row in rows] == [
        live(GOOD),
        live(OTHERS[1]),
    ]
    assert (island.members.fitness[rows] == -1.0).all()


def test_an_epoch_takes_half_of_a_population_or_of_its_candidates():
    made = plan(replace(small(epoch=20), groups=(Group(Range(1, 1), IslandSettings(population=8, tournament=2)),)))
    batch, packed = examine(made, 1, [GOOD] * 20)
    assert [len(members.fitness) for members in packed] == [10, 4] and (len(batch.programs), batch.left_out) == (14, 6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def Predict():\n  s1 = s0 ?\n", "proposal 1 of epoch 2:2:11: error:"),
        ("def Predict():\n  s1 = dot(v0, v7)\n", "uses v7, but vectors=3"),
        ("def Predict():\n" + "  s1 = dot(v0, v1)\n" * 4, "Predict has 4 instructions; the search has at most 3"),
        ("def Predict():\n  s1 = arctan(s2)\n", "does not use the op of 's1 = arctan(s2)'"),
        ("def Setup():\n  s2 = 0.5\n", "Setup is frozen, but differs from that of the seed program: leave it out"),
    ],
)
def test_invalid_proposals_are_refused(text, message):
    made = plan(replace(small(init="seed"), program=azdsl.parse(GOOD), frozen=frozenset({"Setup"})))
    without = GOOD.partition("def Predict")[2]
    batch, packed = examine(made, 2, [text, f"def Predict{without}", GOOD])
    assert list(batch.refused) == ["1"] and message in batch.refused["1"]
    assert [programs(own, members) for own, members in zip(made.islands, packed, strict=True)] == [[live(GOOD)]] * 2


def test_a_proposal_is_found_and_counted(tmp_path, capsys):
    asked = []

    def once(hall_of_fame):
        asked.append([entry.size for entry in hall_of_fame])
        return [GOOD, "def Predict():\n  s1 = s0 ?"] if len(asked) < 3 else None

    result = run(small(), out=tmp_path / "run", proposals=once, quiet=True)
    assert result.search_fitness > run(small(), quiet=True).search_fitness
    assert len(asked) == 6, "the last of eight epochs is cut short, and before the first there is no hall of fame"
    assert result.proposals == {"epochs": 6, "proposed": 4, "refused": 2, "left_out": 0, "failures": 0}
    assert "proposals 2 programs tried, 2 refused, 0 left out, in 6 epochs" in str(result)
    lines = [json.loads(line) for line in (tmp_path / "run" / names.PROPOSALS).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6] and lines[0]["programs"][0] == GOOD
    assert capsys.readouterr().err.count("a proposal is invalid and not tried") == 1
    assert azdsl.load_run(tmp_path / "run").proposals == result.proposals


STAGES = """stage(task=linear(features=3, tasks=2, train=8, valid=4), max_evals=800)
task linear(features=3, tasks=3, train=12, valid=6, select_tasks=4, test_tasks=5)
search(population=60, islands=2, epoch=200, max_evals=2000, init=random)
"""


@pytest.mark.parametrize(
    "experiment",
    [
        small(restart=700, max_evals=2000),
        small(algorithm="nonregularized_evolution", restart=700, max_evals=2000),
        small(tasks_per_evaluation=1, redraw=300, max_evals=2000),
        replace(small(islands=3, migrants=0.5, max_evals=2400), groups=(Group(Range(1, 1), task=CHEAP),)),
        parse_experiment(STAGES),
    ],
    ids=["restart", "nonregularized", "task groups", "islands with tasks", "stages"],
)
def test_any_interruption_and_any_workers(tmp_path, experiment, monkeypatch):
    whole = run(experiment, out=tmp_path / "whole", proposals=propose, quiet=True, workers=2)
    monkeypatch.setattr(recorder, "save_after", lambda seconds: 0.0)
    path = tmp_path / "run"
    run(experiment, out=path, proposals=propose, quiet=True, workers=1, on_epoch=lambda snapshot: snapshot.epoch >= 3)
    last = run(None, resume=path, proposals=propose, quiet=True, workers=1)
    assert last.evaluations == whole.evaluations and last.proposals == whole.proposals
    assert whole.proposals["proposed"] - whole.proposals["refused"] > 0
    assert last.layers == whole.layers
    assert files(path) == files(tmp_path / "whole")
    assert (path / names.PROPOSALS).read_bytes() == (tmp_path / "whole" / names.PROPOSALS).read_bytes()


def stopped(tmp_path, proposals=propose):
    """A run that was stopped in its second epoch, and one to its end."""
    whole = run(small(), out=tmp_path / "whole", proposals=proposals, quiet=True)
    run(small(), out=tmp_path / "run", proposals=proposals, quiet=True, on_epoch=lambda snapshot: True)
    return whole, tmp_path / "run"


def test_what_was_recorded_is_repeated_without_asking(tmp_path):
    whole, path = stopped(tmp_path)
    (path / names.PROPOSALS).write_bytes((whole.run_dir / names.PROPOSALS).read_bytes())

    def never(hall_of_fame):
        raise AssertionError("asked again")

    result = run(None, resume=path, proposals=never, quiet=True)
    assert files(path) == files(whole.run_dir) and result.proposals == whole.proposals


def test_a_line_that_a_kill_cut_is_asked_for_again(tmp_path, capsys):
    whole, path = stopped(tmp_path)
    record = (whole.run_dir / names.PROPOSALS).read_bytes()
    (path / names.PROPOSALS).write_bytes(record[: record.index(b"\n") + 40])
    run(None, resume=path, proposals=propose, quiet=True)
    assert files(path) == files(whole.run_dir) and (path / names.PROPOSALS).read_bytes() == record
    assert "damaged" not in capsys.readouterr().err
    damaged = tmp_path / "damaged"
    run(small(), out=damaged, proposals=propose, quiet=True, on_epoch=lambda snapshot: True)
    (damaged / names.PROPOSALS).write_bytes(b'{"epoch": -1}\n' + record)
    run(None, resume=damaged, proposals=propose, quiet=True)
    assert files(damaged) == files(whole.run_dir) and (damaged / names.PROPOSALS).read_bytes() == record
    assert "proposals.jsonl is damaged: line 1 is invalid" in capsys.readouterr().err


def test_what_cannot_be_recorded_is_not_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(RunDirectory, "add_proposals", lambda self, batch: False)
    result = run(small(), out=tmp_path / "run", proposals=propose, quiet=True)
    plain = run(small(), out=tmp_path / "plain", quiet=True)
    assert files(tmp_path / "run") == files(tmp_path / "plain")
    assert result.proposals["proposed"] == 0 and plain.proposals is None


def test_the_report_says_how_a_run_with_proposals_is_reproduced(tmp_path, monkeypatch):
    """Its command repeats the record, and gives the same files."""
    whole = run(small(), out=tmp_path / "a run", proposals=propose, quiet=True)
    text = unescape(section(read_run(whole.run_dir)))
    assert "They are in proposals.jsonl, and these commands try them again" in text
    (line,) = (line for line in text.splitlines() if line.startswith("azdsl evolve "))
    assert line.endswith(" --out again --proposals 'a run/proposals.jsonl'")
    monkeypatch.chdir(tmp_path)
    main([*shlex.split(line.removeprefix("azdsl ")), "--quiet"])
    assert files(tmp_path / "again") == files(whole.run_dir)
    record = (whole.run_dir / names.PROPOSALS).read_bytes()
    assert (tmp_path / "again" / names.PROPOSALS).read_bytes() == record
    assert "proposals.jsonl" not in section(read_run(run(small(), out=tmp_path / "plain", quiet=True).run_dir))
    (tmp_path / "cut.jsonl").write_bytes(b'{"epoch": -1}\n')
    with pytest.raises(SettingsError, match=r"cut\.jsonl is not a record of proposals: line 1 is invalid"):
        run(small(), proposals="cut.jsonl", quiet=True)
    with pytest.raises(FileNotFoundError):
        run(small(), proposals="none.jsonl", quiet=True)


SCRIPT = """import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert all(line["size"] >= 0 and line["fitness"] >= 0 for line in lines)
for line in lines[-2:]:
    print(line["program"] + "---")
print("def Predict():\\n  s1 = s0 ?\\n ---\\n\\n---")
sys.stdout.write(sys.argv[1])
sys.exit(3 if sys.argv[2:] and lines and lines[0]["epoch"] >= int(sys.argv[2]) else 0)
"""


@pytest.fixture
def command(tmp_path):
    """The command of ``SCRIPT``; it fails from the epoch on that is its argument."""
    (tmp_path / "propose.py").write_text(SCRIPT)
    return lambda *arguments: shlex.join([sys.executable, "-S", str(tmp_path / "propose.py"), GOOD, *arguments])


def test_a_command_proposes(tmp_path, command):
    def same(hall_of_fame):
        return [*(str(entry.program) for entry in hall_of_fame[-2:]), "def Predict():\n  s1 = s0 ?\n", GOOD]

    first = run(small(max_evals=1600), out=tmp_path / "a", proposals=command(), quiet=True)
    second = run(small(max_evals=1600), out=tmp_path / "b", proposals=same, quiet=True)
    assert files(tmp_path / "a") == files(tmp_path / "b") and first.proposals == second.proposals
    assert first.proposals["epochs"] == 3 and first.proposals["refused"] == 3


def test_a_command_that_fails_ends_nothing(tmp_path, command, capsys):
    result = run(small(), out=tmp_path / "run", proposals=command("3"), quiet=True)
    assert result.proposals["epochs"] == 6 and result.proposals["failures"] == 3
    message = capsys.readouterr().err
    assert f"no proposals for epoch 3: {sys.executable} ended with status 3; the search continues" in message
    assert "epoch 5" in message and "it failed 3 times in a row and is not started again; the search" in message


def asked(command, halted=lambda: False):
    return proposer._run(proposer.make_source(command), "", halted)


def test_a_command_has_limits(monkeypatch):
    python = shlex.quote(sys.executable)
    assert asked(f"{python} -S -c 'print(1)'") == ["1\n"]
    assert asked("sleep 60", lambda: True) is None
    with pytest.raises(azdsl.AzdslError, match=r"ended with status 1: ZeroDivisionError: division by zero"):
        asked(f"{python} -S -c '1/0'")
    monkeypatch.setattr(proposer, "MAX_PROPOSAL_BYTES", 10)
    with pytest.raises(azdsl.AzdslError, match=r"printed more than 10 bytes"):
        asked("yes")
    monkeypatch.setattr(proposer, "MAX_PROPOSAL_SECONDS", 0.01)
    with pytest.raises(azdsl.AzdslError, match=r"sleep took more than 0.01 s"):
        asked("sleep 60")


def test_an_interruption_ends_the_wait_for_a_command(tmp_path):
    """The epoch is asked for again when the run is resumed."""
    limit = small(timeout=0.3)
    result = run(limit, out=tmp_path / "run", proposals="sleep 60", quiet=True)
    assert result.stopped == "timeout of 0.3 s reached" and result.seconds < 30
    assert (tmp_path / "run" / names.PROPOSALS).read_text() == ""
    run(small(), resume=tmp_path / "run", proposals=propose, quiet=True)
    run(small(), out=tmp_path / "whole", proposals=propose, quiet=True)
    assert files(tmp_path / "run") == files(tmp_path / "whole")


@pytest.mark.parametrize(
    ("proposals", "message"),
    [
        ("no-such-program --x", "'no-such-program' is not a program that can be run"),
        ("", "the command of proposals is empty"),
        ("'", "is not a command: No closing quotation"),
        (3, "proposals is int: give a function, a command or a record"),
    ],
)
def test_what_is_no_proposer_is_refused_before_the_run(tmp_path, proposals, message):
    with pytest.raises(SettingsError, match=message):
        run(small(), out=tmp_path / "run", proposals=proposals, quiet=True)
    assert not (tmp_path / "run").exists()


def test_impossible_proposals(tmp_path):
    with pytest.raises(SettingsError, match="algorithm=hill_climbing has no population"):
        run(
            small(algorithm="hill_climbing", population=2, tournament=2),
            out=tmp_path / "run",
            proposals=propose,
            quiet=True,
        )
    assert not (tmp_path / "run").exists()
    with pytest.raises(SettingsError, match="gave int, not a program or a text"):
        run(small(), proposals=lambda hall_of_fame: [3], quiet=True)


def test_a_run_is_resumed_as_it_was_started(tmp_path, capsys):
    seed = tmp_path / "seed.az"
    seed.write_text(str(small(max_evals=800)))
    for name, more in (("with", ["--proposals", "true"]), ("without", [])):
        assert main(["evolve", str(seed), "--out", str(tmp_path / name), "--quiet", *more]) in (0, 1)
    assert main(["evolve", "--resume", str(tmp_path / "with"), "--max-evals", "1000"]) == 2
    assert "is a run with proposals: give --proposals again" in capsys.readouterr().err
    assert main(["evolve", "--resume", str(tmp_path / "without"), "--proposals", "true"]) == 2
    assert "is a run without proposals" in capsys.readouterr().err
