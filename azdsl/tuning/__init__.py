"""Tuning: better constants for a program as it stands, by random search, local search and gradients.

What the command line says about it is here, where nothing heavy is imported.
"""

METHODS = ("random", "local", "gradient")
"""The ways to search, in ``azdsl.tuning.search``."""

DEFAULT_METHODS = ("random", "local")

EVALUATIONS = 300
"""Programs that are evaluated on the search tasks unless told otherwise."""
