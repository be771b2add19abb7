"""Lowering: the statements of functions -> instructions on virtual registers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from azdsl.ir import FUNCTIONS, MAX_INSTRUCTIONS
from azdsl.ops import Kind
from azdsl.syntax import op_errors
from azdsl.syntax.desugar import desugar
from azdsl.syntax.error_list import ErrorList, Line, StatementError, brief, choice
from azdsl.syntax.function_statements import FunctionStatement
from azdsl.syntax.instruction_selection import Selector
from azdsl.syntax.name_resolution import KINDS, OpenKindError, Scope, register, undefined, variables
from azdsl.syntax.op_patterns import callees, op_matches, unknown_calls
from azdsl.syntax.tree import Assign, Bare, Call, Declare, Entry, Expression, Name
from azdsl.syntax.type_inference import Annotations, assignment_of, collect_annotations, infer
from azdsl.syntax.virtual_instructions import Emitter, Operand, VirtualInstruction

Blocks = tuple[list[VirtualInstruction], list[VirtualInstruction], list[VirtualInstruction]]


def lower(steps: list[FunctionStatement], limits: Mapping[Kind, int], errors: ErrorList) -> Blocks:
    """The instructions of Setup, Predict and Learn; statements with errors are reported and left out."""
    steps = [replace(step, statement=desugar(step.statement)) for step in steps]
    annotated = collect_annotations(steps, errors)
    assignments = [found for step in steps if (found := assignment_of(step))]
    kinds = infer(assignments, annotated.kinds)
    assigned = {a.name for a in assignments if a.name} | annotated.kinds.keys()
    scope = Scope(kinds.known, _origins(steps, annotated, errors), limits)
    broken = _Broken(set(annotated.invalid) | _report_undefined(steps, assigned, annotated.invalid, errors))
    blocks: Blocks = ([], [], [])
    numbers = count(1)
    for step in steps:
        block = blocks[step.function]
        if len(block) > MAX_INSTRUCTIONS or errors.full:
            continue
        emitted: list[VirtualInstruction] = []
        try:
            _lower_statement(step.statement, Selector(scope, kinds, Emitter(step.line, emitted, numbers)))
            block += emitted
        except (StatementError, OpenKindError) as error:
            broken.add(step, error, errors)
        if len(block) > MAX_INSTRUCTIONS:
            message = f"{FUNCTIONS[step.function]} has more than {MAX_INSTRUCTIONS} instructions"
            errors.add("too-long", message, step.line)
    _report_open_kinds(steps, broken, errors)
    return blocks


@dataclass
class _Broken:
    """The variables whose value has an error, and the first use of each variable whose kind is open."""

    failed: set[str]
    open_kinds: dict[str, tuple[Line, Name]] = field(default_factory=dict)

    def add(self, step: FunctionStatement, error: StatementError | OpenKindError, errors: ErrorList) -> None:
        """Note the error of a statement; an open kind is reported at the end, unless another error explains it."""
        if isinstance(error, OpenKindError):
            if error.name.text not in self.failed:
                self.open_kinds.setdefault(error.name.text, (step.line, error.name))
        else:
            errors.add_error(step.line, error)
            if error.code == "unknown-op":
                self.open_kinds.pop(step.variable or "", None)
        if step.variable:
            self.failed.add(step.variable)


def _lower_statement(statement: Assign | Declare | Bare, selector: Selector) -> None:
    """Emit the instructions of a statement. Raises ``StatementError`` and ``OpenKindError``."""
    match statement:
        case Declare(name=name, value=value):
            target = _target(name, value, selector.scope)
            if value:
                selector.value(value, target.kind, target)
        case Assign(target=Name() as name, value=value):
            target = _target(name, value, selector.scope)
            selector.value(value, target.kind, target)
        case Assign(target=Entry() as entry, value=value):
            selector.entry(entry, value)
        case Assign(target=target_expression):
            raise StatementError("target", "only a register or a variable can be assigned", target_expression)
        case Bare(value=Name(text="pass")):
            pass
        case Bare(value=Call() as call) if any(match.op.output is None for match in op_matches(call)):
            selector.emitter.emit(op_matches(call)[0].op, (), None)
        case Bare(value=Call() as call) if call.callee.text not in callees():
            raise op_errors.unknown(call)
        case Bare(value=value):
            hint = "write a register or a name and '=' before it"
            raise StatementError("statement", "the result is not assigned", value, hint)


def _target(name: Name, value: Expression | None, scope: Scope) -> Operand:
    """The register that a statement writes; where its kind is open, an unknown op is the reason."""
    if value and not register(name.text) and name.text not in scope.kinds:
        for call in unknown_calls(value):
            raise op_errors.unknown(call)
    return scope.resolve_target(name)


def _origins(steps: list[FunctionStatement], annotated: Annotations, errors: ErrorList) -> Mapping[str, int]:
    """The line that annotates each variable, or that assigns it first."""
    origins = dict(annotated.lines)
    for step in steps:
        if step.variable:
            origins.setdefault(step.variable, errors.number(step.line))
    return origins


def _report_undefined(
    steps: list[FunctionStatement], assigned: Collection[str], invalid: Collection[str], errors: ErrorList
) -> set[str]:
    """The variables that no statement assigns; each is reported where it is first read."""
    found: set[str] = set()
    for step in steps:
        for name in variables(step.value) if step.value else ():
            if name.text not in (*assigned, *invalid, *found, "pass"):
                found.add(name.text)
                errors.add_error(step.line, undefined(name, assigned))
    return found


def _report_open_kinds(steps: list[FunctionStatement], broken: _Broken, errors: ErrorList) -> None:
    """Report variables whose kind nothing determines, except those that depend on another error."""
    tainted: set[str | None] = set(broken.failed - broken.open_kinds.keys())
    reads = [(step.variable, {name.text for name in variables(step.value)}) for step in steps if step.value]
    while more := {name for name, read in reads if read & tainted} - tainted:
        tainted |= more
    for name, (line, node) in broken.open_kinds.items():
        if errors.full:
            return
        if name not in tainted:
            message = f"the type of {brief(name)} is open: {choice(KINDS)}"
            errors.add("type", message, line, node, f"write its type where it is first set: {brief(name)}: vector = …")
