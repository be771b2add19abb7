"""``azdsl compile``: its files, and its messages on bad input."""

from __future__ import annotations

import json
import os
import resource
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learners import LINEAR as LEARNER
from modules import imported

import azdsl
from azdsl.cli import main
from azdsl.export.library.file_names import KINDS

LINEAR = f"task linear(features=3)\n{LEARNER}"
BARE = LINEAR.split("\n", 1)[1]
needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, text: str = LINEAR) -> tuple[int, str, str]:
        Path("a.az").write_text(text)
        status = main(["compile", "a.az", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


@needs_cc
def test_every_kind_of_file(run: Any, tmp_path: Path) -> None:
    status, out, err = run("--emit", "shared,object,header,python,numpy,llvm,asm", "--json")
    assert (status, err) == (0, "")
    facts = json.loads(out)
    assert facts["prefix"] == "az_a"
    assert facts["features"] == [3]
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"a.az", "a.so", "a.o", "a.h", "a_model.py", "a_numpy.py", "a.ll", "a.s"}
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) / 30
    model = imported(tmp_path / "a_model.py").Model().fit(X, y)
    pure = imported(tmp_path / "a_numpy.py").Model().fit(X, y)
    assert np.allclose(model.predict(X), pure.predict(X))


@needs_cc
@pytest.mark.parametrize("kind", ["npz", "csv", "parquet"])
def test_training_at_compile_time(run: Any, tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X @ [1.0, -2.0, 0.5]
    data = tmp_path / f"d.{kind}"
    if kind == "npz":
        np.savez(data, X=X, y=y)
    elif kind == "csv":
        rows = "\n".join(",".join(repr(float(v)) for v in (*x, t)) for x, t in zip(X, y, strict=True))
        data.write_text(f"a,b,c,y\n{rows}\n")
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y}), data)
    assert run("-o", "t.so", "--train", data, "--epochs", 5, text=BARE)[0] == 0
    assert np.abs(imported(tmp_path / "t_model.py").Model().predict(X) - y).max() < 0.05


@needs_cc
def test_several_sizes(run: Any, tmp_path: Path) -> None:
    assert run("--features", "4,8", "--cpu", "generic", "--precision", "32")[0] == 0
    assert imported(tmp_path / "a_model.py").Model(8).features == 8
    assert "az_a_f4_fit" in (tmp_path / "a.h").read_text()


@needs_cc
def test_hostile_file_names(run: Any, tmp_path: Path) -> None:
    name = 'x";* \n\'""" import os #.so'
    status, _, err = run("-o", name, "--emit", "shared,header")
    assert (status, err) == (0, "")
    header = (tmp_path / f"{name.removesuffix('.so')}.h").read_text()
    assert "import os" not in header
    assert header.count("/*") == header.count("*/")
    status, _, err = run("-o", name, "--emit", "python")
    assert status == 2
    assert err.endswith("; choose another name with -o, such as x_import_os.so\n")


def test_hostile_text_in_the_program_is_in_no_file(run: Any, tmp_path: Path) -> None:
    """Neither comments nor names of variables."""
    attack = "# */ int stolen; /* ??/ \\\\ \"\"\" ''' ; import stolen"
    clean = LINEAR.replace("s4", "stolen").replace("task linear", "task  linear")
    hostile = attack + "\n" + clean.replace("\n", f"  {attack}\n")
    written = {}
    for name, text in (("clean", clean), ("hostile", hostile)):
        (tmp_path / name).mkdir()
        status, _, err = run("-o", f"{name}/m", "--emit", "object,header,numpy,llvm,asm", text=text)
        assert (status, err) == (0, "")
        written[name] = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
    assert written["hostile"] == written["clean"]
    assert len(written["clean"]) == 5
    assert not any(b"stolen" in content for content in written["clean"].values())


MISSING = (
    "error: d.csv: column 'a' is missing in row 1; remove or fill such rows first, or use missing=mean, median or drop"
)
BAD_LABELS = "error: d.csv: 'y': accuracy needs labels 0 and 1; use multiclass for more classes"
TEXT_COLUMN = (
    "error: d.csv: column 'a' holds text ('red' in row 1); leave it out with columns=… or turn it into numbers"
)
STOPPED = "error: d.csv: training stopped: an error was NaN or larger than 100; scale the data or raise --max-abs-error"
FEW_FEATURES = "error: 5 classes with 3 features: needs 2 to F classes; pad the features with zeros"
ONE_SIZE = "error: --train works for one number of features: set --features to a single number"
BAD: list[tuple[list[str], str, str, str]] = [
    ([], BARE, "", "error: the file has no task statement, so the number of features is unknown: set --features"),
    (["--metric", "multiclass"], LINEAR, "", "error: the number of classes is unknown: set --classes"),
    (["--metric", "multiclass", "--classes", "5"], LINEAR, "", FEW_FEATURES),
    (["--features", "x"], LINEAR, "", "error: --features 'x' is not a comma-separated list of numbers"),
    (["--features", "0"], LINEAR, "", "error: features must be between 1 and 4096, not 0"),
    (["--features", "5000"], LINEAR, "", "error: features must be between 1 and 4096, not 5000"),
    (["--emit", "rust"], LINEAR, "", f"error: unknown kind 'rust' to emit; known are {', '.join(KINDS)}"),
    (["--emit", ","], LINEAR, "", f"error: nothing to emit; choose from {', '.join(KINDS)}"),
    (["--prefix", "1a"], LINEAR, "", "error: '1a' is not a C identifier of at most 48 letters, digits and underscores: choose another --prefix"),
    (["-o", "no/where.so"], LINEAR, "", "error: no: no such directory"),
    (["-o", "d.csv/a.so"], LINEAR, "", "error: d.csv: is not a directory"),
    (["-o", "folder.so"], LINEAR, "", "error: folder.so: is a directory; name the library in it, such as folder.so/model.so"),
    (["-o", "."], LINEAR, "", "error: .: is a directory; name the library in it, such as model.so"),
    (["--epochs", "2"], LINEAR, "", "error: --epochs needs --train"),
    (["--target-column", "y"], LINEAR, "", "error: --target-column needs --train"),
    (["--train", "no.csv"], LINEAR, "", "error: no.csv: no such file"),
    (["--train", "d.csv"], LINEAR, "a,b,c,y\nred,1,2,3\n", TEXT_COLUMN),
    (["--train", "d.csv"], LINEAR, "a,b,c,y\nnan,1,2,3\n", MISSING),
    (["--train", "d.csv"], LINEAR, "a,b,y\n1,2,3\n", "error: d.csv: has 2 columns to predict from, but --features is 3"),
    (["--train", "d.csv"], LINEAR, "a,b,c,z\n1,2,3,4\n", "error: d.csv has no column 'y'; it has a, b, c, z"),
    (["--train", "d.csv", "--features", "3,4"], LINEAR, "a,b,c,y\n1,2,3,4\n", ONE_SIZE),
    (["--train", "d.csv"], LINEAR, "a,b,c,y\n1,2,3,400\n", STOPPED),
    (["--train", "d.csv", "--metric", "accuracy"], LINEAR, "a,b,c,y\n1,2,3,4\n", BAD_LABELS),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text", "data", "message"), BAD, ids=[" ".join(row[0]) or "no size" for row in BAD]
)
def test_bad_input(run: Any, tmp_path: Path, arguments: list[str], text: str, data: str, message: str) -> None:
    (tmp_path / "folder.so").mkdir()
    (tmp_path / "d.csv").write_text(data)
    status, out, err = run(*arguments, text=text)
    assert (status, out) == (2, "")
    assert err.splitlines()[0] == message
    assert {path.name for path in tmp_path.iterdir()} == {"a.az", "d.csv", "folder.so"}


def test_unknown_processor(run: Any) -> None:
    for emit in ("shared", "header"):
        status, _, err = run("--cpu", "z80", "--emit", emit)
        assert status == 2
        assert err.startswith("error: unknown processor 'z80'; known are native, generic")


@pytest.mark.parametrize("emit", ["header", "shared,header,python"])
def test_disk_that_is_full(run: Any, tmp_path: Path, emit: str) -> None:
    """With a limit on the size of files, files that existed before stay unchanged."""
    for name in ("a.so", "a.h", "a_model.py"):
        (tmp_path / name).write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    run("--help")  # writes the program, which the limit would not allow
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        status, out, err = run("--emit", emit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (status, out, err) == (2, "", "error: .: File too large\n")
    assert {path.name for path in tmp_path.iterdir()} == {"a.az", "a.so", "a.h", "a_model.py"}
    assert all(path.read_text() == "old" for path in tmp_path.iterdir() if path.name != "a.az")


def test_disk_that_is_full_for_the_linker(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cc").write_text("#!/bin/sh\necho 'ld: final link failed: No space left on device' >&2\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    status, _, err = run()
    assert status == 2
    assert err.endswith("(exit status 1): ld: final link failed: No space left on device\n")
    assert {path.name for path in tmp_path.iterdir()} == {"a.az", "cc"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_directory_that_cannot_be_written(run: Any, tmp_path: Path) -> None:
    (tmp_path / "ro").mkdir(mode=0o500)
    assert run("-o", "ro/a.so")[::2] == (2, "error: ro: Permission denied\n")


def test_no_compiler(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("azdsl.export.library.linker.find_spec", lambda name: None)
    status, _, err = run("--emit", "shared,header")
    assert status == 2
    assert err == (
        "error: a shared library needs a C compiler for linking: install cc, or pip install 'azdsl[zig]'; "
        "--emit object,header works without\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.az"]
    assert run("--emit", "object,header")[0] == 0
    monkeypatch.setenv("CC", "no-such-compiler")
    assert run()[2] == "error: CC='no-such-compiler': no such program; set CC to a C compiler or unset it\n"


@pytest.mark.slow
def test_zig_links_where_there_is_no_compiler(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("CC", raising=False)
    status, _, err = run()
    assert (status, err) == (0, "linking with zig; the first use may take a minute\n")
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) / 30
    model = azdsl.compile(azdsl.parse(BARE), features=3).fit(X, y)
    assert np.array_equal(imported(tmp_path / "a_model.py").Model().fit(X, y).predict(X), model.predict(X))
    assert {path.name for path in tmp_path.iterdir()} == {"a.az", "a.so", "a.h", "a_model.py"}


def test_compiler_that_fails(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old.txt").write_text("")
    monkeypatch.setenv("CC", "false")
    status, _, err = run()
    assert (status, err) == (2, "error: false could not link the library (exit status 1): \n")
    assert {path.name for path in tmp_path.iterdir()} == {"a.az", "old.txt"}
