"""Formats of image sets, and every way in which a file can be wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tasks.image_files import idx, numbered, write_mnist

from azdsl.config.image_tasks import Images, ImageTask
from azdsl.tasks import TaskError
from azdsl.tasks.images import ImageSet, find


def read(images: str, path: Path | str = "", **settings: str) -> ImageSet:
    return find(Images(images=images, data=str(path), **settings)).read()  # type: ignore[arg-type] # texts of text keys


def pixels_of(images: ImageSet) -> bytes:
    assert images.test
    return b"".join(block.tobytes() for part in (images.train, images.test) for block in part.blocks)


# MNIST


@pytest.mark.parametrize("packed", [False, True])
def test_mnist(tmp_path: Path, packed: bool) -> None:
    write_mnist(tmp_path, 50, 20, packed)
    images = read("fashion_mnist", tmp_path)
    assert images.test
    (train, labels), (test, test_labels) = numbered(50), numbered(20, first=50)
    assert pixels_of(images) == train.tobytes() + test.tobytes()
    assert (images.train.labels == labels).all()
    assert (images.test.labels == test_labels).all()


def test_a_file_of_mnist_by_its_name(tmp_path: Path) -> None:
    write_mnist(tmp_path, 50, 20)
    for name in ("train", "t10k"):
        (tmp_path / f"{name}-images-idx3-ubyte").rename(tmp_path / f"{name}-5k-images-idx3-ubyte")
        (tmp_path / f"{name}-labels-idx1-ubyte").rename(tmp_path / f"{name}-5k-labels-idx1-ubyte")
    images = read("mnist", tmp_path / "t10k-5k-images-idx3-ubyte")
    assert images.test is None
    assert len(images.train.labels) == 20


def test_a_plain_file_is_taken_before_a_packed_one(tmp_path: Path) -> None:
    write_mnist(tmp_path, 30, packed=True)
    write_mnist(tmp_path, 50)
    assert len(read("mnist", tmp_path).train.labels) == 50


def test_one_unknown_name_is_enough_two_are_too_many(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_mnist(tmp_path, 50)
        for file in tmp_path.glob("train*"):
            file.rename(tmp_path / file.name.replace("train", name))
        if name == "a":
            assert len(read("mnist", tmp_path).train.labels) == 50
    with pytest.raises(TaskError, match=r"several images files \(a-images-idx3-ubyte, b-images-idx3-ubyte\)"):
        read("mnist", tmp_path)


IMAGES, LABELS = numbered(50)
IMAGES_FILE, LABELS_FILE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            IMAGES_FILE,
            idx(IMAGES)[:-1],
            f"{IMAGES_FILE}: truncated: 1199 bytes after the header, which states 50 × 4 × 6 = 1200 bytes",
        ),
        (IMAGES_FILE, idx(IMAGES) + b"x", "too long"),
        (IMAGES_FILE, b"", "truncated: 0 bytes"),
        (IMAGES_FILE, b"\0" * 100, "not an IDX file of bytes .magic number 0x00000000."),
        (
            IMAGES_FILE,
            idx(LABELS),
            "a labels file .magic number 0x00000801.; expected an images file .0x00000803.",
        ),
        (LABELS_FILE, idx(IMAGES), "an images file .*; expected a labels file"),
        (LABELS_FILE, idx(LABELS[:49]), f"50 images, but .*{LABELS_FILE} has 49 labels"),
        (LABELS_FILE, idx(LABELS + 3), f"{LABELS_FILE}: image 8 has the label 10; labels are from 0 to 9"),
        (LABELS_FILE, b"\x1f\x8b" + b"\0" * 40, "damaged gzip"),
        (LABELS_FILE, None, "labels-idx1-ubyte: no such file"),
        (IMAGES_FILE, None, "contains no images file in IDX format"),
        (IMAGES_FILE, idx(IMAGES[:0]), "0 images, but"),
    ],
)
def test_bad_mnist(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    write_mnist(tmp_path, 50)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TaskError, match=message):
        read("mnist", tmp_path)


def test_truncated_gzip(tmp_path: Path) -> None:
    write_mnist(tmp_path, 50, packed=True)
    file = tmp_path / f"{IMAGES_FILE}.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(TaskError, match="damaged gzip"):
        read("mnist", tmp_path)


# Arrays


@pytest.mark.parametrize("names", [("images", "labels"), ("X", "y"), ("data", "target")])
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
def test_npz(tmp_path: Path, names: tuple[str, str], kind: type) -> None:
    images, labels = numbered(20)
    np.savez(tmp_path / "a.npz", **{names[0]: images.astype(kind), names[1]: labels[:, None].astype(kind)})
    found = read("npz", tmp_path / "a.npz")
    assert found.test is None
    assert (found.train.rows(np.arange(20)) == images.reshape(20, -1)).all()
    assert (found.train.labels == labels).all()


def test_npz_with_test_pictures_and_fractions(tmp_path: Path) -> None:
    (images, labels), (test, test_labels) = numbered(20), numbered(10, first=20)
    np.savez(tmp_path / "a.npz", x_train=images / 255.0, y_train=labels, x_test=test / 255.0, y_test=test_labels)
    found = read("npz", tmp_path / "a.npz")
    assert pixels_of(found) == images.tobytes() + test.tobytes()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": IMAGES}, "contains a; name the arrays images and labels"),
        ({"images": IMAGES, "labels": LABELS[:9]}, "50 images but 9 labels"),
        ({"images": IMAGES, "labels": LABELS + 0.5}, "not one class number per image"),
        ({"images": IMAGES, "labels": LABELS.astype(int) - 1}, "image 1 has the label -1"),
        ({"images": IMAGES, "labels": IMAGES}, "not one class number per image"),
        ({"images": IMAGES * 2.0, "labels": LABELS}, "pixels from .* to .*; use integers from 0 to 255"),
        ({"images": IMAGES / 100.0, "labels": LABELS}, "with fractions"),
        ({"images": np.full((50, 2), np.nan), "labels": LABELS}, "pixels from nan"),
        ({"images": LABELS, "labels": LABELS}, "images have the shape .50,."),
        ({"images": IMAGES.astype(str), "labels": LABELS}, "are not pixels"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "contains no images"),
        ({"images": IMAGES.astype(object), "labels": LABELS}, "arrays of Python objects are not read"),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, :2], "y_test": LABELS},
            "24 pixels in x_train, but 12 in x_test",
        ),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:  # type: ignore[type-arg] # any
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type] # its names are open
    with pytest.raises(TaskError, match=message):
        read("npz", tmp_path / "a.npz")


def test_damaged_npz(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    with pytest.raises(TaskError, match=r"a.npz: no such file"):
        read("npz", file)
    np.savez_compressed(file, images=IMAGES, labels=LABELS)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(TaskError, match=r"not a readable .npz file"):
        read("npz", file)


def test_digits() -> None:
    pytest.importorskip("sklearn")
    digits = read("digits")
    assert (len(digits.train.labels), digits.train.pixels, digits.test) == (1797, 64, None)
    assert digits.train.blocks[0].max() == 16


def test_openml(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    from scipy.sparse import csr_array

    images, labels = numbered(20)
    data = SimpleNamespace(
        data=images.reshape(20, -1).astype(float), target=np.array([str(label) for label in labels], object)
    )
    monkeypatch.setattr(datasets, "fetch_openml", lambda name, **_: data)
    found = read("openml", dataset="mnist_784")
    assert (found.train.labels == labels).all()
    words = ["-1", "nan", "10", "²", "-2.5", "2", "a"]  # in their order: -2.5, -1, 2, 10, a, nan, ²
    data.target = np.array((words * 3)[:20], object)
    assert read("openml", dataset="mnist_784").train.labels[:7].tolist() == [1, 5, 3, 6, 0, 2, 4]
    for unfit in ({"target": None}, {"target": np.zeros((20, 2))}, {"data": csr_array(data.data)}):
        other = SimpleNamespace(**{**vars(data), **unfit})
        monkeypatch.setattr(datasets, "fetch_openml", lambda name, other=other, **_: other)
        with pytest.raises(TaskError, match="is not an image set"):
            read("openml", dataset="mnist_784")
    monkeypatch.setattr(datasets, "fetch_openml", lambda name, **_: Path("/nonexistent/x").read_text())
    with pytest.raises(TaskError, match="cannot download mnist_784 from OpenML"):
        read("openml", dataset="mnist_784")


@pytest.mark.parametrize("images", ["digits", "openml"])
def test_needs_scikit_learn(monkeypatch: pytest.MonkeyPatch, images: str) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(TaskError, match=r"pip install 'azdsl\[sklearn\]'"):
        read(images, dataset="mnist_784")


def test_real_digits_are_read(mnist: Path) -> None:
    images = find(ImageTask(images="mnist", data="."), mnist).read().train
    assert (len(images.labels), images.pixels) == (5000, 784)
    assert np.unique(images.labels, return_counts=True)[1].tolist() == [500] * 10
