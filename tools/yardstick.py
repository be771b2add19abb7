"""Compile and run the yardsticks, C programs that do the engine's work: ``python tools/yardstick.py``.

Prints the best of ``--rounds`` runs of each yardstick. Needs a C compiler.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from azdsl.bench.yardstick import SOURCES, Unavailable, compiled


def main() -> int:
    """Print all figures; returns the exit status."""
    parser = argparse.ArgumentParser(description="Compile and run the yardsticks.")
    parser.add_argument("--rounds", type=int, default=5, help="runs of which the best counts [5]")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    try:
        with compiled() as yardsticks:
            readings = {name: [yardsticks.read(name) for _ in range(options.rounds)] for name in SOURCES}
    except Unavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    figures = {}
    for name, taken in readings.items():
        better = max if SOURCES[name].unit.endswith("/s") else min
        best = better(taken, key=lambda reading: reading.value)
        figures[name] = {"value": best.value, "unit": SOURCES[name].unit, "process_cpu_seconds": best.cpu}
    if options.json:
        print(json.dumps(figures))
        return 0
    for name, figure in figures.items():
        print(
            f"{name:12} {figure['value']:>12,.2f} {figure['unit']:12} ({figure['process_cpu_seconds']:.2f} s of CPU for the whole run)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
