"""Comparison of search algorithms or settings: the same budget, several random seeds, success ratios and curves.

This file has the defaults that ``azdsl compare --help`` shows and imports nothing, so that ``--help`` is fast.
"""

BUDGET = 1_000_000
"""Default number of candidates of a run."""

REPETITIONS = 20
"""Default number of random seeds, starting with that of the file."""
