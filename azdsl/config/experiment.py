"""An experiment: a seed program with the tasks, registers, ops and search settings that it is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from azdsl.config.search import IslandSettings, Range, Registers, Search, keys
from azdsl.config.tasks import Task
from azdsl.ir import FUNCTIONS, Program
from azdsl.ops import OPS, Op

EVOLVABLE: tuple[Op, ...] = OPS[1:]
"""The ops a function may use when the file does not say: all but NoOp."""


@dataclass(frozen=True)
class Group:
    """What some islands have of their own: ``ops`` of Setup, Predict and Learn; None is as the experiment says."""

    islands: Range
    settings: IslandSettings = IslandSettings()
    ops: tuple[tuple[Op, ...] | None, ...] = (None, None, None)
    mutations: tuple[str, ...] | None = None

    def __str__(self) -> str:
        parts = [str(self.islands), *([text] if (text := _arguments(self.settings)) else [])]
        if None not in self.ops and len(set(self.ops)) == 1:
            parts.append(f"ops({_shapes(self.ops[0] or ())})")
        else:
            parts += [
                f"{n.lower()}_ops({_shapes(ops)})"
                for n, ops in zip(FUNCTIONS, self.ops, strict=True)
                if ops is not None
            ]
        if self.mutations is not None:
            parts.append(f"mutations({', '.join(self.mutations)})")
        return f"island({', '.join(parts)})"


@dataclass(frozen=True)
class Experiment:
    """All that a ``.az`` file says. ``ops`` holds the allowed ops of Setup, Predict and Learn.

    ``frozen`` names the functions that stay as written. ``mutations`` is None for all that the
    length limits permit. ``groups`` say what some islands have of their own, a later one wins.
    ``str`` gives a file that reads back as the same experiment.
    """

    program: Program = Program()
    task: Task | None = None
    registers: Registers = Registers()
    search: Search = Search()
    ops: tuple[tuple[Op, ...], tuple[Op, ...], tuple[Op, ...]] = (EVOLVABLE, EVOLVABLE, EVOLVABLE)
    mutations: tuple[str, ...] | None = None
    frozen: frozenset[str] = field(default=frozenset())
    groups: tuple[Group, ...] = ()

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
        yield from map(str, self.groups)

    def of_island(self, number: int) -> Experiment:
        """The experiment as one island has it. Raises ``SettingsError`` where its settings do not fit together."""
        own = self
        for group in self.groups:
            if group.islands.least <= number <= group.islands.most:
                given = {name: value for name, value in vars(group.settings).items() if value is not None}
                setup, predict, learn = (mine or ops for mine, ops in zip(group.ops, own.ops, strict=True))
                own = dataclasses.replace(
                    own,
                    search=dataclasses.replace(own.search, **given),
                    ops=(setup, predict, learn),
                    mutations=own.mutations if group.mutations is None else group.mutations,
                )
        return own

    @property
    def all_ops(self) -> frozenset[Op]:
        """Every op that some island may use, and those of the program itself."""
        lists = [*self.ops, *(ops or () for group in self.groups for ops in group.ops)]
        return frozenset(op for ops in lists for op in ops) | {i.op for i in self.program.instructions}

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
