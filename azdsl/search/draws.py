"""The seeds of programs' own random draws: another one for each use of the tasks.

A program that lives off its lucky draws on the search tasks has none of that luck when it is compared and scored.
"""

from __future__ import annotations

import numpy as np

from azdsl.tasks import Role

_STREAMS: dict[Role, int] = {"search": 0x5EA2C4, "select": 0x5E1EC7}


def draw_seed(seed: int, role: Role) -> int:
    """The seed of draws for ``role``. The test's is ``seed`` itself: what ``azdsl score`` takes."""
    if role == "test":
        return seed
    return int(np.random.SeedSequence((seed, _STREAMS[role])).generate_state(1, np.uint64)[0] >> np.uint64(1))
