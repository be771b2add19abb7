"""The op table: all operations of the search space, each defined once.

``OPS`` has the ops in order of their codes, ``BY_NAME`` by their names. ``definition`` defines the record of an op;
``elementwise``, ``algebra`` and ``constants`` define the ops; ``groups`` names groups of ops.
"""

from azdsl.ops import algebra, constants, elementwise  # noqa: F401 - importing them defines the ops
from azdsl.ops.definition import Kind, Op, Role, defined

OPS: tuple[Op, ...] = defined()
BY_NAME: dict[str, Op] = {op.name: op for op in OPS}

if [op.code for op in OPS] != list(range(len(OPS))) or len(BY_NAME) != len(OPS):
    raise AssertionError("op codes must run from 0 without a gap, and names must differ")

__all__ = ["BY_NAME", "OPS", "Kind", "Op", "Role"]
