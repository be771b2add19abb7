"""The reference interpreter: the semantics of programs and of their evaluation, in pure Python."""

from azdsl.interp.evaluate import evaluate
from azdsl.interp.machine import Machine

__all__ = ["Machine", "evaluate"]
