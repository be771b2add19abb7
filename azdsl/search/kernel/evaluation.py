"""The interface between the compiled loop and an engine: three operations on a live program.

``full``, ``functional_hash`` and ``hurdle`` have no implementation here. Every type of engine (a named tuple of arrays,
addresses and numbers) implements them with ``numba.extending.overload``. numba selects the implementation by the engine's
type when it compiles the loop. The loop therefore contains no function pointer and can be cached on disk.
"""

from __future__ import annotations

from typing import Any


def full(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> int:
    """Write the live program's fitness on every task to ``task_fitness``. Returns 1 if every task stopped early, else 0."""
    raise TypeError(f"{type(engine).__name__} does not implement the operations of an engine")


def functional_hash(engine: Any, lengths: Any, code: Any, constants: Any) -> int:
    """A non-zero uint64 hash of the training and validation errors on each task's first examples.

    Returns 0 if training stopped early on every task; the fitness is then 0.
    """
    raise TypeError(f"{type(engine).__name__} does not implement the operations of an engine")


def hurdle(engine: Any, number: int, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> int:
    """Evaluate the live program at hurdle ``number``. Writes ``task_fitness[:n]`` and returns n, the number of its tasks."""
    raise TypeError(f"{type(engine).__name__} does not implement the operations of an engine")
