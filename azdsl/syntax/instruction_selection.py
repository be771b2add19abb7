"""Instruction selection: expressions -> instructions on virtual registers, by the kinds of their operands."""

from __future__ import annotations

from dataclasses import dataclass, replace

from azdsl.ir.program import constant_error
from azdsl.ops import BY_NAME, Kind, Op, Role
from azdsl.syntax import op_errors
from azdsl.syntax.error_list import StatementError, brief, choice
from azdsl.syntax.name_resolution import RESERVED, Scope
from azdsl.syntax.op_patterns import ENTRY, patterns
from azdsl.syntax.tree import Binary, Call, Entry, Expression, Items, Name, Number, String
from azdsl.syntax.type_inference import Kinds
from azdsl.syntax.virtual_instructions import ZERO, Emitter, Operand

CONST, VECTOR_BROADCAST, COLUMN_BROADCAST = (BY_NAME[n] for n in ("const", "vector_broadcast", "column_broadcast"))
COPY = {
    Kind.SCALAR: BY_NAME["scalar_maximum"],
    Kind.VECTOR: BY_NAME["vector_maximum"],
    Kind.MATRIX: BY_NAME["matrix_maximum"],
}
"""The ops that copy: maximum(x, x) equals x, bit for bit."""


@dataclass(frozen=True)
class Selector:
    """Selects and emits the instructions of one statement. All methods raise ``StatementError`` and ``OpenKindError``."""

    scope: Scope
    kinds: Kinds
    emitter: Emitter

    def value(self, node: Expression, want: Kind | None, output: Operand | None = None) -> Operand:
        """Emit the instructions of an expression, into ``output`` if given; the register that holds the value."""
        match node:
            case Number():
                return self._literal(node, want or Kind.SCALAR, output)
            case Name():
                operand = self.scope.resolve(node)
                self._expect(operand.kind, want, node)
                if output:
                    self.emitter.emit(COPY[operand.kind], (operand, operand), output)
                return output or operand
            case Call() | Binary():
                return self._operation(node, want, output)
            case String():
                raise StatementError("type", "a text is no value here", node)
            case Items():
                raise StatementError("type", "a list is no value here", node)
            case Entry():
                raise StatementError("type", "an entry cannot be read", node, "it can only be assigned: v1[0.5] = 2")
        raise StatementError("type", "this is no value", node)

    def entry(self, entry: Entry, value: Expression) -> None:
        """Emit ``v1[0.5] = 2``."""
        target = self.scope.resolve_target(entry.base)
        ops = [p.op for p in patterns()[ENTRY] if p.op.output == target.kind and len(p.slots) == len(entry.at) + 1]
        if not ops:
            shapes = choice(f"{pattern.op.shape}" for pattern in patterns()[ENTRY])
            raise StatementError(
                "type", f"this is no entry of a {target.kind.word}", entry, f"entries are set as {shapes}"
            )
        self.emitter.emit(ops[0], (), target, self._constants(ops[0], (*entry.at, value)))

    def _operation(self, node: Call | Binary, want: Kind | None, output: Operand | None) -> Operand:
        """Emit an op applied to operands."""
        if isinstance(node, Call) and node.callee.text not in patterns():
            raise op_errors.unknown(node)
        matches = self.kinds.best(node, want)
        if not matches:
            raise op_errors.no_such_op(node, [self._letter(operand) for operand in op_errors.operands(node)])
        match = matches[0]
        if len(matches) > 1:
            for operand in match.operands:
                self._letter(operand)
            raise op_errors.open_kind(node)
        op = match.op
        if op.output is None:
            raise StatementError("type", f"{op.expression} has no value", node)
        self._expect(op.output, want, node)
        inputs = [self.value(operand, kind) for operand, kind in zip(match.inputs, op.inputs, strict=True)]
        constants = self._constants(op, match.operands[len(inputs) :])
        output = output or self.emitter.temporary(op.output)
        self.emitter.emit(op, tuple(inputs), output, constants)
        return output

    def _literal(self, node: Number, kind: Kind, output: Operand | None) -> Operand:
        """Emit a number as a register of any kind; 0 needs no instruction."""
        value = _constant(node)
        if str(value) == "0.0" and output is None:
            return ZERO[kind]
        if kind is Kind.SCALAR:
            output = output or self.emitter.temporary(kind)
            self.emitter.emit(CONST, (), output, (value,))
            return output
        source = self._literal(node, Kind.SCALAR if kind is Kind.VECTOR else Kind.VECTOR, None)
        output = output or self.emitter.temporary(kind)
        self.emitter.emit(VECTOR_BROADCAST if kind is Kind.VECTOR else COLUMN_BROADCAST, (source,), output)
        return output

    def _constants(self, op: Op, values: tuple[Expression, ...]) -> tuple[float, ...]:
        """The constants of an op, written as numbers."""
        numbers = []
        for role, node in zip(op.constants, values, strict=True):
            if not isinstance(node, Number):
                raise StatementError("constant", f"the {role.value} must be a number written out here", node)
            numbers.append(_constant(node, role))
        return tuple(numbers)

    def _expect(self, kind: Kind, want: Kind | None, node: Expression) -> None:
        """Raise ``StatementError`` for another kind than the expected one."""
        if want not in (None, kind):
            message = f"this is a {kind.word}; a {want.word} is needed here"
            raise StatementError("type", message, node, notes=self._target_note(want))

    def _target_note(self, want: Kind) -> tuple[str, ...]:
        """Notes on the statement that determined the kind of the assigned variable."""
        name = self.emitter.line.code.split("=")[0].split(":")[0].strip()
        if name in self.kinds.known and name in self.scope.origin:
            return (f"{brief(name)} is a {want.word}, from line {self.scope.origin[name]}",)
        return ()

    def _letter(self, operand: Expression) -> str:
        """An operand's kind for a message (``s``, ``v``, ``m``, ``c``); an error in the operand comes first."""
        match operand:
            case Number():
                return "c"
            case Name(text=text) if text in RESERVED:
                return text
            case Name():
                return self.scope.resolve(operand).kind.value
            case Call() | Binary():
                scratch = replace(self, emitter=replace(self.emitter, block=[]))
                return scratch.value(operand, None).kind.value
        return op_errors.excerpt(operand)


def _constant(node: Number, role: Role = Role.VALUE) -> float:
    """A number as a constant. Raises ``StatementError`` if the role does not allow it."""
    if error := constant_error(role, node.value):
        raise StatementError("constant", error, node)
    return node.value
