"""The reference interpreter: what programs mean and how they are scored, in pure Python."""

from azdsl.interp.evaluate import evaluate
from azdsl.interp.machine import Machine

__all__ = ["Machine", "evaluate"]
