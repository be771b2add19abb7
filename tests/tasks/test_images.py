"""Formats of image sets, and every way in which a file can be wrong."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tasks.image_files import idx, numbered, write_mnist

from azdsl.config.tasks import Images, ImageTask
from azdsl.tasks import TaskError
from azdsl.tasks.images import ImageSet, cifar, find

RECORDS = 30
"""Pictures of a batch, here."""


def read(images: str, path: Path | str = "", **settings: str) -> ImageSet:
    return find(Images(images=images, path=str(path), **settings)).read()  # type: ignore[arg-type] # texts of text keys


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
            f"{IMAGES_FILE}: truncated: its header says 50 × 4 × 6 = 1200 bytes, and 1199 follow",
        ),
        (IMAGES_FILE, idx(IMAGES) + b"x", "too long"),
        (IMAGES_FILE, b"", "0 bytes are too few"),
        (IMAGES_FILE, b"\0" * 100, "not an IDX file of bytes .magic number 0x00000000."),
        (
            IMAGES_FILE,
            idx(LABELS),
            "a labels file .magic number 0x00000801., where an images file .0x00000803. belongs",
        ),
        (LABELS_FILE, idx(IMAGES), "an images file .* where a labels file"),
        (LABELS_FILE, idx(LABELS[:49]), f"50 images, but .*{LABELS_FILE} has 49 labels"),
        (LABELS_FILE, idx(LABELS + 3), f"{LABELS_FILE}: picture 8 has the label 10, but labels are 0 to 9"),
        (LABELS_FILE, b"\x1f\x8b" + b"\0" * 40, "damaged gzip"),
        (LABELS_FILE, None, "labels-idx1-ubyte: no such file"),
        (IMAGES_FILE, None, "has no images file in IDX format"),
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


# CIFAR-10


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "RECORDS", RECORDS)


def batches() -> dict[str, tuple[np.ndarray, np.ndarray]]:  # type: ignore[type-arg] # bytes both
    found = {}
    for at, name in enumerate((*cifar.BATCHES, cifar.TEST)):
        images, labels = numbered(RECORDS, pixels=cifar.PIXELS, first=at * RECORDS)
        found[name] = images.reshape(RECORDS, -1), labels
    return found


def write_binary(folder: Path) -> None:
    for name, (images, labels) in batches().items():
        (folder / f"{name}.bin").write_bytes(np.concatenate([labels[:, None], images], axis=1).tobytes())


def python_2_batch(images: np.ndarray, labels: np.ndarray) -> bytes:  # type: ignore[type-arg] # bytes both
    """The opcodes of the official files, which Python 2 wrote: text of bytes, protocol 2."""

    def text(value: bytes) -> bytes:
        return (b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + len(value).to_bytes(4, "little")) + value

    def number(value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"M" + value.to_bytes(2, "little")

    dtype = (
        b"cnumpy\ndtype\nq\x06("
        + text(b"u1")
        + b"K\x00K\x01tRq\x07(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    shape = number(images.shape[0]) + number(images.shape[1]) + b"\x86"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85" + text(b"b") + b"\x87Rq\x05(K\x01"
    )
    array += shape + dtype + b"\x89" + text(images.tobytes()) + b"tb"
    listed = b"]q\x08(" + b"".join(number(int(label)) for label in labels) + b"e"
    return (
        b"\x80\x02}q\x01("
        + text(b"data")
        + array
        + text(b"labels")
        + listed
        + text(b"batch_label")
        + text(b"training batch")
        + b"u."
    )


def python_3_batch(protocol: int) -> Callable[[np.ndarray, np.ndarray], bytes]:  # type: ignore[type-arg] # bytes both
    return lambda images, labels: pickle.dumps(
        {b"data": images, b"labels": labels.tolist(), b"filenames": [b"a.png"]}, protocol
    )


def write_python(folder: Path, batch: Callable[[np.ndarray, np.ndarray], bytes]) -> None:  # type: ignore[type-arg] # bytes both
    for name, (images, labels) in batches().items():
        (folder / name).write_bytes(batch(images, labels))


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("inside", ["", "cifar-10-batches-bin"])
def test_both_layouts_of_cifar_are_the_same(tmp_path: Path, inside: str) -> None:
    (tmp_path / "b" / inside).mkdir(parents=True)
    write_binary(tmp_path / "b" / inside)
    binary = read("cifar10", tmp_path / "b")
    assert pixels_of(binary) == b"".join(images.tobytes() for images, _ in batches().values())
    for at, batch in enumerate((python_2_batch, *(python_3_batch(protocol) for protocol in (2, 3, 4)))):
        folder = tmp_path / str(at)
        folder.mkdir()
        write_python(folder, batch)
        python = read("cifar10", folder)
        assert python.test
        assert binary.test
        assert pixels_of(python) == pixels_of(binary)
        assert (python.train.labels == binary.train.labels).all()
        assert (python.test.labels == binary.test.labels).all()


def test_the_test_s_own_python_2_pickle_is_one() -> None:
    images, labels = numbered(RECORDS, pixels=cifar.PIXELS)
    batch = pickle.loads(python_2_batch(images.reshape(RECORDS, -1), labels), encoding="bytes")
    assert batch[b"data"].tobytes() == images.tobytes()
    assert batch[b"labels"] == labels.tolist()


def test_rows_are_found_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "RECORDS", RECORDS)
    write_binary(tmp_path)
    images = read("cifar10", tmp_path).train
    everything = np.concatenate([block for block in images.blocks])
    places = np.random.default_rng(0).permutation(5 * RECORDS)[:40]
    assert (images.rows(places) == everything[places]).all()


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.made = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.made


TRAP: list[str] = []


def trap(word: str) -> None:
    TRAP.append(word)


def plain(**changes: object) -> dict[bytes, object]:
    images, labels = batches()["data_batch_1"]
    return {b"data": images, b"labels": labels.tolist()} | {name.encode(): value for name, value in changes.items()}


DEEP = b")" + b"\x85" * 300_000
"""Opcodes that make a tuple in a tuple in a tuple …: Python's ``hash`` of it would end the process."""

HOSTILE: dict[str, tuple[bytes, str]] = {
    "a function": (pickle.dumps(plain(more=Hostile(trap, "a")), 4), r"asks Python to run .*trap, which data need not"),
    "a function for data": (pickle.dumps(plain(data=Hostile(trap, "b")), 2), "asks Python to run .*trap"),
    "eval": (pickle.dumps(Hostile(eval, "1"), 4), r"asks Python to run builtins.eval"),
    "old opcodes": (b"(S'b'\nios\nsystem\n.", "holds more than data .opcode INST."),
    "an object": (b"\x80\x02cnumpy\nndarray\n)\x81.", "holds more than data .opcode NEWOBJ."),
    "an extension": (b"\x80\x02\x82\x01.", "holds more than data .opcode EXT1."),
    "a persistent object": (b"\x80\x02K\x01Q.", "holds more than data .opcode BINPERSID."),
    "objects in an array": (
        pickle.dumps(plain(data=np.array([[1, "x"]], object)), 4),
        "an array of 'O8', not of bytes",
    ),
    "floats": (pickle.dumps(plain(data=np.zeros((2, 2))), 4), "an array of 'f8', not of bytes"),
    "a call of data": (b"\x80\x02K\x01)R.", "calls what is not a function"),
    "a changed class": (b"\x80\x02cnumpy\nndarray\n}b.", "changes what is not an array"),
    "an endless memory": (b"\x80\x02K\x01r\xff\xff\xff\xff.", "holds a int, not the dictionary"),
    "an empty stack": (b"\x80\x02R.", "takes what is not there"),
    "an unknown memory": (b"\x80\x02h\x09.", "damaged"),
    "no marks": (b"\x80\x02K\x01t.", "damaged"),
    "a size without bytes": (b"\x80\x02T\xff\xff\xff\x7f.", "damaged"),
    "no pickle": (b"<html>not found</html>", "damaged"),
    "no end": (b"\x80\x02}", "damaged"),
    "nothing": (b"", "damaged"),
    "a list": (pickle.dumps([1], 4), "holds a list, not the dictionary of a batch"),
    "labels of text": (pickle.dumps(plain(labels=["cat"] * RECORDS), 4), "'labels'"),
    "no data": (pickle.dumps({b"labels": [1]}, 4), "has an array 'data'"),
    "a wrong shape": (
        pickle.dumps(plain(data=np.zeros((3, 5), np.uint8)), 4),
        r"data of shape \(3, 5\), where a batch has \(30, 3072\)",
    ),
    "a label too few": (pickle.dumps(plain(labels=[1] * 29), 4), "30 images but 29 labels"),
    "a label too large": (
        pickle.dumps(plain(labels=[1] * 29 + [10]), 4),
        "picture 30 has the label 10, but labels are 0 to 9",
    ),
    "a label below 0": (
        pickle.dumps(plain(labels=[1] * 29 + [-1]), 4),
        "picture 30 has the label -1, but labels are 0 to 9",
    ),
    "a label that fits nothing": (
        pickle.dumps(plain(labels=[1] * 29 + [10**5000]), 4),
        "a number of more than 64 bits",
    ),
    "a deep key": (b"\x80\x02}" + DEEP + b"K\x01s.", "a key that is no text"),
    "a deep name": (b"\x80\x04" + DEEP + b"X\x01\x00\x00\x00a\x93.", "names a function by what is no text"),
    "a deep type": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R(K\x01)cnumpy\ndtype\n"
        + DEEP
        + b"\x85R\x89T\x00\x00\x00\x00tb.",
        "an array whose type is no text",
    ),
}


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_pickles_are_refused_and_never_run(tmp_path: Path, what: str) -> None:
    content, message = HOSTILE[what]
    write_python(tmp_path, python_2_batch)
    (tmp_path / "data_batch_3").write_bytes(content)
    with pytest.raises(TaskError, match=message) as caught:
        read("cifar10", tmp_path)
    assert "data_batch_3" in str(caught.value)
    assert not TRAP


@pytest.mark.usefixtures("small_batches")
def test_no_prefix_of_a_batch_is_taken_for_one(tmp_path: Path) -> None:
    write_python(tmp_path, python_2_batch)
    file = tmp_path / "test_batch"
    whole = file.read_bytes()
    cuts = [*range(0, 200), *np.linspace(200, len(whole) - 1, 100).astype(int).tolist()]
    for cut in cuts:
        file.write_bytes(whole[:cut])
        with pytest.raises(TaskError, match="test_batch"):
            read("cifar10", tmp_path)


@pytest.mark.usefixtures("small_batches")
def test_bad_binary_cifar(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no such folder"):
        read("cifar10", tmp_path / "none")
    with pytest.raises(TaskError, match=r"has neither data_batch_1.bin nor data_batch_1"):
        read("cifar10", tmp_path)
    write_binary(tmp_path)
    file = tmp_path / "data_batch_4.bin"
    whole = file.read_bytes()
    for content, message in (
        (whole[:-1], "data_batch_4.bin: truncated: 92189 bytes, where 30 records of 3073 are 92190"),
        (whole[:-3073], "truncated"),
        (whole + b"x", "too long"),
        (whole[:3073] + b"\x0a" + whole[3074:], "data_batch_4.bin: picture 2 has the label 10, but labels are 0 to 9"),
    ):
        file.write_bytes(content)
        with pytest.raises(TaskError, match=message):
            read("cifar10", tmp_path)
    file.unlink()
    with pytest.raises(TaskError, match=r"data_batch_4.bin: no such file; CIFAR-10 has five batches"):
        read("cifar10", tmp_path)


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
        ({"a": IMAGES}, "holds a; name the arrays images and labels"),
        ({"images": IMAGES, "labels": LABELS[:9]}, "50 images but 9 labels"),
        ({"images": IMAGES, "labels": LABELS + 0.5}, "not one class number a picture"),
        ({"images": IMAGES, "labels": LABELS.astype(int) - 1}, "picture 1 has the label -1"),
        ({"images": IMAGES, "labels": IMAGES}, "not one class number a picture"),
        ({"images": IMAGES * 2.0, "labels": LABELS}, "pixels from .* to .*; use whole numbers 0 to 255"),
        ({"images": IMAGES / 100.0, "labels": LABELS}, "with fractions"),
        ({"images": np.full((50, 2), np.nan), "labels": LABELS}, "pixels from nan"),
        ({"images": LABELS, "labels": LABELS}, "images of shape .50,."),
        ({"images": IMAGES.astype(str), "labels": LABELS}, "are not pixels"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "holds no pictures"),
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
        with pytest.raises(TaskError, match="is no set of pictures with one class each"):
            read("openml", dataset="mnist_784")
    monkeypatch.setattr(datasets, "fetch_openml", lambda name, **_: Path("/nonexistent/x").read_text())
    with pytest.raises(TaskError, match="OpenML's mnist_784 cannot be had"):
        read("openml", dataset="mnist_784")


@pytest.mark.parametrize("images", ["digits", "openml"])
def test_needs_scikit_learn(monkeypatch: pytest.MonkeyPatch, images: str) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(TaskError, match=r"pip install 'azdsl\[sklearn\]'"):
        read(images, dataset="mnist_784")


def test_real_digits_are_read(mnist: Path) -> None:
    images = find(ImageTask(images="mnist", path="."), mnist).read().train
    assert (len(images.labels), images.pixels) == (5000, 784)
    assert np.unique(images.labels, return_counts=True)[1].tolist() == [500] * 10
