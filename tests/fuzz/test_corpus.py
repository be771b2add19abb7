"""The kept inputs of the fuzzer: each is read or raises the documented error."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from fuzz_readers import READERS, ROOT, kept, packed


@pytest.mark.parametrize("name", READERS)
def test_kept_inputs(name: str, tmp_path: Path) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    read = READERS[name].make(tmp_path)
    inputs = [*kept(name).values(), *READERS[name].seeds()]
    for content in inputs:
        read(content)


def test_arrays_are_packed_so_that_they_reach_the_reader() -> None:
    import io

    import numpy as np

    whole = next(iter(READERS["npz"].seeds()))
    with np.load(io.BytesIO(packed(whole))) as stored:
        assert [stored[name].shape for name in stored.files] == [(12,)] * 3


def test_the_fuzzer_instruments_no_module_with_functions_for_numba() -> None:
    spec = importlib.util.spec_from_file_location("fuzz_tool", ROOT / "tools" / "fuzz.py")
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    left_out = tool.compiled_modules()
    assert "azdsl.search.kernel.loop" in left_out and "azdsl.search.rundir.checkpoint" not in left_out
    assert "azdsl.ir.packing" in left_out  # it imports no numba, but the search compiles its functions
    assert all(importlib.util.find_spec(name) for name in left_out)
    for path in (ROOT / "azdsl").rglob("*.py"):
        if re.search(r"^\s*(from|import) .*numba", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert ".".join(path.relative_to(ROOT).with_suffix("").parts) in left_out
