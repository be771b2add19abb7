"""Models compiled for another processor, run by an emulator, give the interpreter's bits."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from azdsl.codegen.aot.cross_targets import CROSS_TARGETS
from azdsl.codegen.aot.models import compile_models

sys.path.insert(0, str(Path(__file__).parent))
from model_cases import cases, check, specs_of

EMULATORS = {
    "aarch64-linux": ("qemu-aarch64", "aarch64-linux-musl"),
    "riscv64-linux": ("qemu-riscv64", "riscv64-linux-musl"),
}
"""The emulator of each target, and zig's name of the target."""

MAIN = """
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
%s
static uint64_t word(void) { uint64_t w; if (fread(&w, 8, 1, stdin) != 1) exit(9); return w; }
static double *numbers(uint64_t count) {
  double *found = malloc(count * 8 + 8);
  if (fread(found, 8, count, stdin) != count) exit(9);
  return found;
}
static void one(uint64_t size, int (*init)(void *), int (*fit)(void *, const double *, const double *, uint64_t),
                int (*predict)(void *, const double *, uint64_t, double *), uint64_t features, uint64_t outputs) {
  uint64_t n = word(), m = word();
  double *X = numbers(n * features), *y = numbers(n), *V = numbers(m * features), *out = malloc(m * outputs * 8);
  void *model = aligned_alloc(64, size);
  init(model);
  double code = fit(model, X, y, n);
  predict(model, V, m, out);
  fwrite(&code, 8, 1, stdout);
  fwrite(out, 8, m * outputs, stdout);
}
int main(void) {
%s
  return 0;
}
"""
DECLARED = """uint64_t {0}size(void); int {0}init(void *); int {0}fit(void *, const double *, const double *, uint64_t);
int {0}predict(void *, const double *, uint64_t, double *);"""


# zig builds a C library for each machine first, which takes a minute: one machine is enough for the ordinary checks
@pytest.mark.parametrize(
    "target",
    [pytest.param(name, marks=[] if name == "aarch64-linux" else pytest.mark.slow) for name in sorted(EMULATORS)],
)
def test_emulated_equals_the_interpreter(tmp_path: Path, target: str) -> None:
    emulator, triple = EMULATORS[target]
    if not shutil.which(emulator):
        pytest.skip(f"needs {emulator}, as in Debian's package qemu-user")
    if not find_spec("ziglang"):
        pytest.skip("needs the extra zig, which links for other machines")
    made = cases()
    specs = specs_of(made)
    (tmp_path / "code.o").write_bytes(compile_models(specs, "0", CROSS_TARGETS[target]).object_code())
    declared = "\n".join(DECLARED.format(spec.prefix) for spec in specs)
    calls = "\n".join(
        f"  one({s.prefix}size(), {s.prefix}init, {s.prefix}fit, {s.prefix}predict, {s.features}, {s.outputs});"
        for s in specs
    )
    (tmp_path / "main.c").write_text(MAIN % (declared, calls))
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", triple, "-static", "-O1"]
    subprocess.run([*compiler, "-o", "main", "main.c", "code.o"], cwd=tmp_path, check=True, capture_output=True)
    given = b"".join(
        struct.pack("<2Q", len(case.X), len(case.rows)) + b"".join(a.astype("<f8").tobytes() for a in case[2:])
        for case in made
    )
    done = subprocess.run([emulator, "./main"], cwd=tmp_path, input=given, capture_output=True, check=True)
    numbers, at = np.frombuffer(done.stdout, "<f8"), 0
    codes, out = [], []
    for spec, case in zip(specs, made, strict=True):
        count = 1 + len(case.rows) * spec.outputs
        codes.append(int(numbers[at]))
        out.append(numbers[at + 1 : at + count])
        at += count
    check(made, codes, out)
