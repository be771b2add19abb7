"""Run every check of the project: lint, types, import rules, generated documents, tests. Stops at the first failure.

Needs only the standard library and the packages of the extra ``test``; arguments go to pytest.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

CHECKS = {
    "lint": [sys.executable, "-m", "ruff", "check", "--quiet", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "--quiet", "."],
    "types": [sys.executable, "-m", "mypy"],
    "imports": [str(BIN / "lint-imports"), "--no-cache"],
    "op document": [sys.executable, "tools/ops_doc.py", "--check"],
    "layer document": [sys.executable, "tools/layers_doc.py", "--check"],
    "editor grammar": [sys.executable, "tools/textmate.py", "--check"],
    "tests": [sys.executable, "-m", "pytest", "-q", "-n", "auto"],
}


def main(arguments: list[str]) -> int:
    """Run the checks in order; returns the first exit status that is not 0."""
    for at, (name, command) in enumerate(CHECKS.items()):
        print(f"== {name}: {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)
        start = time.perf_counter()
        more = arguments if name == "tests" else []
        status = subprocess.run([*command, *more], cwd=ROOT, check=False).returncode
        if status:
            left = list(CHECKS)[at + 1 :]
            print(f"== {name} failed (exit status {status})" + (f"; not run: {', '.join(left)}" if left else ""))
            return status
        if name != "tests":
            print(f"== {name}: passed in {time.perf_counter() - start:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
