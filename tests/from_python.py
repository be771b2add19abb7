"""Functions that are inlined into compiled code, callable from tests."""

from __future__ import annotations

from typing import Any

import numba


def from_python(function: Any) -> Any:
    """A compiled function that calls ``function``, which Python cannot call (``numba_jit.inline``). It is not kept on disk."""

    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return numba.njit(error_model="numpy", _nrt=False)(call)
