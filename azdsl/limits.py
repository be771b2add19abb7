"""All limits on input and programs. ``docs/limits.md`` explains each limit and says what to do when it is reached."""

from __future__ import annotations

MAX_INSTRUCTIONS = 4096
"""Instructions of one component function."""

MAX_REGISTERS = 64
"""Registers of each kind: 0 … 63. In a search the limit is for all kinds together, because a set of registers is one word."""

MAX_FEATURES = 4096
"""Features of an example (F), and classes."""

MAX_CLASS_NUMBER = 9999
"""The largest class number of an image. Larger numbers are more likely a mistake than a class."""

MAX_PIXELS = 2**18
"""Numbers in an image that is projected. With 2**18 pixels of 8 bits and entries of 3 + 24 bits, sums in float64 are exact."""

MAX_FILE_BYTES = 1_000_000
"""Bytes of a program text."""

MAX_STATEMENT = 10_000
"""Characters of a statement, comments included."""

MAX_NESTING = 100
"""Levels of brackets or operators in an expression."""

MAX_ERRORS = 1000
"""Errors after which the rest of a text is not checked."""

MAX_HURDLES = 8
"""Hurdles of a search."""

MAX_PROPOSAL_SECONDS = 600
"""Seconds that the command of ``proposals`` may take for one epoch."""

MAX_PROPOSAL_BYTES = 10_000_000
"""Bytes that the command of ``proposals`` may print for one epoch."""

MAX_RUNS = 10_000
"""Runs of each algorithm in a comparison."""

MAX_EXAMPLES = 100_000_000
"""Training examples of a task, and validation examples of a task."""

MAX_COUNT = 10**18
"""The largest number of candidates, tasks or examples in a setting. Sums of a few such numbers fit 64 bits."""

MAX_SEED = 2**63 - 1
"""The largest random seed."""

MAX_DATA_BYTES = 2**32
"""Bytes of a data file, unpacked. An archive can claim any size."""

MAX_COLUMNS = 1_000_000
"""Columns of a data file."""

MAX_DATA_VALUE = 1e150
"""The largest magnitude of a number in a data file. Squares of larger numbers overflow."""
