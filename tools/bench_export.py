"""Figures of compiled models against hand-written C and NumPy: ``python tools/bench_export.py``."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import azdsl
from azdsl.export import bundle
from azdsl.export.model import make_spec
from azdsl.export.numpy import numpy_source

ROWS = 20_000
REPEATS = 15
FEATURES = {"linear": 16, "network": 16}

PROGRAMS = {
    "linear": """def Setup():
  s2 = 0.01
def Predict():
  s1 = dot(v0, v1)
def Learn():
  s3 = s0 - s1
  s4 = s3 * s2
  v2 = s4 * v0
  v1 = v1 + v2
""",
    "network": """def Setup():
  s3 = 0.01
  m1 = gaussian(0, 0.1)
  v4 = gaussian(0, 0.1)
  v5 = bcast(s9)
def Predict():
  v6 = dot(m1, v0)
  v7 = maximum(v5, v6)
  s1 = dot(v7, v4)
def Learn():
  v3 = heaviside(v6, 1.0)
  s1 = s0 - s1
  s2 = s1 * s3
  v2 = s2 * v7
  v8 = v3 * v4
  v8 = s2 * v8
  m0 = outer(v8, v0)
  m1 = m1 + m0
  v4 = v4 + v2
""",
}

C_SOURCE = r"""
#include <math.h>
#include <stddef.h>
#define F 16
void empty(void *a, const void *b, void *c) { (void)a; (void)b; (void)c; }
typedef struct { double rate, w[F]; } linear;
static double linear_one(const linear *restrict m, const double *restrict x) {
  double s = x[0] * m->w[0];
  for (int i = 1; i < F; i++) s += x[i] * m->w[i];
  return s;
}
void linear_predict(linear *restrict m, const double *restrict X, size_t n, double *restrict out) {
  for (size_t k = 0; k < n; k++) out[k] = linear_one(m, X + k * F);
}
int linear_train(linear *restrict m, const double *restrict X, const double *restrict y, size_t n) {
  for (size_t k = 0; k < n; k++) {
    const double *x = X + k * F;
    double e = y[k] - linear_one(m, x);
    if (!(fabs(e) <= 100.0)) return 1;
    double step = e * m->rate;
    for (int i = 0; i < F; i++) m->w[i] = m->w[i] + step * x[i];
  }
  return 0;
}
typedef struct { double rate, v[F], m[F][F]; } network;
static double network_one(const network *restrict m, const double *restrict x, double *restrict h, double *restrict r) {
  for (int i = 0; i < F; i++) {
    double s = m->m[i][0] * x[0];
    for (int j = 1; j < F; j++) s += m->m[i][j] * x[j];
    h[i] = s;
    r[i] = 0.0 < s ? s : 0.0;
  }
  double s = r[0] * m->v[0];
  for (int i = 1; i < F; i++) s += r[i] * m->v[i];
  return s;
}
void network_predict(network *restrict m, const double *restrict X, size_t n, double *restrict out) {
  double h[F], r[F];
  for (size_t k = 0; k < n; k++) out[k] = network_one(m, X + k * F, h, r);
}
int network_train(network *restrict m, const double *restrict X, const double *restrict y, size_t n) {
  double h[F], r[F];
  for (size_t k = 0; k < n; k++) {
    const double *x = X + k * F;
    double e = y[k] - network_one(m, x, h, r);
    if (!(fabs(e) <= 100.0)) return 1;
    double s = e * m->rate;
    double d[F];
    for (int i = 0; i < F; i++) d[i] = s * ((h[i] > 0.0 ? 1.0 : 0.0) * m->v[i]);
    for (int i = 0; i < F; i++) for (int j = 0; j < F; j++) m->m[i][j] = m->m[i][j] + d[i] * x[j];
    for (int i = 0; i < F; i++) m->v[i] = m->v[i] + s * r[i];
  }
  return 0;
}
"""


def best(*works: Callable[[], Any], repeats: int = REPEATS) -> list[float]:
    """Shortest time of each, run in turn so that a busy machine slows them alike."""
    times = [float("inf")] * len(works)
    for _ in range(repeats):
        for at, work in enumerate(works):
            start = time.perf_counter()
            work()
            times[at] = min(times[at], time.perf_counter() - start)
    return times


def bench(name: str, folder: Path, hand: ctypes.CDLL) -> None:
    F = FEATURES[name]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, F))
    y = X @ rng.normal(size=F) * 0.3
    start = time.perf_counter()
    spec = make_spec(azdsl.parse(PROGRAMS[name]), F, prefix=f"az_{name}_")
    bundle.write([spec], folder / f"{name}.so", ("shared", "python"), "native")
    compiling = time.perf_counter() - start
    sys.path.insert(0, str(folder))
    model = __import__(f"{name}_model").Model().fit(X[:500], y[:500])
    library = ctypes.CDLL(str(folder / f"{name}.so"))
    p, n = ctypes.c_void_p, ctypes.c_size_t
    own = {kind: library[f"az_{name}_{kind}"] for kind in ("predict", "partial_fit", "setup")}
    own["predict"].argtypes, own["partial_fit"].argtypes = (p, p, n, p), (p, p, p, n)
    other = {kind: hand[f"{name}_{kind}"] for kind in ("predict", "train")}
    other["predict"].argtypes, other["train"].argtypes = (p, p, n, p), (p, p, p, n)
    learned = model.memory
    order = ("v1",) if name == "linear" else ("v4", "m1")
    state = np.concatenate([[0.01], *(np.ravel(learned[register]) for register in order)])
    mine, theirs = np.empty(ROWS), np.empty(ROWS)
    a, b = best(
        lambda: own["predict"](model._model, X.ctypes.data, ROWS, mine.ctypes.data),
        lambda: other["predict"](state.ctypes.data, X.ctypes.data, ROWS, theirs.ctypes.data),
    )
    assert np.array_equal(mine, theirs), "hand-written C gives other bits"
    (wrapped,) = best(lambda: model.predict(X))
    exported: dict[str, Any] = {}
    exec(numpy_source(azdsl.parse(PROGRAMS[name])), exported)
    pure = exported["Model"]().fit(X[:500], y[:500])
    (slow,) = best(lambda: pure.predict(X[: ROWS // 10]), repeats=3)
    slow *= 10
    per = 1e9 / ROWS
    print(f"{name}, F={F}, {ROWS} rows; compiled and linked in {compiling:.2f} s")
    ratio = f"C {b * per:8.1f}   ratio {a / b:5.2f}"
    others = f"wrapper {wrapped * per:8.1f}   exported NumPy {slow * per:8.0f} ({slow / wrapped:.0f}x)"
    print(f"  predict   {a * per:8.1f} ns/row   {ratio}   {others}")
    a, b = best(
        lambda: own["partial_fit"](model._model, X.ctypes.data, y.ctypes.data, ROWS),
        lambda: other["train"](state.ctypes.data, X.ctypes.data, y.ctypes.data, ROWS),
    )
    print(f"  train     {a * per:8.1f} ns/row   C {b * per:8.1f}   ratio {a / b:5.2f}")
    row = X[0].tolist()
    calls = 20_000
    out, x = (ctypes.c_double * 1)(), (ctypes.c_double * F)(*row)
    hand.empty.argtypes = (p, p, p)
    empty, at, x_at, out_at = hand.empty, model._model, ctypes.addressof(x), ctypes.addressof(out)

    def loop(call: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(calls):
                call()

        return run

    a, b = best(loop(lambda: model.predict_one(row)), loop(lambda: empty(at, x_at, out_at)), repeats=7)
    ours, none = a / calls * 1e9, b / calls * 1e9
    print(f"  one row   {ours:8.0f} ns   empty ctypes call {none:.0f}   beyond it {(ours - none) / 1e3:.2f} µs")


def main() -> int:
    """Print all figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "hand.c").write_text(C_SOURCE)
        options = ["-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]
        subprocess.run(["cc", *options, "-o", str(folder / "hand.so"), str(folder / "hand.c"), "-lm"], check=True)
        hand = ctypes.CDLL(str(folder / "hand.so"))
        for program in PROGRAMS:
            bench(program, folder, hand)
    return 0


if __name__ == "__main__":
    sys.exit(main())
