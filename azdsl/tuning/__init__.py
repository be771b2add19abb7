"""Tuning of a program's constants by random search, local search and gradients.

This file has the defaults that ``azdsl tune --help`` shows and imports nothing, so that ``--help`` is fast.
"""

METHODS = ("random", "local", "gradient")
"""The methods in ``azdsl.tuning.search``."""

DEFAULT_METHODS = ("random", "local")

EVALUATIONS = 300
"""Default number of evaluations on the search tasks."""
