"""Fixed random numbers that hashes are salted with."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def salts(purpose: str, count: int) -> NDArray[np.uint64]:
    """uint64[count] from BLAKE2b of the purpose and the number: the same on every machine."""
    digests = (hashlib.blake2b(f"azdsl {purpose} {i}".encode(), digest_size=8).digest() for i in range(count))
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)
