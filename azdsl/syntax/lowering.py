"""Statements of functions -> instructions on virtual registers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from azdsl.ir import FUNCTIONS, MAX_INSTRUCTIONS, Address
from azdsl.ir.program import READ_ONLY, constant_error, register_error
from azdsl.ops import BY_NAME, Kind, Op, Role
from azdsl.syntax.desugar import Step, assigned_name, assignment_of, declarations, entry_base, value_of, without_sugar
from azdsl.syntax.error_list import Line, Report, brief, choice, nearest
from azdsl.syntax.names import ALIASES, KINDS, RESERVED, register
from azdsl.syntax.op_patterns import ENTRY, callees, forms, takes, unknown_calls, uses
from azdsl.syntax.tree import Assign, Bare, Binary, Call, Declare, Entry, Expression, Items, Name, Node, Number, String
from azdsl.syntax.type_inference import Kinds, infer, names_in

CONST, VECTOR_BROADCAST, COLUMN_BROADCAST = (BY_NAME[n] for n in ("const", "vector_broadcast", "column_broadcast"))
COPY = {
    Kind.SCALAR: BY_NAME["scalar_maximum"],
    Kind.VECTOR: BY_NAME["vector_maximum"],
    Kind.MATRIX: BY_NAME["matrix_maximum"],
}
"""maximum(x, x) is x, bit for bit: the op that copies."""


@dataclass(frozen=True, slots=True)
class Virtual:
    """A register still to be allocated: of a variable (``name``), or number ``number`` of those without a name."""

    kind: Kind
    name: str = ""
    number: int = 0


ZERO = {kind: Virtual(kind, "0") for kind in Kind}
"""Registers that nothing writes: memory starts at zero, so they are zero."""

Place = Address | Virtual

BANKS = {kind: f"{kind.word}s" if kind is not Kind.MATRIX else "matrices" for kind in Kind}
"""The keys of ``registers(…)`` by kind."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An instruction on virtual registers, and the line it comes from."""

    op: Op
    inputs: tuple[Place, ...]
    output: Place | None
    constants: tuple[float, ...]
    line: Line


class _Failed(Exception):
    """The statement has an error, which is reported."""


@dataclass
class _Lowering:
    """The state of lowering one file."""

    report: Report
    kinds: Kinds
    origin: dict[str, int]
    limits: Mapping[Kind, int]
    unsettled: dict[str, tuple[Line, Name]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    drafts: list[Draft] = field(default_factory=list)
    line: Line = Line(0, "", "", ())
    temporaries: int = 0

    def fail(
        self, code: str, message: str, node: Node, hint: str | None = None, notes: tuple[str, ...] = ()
    ) -> _Failed:
        """Report an error; the caller raises what comes back."""
        self.report.add(code, message, self.line, node, hint, notes)
        return _Failed()

    def emit(self, op: Op, inputs: tuple[Place, ...], output: Place | None, constants: tuple[float, ...] = ()) -> None:
        self.drafts.append(Draft(op, inputs, output, constants, self.line))

    def temporary(self, kind: Kind) -> Virtual:
        self.temporaries += 1
        return Virtual(kind, "", self.temporaries)

    def place(self, name: Name) -> Place:
        """The register or variable that a name is."""
        text = name.text
        address = register(text)
        if address:
            if error := register_error(address):
                raise self.fail("register", error, name)
            limit = self.limits[address.kind]
            if address.index >= limit:
                last = f"{address.kind.value}0 to {Address(address.kind, limit - 1)}" if limit else "none"
                message = f"{address} is out of range: registers({BANKS[address.kind]}={limit}) gives {last}"
                raise self.fail("register", message, name)
            return address
        if text in RESERVED:
            raise self.fail("name", f"{text} is the number of features, known only when a task is", name)
        if text not in self.kinds.known:
            if text not in self.failed:
                self.unsettled.setdefault(text, (self.line, name))
            raise _Failed()
        return Virtual(self.kinds.known[text], text)

    def target(self, name: Name, value: Expression | None = None) -> Place:
        """The register or variable that a statement writes; where its kind is open, an unknown op is why."""
        if value and not register(name.text) and name.text not in self.kinds.known:
            for call in unknown_calls(value):
                self.unsettled.pop(name.text, None)
                raise self.unknown(call)
        place = self.place(name)
        if isinstance(place, Address) and place in READ_ONLY:
            raise self.fail("read-only", READ_ONLY[place], name)
        return place

    def statement(self, statement: Assign | Declare | Bare) -> None:
        match statement:
            case Declare(name=name, value=value):
                place = self.target(name, value)
                if value:
                    self.value(value, place.kind, place)
            case Assign(target=Name() as name, value=value):
                place = self.target(name, value)
                self.value(value, place.kind, place)
            case Assign(target=Entry() as entry, value=value):
                self.entry(entry, value)
            case Assign(target=target):
                raise self.fail("target", "only a register or a variable can be assigned to", target)
            case Bare(value=Name(text="pass")):
                pass
            case Bare(value=Call() as call) if any(use.form.op.output is None for use in uses(call)):
                self.emit(uses(call)[0].form.op, (), None)
            case Bare(value=value):
                self.bare(value)

    def bare(self, value: Expression) -> None:
        """An expression that goes nowhere: say what is wrong with it."""
        if isinstance(value, Call) and value.callee.text not in callees():
            raise self.unknown(value)
        raise self.fail("statement", "the result goes nowhere", value, "write a register or a name and '=' before it")

    def entry(self, entry: Entry, value: Expression) -> None:
        """``v1[0.5] = 2``."""
        place = self.target(entry.base)
        found = [f.op for f in forms()[ENTRY] if f.op.output == place.kind and len(f.slots) == len(entry.at) + 1]
        if not found:
            shapes = choice(f"{form.op.shape}" for form in forms()[ENTRY])
            raise self.fail("type", f"this is no entry of a {place.kind.word}", entry, f"entries are set as {shapes}")
        self.emit(found[0], (), place, self.constants(found[0], (*entry.at, value)))

    def constants(self, op: Op, values: tuple[Expression, ...]) -> tuple[float, ...]:
        """Numbers written where an op has constants."""
        numbers = []
        for role, node in zip(op.constants, values, strict=True):
            if not isinstance(node, Number):
                raise self.fail("constant", f"the {role.value} must be a number written out here", node)
            numbers.append(self.number(node, role))
        return tuple(numbers)

    def number(self, node: Number, role: Role = Role.VALUE) -> float:
        if error := constant_error(role, node.value):
            raise self.fail("constant", error, node)
        return node.value

    def value(self, node: Expression, want: Kind | None, output: Place | None = None) -> Place:
        """Compute an expression, into ``output`` if given; where the value is."""
        match node:
            case Number():
                return self.literal(node, want or Kind.SCALAR, output)
            case Name():
                place = self.place(node)
                self.expect(place.kind, want, node)
                if output:
                    self.emit(COPY[place.kind], (place, place), output)
                return output or place
            case Call() | Binary():
                return self.operation(node, want, output)
            case String():
                raise self.fail("type", "a text is no value here", node)
            case Items():
                raise self.fail("type", "a list is no value here", node)
            case Entry():
                raise self.fail("type", "one entry cannot be read", node, "only set: v1[0.5] = 2")
        raise self.fail("type", "this is no value", node)

    def literal(self, node: Number, kind: Kind, output: Place | None) -> Place:
        """A number as a register of any kind."""
        value = self.number(node)
        zero = str(value) == "0.0"
        if zero and output is None:
            return ZERO[kind]
        if kind is Kind.SCALAR:
            output = output or self.temporary(kind)
            self.emit(CONST, (), output, (value,))
            return output
        source = Kind.SCALAR if kind is Kind.VECTOR else Kind.VECTOR
        place = self.literal(node, source, None)
        output = output or self.temporary(kind)
        self.emit(VECTOR_BROADCAST if kind is Kind.VECTOR else COLUMN_BROADCAST, (place,), output)
        return output

    def expect(self, kind: Kind, want: Kind | None, node: Expression) -> None:
        if want not in (None, kind):
            raise self.fail("type", f"this is a {kind.word}; a {want.word} is needed here", node, notes=self.why(want))

    def why(self, want: Kind) -> tuple[str, ...]:
        """Where the variable that the statement assigns to got its kind."""
        name = self.line.code.split("=")[0].split(":")[0].strip()
        if name in self.kinds.known and name in self.origin:
            return (f"{brief(name)} is a {want.word}, from line {self.origin[name]}",)
        return ()

    def operation(self, node: Call | Binary, want: Kind | None, output: Place | None) -> Place:
        """An op applied to operands."""
        if isinstance(node, Call) and node.callee.text not in forms():
            raise self.unknown(node)
        fits = self.kinds.best(node, want)
        if not fits:
            raise self.misfit(node)
        op = fits[0].form.op
        if len(fits) > 1:
            for operand in fits[0].operands:
                self.letter(operand)
            raise self.fail("type", "whether this is a scalar, a vector or a matrix is open", node, _NAME_IT)
        if op.output is None:
            raise self.fail("type", f"{op.expression} has no value", node)
        self.expect(op.output, want, node)
        count = len(op.inputs)
        inputs = [self.value(operand, kind) for operand, kind in zip(fits[0].operands, op.inputs, strict=False)]
        constants = self.constants(op, fits[0].operands[count:])
        output = output or self.temporary(op.output)
        self.emit(op, tuple(inputs), output, constants)
        return output

    def unknown(self, call: Call) -> _Failed:
        word = call.callee.text
        hint = nearest(word, callees()) or "azdsl ops lists them all"
        return self.fail("unknown-op", f"unknown op '{brief(word)}'", call.callee, hint)

    def misfit(self, node: Call | Binary) -> _Failed:
        """Why no op fits: an operand's own error, or the shapes that there are."""
        operands = (
            [node.left, node.right] if isinstance(node, Binary) else [a.value for a in node.arguments if not a.key]
        )
        letters = [self.letter(operand) for operand in operands]
        if isinstance(node, Binary):
            text = f" {node.operator} ".join(letters)
            hint = _BCAST if sorted(letters) == ["s", "v"] and node.operator != "@" else None
            return self.fail("type", f"{text}: no such op; {_takes_operator(node.operator)}", node, hint)
        head = node.callee.text
        written = letters + [f"{_brief(a.key)}={_brief(a.value)}" for a in node.arguments if a.key]
        return self.fail("type", f"{head}({', '.join(written)}): no such op; {takes(head)}", node)

    def letter(self, operand: Expression) -> str:
        """An operand's kind for a message; its own error, if it has one, comes first."""
        match operand:
            case Number():
                return "c"
            case Name(text=text) if text in RESERVED:
                return text
            case Name():
                return self.place(operand).kind.value
            case Call() | Binary():
                before = len(self.drafts)
                place = self.value(operand, None)
                del self.drafts[before:]
                return place.kind.value
        return _brief(operand)


_BCAST = "bcast(s) makes a vector of a scalar"
_NAME_IT = "give it a name of its own with its type: noise: vector = gaussian(0, 1)"


def _brief(node: Expression) -> str:
    return "…" if isinstance(node, Binary | Call | Entry | Items | String) else brief(getattr(node, "text", "…"))


def _takes_operator(operator: str) -> str:
    """``+ takes s + s, v + v or m + m``."""
    return "@ takes m @ m, m @ v or v @ v" if operator == "@" else takes(operator)


def lower(
    steps: list[Step], limits: Mapping[Kind, int], report: Report
) -> tuple[list[Draft], list[Draft], list[Draft]]:
    """The instructions of Setup, Predict and Learn, on virtual registers."""
    steps = [without_sugar(step) for step in steps]
    declared, origin, untyped = declarations(steps, report)
    assignments = [a for step in steps if (a := assignment_of(step))]
    kinds = infer(assignments, declared)
    assigned = (
        {a.name for a in assignments if a.name} | {n.text for s in steps if (n := entry_base(s))} | declared.keys()
    )
    for step in steps:
        if (name := assigned_name(step)) and name not in origin:
            origin[name] = report.number(step.line)
    lowering = _Lowering(report, kinds, origin, limits, failed=untyped)
    _undefined(steps, assigned, lowering)
    blocks: tuple[list[Draft], list[Draft], list[Draft]] = ([], [], [])
    for step in steps:
        block = blocks[step.function]
        if len(block) > MAX_INSTRUCTIONS or report.full:
            continue
        lowering.line, lowering.drafts = step.line, block
        before = len(block)
        try:
            lowering.statement(step.statement)
        except _Failed:
            del block[before:]
            if name := assigned_name(step):
                lowering.failed.add(name)
        if len(block) > MAX_INSTRUCTIONS:
            message = f"{FUNCTIONS[step.function]} has more than {MAX_INSTRUCTIONS} instructions"
            report.add("too-long", message, step.line)
    _unsettled(steps, lowering)
    return blocks


def _unsettled(steps: list[Step], lowering: _Lowering) -> None:
    """Report variables whose kind nothing tells, but for those that depend on another error."""
    failed = lowering.failed - lowering.unsettled.keys()
    reads = [(assigned_name(step), {n.text for n in names_in(value)}) for step in steps if (value := value_of(step))]
    tainted: set[str | None] = set(failed)
    while more := {name for name, read in reads if read & tainted} - tainted:
        tainted |= more
    for name, (line, node) in lowering.unsettled.items():
        if lowering.report.full:
            return
        if name not in tainted:
            kinds = choice(KINDS)
            hint = f"write its type where it is first set: {brief(name)}: vector = …"
            lowering.report.add("type", f"the type of {brief(name)} is open: {kinds}", line, node, hint)


def _undefined(steps: list[Step], assigned: Iterable[str], lowering: _Lowering) -> None:
    """Report variables that nothing assigns to."""
    known = set(assigned)
    for step in steps:
        for name in names_in(value) if (value := value_of(step)) else ():
            if name.text not in known and name.text not in lowering.failed and name.text != "pass":
                lowering.failed.add(name.text)
                hint = nearest(name.text, [*known, *ALIASES])
                message = f"{brief(name.text)} is read but never assigned"
                lowering.report.add("undefined", message, step.line, name, hint)
