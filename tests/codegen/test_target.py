"""Compiled code on disk: kept, checked, bounded; and code for other processors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from llvmlite import binding as llvm
from llvmlite import ir

from azdsl.codegen import jit, target
from azdsl.codegen.protocol import Specialization
from azdsl.ir import RMSE, Address, Instruction, Program
from azdsl.ops import BY_NAME, Kind

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("AZDSL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "objects"


def made(calls, content=b"code" * 100):
    """A maker of content that counts its calls."""

    def make():
        calls.append(1)
        return content

    return make


def test_made_once(store):
    calls, told = [], []
    for _ in range(3):
        assert target.cached_object("key", made(calls), lambda: told.append(1)) == b"code" * 100
    assert (len(calls), len(told)) == (1, 1)
    assert target.cached_object("other", made(calls, b"2")) == b"2"


@pytest.mark.parametrize("damage", ["empty", "short", "torn", "flipped", "garbage", "other schema"])
def test_damaged_files_are_made_again(store, damage):
    calls = []
    target.cached_object("key", made(calls))
    (path,) = store.iterdir()
    data = path.read_bytes()
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    new = {
        "empty": b"",
        "short": data[:5],
        "torn": data[: len(data) // 2],
        "flipped": flipped,
        "garbage": os.urandom(len(data)),
        "other schema": data.replace(b"object 2", b"object 0"),
    }[damage]
    path.write_bytes(new)
    assert target.cached_object("key", made(calls)) == b"code" * 100
    assert len(calls) == 2
    assert path.read_bytes() == data


@pytest.mark.parametrize("obstacle", ["a file", "under a file", "a directory in the way"])
def test_a_cache_that_cannot_be_written_is_none(tmp_path, monkeypatch, obstacle):
    """Permissions would not stop root, so something stands where the directory or the file should be."""
    (tmp_path / "cache").write_text("")
    place = {
        "a file": tmp_path / "cache",
        "under a file": tmp_path / "cache" / "deep",
        "a directory in the way": tmp_path / "other",
    }
    monkeypatch.setenv("AZDSL_CACHE", str(place[obstacle]))
    calls = []
    if obstacle == "a directory in the way":
        target.cached_object("key", made(calls))
        (path,) = (tmp_path / "other" / "objects").iterdir()
        path.unlink()
        path.mkdir()
    for _ in range(2):
        assert target.cached_object("key", made(calls)) == b"code" * 100
    assert len(calls) >= 2
    assert not [p for p in tmp_path.rglob("*.o?*")], "a file was left over"


def test_bounded(store, monkeypatch):
    monkeypatch.setattr(target, "LIMIT_BYTES", 10_000)
    for number in range(30):
        target.cached_object(f"key {number}", made([], bytes(1000)))
        for at, path in enumerate(sorted(store.iterdir(), key=lambda p: p.stat().st_mtime_ns)):
            os.utime(path, (at, at))  # the clock may be too coarse to tell the order
        calls: list[int] = []
        target.cached_object("key 0", made(calls, bytes(1000)))
        assert not calls, "what is used stays"
        assert sum(path.stat().st_size for path in store.iterdir()) <= 10_000
    target.cached_object("key 1", made(calls, bytes(1000)))
    assert calls, "what is not used goes"


def test_many_processes_at_once(store):
    """All find or make the same content, and nothing but whole files is left."""
    script = """if True:
        import hashlib, os
        from azdsl.cachedir import cache_root
        from azdsl.codegen.target import cached_object
        for i in range(40):
            content = hashlib.sha512(str(i % 5).encode()).digest() * 2000
            assert cached_object(f"key {i % 5}", lambda: content) == content
            if i % 7 == 0:  # a disk that was full
                os.truncate(next((cache_root() / "objects").glob("*.o")), 99)
    """
    children = [
        subprocess.Popen([sys.executable, "-c", script], env=environment(), cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors
    assert all(path.suffix == ".o" for path in store.iterdir())


def environment(**more):
    """The environment of a child process."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), **more}


FITNESS = """
import hashlib, sys
import numpy as np
from strategies import random_program, random_tasks
from azdsl import codegen
from azdsl.codegen.target import host
digest = hashlib.sha256()
for seed in (1, 2):
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, features=(4, 9)[seed - 1], tasks=10, max_examples=8, metric="rmse")
    programs = [random_program(rng) for _ in range(12)]
    digest.update(codegen.evaluate(programs, tasks, backend="vm", seed=3).tobytes())
    digest.update(codegen.evaluate(programs[:4], tasks, backend="jit", seed=3, precision=32).tobytes())
print(host().cpu, host().vector_bytes, digest.hexdigest())
"""


def fitness_on(cpu):
    """The processor that code was made for, its vectors' width, and a digest of the fitness of random programs."""
    done = subprocess.run(
        [sys.executable, "-c", FITNESS],
        env=environment(AZDSL_CPU=cpu),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(not target.this_machine().triple.startswith("x86_64"), reason="the levels are those of x86-64")
def test_the_least_processor_gives_the_same_fitness():
    assert fitness_on("x86-64")[:2] == ["x86-64", "16"]
    assert fitness_on("x86-64")[2] == fitness_on("native")[2]


def test_unknown_processor():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from azdsl.cli import main; import sys; sys.exit(main(['score', 'examples/linear.az']))",
        ],
        env=environment(AZDSL_CPU="z80"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: AZDSL_CPU is 'z80'; known are native")


def test_code_for_aarch64():
    """The generated IR has nothing of this processor in it."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple = "aarch64-unknown-linux-gnu"
    try:
        llvm.Target.from_triple(triple)
    except RuntimeError as error:
        pytest.skip(f"this LLVM makes no code for {triple}: {error}")
    step = Instruction(BY_NAME["vector_gaussian"], (), Address(Kind.VECTOR, 1), (0.0, 1.0))
    predict = Instruction(BY_NAME["dot"], (Address(Kind.VECTOR, 0), Address(Kind.VECTOR, 1)), Address(Kind.SCALAR, 1))
    for lanes in (1, 2):
        module = ir.Module("program")
        jit.emit(module, "evaluate", Specialization(4, lanes, RMSE), Program((), (predict,), (step,)))
        parsed, generator = target.optimize(module, 2, target.Host(triple, "generic", ""))
        code = generator.emit_object(parsed)
        assert code[:4] == b"\x7fELF"
        assert int.from_bytes(code[18:20], "little") == 183  # EM_AARCH64


def test_code_of_other_sources_is_removed(tmp_path):
    from azdsl.codegen.numba_jit import KEPT_SECONDS, remove_unused

    current, recent, old = (f"search-{letter * 16}" for letter in "abc")
    names = (current, recent, old, "search-of-the-user", "objects")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    for name in set(names) - {recent}:
        os.utime(tmp_path / name, (1.0, 1.0))
    remove_unused(tmp_path, tmp_path / current)
    assert {path.name for path in tmp_path.iterdir()} == set(names) - {old}
    assert (tmp_path / current).stat().st_mtime > KEPT_SECONDS, "the current one counts as used now"


def test_one_variable_moves_everything(tmp_path):
    script = "from azdsl import cachedir\nfrom azdsl.codegen import numba_jit\nprint(numba_jit.cache_directory().parent, cachedir.cache_root())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(AZDSL_CACHE=str(tmp_path), NUMBA_CACHE_DIR="/nonexistent"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(tmp_path)] * 2
