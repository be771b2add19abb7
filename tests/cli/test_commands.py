"""The commands, through ``azdsl.cli.main``: what they print and their exit status."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import click
import pytest
from learners import LINEAR as LEARNER

from azdsl.cli import COMMANDS, main
from azdsl.ops import OPS
from azdsl.ops.groups import GROUPS

ROOT = Path(__file__).parents[2]

LINEAR = f"# stochastic gradient descent\ntask linear(features=4, tasks=10)\n{LEARNER}"

DEAD = """\
def Setup():
  s7 = 1
  s9 = 0.5
def Predict():
  s1 = s9 + s9
def Learn():
  s5 = s0 - s1
"""

Run = tuple[int, str, str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(*arguments: object) -> Run:
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    path = tmp_path / "linear.az"
    path.write_text(LINEAR)
    return path


def stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_version(run):
    status, out, _ = run("--version")
    assert status == 0 and out.startswith("azdsl 0.")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(run, name):
    status, out, _ = run(name, "--help")
    assert status == 0
    assert "Example:" in out and f"azdsl {name}" in out


def test_no_command_shows_help(run):
    status, _, err = run()
    assert status == 2 and "Commands:" in err


def test_unknown_command_is_suggested(run):
    assert run("evlove")[2].startswith("error: no such command 'evlove'; did you mean 'evolve'?")
    assert run("xyzzy")[0] == 2


def test_unknown_option(run, linear):
    status, out, err = run("check", "--quite", linear)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {click.NoSuchOption('--quite').message}")  # differs between versions of click


def test_check(run, linear):
    assert run("check", linear) == (0, f"{linear}: ok (1 + 1 + 4 instructions)\n", "")
    assert run("check", "--quiet", linear) == (0, "", "")


def test_check_standard_input(run, monkeypatch):
    stdin(monkeypatch, LINEAR)
    assert run("check", "-")[:2] == (0, "-: ok (1 + 1 + 4 instructions)\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00")))
    status, _, err = run("check", "-")
    assert status == 2 and "standard input is not UTF-8 text" in err


def test_check_reports_all_errors_of_all_files(run, linear, tmp_path):
    bad = tmp_path / "bad.az"
    bad.write_text("def Setup():\n  s2 = dto(v0, v1)\n  s0 = 1\ndef Predict():\ndef Learn():\n")
    missing = tmp_path / "missing.az"
    status, out, err = run("check", bad, missing, linear)
    assert status == 2
    assert f"{bad}:2:8: error: " in err and "did you mean 'dot'?" in err
    assert f"{bad}:3:3: error: " in err
    assert f"error: {missing}: no such file" in err
    assert f"{linear}: ok" in out


@pytest.mark.parametrize("content", [b"\x00\x01\x02\xff" * 100, b"\xff\xfe", b""])
def test_files_that_are_no_programs(run, tmp_path, content):
    path = tmp_path / "odd.az"
    path.write_bytes(content)
    status, _, err = run("check", path)
    assert (status == 0) if not content else (status == 2 and str(path) in err)


@pytest.mark.parametrize("command", ["check", "fmt", "show", "score", "evolve"])
def test_missing_file_and_directory(run, tmp_path, command):
    missing = tmp_path / "missing.az"
    status, out, err = run(command, missing)
    assert (status, out, err) == (2, "", f"error: {missing}: no such file\n")
    status, out, err = run(command, tmp_path)
    assert (status, out) == (2, "")
    assert err in (
        f"{tmp_path}: error: cannot read the file: Is a directory\n",
        f"error: {tmp_path}: a directory without config.toml is not a run; name a .az file or a run\n",
    )


def test_fmt_in_place(run, linear):
    linear.write_text(LINEAR.replace("  s2 = 0.01", "  s2   =  0.01"))
    linear.chmod(0o640)
    assert run("fmt", "--check", linear) == (1, f"{linear}: would be changed\n", "")
    status, out, _ = run("fmt", "--diff", linear)
    assert status == 0 and "-  s2   =  0.01\n" in out and "+  s2 = 0.01\n" in out
    assert run("fmt", linear)[0] == 0
    assert "  s2 = 0.01\n" in linear.read_text()
    assert stat.S_IMODE(linear.stat().st_mode) == 0o640
    assert run("fmt", "--check", linear) == (0, "", "")
    assert os.listdir(linear.parent) == ["linear.az"]


def test_fmt_leaves_a_bad_file_alone(run, tmp_path):
    bad = tmp_path / "bad.az"
    bad.write_text("def Setup(:\n")
    assert run("fmt", bad)[0] == 2
    assert bad.read_text() == "def Setup(:\n"


def test_fmt_standard_input(run, monkeypatch):
    stdin(monkeypatch, LINEAR.replace("  s2 = 0.01", "  s2=0.01"))
    status, out, err = run("fmt", "-")
    assert status == 0 and "  s2 = 0.01\n" in out and err == ""


def test_ops(run):
    status, out, _ = run("ops")
    table, groups = out.split("\n\n")
    assert status == 0 and len(table.splitlines()) == len(OPS) + 1
    assert [line.split()[0] for line in groups.splitlines()[1:]] == list(GROUPS)
    assert len(run("ops", "--group", "elementary")[1].split("\n\n")[0].splitlines()) == 9
    assert run("ops", "--group", "elementry")[0] == 2
    assert len(run("ops", "norm", "axis=0")[1].splitlines()) == 2
    listed = json.loads(run("ops", "--json")[1])["ops"]
    assert [op["name"] for op in listed] == [op.name for op in OPS]


def test_show_drops_dead_code(run, tmp_path):
    path = tmp_path / "dead.az"
    path.write_text(DEAD)
    live = "def Setup():\n  s2 = 0.5\ndef Predict():\n  s1 = s2 + s2\ndef Learn():\n"
    assert run("show", path) == (0, live, "")
    assert run("show", "--raw", path) == (0, DEAD, "")
    assert run("show", "--style", "baroque", path)[0] == 2


def test_show_keeps_statements(run, linear):
    status, out, _ = run("show", linear)
    assert status == 0 and out.startswith("task linear(") and "#" not in out


def test_score_on_fresh_tasks(run, linear):
    status, out, _ = run("score", linear, "--backend", "reference", "--tasks", 3)
    assert status == 0 and "fitness " in out and "RMSE " in out and "mean of 3 tasks" in out
    again = json.loads(run("score", linear, "--backend", "reference", "--tasks", 3, "--json")[1])
    assert 0 < again["fitness"] <= 1 and len(again["task_fitness"]) == again["tasks"] == 3
    other = json.loads(run("score", linear, "--backend", "reference", "--tasks", 3, "--json", "--seed", 5)[1])
    assert other["fitness"] != again["fitness"]


def test_score_compares_on_the_same_tasks(run, linear, tmp_path):
    slow = tmp_path / "slow.az"
    slow.write_text(LINEAR.replace("0.01", "0.001").replace("tasks=10", "tasks=3, test_tasks=2"))
    options = ("--backend", "reference", "--tasks", 4)
    facts = json.loads(
        run("score", linear, *options, "--against", slow, "--without", "8,10..11", "--without", 11, "--json")[1]
    )
    alone = [json.loads(run("score", file, *options, "--json")[1]) for file in (linear, slow)]
    against, unlearned, third = facts["compared"]
    assert facts["task_fitness"] == alone[0]["task_fitness"]
    assert against["name"] == f"against {slow}" and against["fitness"] == alone[1]["fitness"]
    pairs = zip(alone[0]["task_fitness"], alone[1]["task_fitness"], strict=True)
    assert against["difference"]["tasks"] == [a - b for a, b in pairs]
    assert against["difference"]["low"] < against["difference"]["mean"] < against["difference"]["high"]
    assert (unlearned["name"], third["name"]) == ("without lines 8, 10, 11", "without line 11")
    cut = tmp_path / "cut.az"
    cut.write_text("".join(line for at, line in enumerate(LINEAR.splitlines(True), 1) if at not in (8, 10, 11)))
    assert json.loads(run("score", cut, *options, "--json")[1])["fitness"] == unlearned["fitness"]
    status, out, _ = run("score", linear, *options, "--without", 8)
    assert status == 0 and "without line 8: 0." in out and "better on 4 of 4 tasks, worse on 0" in out
    assert "%" not in run("score", linear, "--backend", "reference", "--tasks", 1, "--without", 8)[1], (
        "no interval of one task"
    )


def test_score_compares_accuracy_in_points(run):
    pytest.importorskip("sklearn")
    example = ROOT / "examples" / "logistic.az"
    status, out, _ = run("score", example, "--against", ROOT / "examples" / "nearest_mean.az", "--backend", "vm")
    assert status == 0 and " %, difference +" in out and " points (95 %: " in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--without", "1"], "line 1 of"),
        (["--without", "99"], "instructions are in lines 4 to 11"),
        (["--without", "3"], "line 3 of"),
        (["--without", "9..7"], "'9..7' is not a list of line numbers"),
        (["--without", "rate"], "'rate' is not a list of line numbers"),
        (["--without", "0"], "'0' is not a list of line numbers"),
        (["--against", "nowhere.az"], "nowhere.az"),
        (["--without", "8", "--without", ""], "'' is not a list of line numbers"),
    ],
)
def test_score_refuses_to_compare_with_nothing(run, linear, options, message):
    status, out, err = run("score", linear, "--backend", "reference", *options)
    assert (status, out) == (2, "") and message in err


def test_score_without_lines_of_several_files(run, linear):
    status, _, err = run("score", linear, linear, "--without", 8)
    assert status == 2 and "--without needs exactly one FILE" in err


def test_score_without_the_only_line_of_a_name(run, tmp_path):
    path = tmp_path / "named.az"
    path.write_text("def Predict():\n  a = norm(features)\n  prediction = a + a\n")
    status, _, err = run("score", path, "--without", 2)
    assert status == 2 and err.startswith(f"{path} without line 2:3:16: error: a is read but never assigned")


def test_score_target(run, linear):
    options = (linear, "--backend", "reference", "--tasks", 2)
    assert run("score", *options, "--target", 0.01)[0] == 0
    status, out, _ = run("score", *options, "--target", 1.5)
    assert status == 1 and "not reached" in out


def test_score_says_that_it_uses_the_default_task(run, tmp_path):
    path = tmp_path / "plain.az"
    path.write_text(DEAD)
    status, out, _ = run("score", path, "--backend", "reference", "--tasks", 1)
    assert status == 0 and out.startswith("The file has no task statement; scored on the default task.\n")


def csv(path: Path, rows: int = 60, bad: str = "") -> Path:
    lines = ["a,b,price", *(f"{i % 7},{i % 5},{2 * (i % 7) - (i % 5)}" for i in range(rows)), *([bad] if bad else [])]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_score_on_data(run, linear, tmp_path):
    data = csv(tmp_path / "prices.csv")
    options = ("score", linear, "--data", data, "--target-column", "price", "--backend", "reference")
    status, out, err = run(*options)
    assert status == 0, err
    assert "20 splits of" in out and "48 + 6 rows" in out and "RMSE " in out


def test_score_on_a_bundled_data_set_is_in_its_units(run):
    pytest.importorskip("sklearn")
    facts = json.loads(run("score", ROOT / "examples" / "diabetes.az", "--tasks", 1, "--json")[1])
    assert facts["metric"] == "rmse" and 70 < facts["rmse"] < 90


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target-column", "cost"], "cost"),
        (["--target-column", "price", "--columns", "a,z"], "z"),
        (["--target-column", "price", "--metric", "accuracy"], "labels 0 and 1"),
    ],
)
def test_score_on_unusable_data(run, linear, tmp_path, options, message):
    data = csv(tmp_path / "prices.csv")
    status, out, err = run("score", linear, "--data", data, "--backend", "reference", *options)
    assert (status, out) == (2, "") and err.startswith("error: ") and message in err


@pytest.mark.parametrize("bad", ["nan,1,1", ",1,1", "x,1,1", "1,1"])
def test_score_on_data_with_bad_rows(run, linear, tmp_path, bad):
    data = csv(tmp_path / "prices.csv", bad=bad)
    status, out, err = run("score", linear, "--data", data, "--target-column", "price", "--backend", "reference")
    assert (status, out) == (2, "") and err.startswith("error: ") and "prices.csv" in err


@pytest.mark.parametrize("options", [["--seed", 2**70], ["--tasks", 10**9], ["--tasks", 0], ["--backend", "tpu"]])
def test_score_refuses_impossible_options(run, linear, options):
    status, out, err = run("score", linear, *options)
    assert (status, out) == (2, "") and err.startswith(f"error: Invalid value for '{options[0]}'")


def test_score_data_options_need_data(run, linear):
    status, _, err = run("score", linear, "--target-column", "price")
    assert status == 2 and err.startswith(
        "error: a task of kind linear has no target_column; these kinds have it: file"
    )
    assert run("score", linear, "--data", "nowhere.csv")[0] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tournament", "20", "--population", "10"], "tournament=20 is larger than population=10"),
        (["--mutation", "1.5"], "mutation must be at most 1, not 1.5"),
        (["--target", "nan"], "target must be a number, not nan"),
        (["--learn", "9..2"], "the range is empty"),
        (["--learn", "many"], "'many' is neither a number nor a range"),
        (["--population", "lots"], "'lots' is not a whole number such as 1000000, 1_000_000 or 1e6"),
        (["--ops", "dot, s ~ s"], "<ops>:1:"),
        (["--ops", ""], "ops"),
        (["--setup-ops", "dto"], "did you mean 'dot'?"),
        (["--mutations", "alter,alert"], "unknown mutation 'alert'"),
        (["--task", "file"], "a task of kind file needs data"),
        (["--target-column", "x"], "a task of kind linear has no target_column"),
        (["--task", "sklearn", "--data", "irises"], "data must be one of"),
        (["--max-evals", "1.5e0"], "'1.5e0' is not a whole number"),
        (["--timeout", "5x"], "'5x' is not a duration: write seconds, or such as 90s, 5m"),
        (["--precision", "16"], "'16' is not one of"),
    ],
)
def test_evolve_refuses_impossible_options(run, linear, options, message):
    status, out, err = run("evolve", linear, *options)
    assert (status, out) == (2, "") and message in err, err


def test_evolve_needs_a_seed(run):
    status, _, err = run("evolve")
    assert status == 2 and err.startswith("error: give a seed file, or a run directory with --resume\n")
