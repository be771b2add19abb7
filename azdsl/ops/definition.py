"""The record of an op, which the decorator ``@op`` creates from a function.

The function's name is the op's name, its docstring the documentation and its body the reference semantics. Type checks,
printing, dispatch, mutation, cost and documents are derived from the record.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Kind(enum.Enum):
    """The three types of a register: a number, F numbers, F x F numbers."""

    SCALAR = "s"
    VECTOR = "v"
    MATRIX = "m"

    # The hash of Enum is computed in Python, which would slow down every lookup of a register.
    __hash__ = object.__hash__

    @property
    def word(self) -> str:
        """The kind as a word: ``scalar``, ``vector`` or ``matrix``."""
        return self.name.lower()

    def size(self, features: int) -> int:
        """How many numbers a register of this kind has with F = ``features``."""
        return features ** _RANK[self]


_RANK = {Kind.SCALAR: 0, Kind.VECTOR: 1, Kind.MATRIX: 2}


class Role(enum.Enum):
    """The role of a constant in an instruction, which decides its range, its initial draw and its mutation."""

    VALUE = "value"
    INDEX = "index"
    MEAN = "mean"
    STD = "standard deviation"
    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """One operation of the search space.

    ``template`` is the canonical text with ``{out}``, ``{a}``, ``{b}``, ``{c0}``, ``{c1}``, ``{c2}``.
    ``semantics`` takes the inputs, then the constants, then the keyword arguments that ``context``
    names: ``features`` (F), ``old`` (the output's value before), ``draws`` (the random source).
    ``weight`` is the cost of one element's work, in additions.

    ``derivative`` has for each input the part of the output's change that is due to it: text of the language with
    ``{a}``, ``{b}``, the new ``{out}`` and the input's own change, ``{da}`` or ``{db}``; ``"0"`` where there is none.
    Constants of the op change as in ``general``, which is the op with constants in scalar registers.

    ``groups`` are the named groups that it belongs to (``azdsl.ops.groups``).

    ``numpy`` and ``latex`` are its texts in those styles, None where they follow from the other fields
    (``export.readable.op_text`` says how and which slots they have).
    """

    code: int
    name: str
    inputs: tuple[Kind, ...]
    output: Kind | None
    constants: tuple[Role, ...]
    template: str
    doc: str
    semantics: Callable[..., Any] = field(repr=False)
    derivative: tuple[str, ...] = ()
    general: str | None = None
    context: tuple[str, ...] = ()
    commutative: bool = False
    weight: float = 1.0
    rank: int = 0
    groups: tuple[str, ...] = ()
    numpy: str | None = None
    latex: str | None = None

    @property
    def random(self) -> bool:
        """Whether the op draws random numbers."""
        return "draws" in self.context

    @property
    def updates(self) -> bool:
        """Whether the op keeps part of the old value of its output, and therefore reads it."""
        return "old" in self.context

    def uses(self, kind: Kind) -> bool:
        """Whether an input or the output is of this kind."""
        return kind in (*self.inputs, self.output)

    def cost(self, features: int) -> float:
        """The cost of one execution with F = ``features``, in scalar additions."""
        return self.weight * float(features**self.rank)

    @property
    def shape(self) -> str:
        """The op's canonical shape: its text with kinds for registers, ``v = s * v``."""
        names = {"c0": "c", "c1": "c", "c2": "c", "out": self.output.value if self.output else ""}
        names |= {slot: kind.value for slot, kind in zip("ab", self.inputs, strict=False)}
        return self.template.format(**names)

    @property
    def expression(self) -> str:
        """The right-hand side of ``shape`` (``s * v``); the complete shape for an op that sets an entry."""
        head, _, tail = self.shape.partition(" = ")
        return self.shape if "[" in head or not tail else tail

    @property
    def callee(self) -> str | None:
        """The function name in the canonical text (``dot``), or None for an operator or a literal."""
        match = re.match(r"(?:\{out\} = )?(\w+)\(", self.template)
        return match.group(1) if match else None

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Callable[[int], Op], tuple[int]]:
        """Pickle the code only, so that unpickling gives the op of the table."""
        return by_code, (self.code,)


_KINDS = {kind.value: kind for kind in Kind}
_DEFINED: dict[int, Op] = {}


def op(
    code: int,
    signature: str,
    template: str,
    derivative: tuple[str, ...] | str = (),
    *,
    general: str | None = None,
    constants: tuple[Role, ...] = (),
    commutative: bool = False,
    weight: float = 1.0,
    rank: int | None = None,
    name: str | None = None,
    groups: tuple[str, ...] = (),
    numpy: str | None = None,
    latex: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Define op number ``code`` (the paper's) from the decorated function.

    ``signature`` reads ``"v v -> s"``. ``rank`` is the exponent of F in the op's cost; by default
    that of its largest register. Returns the function itself, so that one body can define several ops.
    Raises ``ValueError`` unless there is one ``derivative`` (see ``Op``) for each input, and a ``general`` form
    for constants that are numbers.
    """
    before, _, after = signature.partition("->")
    inputs = tuple(_KINDS[word] for word in before.split())
    output = _KINDS[after.strip()] if after.strip() else None
    derivative = (derivative,) if isinstance(derivative, str) else derivative
    if len(derivative) != len(inputs):
        raise ValueError(f"op {code} needs a derivative for each of its {len(inputs)} inputs, not {len(derivative)}")
    if (general is None) != (not set(constants) - {Role.INDEX}):
        raise ValueError(f"op {code} needs a general form exactly if it has constants other than indexes")
    largest = max((_RANK[kind] for kind in (*inputs, *((output,) if output else ()))), default=0)

    def define(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(function).parameters.values()
        if code in _DEFINED:
            raise ValueError(f"op {code} is defined twice")
        _DEFINED[code] = Op(
            code=code,
            name=name or function.__name__,
            inputs=inputs,
            output=output,
            constants=constants,
            template=template,
            doc=inspect.getdoc(function) or "",
            semantics=function,
            derivative=derivative,
            general=general,
            context=tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY),
            commutative=commutative,
            weight=weight,
            rank=largest if rank is None else rank,
            groups=groups,
            numpy=numpy,
            latex=latex,
        )
        return function

    return define


def by_code(code: int) -> Op:
    """The op with this code. Raises ``KeyError``."""
    return _DEFINED[code]


def defined() -> tuple[Op, ...]:
    """All ops defined so far, by code."""
    return tuple(_DEFINED[code] for code in sorted(_DEFINED))
