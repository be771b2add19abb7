"""Some of the tries of ``tools/faults.py``: a disk that fails while a run writes, and while a run is resumed and reported on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from azdsl.export.library.errors import NoLinker
from azdsl.export.library.linker import linker

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform != "linux", reason="the faults are preloaded as on Linux")
def test_a_machine_that_fails_loses_nothing() -> None:
    try:
        linker()
    except NoLinker:
        pytest.skip("needs a C compiler")
    words = [sys.executable, "tools/faults.py", "disk", "reads", "--every", "99"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "| ENOSPC from then on, run |" in done.stdout and " tries in " in done.stdout
