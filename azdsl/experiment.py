"""An experiment: a seed program with the tasks, registers, ops and search settings that it is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from azdsl.ir import FUNCTIONS, Program
from azdsl.ops import OPS, Op
from azdsl.settings import Range, Registers, Search, Task, keys

EVOLVABLE: tuple[Op, ...] = OPS[1:]
"""The ops a function may use when the file does not say: all but NoOp."""


@dataclass(frozen=True)
class Experiment:
    """All that a ``.az`` file says. ``ops`` holds the allowed ops of Setup, Predict and Learn.

    ``frozen`` names the functions that stay as written. ``mutations`` is None for all that the
    length limits permit. ``str`` gives a file that reads back as the same experiment.
    """

    program: Program = Program()
    task: Task | None = None
    registers: Registers = Registers()
    search: Search = Search()
    ops: tuple[tuple[Op, ...], tuple[Op, ...], tuple[Op, ...]] = (EVOLVABLE, EVOLVABLE, EVOLVABLE)
    mutations: tuple[str, ...] | None = None
    frozen: frozenset[str] = field(default=frozenset())

    def statements(self) -> Iterator[str]:
        """The statements above the functions, one a line; settings at their defaults are left out."""
        if self.task:
            yield f"task {self.task.kind}({_arguments(self.task)})"
        if self.registers != Registers():
            yield f"registers({_arguments(self.registers)})"
        if self.search != Search():
            yield f"search({_arguments(self.search)})"
        if len(set(self.ops)) == 1:
            if self.ops[0] != EVOLVABLE:
                yield f"ops({_shapes(self.ops[0])})"
        else:
            for name, ops in zip(FUNCTIONS, self.ops, strict=True):
                yield f"{name.lower()}_ops({_shapes(ops)})"
        if self.mutations is not None:
            yield f"mutations({', '.join(self.mutations)})"

    def __str__(self) -> str:
        text = str(self.program)
        for name in self.frozen:
            text = text.replace(f"def {name}():", f"@frozen\ndef {name}():")
        return "".join(f"{line}\n" for line in self.statements()) + text


def _shapes(ops: tuple[Op, ...]) -> str:
    """Ops as a file names them: by name."""
    return ", ".join(op.name for op in ops)


def _arguments(settings: Any) -> str:
    """The values that differ from the schema's defaults."""
    default = {f.name: f.default for f in dataclasses.fields(settings)}
    chosen = {f.name: getattr(settings, f.name) for f in keys(settings)}
    return ", ".join(f"{k}={_value(v)}" for k, v in chosen.items() if v != default[k])


def _value(value: Any) -> str:
    """A setting's value as a file writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if value.isidentifier() else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value) if isinstance(value, Range) else repr(value)
