"""CIFAR-10's two formats, and every way in which a file can be wrong."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tasks.image_files import numbered

from azdsl.config.image_tasks import Images
from azdsl.tasks import TaskError
from azdsl.tasks.images import ImageSet, cifar, find

RECORDS = 30
"""Pictures of a batch, here."""


def read(images: str, path: Path | str = "", **settings: str) -> ImageSet:
    return find(Images(images=images, data=str(path), **settings)).read()  # type: ignore[arg-type] # texts of text keys


def pixels_of(images: ImageSet) -> bytes:
    assert images.test
    return b"".join(block.tobytes() for part in (images.train, images.test) for block in part.blocks)


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
"""Opcodes of a tuple nested 300,000 deep. Computing its ``hash`` would end the process."""

HOSTILE: dict[str, tuple[bytes, str]] = {
    "a function": (
        pickle.dumps(plain(more=Hostile(trap, "a")), 4),
        r"the pickle calls .*trap, which arrays do not need",
    ),
    "a function for data": (pickle.dumps(plain(data=Hostile(trap, "b")), 2), "the pickle calls .*trap"),
    "eval": (pickle.dumps(Hostile(eval, "1"), 4), r"the pickle calls builtins.eval"),
    "old opcodes": (b"(S'b'\nios\nsystem\n.", "contains more than data .opcode INST."),
    "an object": (b"\x80\x02cnumpy\nndarray\n)\x81.", "contains more than data .opcode NEWOBJ."),
    "an extension": (b"\x80\x02\x82\x01.", "contains more than data .opcode EXT1."),
    "a persistent object": (b"\x80\x02K\x01Q.", "contains more than data .opcode BINPERSID."),
    "objects in an array": (
        pickle.dumps(plain(data=np.array([[1, "x"]], object)), 4),
        "an array of 'O8', not of bytes",
    ),
    "floats": (pickle.dumps(plain(data=np.zeros((2, 2))), 4), "an array of 'f8', not of bytes"),
    "a call of data": (b"\x80\x02K\x01)R.", "calls a value that is not a function"),
    "a changed class": (b"\x80\x02cnumpy\nndarray\n}b.", "sets the state of a value that is not an array"),
    "an endless memory": (b"\x80\x02K\x01r\xff\xff\xff\xff.", "the type int, not dict"),
    "an empty stack": (b"\x80\x02R.", "pops from an empty stack"),
    "an unknown memory": (b"\x80\x02h\x09.", "damaged"),
    "no marks": (b"\x80\x02K\x01t.", "damaged"),
    "a size without bytes": (b"\x80\x02T\xff\xff\xff\x7f.", "damaged"),
    "no pickle": (b"<html>not found</html>", "damaged"),
    "no end": (b"\x80\x02}", "damaged"),
    "nothing": (b"", "damaged"),
    "a list": (pickle.dumps([1], 4), "the type list, not dict"),
    "labels of text": (pickle.dumps(plain(labels=["cat"] * RECORDS), 4), "'labels'"),
    "no data": (pickle.dumps({b"labels": [1]}, 4), "has an array 'data'"),
    "a wrong shape": (
        pickle.dumps(plain(data=np.zeros((3, 5), np.uint8)), 4),
        r"the data have the shape \(3, 5\); a batch has \(30, 3072\)",
    ),
    "a label too few": (pickle.dumps(plain(labels=[1] * 29), 4), "30 images but 29 labels"),
    "a label too large": (
        pickle.dumps(plain(labels=[1] * 29 + [10]), 4),
        "image 30 has the label 10; labels are from 0 to 9",
    ),
    "a label below 0": (
        pickle.dumps(plain(labels=[1] * 29 + [-1]), 4),
        "image 30 has the label -1; labels are from 0 to 9",
    ),
    "a label that fits nothing": (
        pickle.dumps(plain(labels=[1] * 29 + [10**5000]), 4),
        "an integer of more than 64 bits",
    ),
    "a deep key": (b"\x80\x02}" + DEEP + b"K\x01s.", "a key in a dictionary is not text"),
    "a deep name": (b"\x80\x04" + DEEP + b"X\x01\x00\x00\x00a\x93.", "the name of a function is not text"),
    "a deep type": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R(K\x01)cnumpy\ndtype\n"
        + DEEP
        + b"\x85R\x89T\x00\x00\x00\x00tb.",
        "the type of an array is not text",
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
    with pytest.raises(TaskError, match="no such file or directory"):
        read("cifar10", tmp_path / "none")
    with pytest.raises(TaskError, match=r"contains neither data_batch_1.bin nor data_batch_1"):
        read("cifar10", tmp_path)
    write_binary(tmp_path)
    file = tmp_path / "data_batch_4.bin"
    whole = file.read_bytes()
    for content, message in (
        (whole[:-1], "data_batch_4.bin: truncated: 92189 bytes, but 30 records of 3073 bytes are 92190"),
        (whole[:-3073], "truncated"),
        (whole + b"x", "too long"),
        (whole[:3073] + b"\x0a" + whole[3074:], "data_batch_4.bin: image 2 has the label 10; labels are from 0 to 9"),
    ):
        file.write_bytes(content)
        with pytest.raises(TaskError, match=message):
            read("cifar10", tmp_path)
    file.unlink()
    with pytest.raises(TaskError, match=r"data_batch_4.bin: no such file; CIFAR-10 consists of five batches"):
        read("cifar10", tmp_path)
