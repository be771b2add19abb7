"""Combining the fitness of several tasks into one number."""

from __future__ import annotations

from typing import Any

from azdsl.codegen.numba_jit import inline, jit
from azdsl.search.kernel.space import Space


@jit
def upper_median(values: Any) -> Any:
    """The element at index n // 2 of the sorted values (Hoare's selection). Rearranges ``values``."""
    wanted, low, high = values.size // 2, 0, values.size - 1
    while low < high:
        pivot, i, j = values[(low + high) // 2], low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i, j = i + 1, j - 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    return values[wanted]


@inline
def combined(space: Space, task_fitness: Any) -> Any:
    """Fitness over tasks: the mean, summed in the tasks' order, or the upper median."""
    if space.median:
        return upper_median(task_fitness)
    total = task_fitness[0]
    for i in range(1, task_fitness.size):
        total += task_fitness[i]
    return total / task_fitness.size
