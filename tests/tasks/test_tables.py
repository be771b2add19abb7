"""Tasks from files: formats, splits, scaling, and every way in which data can be wrong."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from azdsl.config.search import SettingsError
from azdsl.config.tasks import FileTask
from azdsl.tasks import TaskError, build, describe
from azdsl.tasks.table_splits import split_rows

ROLES = ["search", "select", "test"]
RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, (50, 3))
Y = X @ [1.0, 2.0, 3.0] + 7.0
RAW = {"standardize": False}
HEADER = b"\x93NUMPY\x01\x00\x80\x00%-127s\n"


def write_csv(path, columns, separator=","):
    rows = zip(*columns.values(), strict=True)
    path.write_text(
        "\n".join([separator.join(columns), *(separator.join(map(str, row)) for row in rows)]) + "\n", "utf-8"
    )


def write(folder, ending):
    columns = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y}
    file = folder / f"data.{ending}"
    if ending == "csv":
        write_csv(file, {name: column.tolist() for name, column in columns.items()})
    elif ending == "npz":
        np.savez(file, X=X, y=Y)
    else:
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.table(columns), file)
    return file.name


@pytest.fixture
def csv_task(tmp_path):
    """A function that writes columns to a .csv file and builds the search tasks from it."""

    def make(table, /, role="search", **settings):
        write_csv(tmp_path / "d.csv", table)
        return build(FileTask(data="d.csv", **settings), 0, role, tmp_path)

    return make


def ordinary(rows=40):
    values = np.random.default_rng(1).normal(size=(rows, 3))
    return {"a": values[:, 0].tolist(), "b": values[:, 1].tolist(), "y": values[:, 2].tolist()}


def test_all_formats_give_the_same_tasks(tmp_path):
    sets = [
        build(FileTask(data=write(tmp_path, ending), **RAW), 3, "search", tmp_path)
        for ending in ("csv", "npz", "parquet")
    ]
    for other in sets[1:]:
        assert other.train_X.tobytes() == sets[0].train_X.tobytes()
        assert other.valid_y.tobytes() == sets[0].valid_y.tobytes()


def rows_of(array):
    return {tuple(row) for row in array.reshape(-1, array.shape[-1])}


def test_roles_validate_on_rows_of_their_own(tmp_path):
    task = FileTask(data=write(tmp_path, "npz"), **RAW)
    search, select, test = (build(task, 0, role, tmp_path) for role in ROLES)
    searched = rows_of(search.train_X) | rows_of(search.valid_X)
    assert len(searched) == 30
    assert rows_of(select.train_X) == searched
    assert len(rows_of(select.valid_X)) == len(rows_of(test.valid_X)) == 10
    assert rows_of(test.train_X) == searched | rows_of(select.valid_X)
    assert searched.isdisjoint(rows_of(select.valid_X))
    assert rows_of(test.train_X).isdisjoint(rows_of(test.valid_X))
    for t in range(search.tasks):
        assert rows_of(search.train_X[t]).isdisjoint(rows_of(search.valid_X[t]))
        assert len(rows_of(search.train_X[t])) == 22
        assert len(rows_of(search.valid_X[t])) == 8
    assert len({search.train_X[t].tobytes() for t in range(10)}) == 10


def test_deal_is_a_partition_for_any_size():
    for rows in range(10, 60):
        parts = split_rows(rows, 0.2, 0.1, rows)
        assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(rows))
        assert all(len(part) for part in parts.values())


def test_sizes_asked_for(tmp_path):
    name = write(tmp_path, "npz")
    task = FileTask(data=name, train=12, valid=3, select_tasks=4, select_train=5, test_valid=6, tasks=2)
    shapes = [build(task, 0, role, tmp_path) for role in ROLES]
    assert [(s.train_y.shape, s.valid_y.shape) for s in shapes] == [
        ((2, 12), (2, 3)),
        ((4, 5), (4, 5)),
        ((20, 40), (20, 6)),
    ]
    assert build(FileTask(data=name, train=29), 0, "search", tmp_path).valid_y.shape == (10, 1)
    for sizes in ({"train": 30}, {"train": 20, "valid": 11}, {"valid": 30}):
        with pytest.raises(TaskError, match="the search has only 30 rows"):
            build(FileTask(data=name, **sizes), 0, "search", tmp_path)
    with pytest.raises(TaskError, match="31 rows are requested, but only 30 are available"):
        build(FileTask(data=name, select_train=31), 0, "select", tmp_path)


def test_scaling_uses_the_training_rows_of_each_task(tmp_path):
    tasks = build(FileTask(data=write(tmp_path, "npz")), 0, "search", tmp_path)
    assert tasks.train_X.mean(axis=1) == pytest.approx(0, abs=1e-12)
    assert tasks.train_X.std(axis=1) == pytest.approx(1)
    assert tasks.train_y.mean(axis=1) == pytest.approx(0, abs=1e-12)
    assert abs(tasks.valid_X.mean(axis=1)).max() > 0.01
    raw = build(FileTask(data="data.npz", **RAW), 0, "search", tmp_path)
    assert tasks.target_scale == pytest.approx(raw.train_y.std(axis=1))
    assert tasks.mean_rmse() == pytest.approx(raw.mean_rmse())


@pytest.mark.parametrize("column", [[0.1] * 40, [0.0, 5e-324] * 20, [1e-170, -1e-170] * 20])
def test_feature_without_spread_becomes_zero(csv_task, column):
    tasks = csv_task(ordinary() | {"b": column})
    assert (tasks.train_X[..., 1] == 0).all()
    assert (tasks.valid_X[..., 1] == 0).all()


def test_columns_and_padding(csv_task):
    tasks = csv_task(ordinary() | {"name": ["x"] * 40}, columns="b, a", features=5, standardize=False)
    assert tasks.features == 5
    assert (tasks.train_X[..., 2:] == 0).all()
    assert set(tasks.train_X[0, :, 0]) <= set(ordinary()["b"])
    with pytest.raises(TaskError, match="features=1 is too few for 2 columns"):
        csv_task(ordinary(), features=1)


def test_classes_pad_the_features(csv_task):
    labels = ([0, 1, 2, 3] * 10)[:40]
    tasks = csv_task(ordinary() | {"y": labels}, metric="multiclass")
    assert (tasks.classes, tasks.features, tasks.target_scale) == (4, 4, None)
    assert csv_task(ordinary() | {"y": [0, 1] * 20}, metric="accuracy").metric == "accuracy"


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"target_column": "z"}, "has no column 'z'; it has a, b, y"),
        ({}, {"columns": "a,bb"}, "has no column 'bb'; did you mean 'b'"),
        ({}, {"columns": "a,y"}, "the target 'y' is also in columns"),
        ({}, {"columns": " , "}, "no column remains"),
        ({"b": ["x"] * 40}, {"categorical": "error"}, "column 'b' holds text .'x' in row 1"),
        ({"b": [1.0] * 16 + [""] + [2.0] * 23}, {}, "column 'b' is missing in row 17"),
        ({"b": [1.0] * 16 + ["NA"] + [2.0] * 23}, {}, "column 'b' is missing in row 17"),
        ({"b": [1.0] * 39 + ["inf"]}, {}, "column 'b' is inf in row 40"),
        ({"b": [1.0] * 39 + ["1e200"]}, {}, "too large"),
        ({"y": [2.5] * 40}, {}, "'y' is 2.5 in every row"),
        ({"y": [0.5, 1.0] * 20}, {"metric": "multiclass"}, "needs class numbers 0, 1, …, but 'y' is 0.5 in row 1"),
        ({"y": [1, 2] * 20}, {"metric": "accuracy"}, "labels 0 and 1"),
        (
            {"y": [1] * 39 + [4096]},
            {"metric": "multiclass"},
            "'y' is 4096 in row 40, but multiclass has at most 4096 classes",
        ),
        (
            {f"x{i}": [1] * 40 for i in range(4096)},
            {},
            "4,098 columns to predict from are more than 4096 features; choose some",
        ),
    ],
)
def test_bad_columns(csv_task, change, settings, message):
    with pytest.raises(TaskError, match=message):
        csv_task(ordinary() | change, **settings)


def test_too_few_rows(csv_task):
    with pytest.raises(TaskError, match="9 rows are too few"):
        csv_task(ordinary(9))
    for role in ROLES:
        assert csv_task(ordinary(10), role).tasks


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.csv", b"", "the first line must name the columns"),
        ("d.csv", b"1,2\n3,4\n", "the first line must name the columns"),
        ("d.csv", b"a,a\n3,4\n", "two columns are named 'a'"),
        ("d.csv", b"a,y\n1,2\n3\n", "row 2 has 1 values for 2 columns"),
        ("d.csv", b"a,y\n", "contains no rows"),
        ("d.csv", b"\xff\xfe\x00a", "not UTF-8 text"),
        ("d.csv", b'a,y\n"1,2\n', "not a readable .csv file"),
        ("d.npz", b"nonsense", "not a readable .npz file"),
        ("d.npz", b"PK\x03\x04 cut off", "not a readable .npz file"),
        ("d.parquet", b"nonsense", "not a readable .parquet file"),
        ("d.txt", b"a,y\n1,2\n", "unknown file extension '.txt'; use .npz, .csv or .parquet"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TaskError, match=message):
        build(FileTask(data=name), 0, "search", tmp_path)


@pytest.mark.parametrize("ending", ["csv", "npz", "parquet"])
def test_absent_files_and_directories(tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    with pytest.raises(FileNotFoundError, match="no such file") as missing:
        build(FileTask(data=f"none.{ending}"), 0, "search", tmp_path)
    assert isinstance(missing.value, TaskError) and missing.value.filename == str(tmp_path / f"none.{ending}")
    (tmp_path / f"folder.{ending}").mkdir()
    with pytest.raises(TaskError):
        build(FileTask(data=f"folder.{ending}"), 0, "search", tmp_path)


def test_no_path():
    with pytest.raises(TaskError, match="a file task needs a file"):
        build(FileTask(), 0, "search")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.zeros((20, 2)), "y": np.zeros(19)}, "arrays of different lengths"),
        ({"X": np.zeros((20, 2, 2)), "y": np.zeros(20)}, r"array 'X' has shape \(20, 2, 2\)"),
        ({"X": np.zeros((20, 2)), "y": np.array([None] * 20)}, "arrays of Python objects are not read"),
        ({"X": np.zeros((20, 2)), "y": np.array(["a"] * 20)}, "column 'y' holds text"),
        ({"X": np.zeros((20, 2))}, "has no column 'y'; it has X0, X1"),
        ({}, "contains no rows"),
        ({"X": np.zeros((20, 2), complex), "y": np.arange(20.0)}, "column 'X0' holds complex128"),
    ],
)
def test_bad_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(TaskError, match=message):
        build(FileTask(data="d.npz"), 0, "search", tmp_path)


def test_npz_array_that_is_no_archive(tmp_path):
    with (tmp_path / "d.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(TaskError, match="not a readable"):
        build(FileTask(data="d.npz"), 0, "search", tmp_path)


def archive(tmp_path, **members):
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a text", "'a' is not an array; write it with numpy.savez"),
        (HEADER % b"{'descr': '<f8', 'fortran_order': False, 'shape': (12, 3), } )", "not a readable .npz file"),
        (HEADER % b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,), }", "not a readable .npz file"),
        (
            HEADER % b"{'descr': '<U0', 'fortran_order': False, 'shape': (999999999999,), }",
            "'a' contains only empty texts",
        ),
        (
            HEADER % b"{'descr': '<f8', 'fortran_order': False, 'shape': (0, 999999999999), }",
            "too many columns: 999,999,999,999",
        ),
        (
            HEADER % b"{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }" + b"\xff" * 4,
            "not a readable .npz file",
        ),
        (
            HEADER % b"{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }" + b"\0\0\0\x21",
            "'a' contains invalid characters",
        ),
        (
            HEADER % b"{'descr': '>U2', 'fortran_order': False, 'shape': (1,), }" + b"\0\0\0\x21\0\x11\0\0",
            "'a' contains invalid characters",
        ),
        (
            HEADER % b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }" + b"\0" * 8,
            "'a' is an array of records",
        ),
    ],
)
def test_archives_of_what_is_no_array(tmp_path, content, message):
    archive(tmp_path, a=content)
    with pytest.raises(TaskError, match=message):
        build(FileTask(data="d.npz"), 0, "search", tmp_path)


def test_an_archive_with_one_name_for_two_columns(tmp_path):
    np.savez(tmp_path / "d.npz", X=np.zeros((20, 2)), X1=np.zeros(20), y=np.zeros(20))
    with pytest.raises(TaskError, match="two columns are named 'X1'"):
        build(FileTask(data="d.npz"), 0, "search", tmp_path)


@pytest.mark.parametrize("ending", ["csv", "npz", "parquet"])
def test_more_columns_than_are_read(tmp_path, monkeypatch, ending):
    monkeypatch.setattr("azdsl.tasks.tables.MAX_COLUMNS", 2)
    with pytest.raises(TaskError, match=r"too many columns: [34], the limit is 2; keep fewer"):
        build(FileTask(data=write(tmp_path, ending)), 0, "search", tmp_path)


def test_an_archive_that_unpacks_to_more_than_is_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "d.npz", X=np.zeros((2000, 2)), y=np.zeros(2000))
    assert (tmp_path / "d.npz").stat().st_size < 10_000
    monkeypatch.setattr("azdsl.tasks.archives.MAX_DATA_BYTES", 10_000)
    with pytest.raises(TaskError, match=r"too large: .* GiB; keep fewer rows or columns"):
        build(FileTask(data="d.npz"), 0, "search", tmp_path)
    (tmp_path / "d.csv").write_bytes(b"a,y\n" + b"1,2\n" * 3000)
    with pytest.raises(TaskError, match="too large"):
        build(FileTask(data="d.csv"), 0, "search", tmp_path)


def test_npz_integers_booleans_and_column_vectors(tmp_path):
    np.savez(tmp_path / "d.npz", a=np.arange(20), b=np.arange(20) % 3 == 0, y=np.arange(20.0)[:, None])
    tasks = build(FileTask(data="d.npz", **RAW), 0, "search", tmp_path)
    assert tasks.features == 2
    assert set(tasks.train_X[..., 1].ravel()) == {0.0, 1.0}


def test_csv_separators_and_byte_order_mark(tmp_path):
    for separator in ",;\t":
        write_csv(tmp_path / "d.csv", ordinary(), separator)
        (tmp_path / "d.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "d.csv").read_bytes())
        assert build(FileTask(data="d.csv"), 0, "search", tmp_path).features == 2


def test_shares_must_leave_rows():
    with pytest.raises(SettingsError, match="leave less than a tenth"):
        FileTask(data="d.csv", select=0.5, test=0.45)


def test_describe():
    assert describe(FileTask(data="d.csv", tasks=4)) == "4 splits of d.csv, target y, rmse, 10 epochs, 1 validation"
    assert describe(FileTask(data="d.csv", tasks=4, epochs=1)).endswith("rmse")
    assert (
        describe(FileTask(data="d.csv", tasks=1, train=9, epochs=2))
        == "1 split of d.csv, target y, rmse, 9 + all rows, 2 epochs, 1 validation"
    )


def test_a_table_is_learned_ten_times_and_validated_once_at_the_end(tmp_path):
    write_csv(tmp_path / "d.csv", ordinary())
    tasks = build(FileTask(data="d.csv"), 0, "test", tmp_path)
    assert tasks.epochs == 10 and tasks.epoch_length == tasks.steps == 10 * tasks.train_X.shape[1]
