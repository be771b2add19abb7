"""Run a command and say the most memory that it held, on standard error.

Example: python tools/peak_memory.py azdsl score best.az
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys


def main() -> int:
    """Run the command; its exit status. Mapped files count while they are in memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command with its arguments")
    command = parser.parse_args().command
    if not command:
        parser.error("name a command to run")
    try:
        status = subprocess.run(command, check=False).returncode
    except OSError as error:
        parser.error(f"{command[0]} cannot be run: {error.strerror}")
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    print(f"peak memory {peak / 1e6:,.0f} MB", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
