"""In a notebook a search is one output that is updated, without control characters."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from search_runs import small

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # those of Jupyter's own packages

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_one_output(tmp_path, monkeypatch):
    (tmp_path / "seed.az").write_text(str(small()))
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    source = f"import azdsl\nresult = azdsl.evolve({str(tmp_path / 'seed.az')!r}, workers=1)\nprint(result.evaluations)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown, printed = notebook.cells[0].outputs
    text = shown["data"]["text/html"]
    assert shown.output_type == "display_data" and text.count("candidates") >= 1 and "selection" in text
    assert "\x1b" not in text and printed.text == "3000\n"
