"""The wire format between a search and its workers: the job, sent once, and the state of an island, sent for every epoch.

Both consist of a length, a line of JSON and arrays in NumPy's format; no pickling. Members are packed as in a checkpoint. Caches
are sent unpacked, which is fastest, and empty caches are omitted.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
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
from azdsl.search.rundir.validate import island_problem
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


def encode_job(experiment: Experiment, task_sets: Sequence[TaskSet]) -> bytes:
    """The data of a job: a search of ``experiment`` on its ``task_sets`` (``Plan``)."""
    seeds = [str(program) for program in experiment.further_seeds]
    metadata = {
        "experiment": str(experiment),
        "further_seeds": seeds,
        "tasks": [{name: getattr(tasks, name) for name in _SETTINGS} for tasks in task_sets],
    }
    arrays = {f"{place}.{name}": getattr(tasks, name) for place, tasks in enumerate(task_sets) for name in _ARRAYS}
    return _write(metadata, arrays)


def decode_job(data: bytes) -> tuple[Experiment, tuple[TaskSet, ...]]:
    """The experiment and the task sets that ``encode_job`` encoded."""
    metadata, arrays = _read(data)
    task_sets = []
    for place, settings in enumerate(metadata["tasks"]):
        fields: dict[str, Any] = {**checkpoint.under(arrays, str(place)), **settings}
        task_sets.append(TaskSet(**fields))
    experiment = parse_experiment(metadata["experiment"], "<job>")
    seeds = tuple(parse(text, "<job>") for text in metadata["further_seeds"])
    return replace(experiment, further_seeds=seeds), tuple(task_sets)


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
            arrays |= {f"{name}.{key}": array for key, array in _stated(part).items()}
        else:
            arrays[name] = part
    return _write({}, arrays)


def decode_island(space: Space, island: Island, data: bytes) -> None:
    """Set an island to the state that ``encode_island`` encoded. Raises errors of many types for other data."""
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
            for key, array in _stated(part).items():
                array[...] = arrays[f"{name}.{key}"]
        else:
            part[:] = arrays[name]


def receive_island(space: Space, groups: int, island: Island, data: bytes, least: int, most: int) -> None:
    """Set an island to the state that a worker returned, after validating it like that of a checkpoint.

    The state has ``least`` to ``most`` candidates. Raises ``checkpoint.Damaged``; the island is unchanged then.
    """
    received = deepcopy(island)
    try:
        decode_island(space, received, data)
    except Exception as error:  # NumPy, json and tokenize raise many types for invalid data
        raise checkpoint.Damaged(f"it is not the state of an island ({type(error).__name__}: {error})") from None
    problem = island_problem(space, groups, received)
    if problem:
        raise checkpoint.Damaged(problem)
    if not least <= received.candidates <= most:
        raise checkpoint.Damaged(f"it has {received.candidates:,} candidates in place of {most:,}")
    _copy(received, island)


def _copy(source: Any, target: Any) -> None:
    """Copy nested named tuples of arrays."""
    for new, old in zip(source, target, strict=True):
        if isinstance(old, np.ndarray):
            old[...] = new
        else:
            _copy(new, old)


def _stated(part: Hurdles | Policy) -> dict[str, NDArray[Any]]:
    """The arrays of a part, by name, without those of a policy that follow from the space or are scratch memory."""
    names = part._fields if isinstance(part, Hurdles) else checkpoint.POLICY.values()
    return {name: getattr(part, name) for name in names}


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
