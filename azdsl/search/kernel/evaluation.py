"""What the compiled loop asks of an engine: three operations on a live program.

``full``, ``functional_hash`` and ``hurdle`` are declared here without a body. A kind of engine (a named tuple of
arrays, addresses and numbers) gives them one for itself with ``numba.extending.overload``, chosen by the
engine's type when the loop is compiled for it; so the loop holds no function pointer and stays cacheable.
"""

from __future__ import annotations

from typing import Any


def full(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> int:
    """Evaluate the live program on every task into ``task_fitness``; 1 if all of them stopped early, else 0."""
    raise TypeError(f"{type(engine).__name__} is no engine of compiled code")


def functional_hash(engine: Any, lengths: Any, code: Any, constants: Any) -> int:
    """A uint64 hash of the errors on the tasks' first examples, not 0; 0 if they stop the training of every
    task, whose fitness is then 0 too.
    """
    raise TypeError(f"{type(engine).__name__} is no engine of compiled code")


def hurdle(engine: Any, number: int, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> int:
    """Evaluate the live program as far as hurdle ``number``; gives on how many tasks, the first of ``task_fitness``."""
    raise TypeError(f"{type(engine).__name__} is no engine of compiled code")
