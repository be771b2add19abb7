"""The keys of compiled code change with every source that it follows from, and with no other."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from azdsl.codegen import numba_jit, target
from azdsl.codegen.sources import Sources, sources_digest

PACKAGE = Path(__file__).parents[2] / "azdsl"
OBJECTS, NUMBA, WORKER = "azdsl.codegen.backends", "azdsl.search.kernel", "azdsl.cluster.remote"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy") / "azdsl"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def module_name(file: Path, package: Path) -> str:
    return ".".join(file.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def test_a_change_in_any_imported_file_changes_the_digest_and_in_no_other(copy: Path) -> None:
    def digests() -> dict[str, str]:
        sources = Sources(copy)
        return {root: sources.digest(root) for root in (OBJECTS, NUMBA, WORKER)}

    before = digests()
    assert before == {root: sources_digest(root) for root in before}
    changed: dict[str, list[str]] = {root: [] for root in before}
    for file in sorted(copy.rglob("*.py")):
        source = file.read_bytes()
        file.write_bytes(source + b"#")
        for root, digest in digests().items():
            if digest != before[root]:
                changed[root].append(module_name(file, copy))
        file.write_bytes(source)
    for root, names in changed.items():
        assert sorted(names) == Sources(copy).modules(root)
        assert 30 < len(names) < len(list(copy.rglob("*.py")))


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (OBJECTS, {"azdsl.codegen.autoselect.calibration", "azdsl.codegen.lowering", "azdsl.ops.elementwise"}),
        (NUMBA, {"azdsl.config.search", "azdsl.codegen.execute", "azdsl.search.kernel.engines", "azdsl.ir.packing"}),
        (WORKER, {"azdsl.config.search", "azdsl.syntax.parser", "azdsl.search.islands.workers", "azdsl.cluster.wire"}),
    ],
)
def test_what_is_imported(root: str, expected: set[str]) -> None:
    found = set(Sources(PACKAGE).modules(root))
    assert expected <= found, "MUTATIONS, of which compiled code holds indices, is in config.search"
    assert not {name for name in found if name.startswith(("azdsl.cli", "azdsl.reporting", "azdsl.bench"))}


def test_sources_outside_packages_that_are_imported_hold_no_data() -> None:
    """A file of another kind would change what code does and not the digest."""
    for root in (OBJECTS, NUMBA, WORKER):
        folders = {PACKAGE.parent.joinpath(*name.split(".")) for name in Sources(PACKAGE).modules(root)}
        inside = [file for folder in folders if folder != PACKAGE and folder.is_dir() for file in folder.iterdir()]
        others = {file.name for file in inside if file.is_file() and file.suffix != ".py"}
        assert others <= {"azdsl.lark"}, "which a worker's fingerprint has an entry of its own for"


def imports(tree: ast.AST, module: str) -> Iterator[str]:
    """What a module's tree imports when it runs, but not what is imported for types only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level and node.module, f"{module} has a relative import, which digests do not follow"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node, module)


def test_every_import_that_the_compiler_sees_is_found() -> None:
    sources = Sources(PACKAGE)
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        parsed = {name for name in imports(ast.parse(text), str(file)) if name.partition(".")[0] == "azdsl"}
        assert set(sources.imports(text)) >= parsed, "more only where a string holds an import"


def test_forms_of_import(tmp_path: Path) -> None:
    package = tmp_path / "azdsl"
    (package / "part").mkdir(parents=True)
    files = {
        "__init__": "",
        "a": "from azdsl import (\n    b,  # why\n    c as d,\n)\n",
        "b": "from __future__ import annotations\n\nif TYPE_CHECKING:\n    from azdsl import unused\n\nimport azdsl.e\n",
        "c": "def f():\n    from azdsl.part import g\n    from azdsl.part.h import value\n",
        "e": "import os\nfrom azdsl.absent import x\n",
        "unused": "",
        "part/__init__": "import azdsl.i",
        "part/g": "",
        "part/h": "value = 1\n",
        "i": "",
    }
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    names = ["", ".a", ".b", ".c", ".e", ".i", ".part", ".part.g", ".part.h"]
    assert Sources(package).modules("azdsl.a") == [f"azdsl{name}" for name in names]
    assert Sources(package).modules("azdsl.part") == ["azdsl", "azdsl.i", "azdsl.part", "azdsl.part.g", "azdsl.part.h"]
    with pytest.raises(ValueError, match=r"there is no module azdsl\.none"):
        Sources(package).digest("azdsl.none")


def test_keys_of_compiled_code_hold_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZDSL_CACHE", str(tmp_path))
    numba_jit.cache_directory.cache_clear()
    try:
        assert numba_jit.cache_directory().name == f"search-{sources_digest(NUMBA)}"
    finally:
        numba_jit.cache_directory.cache_clear()
    for digest in ("one", "other", "one"):
        monkeypatch.setattr(target, "sources_digest", lambda *_, digest=digest: digest)
        target.cached_object("key", lambda: b"code")
    assert len(list((tmp_path / "objects").iterdir())) == 2
