"""The code of docs/tutorial-tables.md runs as it stands."""

from __future__ import annotations

import csv
import re
import shlex
import sys
from pathlib import Path

import pytest

from azdsl.cli import main

ROOT = Path(__file__).parent.parent


def test_the_houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs/tutorial-tables.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL)
    make, use = (code for kind, code in blocks if kind == "python")
    (shell,) = (code for kind, code in blocks if kind == "sh")
    seed = next(code for kind, code in blocks if code.startswith("task file"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    exec(make, {})
    Path("seed.az").write_text(seed)
    for line in shell.splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
    with open("out.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert all(abs(float(row["price_predicted"]) - float(row["price"])) < 120_000 for row in rows if row["area m2"])
    capsys.readouterr()
    exec(use, {})
    assert 150_000 < float(capsys.readouterr().out.strip("[]\n")) < 330_000
    del sys.modules["price"]
