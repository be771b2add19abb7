"""Controlled comparison of search algorithms, or of settings: the same budget, several seeds, success ratios and curves.

What the command line says about it is here, where nothing heavy is imported.
"""

BUDGET = 1_000_000
"""Candidates of each run when the file does not say."""

REPETITIONS = 20
"""Seeds when none are named: the file's and those after it."""
