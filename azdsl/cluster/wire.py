"""The wire format between a search and its workers: the job, sent once, and the state of an island, sent for every epoch.

Both consist of a length, a line of JSON and arrays in NumPy's format; no pickling. Members are packed as in a checkpoint. Caches
are sent unpacked, which is fastest, and empty caches are omitted.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from azdsl.config.experiment import Experiment
from azdsl.search.kernel.cache import Cache, clear
from azdsl.search.kernel.hurdles import Hurdles
from azdsl.search.kernel.population import Island, Members
from azdsl.search.kernel.reinforce import Policy
from azdsl.search.kernel.space import Space
from azdsl.search.rundir import checkpoint
from azdsl.syntax import parse, parse_experiment
from azdsl.taskset import TaskSet

_SIZE_BYTES = 8
_SETTINGS = ("metric", "epoch_length", "epochs", "classes")
_ARRAYS = ("train_X", "train_y", "valid_X", "valid_y")


@dataclass(frozen=True)
class Job:
    """The data of a search that is equal for all epochs. Jobs are compared by the digest of ``data``."""

    digest: str
    data: bytes = field(compare=False, repr=False)


def job_of(data: bytes) -> Job:
    """The job with the data that ``encode_job`` returned."""
    return Job(hashlib.blake2b(data, digest_size=16).hexdigest(), data)


def encode_job(experiment: Experiment, tasks: TaskSet) -> bytes:
    """The data of a job: a search of ``experiment`` on ``tasks``."""
    seeds = [str(program) for program in experiment.further_seeds]
    metadata = {
        "experiment": str(experiment),
        "further_seeds": seeds,
        "tasks": {name: getattr(tasks, name) for name in _SETTINGS},
    }
    return _write(metadata, {name: getattr(tasks, name) for name in _ARRAYS})


def decode_job(data: bytes) -> tuple[Experiment, TaskSet]:
    """The experiment and the tasks that ``encode_job`` encoded."""
    metadata, arrays = _read(data)
    fields: dict[str, Any] = {**arrays, **metadata["tasks"]}
    experiment = parse_experiment(metadata["experiment"], "<job>")
    seeds = tuple(parse(text, "<job>") for text in metadata["further_seeds"])
    return replace(experiment, further_seeds=seeds), TaskSet(**fields)


def encode_island(space: Space, island: Island) -> bytes:
    """The state of an island as bytes."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, part in island._asdict().items():
        if isinstance(part, Members):
            arrays |= {f"{name}.{key}": array for key, array in checkpoint.member_arrays(space, part).items()}
        elif isinstance(part, Cache):
            if part.sets["tags"].any():
                arrays[name] = part.sets
        elif isinstance(part, Hurdles | Policy):
            arrays |= {f"{name}.{key}": array for key, array in part._asdict().items()}
        else:
            arrays[name] = part
    return _write({}, arrays)


def decode_island(space: Space, island: Island, data: bytes) -> None:
    """Set an island to the state that ``encode_island`` encoded."""
    _, arrays = _read(data)
    for name, part in island._asdict().items():
        if isinstance(part, Members):
            checkpoint.restore_members(space, part, checkpoint.under(arrays, name))
        elif isinstance(part, Cache):
            if name in arrays:
                part.sets[:] = arrays[name]
            else:
                clear(part)
        elif isinstance(part, Hurdles | Policy):
            for key, array in part._asdict().items():
                array[...] = arrays[f"{name}.{key}"]
        else:
            part[:] = arrays[name]


def _write(metadata: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    title = json.dumps({"metadata": metadata, "arrays": list(arrays)}).encode()
    buffer.write(len(title).to_bytes(_SIZE_BYTES, "little") + title)
    for array in arrays.values():
        npy.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _read(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    buffer = io.BytesIO(data)
    title = json.loads(buffer.read(int.from_bytes(buffer.read(_SIZE_BYTES), "little")))
    return title["metadata"], {name: npy.read_array(buffer, allow_pickle=False) for name in title["arrays"]}
