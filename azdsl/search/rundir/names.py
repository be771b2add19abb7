"""The file names of a run directory."""

import re

BEST = "best.az"
"""The answer; it can be scored and evolved."""

SEED = "seed.az"
"""The seed program with all settings that are not defaults."""

FURTHER_SEEDS = "seeds"
"""The folder of the other seed programs, if there are several."""

CONFIG = "config.toml"
"""Every setting, and a digest of the data."""

EVENTS = "events.jsonl"
"""One line of JSON per epoch."""

PROPOSALS = "proposals.jsonl"
"""What was proposed, one line of JSON per epoch. Only a run with proposals has it."""

HALL_OF_FAME = "hall_of_fame.csv"
"""The table of the hall of fame."""

HALL_OF_FAME_FILES = "hall_of_fame"
"""The folder of its programs."""

RESULT = "result.json"
"""The figures of a finished run."""

CHECKPOINT, CHECKPOINT_BEFORE = "checkpoint", "checkpoint.before"
"""The newest checkpoint and the previous one."""

LOCK = "lock"
"""Locked by the process that runs the search; holds its number."""


FILES = (BEST, SEED, CONFIG, EVENTS, PROPOSALS, HALL_OF_FAME, RESULT, CHECKPOINT, CHECKPOINT_BEFORE, LOCK)
"""The files that a run writes,"""

FOLDERS = (HALL_OF_FAME_FILES, FURTHER_SEEDS)
"""and its folders."""

_ENTRY = re.compile(r"size-\d{3,}\.az")


def is_entry(name: str) -> bool:
    """Whether a file in the folder of the hall of fame is named as a run names its files."""
    return _ENTRY.fullmatch(name) is not None


def entry(size: int) -> str:
    """The file of the hall of fame's program with ``size`` live instructions, in the run directory."""
    return f"{HALL_OF_FAME_FILES}/size-{size:03}.az"


def further_seed(number: int) -> str:
    """The file of seed program ``number``, from 2, in the run directory."""
    return f"{FURTHER_SEEDS}/{number:03}.az"
