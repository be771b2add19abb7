"""Name resolution: what a name in a function denotes, a register or a variable."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from azdsl.errors import AzdslError
from azdsl.ir import FEATURES, LABEL, LABELS, PREDICTION, PREDICTIONS, Address
from azdsl.ir.program import READ_ONLY, register_error
from azdsl.ops import Kind
from azdsl.syntax.error_list import StatementError, brief, nearest
from azdsl.syntax.tree import Binary, Call, Expression, Name
from azdsl.syntax.virtual_instructions import BANKS, Operand, VirtualRegister

ALIASES = {
    "features": FEATURES,
    "label": LABEL,
    "prediction": PREDICTION,
    "labels": LABELS,
    "predictions": PREDICTIONS,
}
"""Names of the registers with a fixed meaning; the plural ones belong to multi-class tasks."""

KINDS = {kind.word: kind for kind in Kind}
"""The kinds of registers, by the word that an annotation uses."""

RESERVED = ("n_features",)
"""Names of sizes, which cannot be variables."""

_REGISTER = re.compile(r"([svm])([0-9]+)")
_LONGEST_INDEX = 9


@lru_cache(maxsize=4096)
def register(name: str) -> Address | None:
    """The register that ``name`` denotes, in range or not; None for the name of a variable."""
    if name in ALIASES:
        return ALIASES[name]
    match = _REGISTER.fullmatch(name)
    if not match:
        return None
    return Address(Kind(match[1]), int(match[2][:_LONGEST_INDEX]))


class OpenKindError(AzdslError):
    """A variable whose kind type inference left open."""

    def __init__(self, name: Name) -> None:
        super().__init__(name.text)
        self.name = name


@dataclass(frozen=True)
class Scope:
    """The meaning of names in the functions of one file.

    ``kinds`` are the known kinds of variables, ``origin`` the line that first assigns or annotates each variable, and
    ``limits`` the number of registers of each kind.
    """

    kinds: Mapping[str, Kind]
    origin: Mapping[str, int]
    limits: Mapping[Kind, int]

    def resolve(self, name: Name) -> Operand:
        """The register that ``name`` denotes. Raises ``StatementError``, or ``OpenKindError`` for an open variable."""
        text = name.text
        address = register(text)
        if address:
            if error := register_error(address):
                raise StatementError("register", error, name)
            limit = self.limits[address.kind]
            if address.index >= limit:
                last = f"{address.kind.value}0 to {Address(address.kind, limit - 1)}" if limit else "none"
                message = f"{address} is out of range: registers({BANKS[address.kind]}={limit}) gives {last}"
                raise StatementError("register", message, name)
            return address
        if text in RESERVED:
            raise StatementError("name", f"{text} is the number of features, which only a task determines", name)
        if text not in self.kinds:
            raise OpenKindError(name)
        return VirtualRegister(self.kinds[text], text)

    def resolve_target(self, name: Name) -> Operand:
        """The register that ``name`` denotes where a statement writes it. Raises as ``resolve``, and for read-only ones."""
        operand = self.resolve(name)
        if isinstance(operand, Address) and operand in READ_ONLY:
            raise StatementError("read-only", READ_ONLY[operand], name)
        return operand


def variables(expression: Expression) -> Iterator[Name]:
    """The variables that an expression reads, in the order of the text."""
    match expression:
        case Name(text=text) if not register(text) and text not in RESERVED:
            yield expression
        case Binary(left=left, right=right):
            yield from variables(left)
            yield from variables(right)
        case Call(arguments=arguments):
            for argument in arguments:
                if argument.key is None:
                    yield from variables(argument.value)


def undefined(name: Name, assigned: Collection[str]) -> StatementError:
    """The error of a variable that no statement assigns, with the nearest known name as a hint."""
    hint = nearest(name.text, [*assigned, *ALIASES])
    return StatementError("undefined", f"{brief(name.text)} is read but never assigned", name, hint)
