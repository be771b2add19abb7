"""An experiment: a seed program with its task, registers, search settings and search space."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from azdsl.config.search import (
    BLIND_MUTATIONS,
    DATA_FLOW_MUTATIONS,
    STAGE_ENDS,
    IslandSettings,
    Range,
    Registers,
    Search,
    SettingsError,
    StageSettings,
    keys,
)
from azdsl.config.task import Task
from azdsl.config.tasks import FileTask, relocated
from azdsl.ir import FUNCTIONS, Program
from azdsl.ops import Op
from azdsl.ops.groups import ALL, MEMBERS, listed

EVOLVABLE: tuple[Op, ...] = MEMBERS[ALL]
"""All ops that a function may use: all but NoOp."""

TABLE_OPS = "tables"
"""The group of ops that a function may use by default where the task is a table, or task sets given from Python."""

OPS_KEYS = ("ops", *(f"{name.lower()}_ops" for name in FUNCTIONS))
"""The statements that list ops: for all functions, then for each of ``FUNCTIONS``."""

_NAME = re.compile(r"[^\W\d]\w*")
"""Text that a file may write without quotes: a NAME of the grammar."""


@dataclass(frozen=True)
class Group:
    """Settings that some islands override; None is the experiment's value. ``ops`` is for Setup, Predict and Learn.

    With a ``task`` the islands search on tasks of their own.
    """

    islands: Range
    settings: IslandSettings = IslandSettings()
    ops: tuple[tuple[Op, ...] | None, ...] = (None, None, None)
    mutations: tuple[str, ...] | None = None
    task: Task | None = None

    def __str__(self) -> str:
        parts = [str(self.islands), *_own_task(self.task), *([text] if (text := _arguments(self.settings)) else [])]
        if None not in self.ops and len(set(self.ops)) == 1:
            parts.append(f"ops({_shapes(self.ops[0] or ())})")
        else:
            parts += _by_function(self.ops)
        return f"island({', '.join([*parts, *_kinds(self.mutations)])})"


@dataclass(frozen=True)
class Stage:
    """A stage before the run's own task: its task, its end and the settings that it overrides; None is the experiment's value.

    Raises ``SettingsError`` for a stage without an end.
    """

    task: Task | None
    settings: StageSettings
    mutations: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if all(getattr(self.settings, name) is None for name in STAGE_ENDS):
            raise SettingsError("stage", "a stage needs an end: set target, max_evals or patience")
        own = self.settings
        if own.missed == "first" and (own.target is None or own.max_evals is own.patience is None):
            raise SettingsError(
                "stage",
                "missed=first follows a stage that ends without its target: set target, and max_evals or patience",
            )
        if own.attempts > 1 and own.max_evals is own.patience is None:
            raise SettingsError("stage", "each of several attempts needs an end: set max_evals or patience")

    def __str__(self) -> str:
        return f"stage({', '.join([*_own_task(self.task), _arguments(self.settings), *_kinds(self.mutations)])})"


@dataclass(frozen=True)
class Experiment:
    """The content of a ``.az`` file. ``str`` gives the text of a file that is read as an equal experiment.

    ``ops`` are the allowed ops of Setup, Predict and Learn, None for ``default_ops``. ``frozen`` names the functions that do not evolve.
    ``mutations`` is None for those of ``default_mutations`` that the length limits permit. ``groups`` are overrides of some islands;
    of two for the same island the later one wins. ``stages`` are searched before ``task``, in their order. ``further_seeds`` are seed
    programs beside ``program``: ``str`` does not state them, a run directory has a file for each.
    """

    program: Program = Program()
    task: Task | None = None
    registers: Registers = Registers()
    search: Search = Search()
    ops: tuple[tuple[Op, ...] | None, tuple[Op, ...] | None, tuple[Op, ...] | None] = (None, None, None)
    mutations: tuple[str, ...] | None = None
    frozen: frozenset[str] = field(default=frozenset())
    groups: tuple[Group, ...] = ()
    stages: tuple[Stage, ...] = ()
    further_seeds: tuple[Program, ...] = ()

    @property
    def seed_programs(self) -> tuple[Program, ...]:
        """All programs that the search starts from."""
        return self.program, *self.further_seeds

    def statements(self) -> Iterator[str]:
        """The statements above the functions, without settings that have their default values."""
        yield from map(str, self.stages)
        if self.task:
            yield f"task {self.task.kind}({_arguments(self.task)})"
        if self.registers != Registers():
            yield f"registers({_arguments(self.registers)})"
        if self.search != Search():
            yield f"search({_arguments(self.search)})"
        if self.ops[0] is not None and len(set(self.ops)) == 1:
            yield f"ops({_shapes(self.ops[0])})"
        else:
            yield from _by_function(self.ops)
        yield from _kinds(self.mutations)
        yield from map(str, self.groups)

    def of_island(self, number: int) -> Experiment:
        """The experiment with the overrides of island ``number``. Raises ``SettingsError`` if they are inconsistent."""
        own = self.on(self.island_task(number))
        for group in self._groups_of(number):
            setup, predict, learn = (
                ops if mine is None else mine for mine, ops in zip(group.ops, own.ops, strict=True)
            )
            own = dataclasses.replace(own._with(group), ops=(setup, predict, learn))
        return own

    def island_task(self, number: int) -> Task | None:
        """The task of its own that island ``number`` searches on; None if it searches on the run's own task, or that of a stage."""
        return next((group.task for group in reversed(self._groups_of(number)) if group.task), None)

    @property
    def island_tasks(self) -> tuple[Task, ...]:
        """The different tasks that islands have of their own, in the order of the statements."""
        return tuple(dict.fromkeys(group.task for group in self.groups if group.task))

    def _groups_of(self, number: int) -> list[Group]:
        """The groups that island ``number`` belongs to."""
        return [group for group in self.groups if group.islands.least <= number <= group.islands.most]

    def on(self, task: Task | None) -> Experiment:
        """The experiment as islands with a ``task`` of their own search on it: every program on all examples of all its tasks.

        Hurdles and task groups are those of the run's own task. Itself for None.
        """
        if task is None:
            return self
        everything = {"hurdles": None, "proxy": False, "tasks_per_evaluation": None, "redraw": None}
        search = dataclasses.replace(self.search, **everything)  # type: ignore[arg-type]
        return self._of_task(dataclasses.replace(self, task=task, search=search))

    def of_stage(self, number: int) -> Experiment:
        """The experiment of stage ``number``, whose ``stages`` are those before it; after the last stage, the experiment itself.

        The target and the patience are the stage's alone, as is ``max_evals``, which counts from the start of the stage.
        """
        if number == len(self.stages):
            return self
        stage, default = self.stages[number], Search()
        ends = {name: getattr(default, name) for name in STAGE_ENDS}
        own = dataclasses.replace(self, search=dataclasses.replace(self.search, **ends))._with(stage)
        return self._of_task(dataclasses.replace(own, task=stage.task or self.task, stages=self.stages[:number]))

    def _of_task(self, other: Experiment) -> Experiment:
        """``other``, whose task is another one, with the ops and mutations of this experiment: programs go from one task to the other."""
        if other.default_ops == self.default_ops:
            return other
        mutations = self.default_mutations if other.mutations is None else other.mutations
        setup, predict, learn = self.allowed_ops
        return dataclasses.replace(other, ops=(setup, predict, learn), mutations=mutations)

    def _with(self, overrides: Group | Stage) -> Experiment:
        """The experiment with the search's keys and the mutations that ``overrides`` gives."""
        mutations = self.mutations if overrides.mutations is None else overrides.mutations
        own = {field.name: getattr(overrides.settings, field.name, None) for field in keys(Search)}
        given = {name: value for name, value in own.items() if value is not None}
        return dataclasses.replace(self, search=dataclasses.replace(self.search, **given), mutations=mutations)

    def moved(self, move: Callable[[str], str]) -> Experiment:
        """The experiment with the relative paths of its data mapped by ``move``."""
        stages = tuple(dataclasses.replace(stage, task=relocated(stage.task, move)) for stage in self.stages)
        groups = tuple(dataclasses.replace(group, task=relocated(group.task, move)) for group in self.groups)
        return dataclasses.replace(self, task=relocated(self.task, move), stages=stages, groups=groups)

    @property
    def default_ops(self) -> str:
        """The group of ops that a function may use whose ops are not given."""
        return TABLE_OPS if self.task is None or isinstance(self.task, FileTask) else ALL

    @property
    def default_mutations(self) -> tuple[str, ...]:
        """The kinds of mutation where none are given."""
        return DATA_FLOW_MUTATIONS if isinstance(self.task, FileTask) else BLIND_MUTATIONS

    @property
    def allowed_ops(self) -> tuple[tuple[Op, ...], ...]:
        """The ops that Setup, Predict and Learn may use."""
        return tuple(MEMBERS[self.default_ops] if ops is None else ops for ops in self.ops)

    @property
    def all_ops(self) -> frozenset[Op]:
        """Every op that an island may use, and the ops of the program."""
        lists = [*self.allowed_ops, *(ops or () for group in self.groups for ops in group.ops)]
        return frozenset(op for ops in lists for op in ops) | {
            i.op for program in self.seed_programs for i in program.instructions
        }

    def __str__(self) -> str:
        text = str(self.program)
        for name in self.frozen:
            text = text.replace(f"def {name}():", f"@frozen\ndef {name}():")
        return "".join(f"{line}\n" for line in self.statements()) + text


def _own_task(task: Task | None) -> list[str]:
    """The argument ``task=…`` of a statement, if there is one."""
    return [f"task={task.kind}({_arguments(task)})"] if task else []


def _kinds(mutations: tuple[str, ...] | None) -> list[str]:
    """The statement ``mutations(…)``, if there is one."""
    return [] if mutations is None else [f"mutations({', '.join(mutations)})"]


def _by_function(ops: Iterable[tuple[Op, ...] | None]) -> Iterator[str]:
    """The lists of ops of the functions that have one, as a file states them."""
    given = zip(OPS_KEYS[1:], ops, strict=True)
    return (f"{key}({_shapes(allowed)})" for key, allowed in given if allowed is not None)


def _shapes(ops: tuple[Op, ...]) -> str:
    """The names of ops and of groups of ops, as a file lists them."""
    return ", ".join(listed(ops))


def _arguments(settings: Any) -> str:
    """``key=value`` for the values that differ from the schema's defaults."""
    default = {f.name: f.default for f in dataclasses.fields(settings)}
    chosen = {f.name: getattr(settings, f.name) for f in keys(settings)}
    return ", ".join(f"{k}={_value(v)}" for k, v in chosen.items() if v != default[k])


def _value(value: Any) -> str:
    """A setting's value in a file's syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if _NAME.fullmatch(value) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value) if isinstance(value, Range) else repr(value)
