"""Checkpoints: the complete state of a run in one file, whose checksum detects truncation.

A file is a line with the schema's version, a digest, and a NumPy archive without pickled objects. Members are stored as
far as they mean anything: an instruction in four bytes, its constants as many as its op has. Of a cache the entries
in use are stored, set by set, in the order in which they would be dropped: that is all that a search can tell.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl import atomic, regular
from azdsl.config.search import Search
from azdsl.errors import AzdslError
from azdsl.ir.packing import CONSTANTS
from azdsl.search.islands.island_report import IslandReport
from azdsl.search.kernel.cache import InOrder, in_order, refill
from azdsl.search.kernel.fec_sample import COUNTS
from azdsl.search.kernel.hurdles import make_hurdles
from azdsl.search.kernel.population import LAYERS, Clock, Island, Members, no_members
from azdsl.search.kernel.space import Space
from azdsl.search.rundir import names

SCHEMA = 7
"""Version of the format."""

_MET, _AHEAD = "met", "ahead"
"""Prefixes of the names of arrays: of the reports at the last exchange, and of those for the next one."""

_TITLE = b"azdsl checkpoint "
_DIGEST_BYTES = 32
_FIELDS = 4
"""The number of fields of an instruction word: op, two inputs, output. Each is at most 255."""
_LENGTH = np.uint16
"""The dtype of a function's length in a file."""

Arrays = dict[str, NDArray[Any]]


class _Fields(NamedTuple):
    """The fields of an island, or of a report, that are arrays of numbers, and those that are programs, by their names in the file."""

    numbers: tuple[str, ...]
    programs: Mapping[str, str]


_ISLAND = _Fields(
    ("rng", "clock", "counts", "fec_sample", "tuning", "tuned"),
    {"members": "members", "finalists": "finalists", "incumbent": "incumbent"},
)
_REPORT = _Fields(
    ("fitness", "clock", "counts", "fec_sample"),
    {"finalists": "finalists", "leaving": "emigrants", "fittest": "fittest"},
)
_CACHES = {"programs": "fitness_cache", "errors": "fec_cache"}
_ABOUT = {"key": "hash", "birth": "birth"}
POLICY = {"logits": "logits", "probabilities": "probabilities", "gains": "gains", "pace": "reward_sums"}
"""Names in the file, and the fields they stand for. The other fields of a policy follow from the space or are scratch memory."""


class Damaged(AzdslError, ValueError):
    """A checkpoint cannot be used; the message says why."""


class OtherSchema(AzdslError, ValueError):
    """A checkpoint was written by a version of azdsl with another format."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a file: metadata as JSON values, and the arrays of islands and reports."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def encode(
    space: Space,
    islands: Sequence[Island],
    facts: Mapping[str, Any],
    met: Sequence[IslandReport] = (),
    ahead: Mapping[int, IslandReport] | None = None,
) -> bytes:
    """A checkpoint's bytes: ``islands``, their reports at the last exchange, and the reports for the next one made so far."""
    arrays: Arrays = {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)}
    for number, island in enumerate(islands):
        arrays |= {f"{number}.{name}": array for name, array in _island(space, island).items()}
    for name, reports in ((_MET, dict(enumerate(met))), (_AHEAD, ahead or {})):
        for number, report in reports.items():
            arrays |= {f"{name}.{number}.{part}": array for part, array in _held(space, report, _REPORT).items()}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return seal(buffer.getvalue())


def seal(content: bytes) -> bytes:
    """The content of a file: schema version, checksum and archive."""
    return b"%s%d\n" % (_TITLE, SCHEMA) + hashlib.sha256(content).digest() + content


def decode(data: bytes) -> Checkpoint:
    """The checkpoint that ``encode`` wrote. Raises ``Damaged`` or ``OtherSchema``."""
    title, newline, rest = data.partition(b"\n")
    if not newline or not title.startswith(_TITLE) or not title[len(_TITLE) :].isdigit():
        raise Damaged("it is truncated or not a checkpoint")
    version = int(title[len(_TITLE) :])
    if version != SCHEMA:
        raise OtherSchema(f"it has schema version {version}; this version of azdsl reads version {SCHEMA}")
    digest, content = rest[:_DIGEST_BYTES], rest[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise Damaged("it is truncated or changed: its checksum is wrong")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(arrays.pop("facts").tobytes())
    except Exception as error:  # NumPy, zipfile and tokenize raise many types for invalid content
        raise Damaged(f"it was not written by azdsl: {error}") from None
    if not isinstance(facts, dict):
        raise Damaged("it was not written by azdsl: its metadata are not an object")
    for array in arrays.values():  # NumPy returns bytes for a member without an array header
        if (
            not isinstance(array, np.ndarray) or not array.dtype.itemsize
        ):  # elements of no bytes: any number of them takes no room in the file
            raise Damaged("it was not written by azdsl: an array has elements of no bytes")
    return Checkpoint(facts, arrays)


def write(directory: Path, data: bytes) -> None:
    """Write the newest checkpoint and keep the previous one. Raises ``OSError``."""
    atomic.write(directory / names.CHECKPOINT, data, backup=directory / names.CHECKPOINT_BEFORE)


def read(directory: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest valid checkpoint, if there is one, and messages about invalid ones.

    Raises ``OtherSchema``, naming the file.
    """
    problems: list[str] = []
    for name in (names.CHECKPOINT, names.CHECKPOINT_BEFORE):
        path = directory / name
        try:
            return decode(regular.read(path)), problems
        except FileNotFoundError:
            continue
        except Damaged as error:
            problems.append(f"{path} cannot be used: {error}")
        except OtherSchema as error:
            raise OtherSchema(f"{path} cannot be used: {error}") from None
    return None, problems


def restore(space: Space, islands: Sequence[Island], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Restore the islands from a checkpoint."""
    for number, island in enumerate(islands):
        _restore(space, island, under(arrays, str(number)))


def restore_reports(
    space: Space, searches: Sequence[Search], arrays: Mapping[str, NDArray[Any]]
) -> tuple[list[IslandReport], dict[int, IslandReport]]:
    """The reports of all islands at the last exchange, if there was one, and the reports for the next one made so far.

    ``searches`` are the settings of the islands.
    """
    met, ahead = (
        {n: _restored(space, searches[n], under(arrays, f"{name}.{n}")) for n in _numbers(arrays, name)}
        for name in (_MET, _AHEAD)
    )
    if met and len(met) != len(searches):
        raise ValueError(f"{len(met)} islands met")
    return [met[number] for number in range(len(met))], ahead


def _numbers(arrays: Mapping[str, NDArray[Any]], name: str) -> list[int]:
    """The numbers in the names ``name.number.part``."""
    return sorted({int(key.split(".")[1]) for key in arrays if key.startswith(f"{name}.")})


def _restored(space: Space, search: Search, arrays: Mapping[str, NDArray[Any]]) -> IslandReport:
    parts: dict[str, Any] = {
        field: no_members(len(arrays[f"{name}.fitness"]), space.capacity) for name, field in _REPORT.programs.items()
    }
    sizes = {"clock": len(Clock), "counts": len(LAYERS), "fec_sample": len(COUNTS)}
    parts |= {name: np.zeros(size, np.int64) for name, size in sizes.items()}
    report = IslandReport(**parts, fitness=np.zeros(search.population), hurdles=make_hurdles(search))
    _hold(space, report, _REPORT, arrays)
    return report


def _island(space: Space, island: Island) -> Arrays:
    arrays = _held(space, island, _ISLAND)
    for name, field in _CACHES.items():
        arrays |= {f"{name}.{part}": array for part, array in in_order(getattr(island, field))._asdict().items()}
    if island.policy.factors.size:
        arrays |= {f"policy.{name}": getattr(island.policy, field) for name, field in POLICY.items()}
    return arrays


def _restore(space: Space, island: Island, arrays: Mapping[str, NDArray[Any]]) -> None:
    _hold(space, island, _ISLAND, arrays)
    for name, field in _CACHES.items():
        refill(getattr(island, field), InOrder(**under(arrays, name)))
    if island.policy.factors.size:
        for name, field in POLICY.items():
            getattr(island.policy, field)[...] = arrays[f"policy.{name}"]


def _held(space: Space, holder: Island | IslandReport, fields: _Fields) -> Arrays:
    """The arrays that islands and reports have in common, by name: numbers, hurdles and programs."""
    arrays: Arrays = {name: getattr(holder, name) for name in fields.numbers}
    arrays |= {f"hurdles.{part}": array for part, array in holder.hurdles._asdict().items()}
    for name, field in fields.programs.items():
        arrays |= {f"{name}.{part}": array for part, array in member_arrays(space, getattr(holder, field)).items()}
    return arrays


def _hold(space: Space, holder: Island | IslandReport, fields: _Fields, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Restore an island or a report from the arrays of ``_held``."""
    for name in fields.numbers:
        getattr(holder, name)[:] = arrays[name]
    for part, array in holder.hurdles._asdict().items():
        array[...] = arrays[f"hurdles.{part}"]
    for name, field in fields.programs.items():
        restore_members(space, getattr(holder, field), under(arrays, name))


def under(arrays: Mapping[str, NDArray[Any]], name: str) -> Arrays:
    """The arrays with the prefix ``name`` and a dot, by the rest of their names."""
    return {part.removeprefix(f"{name}."): array for part, array in arrays.items() if part.startswith(f"{name}.")}


def _used(space: Space, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which places of each individual hold an instruction: bool[P, C]."""
    lengths = lengths.astype(np.int32)
    return np.hstack(
        [np.arange(most, dtype=np.int32) < lengths[:, [f]] for f, most in enumerate(space.functions["most"])]
    )


def _constant_places(space: Space, rows: NDArray[np.int64], fields: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The indices of the instructions' constants in the members' memory: all first constants, then all second ones, and so on."""
    counts = space.table["constants"][fields[:, 0]]
    return np.concatenate([rows[counts > i] * CONSTANTS + i for i in range(CONSTANTS)])


def member_arrays(space: Space, members: Members) -> Arrays:
    """The used parts of members, by name."""
    rows = np.flatnonzero(_used(space, members.about["lengths"]))
    fields = members.code.ravel()[rows].astype("<u8").view("<u2").astype(np.uint8).reshape(-1, _FIELDS)
    constants = members.constants.ravel()[_constant_places(space, rows, fields)]
    about = {name: np.ascontiguousarray(members.about[field]) for name, field in _ABOUT.items()}
    lengths = members.about["lengths"].astype(_LENGTH)
    return {
        "fields": fields,
        "constants": constants,
        "lengths": lengths,
        **about,
        "fitness": members.fitness,
        "adjusted": members.adjusted,
    }


def restore_members(space: Space, members: Members, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Restore members from the arrays of ``member_arrays``."""
    members.about["lengths"] = arrays["lengths"]
    for name, field in _ABOUT.items():
        members.about[field] = arrays[name]
    members.fitness[:], members.adjusted[:] = arrays["fitness"], arrays["adjusted"]
    rows, fields = np.flatnonzero(_used(space, members.about["lengths"])), arrays["fields"]
    members.code[:], members.constants[:] = 0, 0.0
    members.code.reshape(-1)[rows] = fields.astype("<u2").view("<u8")[:, 0]
    members.constants.reshape(-1)[_constant_places(space, rows, fields)] = arrays["constants"]
