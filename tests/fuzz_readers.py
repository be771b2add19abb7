"""The readers of input from outside, each as a function of bytes, for ``tools/fuzz.py`` and the tests of its corpus.

The function of a reader returns if the input is valid or the reader raises its documented error. Any other exception is
a finding.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import fuzz_commands
import fuzz_programs
import numpy as np
import pytest

from azdsl.config.search import SettingsError
from azdsl.config.tasks import FileTask
from azdsl.diagnostics import SyntaxError as AzSyntaxError
from azdsl.ir import METRICS
from azdsl.syntax import format_source, load_experiment, parse_experiment
from azdsl.tasks.table_splits import split_table
from azdsl.tasks.tables import read
from azdsl.taskset import TaskError

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"

Target = Callable[[bytes], None]

MOST_ROWS = 2000
"""Maximum number of rows of a table that is also split into tasks; longer tables are only read, to save time."""


@dataclass(frozen=True)
class Reader:
    """One reader. ``make`` returns its function, given a directory for files; ``seeds`` returns initial inputs."""

    summary: str
    make: Callable[[Path], Target]
    seeds: Callable[[], Iterable[bytes]]


def _parser(folder: Path) -> Target:
    file = folder / "program.az"

    def one(data: bytes) -> None:
        file.write_bytes(data)
        try:
            experiment = load_experiment(file)
        except AzSyntaxError as error:
            assert error.diagnostics and str(error)
            return
        assert parse_experiment(str(experiment)) == experiment

    return one


def check_layout(text: str) -> None:
    """Check that formatting is idempotent and keeps the meaning, or raises the documented error."""
    try:
        formatted = format_source(text)
    except AzSyntaxError as error:
        assert error.diagnostics and str(error)
        return
    assert format_source(formatted) == formatted
    try:
        experiment = parse_experiment(text)
    except AzSyntaxError as error:
        assert error.diagnostics and str(error)
        return
    assert parse_experiment(formatted) == experiment


def _formatter(_: Path) -> Target:
    return lambda data: check_layout(data.decode("utf-8", "replace"))


def _programs() -> Iterator[bytes]:
    for file in sorted((ROOT / "examples").glob("*.az")):
        yield file.read_bytes()


def _tables(ending: str, wrap: Callable[[bytes], bytes] = bytes) -> Callable[[Path], Target]:
    """Return the reader of data files with a file extension, including the split into tasks and the scaling."""

    def make(folder: Path) -> Target:
        file = folder / f"data{ending}"

        def one(data: bytes) -> None:
            file.write_bytes(wrap(data))
            try:
                table = read(file.name, folder)
                if table.rows <= MOST_ROWS:
                    target, metric = list(table.columns)[-1], list(METRICS)[len(data) % 3]
                    split_table(table, FileTask(data=file.name, target_column=target, metric=metric), 0, "search")
            except TaskError as error:
                assert str(error)

        return one

    return make


SEPARATOR = b"\xffnext\xff"
"""Separator between the arrays of an input that is packed into an archive."""


def packed(data: bytes) -> bytes:
    """Return an archive. After a first byte of 0 the rest is the archive, else the rest are ``.npy`` files to pack.

    Packing gives valid checksums, so that the fuzzer reaches the code behind their check.
    """
    if data[:1] in (b"", b"\0"):
        return data[1:]
    return archive({f"a{at}": part for at, part in enumerate(data[1:].split(SEPARATOR)[:8])})


def archive(members: Mapping[str, bytes]) -> bytes:
    """Return the bytes of an ``.npz`` file with the ``.npy`` files ``members``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    """Return an array as the bytes of an ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _columns() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    return {"a": draw.normal(size=12), "b": draw.integers(0, 3, 12), "y": draw.integers(0, 2, 12)}


def _npz() -> Iterator[bytes]:
    columns = _columns()
    yield b"\1" + SEPARATOR.join(npy(column) for column in columns.values())
    yield b"\1" + npy(np.stack(list(columns.values()), axis=1))
    yield b"\1" + npy(np.array(["x", "1"])) + SEPARATOR + npy(np.array([True, False]))
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **columns)
        yield b"\0" + buffer.getvalue()


def _csv() -> Iterator[bytes]:
    for separator in ",;\t":
        rows = zip(*_columns().values(), strict=True)
        yield "\n".join([separator.join("aby"), *(separator.join(map(str, row)) for row in rows)]).encode()
    yield b'\xef\xbb\xbf"a, b","y"\r\n"1\n2",n/a\r\n'


def _parquet() -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import parquet

    columns = _columns()
    for table in (pa.table(columns), pa.table({"t": ["a", None], "y": [1.5, None], "n": [[1], []]})):
        for compression in ("none", "snappy"):
            buffer = io.BytesIO()
            parquet.write_table(table, buffer, compression=compression)
            yield buffer.getvalue()


IMAGES, BATCH, ARRAYS = range(3)
"""The meaning of the first byte of an input for the image readers: two IDX files, a pickled batch, arrays to pack."""


def _images(folder: Path) -> Target:
    from azdsl.tasks.images import arrays, cifar, idx

    images = folder / "train-images-idx3-ubyte"
    labels, batch, packed_arrays = idx.labels_of(images), folder / "data_batch_1", folder / "images.npz"

    def one(data: bytes) -> None:
        kind, rest = (data[0] if data else 0) % 3, data[1:]
        try:
            if kind == IMAGES:
                first, _, second = rest.partition(SEPARATOR)
                images.write_bytes(first)
                labels.write_bytes(second)
                idx.find("mnist", images).read()
            elif kind == BATCH:
                batch.write_bytes(rest)
                cifar._python(batch)
            else:
                members = dict(zip(("images", "labels"), rest.split(SEPARATOR), strict=False))
                packed_arrays.write_bytes(archive(members))
                arrays.npz(packed_arrays).read()
        except TaskError as error:
            assert str(error)

    return one


def _image_seeds() -> Iterator[bytes]:
    import gzip
    import pickle

    pixels, labels = np.arange(12, dtype=np.uint8), np.array([3, 1, 2], np.uint8)
    idx = (
        bytes([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2]) + pixels.tobytes(),
        bytes([0, 0, 8, 1, 0, 0, 0, 3]) + labels.tobytes(),
    )
    yield bytes([IMAGES]) + SEPARATOR.join(idx)
    yield bytes([IMAGES]) + SEPARATOR.join(gzip.compress(part, mtime=0) for part in idx)
    for protocol in (0, 2, 4, 5):
        yield bytes([BATCH]) + pickle.dumps({b"data": pixels.reshape(3, 4), b"labels": labels.tolist()}, protocol)
    for images in (pixels.reshape(3, 2, 2), pixels.reshape(3, 4) / 255.0):
        yield bytes([ARRAYS]) + npy(images) + SEPARATOR + npy(labels)


RUN_FILES = ("config.toml", "events.jsonl", "result.json", "hall_of_fame.csv", "seed.az", "best.az")


def small_run(folder: Path) -> Path:
    """Create a finished run. Returns its run directory."""
    from search_runs import small

    from azdsl.search.evolve import run

    path = folder / "run"
    run(small(max_evals=800), out=path, quiet=True)
    return path


def _run(folder: Path) -> Target:
    """Return the reader of run directories. The first byte selects a file, the rest of the input replaces its content."""
    from azdsl.reporting.load_run import read_run
    from azdsl.reporting.page import Details, page

    path = small_run(folder)
    whole = {name: (path / name).read_bytes() for name in RUN_FILES}

    def one(data: bytes) -> None:
        name = RUN_FILES[(data[0] if data else 0) % len(RUN_FILES)]
        (path / name).write_bytes(data[1:])
        try:
            page(read_run(path), Details())
        except (SettingsError, AzSyntaxError) as error:
            assert str(error)
        finally:
            (path / name).write_bytes(whole[name])

    return one


def _run_seeds() -> Iterator[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = small_run(Path(folder))
        for at, name in enumerate(RUN_FILES):
            yield bytes([at]) + (path / name).read_bytes()


RAW, SEALED, REPLACED, PATCHED = range(4)
"""The meaning of the first byte of an input for the checkpoint reader: a complete file; an archive to which the header is
added; an array and its new ``.npy`` file; an array, an offset in it and the bytes to write there.
"""


def members_of(data: bytes) -> dict[str, bytes]:
    from azdsl.search.rundir import checkpoint

    content = data.partition(b"\n")[2][checkpoint._DIGEST_BYTES :]
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name.removesuffix(".npy"): file.read(name) for name in file.namelist()}


def _checkpoint(folder: Path) -> Target:
    """Return the reader of checkpoints. It resumes a search from the checkpoint, up to the next exchange."""
    from search_runs import small

    from azdsl.search.evolve import run
    from azdsl.search.kernel.loop import run_epoch
    from azdsl.search.rundir import checkpoint, names
    from azdsl.search.session import Session

    path = small_run(folder)
    whole = members_of((path / names.CHECKPOINT).read_bytes())
    names = sorted(whole)
    sessions: list[Session] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Session, "go", lambda self, *_: sessions.append(self) or "caught")
        run(small(max_evals=800), quiet=True)
    session = sessions[0]

    def one(data: bytes) -> None:
        kind, rest = (data[0] if data else 0) % 4, data[1:]
        if kind >= REPLACED:
            name = names[(rest[0] if rest else 0) % len(names)]
            at = int.from_bytes(rest[1:3], "big") % len(whole[name])
            changed = whole[name][:at] + rest[3:] + whole[name][at + len(rest[3:]) :]
            sealed = checkpoint.seal(archive(whole | {name: rest[1:] if kind == REPLACED else changed}))
        else:
            sealed = rest if kind == RAW else checkpoint.seal(rest)
        try:
            session.resume(checkpoint.decode(sealed))
        except (checkpoint.Damaged, checkpoint.OtherSchema) as error:
            assert str(error)
            return
        context = session._executors[0].contexts[0][0]
        for number, island in enumerate(session.islands):
            run_epoch(session.plan.space, island, context.scratch, context.groups[0].engines, 20)
            session._end_epoch(number)
        session._exchange()

    return one


def _checkpoints() -> Iterator[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        data = (small_run(Path(folder)) / "checkpoint").read_bytes()
    yield bytes([RAW]) + data
    for at, (_, member) in enumerate(sorted(members_of(data).items())):
        yield bytes([REPLACED, at]) + member[:2000]
        yield bytes([PATCHED, at, 0, 128]) + b"\1\0\0\0"


READERS: Mapping[str, Reader] = {
    "parser": Reader("programs and experiments (.az)", _parser, _programs),
    "formatter": Reader("the layout of programs (azdsl fmt)", _formatter, _programs),
    "programs": Reader("check, fmt, show, score, evolve and compile", fuzz_programs.make, fuzz_programs.seeds),
    "csv": Reader("data in .csv files", _tables(".csv"), _csv),
    "npz": Reader("data in .npz files", _tables(".npz", packed), _npz),
    "parquet": Reader("data in .parquet files", _tables(".parquet"), _parquet),
    "images": Reader("image sets: IDX, CIFAR-10's pickles, .npz", _images, _image_seeds),
    "checkpoint": Reader("checkpoints of a search", _checkpoint, _checkpoints),
    "run": Reader("run directories", _run, _run_seeds),
    "commands": Reader(
        "evolve --resume, report, plot, show and score on run directories", fuzz_commands.make, fuzz_commands.seeds
    ),
}
"""All readers by name."""


def kept(reader: str) -> dict[str, bytes]:
    """Return the kept corpus of a reader, inputs by name; empty if the reader has none."""
    path = CORPUS / f"{reader}.zip"
    if not path.exists():
        return {}
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in sorted(file.namelist())}


def keep(reader: str, inputs: Mapping[str, bytes]) -> None:
    """Write the kept corpus of a reader. Equal inputs give an equal file."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(CORPUS / f"{reader}.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name in sorted(inputs):
            file.writestr(zipfile.ZipInfo(name), inputs[name], zipfile.ZIP_DEFLATED)
