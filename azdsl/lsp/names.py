"""Registers and variables in the functions of a text: where they stand, and their kinds as far as the text determines them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from azdsl.diagnostics import Source
from azdsl.ir import FUNCTIONS
from azdsl.lsp.place import Token, functions, is_instruction, tokens
from azdsl.ops import Kind, Op
from azdsl.syntax.desugar import desugar
from azdsl.syntax.error_list import ErrorList
from azdsl.syntax.function_statements import FunctionStatement
from azdsl.syntax.name_resolution import register
from azdsl.syntax.op_patterns import callees
from azdsl.syntax.reader import logical_lines, read
from azdsl.syntax.tree import Assign, Bare, Binary, Call, Declare, Expression, Function
from azdsl.syntax.type_inference import Kinds, assignment_of, collect_annotations, infer


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name of a register, a variable or a size, from offset ``start`` to ``end``; ``written`` if its statement assigns it."""

    name: str
    start: int
    end: int
    written: bool


def occurrences(text: str) -> Iterator[Occurrence]:
    """The names in the functions of ``text``, in order: no callees, keywords, types and words of statements."""
    for _, start, end in functions(text):
        for line in logical_lines(text[start:end]):
            if is_instruction(line.code):
                at = start + line.start
                yield from _of_statement(list(tokens(text, at, at + len(line.code))))


def at(text: str, offset: int) -> Occurrence | None:
    """The name at an offset."""
    return next((found for found in occurrences(text) if found.start <= offset <= found.end), None)


def _of_statement(found: list[Token]) -> Iterator[Occurrence]:
    depth, nothing = 0, Token("sign", "", 0, 0)
    for number, (token, following) in enumerate(pairwise([*found, nothing])):
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.kind != "name" or following.text == "(" or token.text == "pass":
            continue
        keyword = depth > 0 and following.text == "="
        annotation = depth == 0 and number > 0 and found[number - 1].text == ":"
        if not keyword and not annotation:
            written = number == 0 and following.text in ("=", ":", "[")
            yield Occurrence(token.text, token.start, token.end, written)


@dataclass(frozen=True)
class Meaning:
    """The statements of the functions that match the grammar, desugared, and the kinds that they determine."""

    steps: tuple[FunctionStatement, ...]
    kinds: Kinds

    @property
    def known(self) -> Mapping[str, Kind]:
        """The kinds of variables."""
        return self.kinds.known

    def op_at(self, offset: int) -> Op | None:
        """The op whose function name or operator stands at an offset; None where its operands leave it open."""
        for step in self.steps:
            if step.value and step.line.start <= offset <= step.line.start + len(step.line.code):
                node, assigned = _operation_at(step.value, offset - step.line.start), assignment_of(step)
                want = (assigned.kind or self.known.get(assigned.name or "")) if assigned else None
                fits = self.kinds.best(node, want if node is step.value else None) if node else []
                return fits[0].op if len(fits) == 1 else None
        return None


def meaning(text: str) -> Meaning:
    """The kinds of variables, from the statements of ``text`` that match the grammar."""
    errors = ErrorList(Source(text))
    steps = []
    function = -1
    for line, statement in read(errors):
        match statement:
            case Function(name=name):
                function = FUNCTIONS.index(name.text) if name.text in FUNCTIONS else -1
            case Assign() | Declare() | Bare() if function >= 0 and is_instruction(line.code):
                steps.append(FunctionStatement(function, line, desugar(statement)))
    annotated = collect_annotations(steps, errors)
    kinds = infer([found for step in steps if (found := assignment_of(step))], annotated.kinds)
    return Meaning(tuple(steps), kinds)


def kind_of(name: str, known: Mapping[str, Kind]) -> Kind | None:
    """The kind of a register or a variable; None where it is open."""
    address = register(name)
    return address.kind if address else known.get(name)


def _operation_at(node: Expression, offset: int) -> Call | Binary | None:
    """The operation of an expression whose function name or operator is at an offset of the statement."""
    match node:
        case Call(callee=callee) if callee.start <= offset <= callee.end:
            return node if callee.text in callees() else None
        case Binary(left=left, right=right) if left.end <= offset < right.start:
            return node
    return next((found for part in _operands(node) if (found := _operation_at(part, offset))), None)


def _operands(node: Expression) -> Iterator[Expression]:
    match node:
        case Binary(left=left, right=right):
            yield from (left, right)
        case Call(arguments=arguments):
            yield from (argument.value for argument in arguments)
