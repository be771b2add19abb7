"""Fixed random words that salt the canonical hash."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def hash_salts(purpose: str, count: int) -> NDArray[np.uint64]:
    """uint64[count]: BLAKE2b of the purpose and of each number below ``count``. Equal on every machine."""
    digests = (hashlib.blake2b(f"azdsl {purpose} {i}".encode(), digest_size=8).digest() for i in range(count))
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)
