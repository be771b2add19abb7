"""Every limit on what is read and run, once. ``docs/limits.md`` says what each is for and what to do at it."""

from __future__ import annotations

MAX_INSTRUCTIONS = 4096
"""Instructions that one component function may hold."""

MAX_REGISTERS = 64
"""Registers of each kind that a program may name: 0 … 63. In a search, of all kinds together: a set of them is one word."""

MAX_FEATURES = 4096
"""Features of an example (F); so many classes there may be at most, too."""

MAX_CLASS_NUMBER = 9999
"""The largest class number of a picture: larger ones are taken for a mistake."""

MAX_PIXELS = 2**18
"""Numbers in a picture that is projected: the sums of 18 + 8 bits, 3 for an entry's whole part and 24 for its fraction are exact."""

MAX_FILE_BYTES = 1_000_000
"""Bytes of the largest program text that is read."""

MAX_STATEMENT = 10_000
"""Characters of the longest statement, its comments included."""

MAX_NESTING = 100
"""Levels of brackets or operators that an expression may have."""

MAX_ERRORS = 1000
"""Errors after which the rest of a text is not looked at."""

MAX_HURDLES = 8
"""Hurdles that a search may have."""

MAX_RUNS = 10_000
"""Runs of each algorithm in a comparison."""

MAX_EXAMPLES = 100_000_000
"""Training, or validation, examples of a task."""

MAX_COUNT = 10**18
"""The largest number of candidates, tasks or examples that a setting takes: sums of a few fit 64 bits."""

MAX_SEED = 2**63 - 1
"""The largest seed of a search."""

MAX_DATA_BYTES = 2**32
"""Bytes of the largest data file, unpacked: an archive can claim any size."""

MAX_COLUMNS = 1_000_000
"""Columns of a data file."""

MAX_DATA_VALUE = 1e150
"""The largest magnitude of a number in a data file: squares of larger ones overflow."""
