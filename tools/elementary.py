"""Check the language's elementary functions: ulps of a million inputs, all float32 numbers. ``azdsl bench --only function`` times them.

    python tools/elementary.py ulps [--inputs 1000000]   # the definition against mpmath: worst error of each function
    python tools/elementary.py float32                   # the compiled functions on all 2**32 float32 numbers

Needs the extra ``test``.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import elementary_inputs as known  # noqa: E402  # the path above must come first

from azdsl.bench.functions import compiled  # noqa: E402
from azdsl.codegen.emitter import F32  # noqa: E402
from azdsl.codegen.memory import aligned  # noqa: E402
from azdsl.ops import elementary  # noqa: E402

LANES = 8
BLOCK = 1 << 20
"""float32 numbers that are checked at once."""


def ulps(count: int) -> bool:
    """Print each function's worst error over ``count`` inputs; whether all are below 1 ulp."""
    good = True
    print(f"{'function':10} {'inputs':>9} {'worst ulp':>9}  at")
    for name in known.NAMES:
        x = known.inputs(np.random.default_rng(1), count).tolist()
        worst, place, used = 0.0, 0.0, 0
        for value in x:
            found = getattr(elementary, name)(value)
            if math.isfinite(value) and value != 0.0 and not math.isnan(found):
                error, used = known.ulps(name, value, found), used + 1
                if error > worst:
                    worst, place = error, value
        good &= worst < 1.0
        print(f"{name:10} {used:9,} {worst:9.4f}  {place!r}", flush=True)
    return good


def float32() -> bool:
    """Compare the compiled functions with NumPy's float64 ones, rounded, on every float32; print what differs by an ulp or more."""
    functions, good = compiled(LANES, F32), True
    numpy_functions = {name: getattr(np, name) for name in known.NAMES}
    x, y = aligned(BLOCK, np.float32), aligned(BLOCK, np.float32)
    print(f"{'function':10} {'other than NumPy rounded':>24} {'worst ulp of these':>18}")
    for name in known.NAMES:
        different, worst = 0, 0.0
        for start in range(0, 1 << 32, BLOCK):
            x.view(np.uint32)[:] = np.arange(start, start + BLOCK, dtype=np.uint64).astype(np.uint32)
            functions[name](x.ctypes.data, y.ctypes.data, BLOCK // LANES)
            with np.errstate(all="ignore"):
                other = numpy_functions[name](x.astype(np.float64)).astype(np.float32)
            for at in np.flatnonzero((y != other) & ~(np.isnan(y) & np.isnan(other))).tolist():
                different += 1
                worst = max(worst, _ulps32(name, float(x[at]), float(y[at])))
        good &= worst < 1.0
        print(f"{name:10} {different:24,} {worst:18.4f}", flush=True)
    return good


def _ulps32(name: str, x: float, y: float) -> float:
    """How far a float32 result is from the true value, in units of its last place as a float32."""
    with known.mpmath.workprec(known.WIDE_BITS):
        true = known.TRUE[name](known.mpmath.mpf(x))
        return float(abs(known.mpmath.mpf(y) - true)) / float(np.spacing(np.float32(abs(float(true)))))


def main() -> int:
    """Run one check; returns 1 when a function is off by an ulp or more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=("ulps", "float32"))
    parser.add_argument("--inputs", type=int, default=1_000_000, help="inputs of each function for ulps")
    arguments = parser.parse_args()
    if arguments.check == "ulps":
        return 0 if ulps(arguments.inputs) else 1
    return 0 if float32() else 1


if __name__ == "__main__":
    sys.exit(main())
