"""Exports that take the columns of a table as they are predict what ``azdsl predict`` predicts."""

from __future__ import annotations

import csv
import json
import math
import shutil
import subprocess
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from learners import LINEAR, SOFTMAX

from azdsl.cli import main
from azdsl.export.library import wasm_module
from azdsl.export.library.c_rows import identifiers

COLUMNS = ["age in years", "sex", "bmi", "int", "clinic", "seen", "progression"]
CLINICS = ["Ä-Haus", 'the "old" one', "what??/", "north\\east"]


def write(name: str, rows: list[list[Any]]) -> None:
    with open(name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


@pytest.fixture
def patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """scikit-learn's diabetes with an invented text column, dates and gaps: all.csv, and 30 rows without the target."""
    datasets = pytest.importorskip("sklearn.datasets")
    monkeypatch.chdir(tmp_path)
    data = datasets.load_diabetes(scaled=False)
    rows: list[list[Any]] = []
    for at, (x, y) in enumerate(zip(data.data.tolist()[:200], data.target.tolist(), strict=False)):
        bmi = "" if at % 17 == 3 else x[2]
        clinic = "" if at % 23 == 5 else CLINICS[at % 4]
        rows.append([x[0], int(x[1]), bmi, x[3], clinic, f"20{10 + at % 15}-0{1 + at % 9}-11", y])
    write("all.csv", rows)
    write("new.csv", [*rows[:30], [50.0, 1, 25.5, 90.0, "elsewhere", "2024-02-29T12:30", 100.0]])
    Path("seed.az").write_text(
        'task file(data="all.csv", target_column=progression, dates=seen, categories=sex, missing=mean, epochs=3)\n'
        + LINEAR
    )
    return rows


def predicted(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """What ``azdsl predict`` says of new.csv."""
    assert main(["predict", "seed.az", "--train", "all.csv", "new.csv", "--only", *options]) == 0
    return capsys.readouterr().out.splitlines()[1:]


def new_rows() -> list[dict[str, str]]:
    with open("new.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def load(name: str) -> Any:
    spec = spec_from_file_location(name, f"{name}.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def c_row(row: dict[str, str]) -> str:
    """A row as an initializer of the header's struct."""
    days = {"2024-02-29T12:30": 19782 + 12.5 / 24}
    texts = []
    for name, value in list(row.items())[:-1]:
        if name in ("sex", "clinic"):
            plain = "".join(f"\\{byte:03o}" for byte in value.encode())
            texts.append(f'"{plain}"' if value else "NULL")
        elif name == "seen":
            from azdsl.tasks.row_encoding import days as number

            texts.append(repr(days.get(value, number(value))))
        else:
            texts.append(value or "NAN")
    return "{" + ", ".join(texts) + "}"


@pytest.mark.parametrize(("metric", "decode"), [("rmse", float), ("accuracy", str), ("multiclass", str)])
def test_c_python_and_numpy_predict_as_azdsl_predict(patients, capsys, metric, decode):
    options = ["--epochs", "3"]
    if metric != "rmse":
        limits = (140,) if metric == "accuracy" else (90, 180)
        levels = ["low", "high", "very high"]
        write("all.csv", [[*row[:-1], levels[sum(row[-1] > limit for limit in limits)]] for row in patients])
        options += ["--metric", metric]
    if metric == "multiclass":
        Path("seed.az").write_text(
            Path("seed.az").read_text().replace(LINEAR, SOFTMAX).replace("epochs", f"metric={metric}, epochs")
        )
    expected = [decode(value) for value in predicted(capsys, *options)]
    assert len(set(expected)) > 1
    compiled = [
        "compile",
        "seed.az",
        "--train",
        "all.csv",
        "-o",
        "m.so",
        "--emit",
        "shared,header,python,numpy",
        *options,
    ]
    assert main(compiled) == 0
    rows = new_rows()
    assert load("m_model").TableModel().predict(rows) == expected
    found = load("m_numpy").TableModel().predict(rows)
    assert found == (pytest.approx(expected, rel=1e-9) if metric == "rmse" else expected)

    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    lines = ",\n".join(map(c_row, rows))
    shown = 'printf("%.17g\\n", value)' if metric == "rmse" else 'printf("%s\\n", az_m_label(value))'
    Path("main.c").write_text(
        f'#include <math.h>\n#include <stdio.h>\n#include "m.h"\n\nint main(void) {{\n  az_m_row rows[] = {{{lines}}};\n'
        f"  for (int i = 0; i < {len(rows)}; i++) {{\n    double value;\n    int code = az_m_predict_row(&rows[i], &value);\n"
        f"    if (code) return code;\n    {shown};\n  }}\n"
        "  rows[0].age_in_years = INFINITY;\n  double value;\n"
        "  return az_m_predict_row(&rows[0], &value) == AZ_NOT_FINITE ? 0 : 9;\n}\n"
    )
    subprocess.run(
        ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-o", "main", "main.c", "./m.so"], check=True
    )
    printed = subprocess.run(["./main"], check=True, capture_output=True, text=True).stdout.splitlines()
    assert [decode(line) for line in printed] == expected


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
@pytest.mark.skipif(not (shutil.which("wasm-ld") or find_spec("ziglang")), reason="needs wasm-ld or the extra zig")
def test_javascript_predicts_as_azdsl_predict(patients, capsys):
    expected = [float(value) for value in predicted(capsys)]
    assert main(["compile", "seed.az", "--train", "all.csv", "--emit", "wasm", "-o", "m.wasm"]) == 0
    rows = new_rows()
    script = (
        'import { loadTable } from "./m.mjs";\nconst model = await loadTable();\n'
        f"const rows = {json.dumps(rows)};\n"
        "const refused = [];\n"
        'for (const bad of [{ seen: "2024-02-30" }, { bmi: "12 m" }, { bmi: Infinity }, { seen: new Date("no date") }]) {\n'
        "  try { model.predict([{ ...rows[0], ...bad }]); } catch (error) { refused.push(error.message); }\n}\n"
        "const values = rows.map((row) => Object.values(row).slice(0, -1));\n"
        "console.log(JSON.stringify([model.predict(rows), model.predict(values), refused]));\n"
    )
    Path("main.mjs").write_text(script, encoding="utf-8")
    done = subprocess.run(["node", "main.mjs"], check=True, capture_output=True, text=True)
    by_name, in_order, refused = json.loads(done.stdout)
    assert by_name == in_order == expected
    assert refused == [
        "column 'seen' is \"2024-02-30\" in row 1, not an ISO 8601 date",
        "column 'bmi' is \"12 m\" in row 1, not a number",
        "column 'bmi' is null in row 1, not finite",
        "column 'seen' is null in row 1, not an ISO 8601 date",
    ]


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
def test_rows_and_classes_in_javascript():
    """The class that reads rows, on top of a model that stands for the compiled one."""
    encoding = {
        "columns": [{"name": "a", "kind": "number", "categories": []}],
        "features": 1,
        "labels": ["low", "high"],
    }
    encoding |= {"fill": [0.5], "center": [0.0], "scale": [1.0]}
    source = (Path(wasm_module.__file__).parent / "wasm_table.js.in").read_text(encoding="utf-8")
    script = (
        f"const ENCODING = {json.dumps(encoding)};\n{source.replace('export ', '')}\n"
        'const load = () => ({ metric: "multiclass", predict: ([[a]]) => Float64Array.of(a < 0 ? NaN : a, 0.5) });\n'
        "loadTable().then((model) => {\n"
        "  const found = model.predict([{ a: 3 }, { a: 0.1 }, { a: null }, [0], { a: -1 }]);\n"
        "  try { model.predict([{ a: 1 }, { b: 1 }]); } catch (error) { console.log(JSON.stringify([found, error.message])); }\n"
        "});\n"
    )
    done = subprocess.run(["node", "-e", script], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [["low", "high", "low", "high", "low"], "row 2 has no 'a'; rows need a"]


def test_columns_become_different_c_identifiers():
    assert identifiers(["area m2", "Area-m2", "int", "2nd", "é", "ö", "x", "Linux", "small"]) == [
        "area_m2", "area_m2_2", "int_", "c_2nd", "column", "column_2", "x", "linux_", "small_",
    ]  # fmt: skip


def test_a_numpy_module_of_numbers_as_they_are_starts_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("p.az").write_text(LINEAR)
    Path("a.csv").write_text(
        "a,b,y\n" + "".join(f"{at % 5 / 5},{at % 3 / 3},{at % 5 / 5 - at % 3 / 3}\n" for at in range(60))
    )
    assert (
        main(["compile", "p.az", "--train", "a.csv", "--epochs", "2", "-o", "p.so", "--emit", "shared,python,numpy"])
        == 0
    )
    library, module = load("p_model"), load("p_numpy")
    X = [[0.2, 0.4], [1.0, 0.0]]
    assert module.trained().predict(X).tolist() == pytest.approx(library.Model().predict(X), rel=1e-9)
    assert not math.isclose(module.trained().predict(X)[1], module.Model().fit(X, [1.0, 2.0]).predict(X)[1])
    assert not hasattr(module, "TableModel")
