"""Tuning: better constants for a program as it stands, by random search, local search and gradients."""

from azdsl.tuning.run import METHODS, Score, Tuned, tune

__all__ = ["METHODS", "Score", "Tuned", "tune"]
