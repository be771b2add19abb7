"""Semantic analysis of a file: statements -> ``Experiment``."""

from __future__ import annotations

from dataclasses import dataclass, field

from azdsl.config.experiment import OPS_KEYS, Experiment, Group, Stage
from azdsl.config.search import Registers, Search
from azdsl.config.task import Task
from azdsl.diagnostics import Source, SyntaxError
from azdsl.ir import FUNCTIONS, LABELS, MAX_REGISTERS, PREDICTIONS, RMSE
from azdsl.ir.metric import MULTICLASS
from azdsl.ops import Kind, Op
from azdsl.syntax import islands, setting_values, stages, tree
from azdsl.syntax.error_list import ErrorList, Line, brief, choice, nearest
from azdsl.syntax.function_statements import FunctionStatement
from azdsl.syntax.lowering import lower
from azdsl.syntax.name_resolution import ALIASES
from azdsl.syntax.op_patterns import callees
from azdsl.syntax.opspecs import op_list
from azdsl.syntax.reader import read
from azdsl.syntax.register_allocation import allocate
from azdsl.syntax.virtual_instructions import BANKS

STATEMENTS = ("task", "registers", "search", *OPS_KEYS, "mutations", "island", "stage")
"""The statements above the functions. Each may stand there once, ``island`` and ``stage`` any number of times."""

PLURALS = {word for word, address in ALIASES.items() if address in (LABELS, PREDICTIONS)}
"""The names of the registers that only multi-class tasks use."""


@dataclass
class _Contents:
    """The content of a file."""

    task: Task | None = None
    registers: Registers | None = None
    search: Search | None = None
    ops: dict[str, tuple[Op, ...]] = field(default_factory=dict)
    mutations: tuple[str, ...] | None = None
    groups: list[Group] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    frozen: set[str] = field(default_factory=set)
    steps: list[FunctionStatement] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    """The line of each statement and function that may stand only once."""


@dataclass
class _Reader:
    """Collects the statements of a file; ``function`` is the number of the current function."""

    errors: ErrorList
    contents: _Contents = field(default_factory=_Contents)
    function: int | None = None
    indent: str | None = None
    frozen_at: Line | None = None

    def once(self, name: str, line: Line, node: tree.Node) -> bool:
        """Whether ``name`` stands here for the first time; a repetition is reported."""
        if name in self.contents.lines:
            notes = (f"the first {name} is in line {self.contents.lines[name]}",)
            self.errors.add("duplicate", f"{name} is given twice", line, node, notes=notes)
            return False
        self.contents.lines[name] = self.errors.number(line)
        return True

    def statement(self, line: Line, statement: tree.Statement) -> None:
        """Add one statement."""
        if self.frozen_at and not isinstance(statement, tree.Function | tree.Decorator):
            self.errors.add("frozen", "@frozen must stand directly above a function", self.frozen_at)
            self.frozen_at = None
        match statement:
            case tree.Function(name=name):
                self.at_margin(line, f"def {name.text}")
                self.enter(line, name)
            case tree.Decorator(name=name):
                self.at_margin(line, f"@{name.text}")
                self.decorator(line, name)
            case tree.Task(word=word):
                self.at_margin(line, word.text)
                if word.text != "task":
                    self.unknown(line, word)
                elif self.once("task", line, word):
                    self.contents.task = setting_values.task(statement.kind, statement.arguments, line, self.errors)
            case tree.Bare(value=tree.Call(callee=callee) as call) if callee.text in STATEMENTS:
                self.at_margin(line, callee.text)
                self.setting(line, call)
            case tree.Bare(value=tree.Call(callee=callee)) if not line.indent and callee.text not in callees():
                self.unknown(line, callee)
            case tree.Assign() | tree.Declare() | tree.Bare():
                self.step(line, statement)

    def at_margin(self, line: Line, what: str) -> None:
        if line.indent:
            self.errors.add("indentation", f"{brief(what)} must not be indented", line, hint="remove the indentation")

    def unknown(self, line: Line, word: tree.Name) -> None:
        hint = nearest(word.text, [*STATEMENTS, "def"]) or f"there are {choice(STATEMENTS).replace(' or ', ' and ')}"
        self.errors.add("unknown-statement", f"unknown statement '{brief(word.text)}'", line, word, hint)

    def decorator(self, line: Line, name: tree.Name) -> None:
        if name.text == "frozen":
            self.frozen_at = line
        else:
            hint = nearest(name.text, ["frozen"]) or "there is @frozen"
            self.errors.add("unknown-decorator", f"unknown decorator '@{brief(name.text)}'", line, name, hint)

    def enter(self, line: Line, name: tree.Name) -> None:
        """Begin a function: ``def Setup():``."""
        self.indent = None
        if name.text not in FUNCTIONS:
            self.function = -1
            hint = nearest(name.text, FUNCTIONS) or f"there are {choice(FUNCTIONS).replace(' or ', ' and ')}"
            self.errors.add("unknown-function", f"unknown function '{brief(name.text)}'", line, name, hint)
        else:
            self.function = FUNCTIONS.index(name.text)
            self.once(name.text, line, name)
            if self.frozen_at:
                self.contents.frozen.add(name.text)
        self.frozen_at = None

    def setting(self, line: Line, call: tree.Call) -> None:
        """Add a statement with arguments, such as ``search(…)``."""
        word, contents = call.callee.text, self.contents
        if word == "island":
            group = islands.group(call.arguments, line, self.errors)
            contents.groups += [group] if group else []
            return
        if word == "stage":
            stage = stages.stage(call.arguments, line, self.errors)
            contents.stages += [stage] if stage else []
            return
        if not self.once(word, line, call.callee):
            return
        if word == "registers":
            contents.registers = setting_values.settings(Registers, word, call.arguments, line, self.errors)
        elif word == "search":
            contents.search = setting_values.settings(Search, word, call.arguments, line, self.errors)
        elif word == "mutations":
            contents.mutations = setting_values.mutations(call.arguments, line, self.errors)
            if not call.arguments:
                self.errors.add(
                    "setting",
                    "mutations() allows no kind of mutation",
                    line,
                    hint="remove the statement to allow all",
                )
        else:
            contents.ops[word] = op_list(call.arguments, line, self.errors)
            if word == "ops" and not call.arguments:
                self.errors.add("setting", "ops() allows no op", line, hint="remove the statement, or write ops(all)")

    def step(self, line: Line, statement: tree.Assign | tree.Declare | tree.Bare) -> None:
        """Add a statement of the current function."""
        if self.function is None:
            self.errors.add(
                "indentation", "this instruction is outside a function", line, hint="put it below def Setup():"
            )
            return
        if not line.indent:
            self.errors.add(
                "indentation", "this instruction is not indented", line, hint="indent it under its function"
            )
        elif self.indent is None:
            self.indent = line.indent
        elif line.indent != self.indent:
            self.errors.add(
                "indentation",
                "the indentation differs from the lines above",
                line,
                hint=f"use {_indentation(self.indent)}",
            )
        self.contents.steps.append(FunctionStatement(self.function, line, statement))


def _indentation(indent: str) -> str:
    """Indentation in words, such as ``2 spaces``."""
    if len(set(indent)) > 1:
        return "the same mix of tabs and spaces"
    word = {" ": "space", "\t": "tab"}.get(indent[0], "character")
    return f"{len(indent)} {word}{'s' if len(indent) > 1 else ''}"


def build(source: Source) -> Experiment:
    """The experiment in a text. Raises ``SyntaxError`` with all of its errors."""
    reader = _Reader(ErrorList(source))
    for line, statement in read(reader.errors):
        reader.statement(line, statement)
    contents, errors = reader.contents, reader.errors
    if reader.frozen_at:
        errors.add("frozen", "@frozen must stand directly above a function", reader.frozen_at)
    registers, search = contents.registers or Registers(), contents.search or Search()
    # The limits of registers are those of the search: they apply to a program that is part of it.
    bound = contents.registers if search.init == "seed" or contents.frozen else None
    limits = {kind: getattr(bound, BANKS[kind]) if bound else MAX_REGISTERS for kind in Kind}
    steps = [step for step in contents.steps if step.function >= 0]
    blocks = lower(steps, limits, errors)
    metric = MULTICLASS if _names_plurals(steps) else contents.task.metric_definition if contents.task else RMSE
    program = allocate(blocks, limits, metric, errors) if not errors.found else None
    if errors.found or program is None:
        raise SyntaxError(errors.found, source)
    everywhere = contents.ops.get("ops")
    setup, predict, learn = (contents.ops.get(name, everywhere) for name in OPS_KEYS[1:])
    return Experiment(
        program,
        contents.task,
        registers,
        search,
        (setup, predict, learn),
        contents.mutations,
        frozenset(contents.frozen),
        tuple(contents.groups),
        tuple(contents.stages),
    )


def _names_plurals(steps: list[FunctionStatement]) -> bool:
    """Whether the functions use ``labels`` or ``predictions``."""
    return any(word in step.line.code for step in steps for word in PLURALS)
