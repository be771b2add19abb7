"""Inputs that the fuzzer found worth keeping: each is read or refused with the documented error."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz_readers import READERS, kept, packed


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
