"""What a name in a function stands for: a register, one of the fixed registers, or a variable."""

from __future__ import annotations

import re
from functools import lru_cache

from azdsl.ir import FEATURES, LABEL, LABELS, PREDICTION, PREDICTIONS, Address
from azdsl.ops import Kind

ALIASES = {
    "features": FEATURES,
    "label": LABEL,
    "prediction": PREDICTION,
    "labels": LABELS,
    "predictions": PREDICTIONS,
}
"""Words for registers with a fixed meaning; the plural ones are of multi-class tasks."""

KINDS = {kind.word: kind for kind in Kind}

RESERVED = ("n_features",)
"""Words that stand for sizes and so cannot be variables."""

_REGISTER = re.compile(r"([svm])([0-9]+)")
_LONGEST_INDEX = 9


@lru_cache(maxsize=4096)
def register(name: str) -> Address | None:
    """The register that ``name`` is, in range or not; None for a variable's name."""
    if name in ALIASES:
        return ALIASES[name]
    match = _REGISTER.fullmatch(name)
    if not match:
        return None
    return Address(Kind(match[1]), int(match[2][:_LONGEST_INDEX]))
