"""Run a command and say the most memory that it held: python tools/peak_memory.py azdsl score best.az."""

from __future__ import annotations

import resource
import subprocess
import sys


def main(command: list[str]) -> int:
    """Run ``command``; its exit status. The figure goes to standard error; mapped files count while they are in memory."""
    status = subprocess.run(command, check=False).returncode
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    print(f"peak memory {peak / 1e6:,.0f} MB", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
