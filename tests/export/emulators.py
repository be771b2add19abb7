"""Models compiled for another processor and run by an emulator."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from model_cases import Case, specs_of

from azdsl.codegen.aot.cross_targets import CROSS_TARGETS
from azdsl.codegen.aot.models import compile_models

EMULATORS = {
    "aarch64-linux": ("qemu-aarch64", "aarch64-linux-none", "x", "x8", "svc #0"),
    "riscv64-linux": ("qemu-riscv64", "riscv64-linux-none", "a", "a7", "ecall"),
}
"""Of each target: its emulator, zig's name of it, and how it calls Linux: the registers of arguments and of the number, the instruction."""

# Without a C library: zig would build one first, which takes a minute of processor time.
MAIN = """
typedef unsigned long u64;
static u64 ask(u64 call, u64 a, u64 b, u64 c) {
  register u64 number __asm__("@NUMBER") = call, first __asm__("@REGISTER0") = a;
  register u64 second __asm__("@REGISTER1") = b, third __asm__("@REGISTER2") = c;
  __asm__ volatile("@INSTRUCTION" : "+r"(first) : "r"(number), "r"(second), "r"(third) : "memory");
  return first;
}
static void leave(u64 status) { for (;;) ask(93, status, 0, 0); }
static void get(void *to, u64 bytes) {
  for (u64 done = 0, some; done < bytes; done += some)
    if ((some = ask(63, 0, (u64)to + done, bytes - done)) - 1 >= bytes) leave(9);
}
static void put(const void *from, u64 bytes) {
  for (u64 done = 0, some; done < bytes; done += some)
    if ((some = ask(64, 1, (u64)from + done, bytes - done)) - 1 >= bytes) leave(8);
}
void *memset(void *to, int value, u64 bytes) {
  for (volatile char *at = to; bytes; bytes--) *at++ = (char)value;
  return to;
}
void *memcpy(void *to, const void *from, u64 bytes) {
  const char *source = from;
  for (volatile char *at = to; bytes; bytes--) *at++ = *source++;
  return to;
}
static _Alignas(64) char memory[1 << 24];
static char *unused;
static void *take(u64 bytes) {
  void *here = unused;
  unused += (bytes + 63) / 64 * 64;
  if (unused > memory + sizeof memory) leave(7);
  return here;
}
void *malloc(u64 bytes) { return take(bytes); }
void free(void *memory) {}
static double *numbers(u64 count) {
  double *found = take(count * 8);
  get(found, count * 8);
  return found;
}
static void one(u64 size, int (*init)(void *), int (*fit)(void *, const double *, const double *, u64),
                int (*predict)(void *, const double *, u64, double *), u64 features, u64 outputs) {
  u64 shape[2];
  unused = memory;
  get(shape, 16);
  u64 n = shape[0], m = shape[1];
  double *X = numbers(n * features), *y = numbers(n), *V = numbers(m * features), *out = take(m * outputs * 8);
  void *model = take(size);
  init(model);
  double code = fit(model, X, y, n);
  predict(model, V, m, out);
  put(&code, 8);
  put(out, m * outputs * 8);
}
@DECLARED
void _start(void) {
@CALLS
  leave(0);
}
"""
DECLARED = """u64 {0}size(void); int {0}init(void *); int {0}fit(void *, const double *, const double *, u64);
int {0}predict(void *, const double *, u64, double *);"""


def missing(target: str) -> str | None:
    """What this machine needs to run models for a target; None if it has everything."""
    emulator = EMULATORS[target][0]
    if not shutil.which(emulator):
        return f"needs {emulator}, as in Debian's package qemu-user"
    return None if find_spec("ziglang") else "needs the extra zig, which links for other machines"


def run(folder: Path, target: str, made: Sequence[Case]) -> tuple[list[int], list[np.ndarray]]:
    """Whether the training of each case stopped, and its predictions. ``folder`` is empty."""
    emulator, triple, argument, number, instruction = EMULATORS[target]
    specs = specs_of(made)
    (folder / "code.o").write_bytes(compile_models(specs, "0", CROSS_TARGETS[target]).object_code())
    declared = "\n".join(DECLARED.format(spec.prefix) for spec in specs)
    calls = "\n".join(
        f"  one({s.prefix}size(), {s.prefix}init, {s.prefix}fit, {s.prefix}predict, {s.features}, {s.outputs});"
        for s in specs
    )
    source = MAIN.replace("@NUMBER", number).replace("@REGISTER", argument).replace("@INSTRUCTION", instruction)
    (folder / "main.c").write_text(source.replace("@DECLARED", declared).replace("@CALLS", calls))
    compiler = [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-target",
        triple,
        "-static",
        "-O1",
        "-nostdlib",
        "-ffreestanding",
    ]
    compiler += ["-fno-builtin", "-fno-stack-protector", "-fno-sanitize=all"]
    subprocess.run([*compiler, "-o", "main", "main.c", "code.o"], cwd=folder, check=True, capture_output=True)
    given = b"".join(
        struct.pack("<2Q", len(case.X), len(case.rows)) + b"".join(a.astype("<f8").tobytes() for a in case[2:])
        for case in made
    )
    done = subprocess.run([emulator, "./main"], cwd=folder, input=given, capture_output=True, check=True)
    numbers, at = np.frombuffer(done.stdout, "<f8"), 0
    codes, out = [], []
    for spec, case in zip(specs, made, strict=True):
        count = 1 + len(case.rows) * spec.outputs
        codes.append(int(numbers[at]))
        out.append(numbers[at + 1 : at + count])
        at += count
    return codes, out
