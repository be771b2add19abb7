"""The files that ``azdsl compile`` writes can be imported, included and linked under the names that they have."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path
from typing import Any

import pytest
from learners import LINEAR

import azdsl
from azdsl.cli import main
from azdsl.export.library.file_names import model_name

needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")

EVERY_SUFFIX = [
    *EXTENSION_SUFFIXES,
    *(".so", ".abi3.so", ".cpython-313-x86_64-linux-gnu.so", ".cpython-313-darwin.so"),
    *(".pyd", ".cp313-win_amd64.pyd", ".pypy311-pp73-x86_64-linux-gnu.so", ".dylib", ".dll"),
]
"""Endings of extension modules on Linux, macOS and Windows, and of libraries that Python imports nowhere today."""

X, Y = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]], [1.0, -1.0, 0.0, 3.0]
USE = f"\nmodel = Model().fit({X}, {Y}, epochs=3)\nprint(model.predict({X}))\n"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, rate: float = 0.01) -> tuple[int, str]:
        Path("a.az").write_text(f"task linear(features=2)\n{LINEAR.replace('0.01', str(rate))}")
        status = main(["compile", "a.az", *map(str, arguments)])
        _, err = capsys.readouterr()
        assert "Traceback" not in err
        Path("a.az").unlink()
        return status, err

    return call


def python(code: str, cwd: Path, *path: Path) -> str:
    """What a Python process that cannot import azdsl prints."""
    code = f"import sys; sys.path[:0] = {[str(place) for place in path]}\n{code}"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=cwd, capture_output=True, text=True, env={}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def predictions(rate: float = 0.01) -> list[float]:
    program = azdsl.parse(LINEAR.replace("0.01", str(rate)))
    return azdsl.compile(program, features=2).fit(X, Y, epochs=3).predict(X).tolist()


@needs_cc
@pytest.mark.parametrize("emit", [[], ["--emit", "python"]])
def test_the_module_that_is_asked_for_can_be_imported(run: Any, tmp_path: Path, emit: list[str]) -> None:
    for _ in range(2):  # a second time over the files of the first
        assert run("-o", "model.py", *emit) == (0, "")
    assert {p.name for p in tmp_path.iterdir()} == {"model.py", "model.azdsl.so"} | ({"model.h"} if not emit else set())
    (tmp_path / "elsewhere").mkdir()
    printed = python(f"import model\nfrom model import Model{USE}", tmp_path / "elsewhere", tmp_path)
    assert eval(printed) == predictions()
    pickled = "import pickle\nfrom model import Model\nprint(pickle.loads(pickle.dumps(Model())).features)"
    assert python(pickled, tmp_path) == "2\n"


@needs_cc
def test_no_import_statement_finds_the_library_beside_a_module(run: Any, tmp_path: Path) -> None:
    assert run("-o", "model.py") == (0, "")
    finder = FileFinder(str(tmp_path), (ExtensionFileLoader, EVERY_SUFFIX), (SourceFileLoader, [".py"]))
    spec = finder.find_spec("model")
    assert spec and spec.origin == str(tmp_path / "model.py")
    printed = python("import pkgutil; print([m.name for m in pkgutil.iter_modules(sys.path[:1])])", tmp_path, tmp_path)
    assert printed == "['model']\n"


@needs_cc
@pytest.mark.parametrize("output", ["best.so", "libbest.so", "best.h", "best"])
def test_the_module_that_goes_with_a_library_can_be_imported(run: Any, tmp_path: Path, output: str) -> None:
    assert run("-o", output) == (0, "")
    library = "libbest.so" if output.startswith("lib") else "best.so"
    assert {p.name for p in tmp_path.iterdir()} == {library, "best.h", "best_model.py"}
    assert eval(python(f"from best_model import Model{USE}", tmp_path)) == predictions()


def test_the_numpy_module_that_is_asked_for_can_be_imported(run: Any, tmp_path: Path) -> None:
    assert run("-o", "model.py", "--emit", "numpy") == (0, "")
    assert [p.name for p in tmp_path.iterdir()] == ["model.py"]
    code = f"from model import Model\nprint(Model().fit({X}, {Y}).predict({X}).tolist())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    once = azdsl.compile(azdsl.parse(LINEAR), features=2).fit(X, Y).predict(X)
    assert eval(done.stdout) == pytest.approx(once.tolist(), rel=1e-12)


@needs_cc
def test_both_modules_have_names_of_their_own(run: Any, tmp_path: Path) -> None:
    assert run("-o", "model.py", "--emit", "python,numpy") == (0, "")
    assert {p.name for p in tmp_path.iterdir()} == {"model.py", "model.azdsl.so", "model_numpy.py"}
    assert "ctypes" in (tmp_path / "model.py").read_text()


@needs_cc
def test_modules_of_packages(run: Any, tmp_path: Path) -> None:
    """Models of the same name in three packages, one without __init__.py, in one process; and a name of the standard library."""
    rates = {"first": 0.01, "second": 0.1, "third": 0.3}
    for package, rate in rates.items():
        (tmp_path / package).mkdir()
        if package != "third":
            (tmp_path / package / "__init__.py").write_text("")
        assert run("-o", f"{package}/model.py", rate=rate) == (0, "")
    assert run("-o", "first/random.py") == (0, "")
    (tmp_path / "elsewhere").mkdir()
    code = "import random; random.random()\nfrom first import random as other; other.Model()\n"
    for package in rates:
        code += f"from {package} import model\n{USE.replace('Model', 'model.Model')}"
    printed = python(code, tmp_path / "elsewhere", tmp_path).splitlines()
    assert [eval(line) for line in printed] == [predictions(rate) for rate in rates.values()]


@needs_cc
def test_a_module_without_its_library_says_what_is_missing(run: Any, tmp_path: Path) -> None:
    assert run("-o", "model.py") == (0, "")
    (tmp_path / "model.azdsl.so").unlink()
    printed = python("try: import model\nexcept ImportError as error: print(error)", tmp_path)
    assert printed == f"{tmp_path}/model.azdsl.so is missing: keep it in the directory of model.py\n"


C_NAMES = {
    "libh.so": ("h", "az_h_"),
    "h.so": ("h", "az_h_"),
    "class.so": ("class", "az_class_"),
    "1.so": ("1", "az_1_"),
    "my-model.so": ("my-model", "az_my_model_"),
    "lib.name.so": ("lib.name", "az_lib_name_"),
    "modèle.so": ("modèle", "az_mod_le_"),
    "lib.so": ("lib", "az_lib_"),
    "lib1.so": ("lib1", "az_lib1_"),
    "h.py": ("h", "az_h_"),
}


@needs_cc
@pytest.mark.parametrize("output", C_NAMES)
def test_functions_of_c_are_named_for_the_library(run: Any, tmp_path: Path, output: str) -> None:
    name, prefix = C_NAMES[output]
    emit = [] if output.endswith(".py") else ["--emit", "shared,header"]
    assert run("-o", output, *emit) == (0, "")
    assert model_name(Path(output)) == name
    library = tmp_path / (output if output.endswith(".so") else "h.azdsl.so")
    main_c = tmp_path / "main.c"
    main_c.write_text(
        f'#include "{name}.h"\nint main(void) {{ {prefix}model *m = {prefix}create(); double out;\n'
        f"  double x[] = {{1, 2}}; return {prefix}predict_one(m, x, &out) != AZ_OK || {prefix}features() != 2; }}\n"
    )
    strict = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(["cc", "-std=c11", *strict, "-o", "main", "main.c", str(library)], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "main"], check=True)
    if shutil.which("c++"):
        subprocess.run(["c++", "-fsyntax-only", *strict, "-x", "c++", "main.c"], cwd=tmp_path, check=True)


@needs_cc
def test_a_library_named_lib_links_by_name(run: Any, tmp_path: Path) -> None:
    assert run("-o", "libh.so", "--emit", "shared,header") == (0, "")
    (tmp_path / "main.c").write_text('#include "h.h"\nint main(void) { return az_h_features() != 2; }\n')
    subprocess.run(["cc", "-o", "main", "main.c", "-L.", "-lh"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "main"], check=True, env={"LD_LIBRARY_PATH": str(tmp_path)})


NAME = "a module's name holds letters, digits and underscores and starts with no digit"
STANDARD = "Python would import it in place of the module random of the standard library"
REFUSED = [
    (["class.py"], "class.py: 'class' is a keyword of Python and cannot be imported", "class_model.py"),
    (["1.py"], f"1.py: Python cannot import '1': {NAME}", "model_1.py"),
    (["random.py"], f"random.py: {STANDARD}", "random_model.py"),
    (["random.py", "--emit", "numpy"], f"random.py: {STANDARD}", "random_model.py"),
    (["random.so"], f"random.so: {STANDARD}", "librandom.so"),
    (["numpy.py"], "numpy.py: Python would import it in place of the installed package numpy", "numpy_model.py"),
    (["click.so"], "click.so: Python would import it in place of the installed package click", "libclick.so"),
    (["mpl_toolkits.py"], "mpl_toolkits.py: Python would import it in place of the installed package mpl_toolkits", "mpl_toolkits_model.py"),
    (["my-model.py"], f"my-model.py: Python cannot import 'my-model': {NAME}", "my_model.py"),
    (["my-model.so"], f"my-model_model.py: Python cannot import 'my-model_model': {NAME}", "my_model.so"),
    (["lib.name.py"], f"lib.name.py: Python cannot import 'lib.name': {NAME}", "lib_name.py"),
    (["lib.name.so"], f"lib.name_model.py: Python cannot import 'lib.name_model': {NAME}", "lib_name.so"),
    (["ﬁle.py"], f"ﬁle.py: Python cannot import 'ﬁle': {NAME}", "file.py"),
    (["__init__.py"], "__init__.py: Python reserves the name __init__", "init.py"),
]  # fmt: skip
FOREIGN = [
    (["x.txt", "--emit", "python"], "shared,python writes no file that ends in .txt", ".so, .dylib, .dll, .py"),
    (["x.py", "--emit", "header"], "header writes no file that ends in .py", ".h"),
    (["x.o"], "shared,header,python writes no file that ends in .o", ".so, .dylib, .dll, .h, .py"),
    (["x.v2", "--emit", "llvm,asm"], "llvm,asm writes no file that ends in .v2", ".ll, .s"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "problem", "free"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_names_that_cannot_be_imported_or_would_hide_a_module_are_refused(
    run: Any, tmp_path: Path, arguments: list[str], problem: str, free: str
) -> None:
    assert run("-o", *arguments) == (2, f"error: {problem}; choose another name with -o, such as {free}\n")
    assert not list(tmp_path.iterdir())
    assert not shutil.which("cc") or run("-o", free, *arguments[1:]) == (0, "")


@pytest.mark.parametrize(("arguments", "problem", "endings"), FOREIGN, ids=[" ".join(row[0]) for row in FOREIGN])
def test_foreign_endings_are_refused(
    run: Any, tmp_path: Path, arguments: list[str], problem: str, endings: str
) -> None:
    message = f"error: {arguments[0]}: --emit {problem}; valid endings of -o are {endings} and none\n"
    assert run("-o", *arguments) == (2, message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("other", ["model.so", "model.abi3.so", f"model{EXTENSION_SUFFIXES[0]}", "model/__init__.py"])
def test_a_module_that_python_would_not_reach_is_refused(run: Any, tmp_path: Path, other: str) -> None:
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).write_text("")
    problem = f"model.py: Python would import {other} instead; choose another name with -o, such as model_model.py"
    assert run("-o", "model.py") == (2, f"error: {problem}\n")


def test_a_library_that_would_hide_a_module_beside_it_is_refused(run: Any, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("")
    problem = "model.so: Python would import it in place of model.py beside it"
    assert run("-o", "model.so") == (2, f"error: {problem}; choose another name with -o, such as libmodel.so\n")
