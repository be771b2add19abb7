"""Files that are no programs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from azdsl.diagnostics import SyntaxError as AzSyntaxError
from azdsl.errors import AzdslError, MissingFile
from azdsl.syntax import MAX_FILE_BYTES, load, load_experiment, parse


def _message(path: Path | str) -> str:
    with pytest.raises(AzSyntaxError) as caught:
        load(path)
    return str(caught.value)


def test_files_that_are_no_programs(tmp_path: Path) -> None:
    path = tmp_path / "a.az"
    with pytest.raises(FileNotFoundError, match=r"a\.az: no such file") as missing:
        load(path)
    assert isinstance(missing.value, AzdslError) and missing.value.filename == str(path)
    copy = pickle.loads(pickle.dumps(missing.value))
    assert type(copy) is MissingFile and str(copy) == str(missing.value) == f"{path}: no such file"
    assert _message(tmp_path) == f"{tmp_path}: error: cannot read the file: Is a directory"
    assert "cannot read the file" in _message("a\0b")
    path.write_bytes(b"def Setup():\0")
    assert _message(path) == f"{path}: error: this is a binary file, not a text file"
    path.write_bytes(b"def Setup():\n  s2 = \xff")
    assert _message(path) == f"{path}: error: this is not UTF-8 text: byte 0xff in line 2; save it as UTF-8"
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    assert _message(path) == f"{path}: error: the file is too large: at most 1,000,000 bytes are read"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.az"
    path.write_text("")
    path.chmod(0)
    assert "Permission denied" in _message(path)


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.az"
    path.write_text("def Setup():\n  s2 = 1 +\n")
    assert _message(path).startswith(f"{path}:2:")


def test_byte_order_mark_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.az"
    path.write_bytes(b"\xef\xbb\xbfsearch(seed=3)\r\ndef Setup():\r\n\ts2 = 1\r\n")
    assert load_experiment(path).search.seed == 3
    assert load(path) == parse("def Setup():\n  s2 = 1")


def test_an_error_survives_a_process_border() -> None:
    with pytest.raises(AzSyntaxError) as caught:
        parse("def Setup():\n  s2 = 1 +\n")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.diagnostics == caught.value.diagnostics
