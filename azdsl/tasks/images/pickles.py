"""The data in a pickle of NumPy arrays, read as a list of opcodes: nothing in the file is ever called.

A pickle is a program for a stack machine that can call any function of Python. This reader knows the opcodes
that make data and keeps the few calls that an array consists of as symbols, from which the array's bytes are
taken. Everything else is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.errors import AzdslError


class UnsafePickleError(AzdslError, ValueError):
    """The pickle is damaged or asks for more than data; the message says what."""


RECONSTRUCT = frozenset({"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"})
"""How NumPy's pickles begin an array, before and since version 2."""

ENCODE = "_codecs encode"
"""How Python 3 writes bytes for Python 2."""

KNOWN = RECONSTRUCT | {"numpy ndarray", "numpy dtype", ENCODE}
"""The functions and classes that a pickled array names."""

BYTE_TYPES = ("u1", "|u1", "uint8")


@dataclass(frozen=True)
class Global:
    """A function or class that the pickle names; never looked up."""

    name: str


@dataclass
class Call:
    """A call that the pickle asks for, not made, and the state that it sets on the result."""

    function: str
    arguments: tuple[Any, ...]
    state: Any = None


class _Mark:
    """Stands on the stack where a list of items begins."""


def read(data: bytes) -> Any:
    """What a pickle holds, as Python values, ``bytes`` arrays as ``NDArray[np.uint8]``; text of Python 2 is ``bytes``.

    Raises ``UnsafePickleError``.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return machine.pop()
            machine.step(opcode.name, argument)
    except UnsafePickleError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise UnsafePickleError(f"damaged: {error or type(error).__name__}") from None
    raise UnsafePickleError("damaged: it has no end")


class _Machine:
    """The stack and the memory of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Do what one opcode says."""
        if name in _LITERALS:
            self.stack.append(_LITERALS[name](argument))
        elif name in _TUPLES:
            count = _TUPLES[name]
            self.stack.append(tuple(self.pop() for _ in range(count))[::-1])
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memory[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memory[len(self.memory)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memory[argument])
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name == "GLOBAL":
            self.name_global(argument)
        elif name not in ("PROTO", "FRAME"):
            raise UnsafePickleError(f"it holds more than data (opcode {name})")

    def pop(self) -> Any:
        """Take the top of the stack."""
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise UnsafePickleError("damaged: it takes what is not there")
        return self.stack.pop()

    def items(self) -> list[Any]:
        """Take all above the last mark, and the mark."""
        found: list[Any] = []
        while not isinstance(self.stack[-1], _Mark):
            found.append(self.stack.pop())
        self.stack.pop()
        return found[::-1]

    def name_global(self, name: str) -> None:
        """Push a function's name, if it is one of those that an array needs."""
        if name not in KNOWN:
            raise UnsafePickleError(f"it asks Python to run {name.replace(' ', '.')}, which data need not")
        self.stack.append(Global(name))

    def stack_global(self) -> None:
        """The same with module and name on the stack."""
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise UnsafePickleError("it names a function by what is no text")
        self.name_global(f"{module} {name}")

    def reduce(self) -> None:
        """Note a call, or make the bytes that it stands for."""
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise UnsafePickleError("it calls what is not a function")
        if function.name == ENCODE:
            text, encoding = arguments
            if encoding != "latin1" or not isinstance(text, str):
                raise UnsafePickleError("it holds bytes in an unknown encoding")
            self.stack.append(text.encode("latin-1"))
        else:
            self.stack.append(Call(function.name, arguments))

    def build(self) -> None:
        """Give a call its state; an array is complete with it."""
        state, call = self.pop(), self.pop()
        if not isinstance(call, Call) or call.state is not None:
            raise UnsafePickleError("it changes what is not an array")
        call.state = state
        made = _array(call) if call.function in RECONSTRUCT else call
        for place, value in self.memory.items():
            if value is call:
                self.memory[place] = made
        self.stack.append(made)

    def append(self, values: list[Any]) -> None:
        """Lengthen the list below."""
        target = self.stack[-1]
        if not isinstance(target, list):
            raise UnsafePickleError("it lengthens what is not a list")
        target.extend(values)

    def set_items(self, flat: list[Any]) -> None:
        """Fill the dictionary below."""
        target = self.stack[-1]
        if not isinstance(target, dict) or len(flat) % 2:
            raise UnsafePickleError("it fills what is not a dictionary")
        # Python looks into a key without a limit: tuples nested deeply enough would end the process.
        if not all(isinstance(key, str | bytes) for key in flat[::2]):
            raise UnsafePickleError("it has a key that is no text")
        target.update(zip(flat[::2], flat[1::2], strict=True))


def _integer(value: int) -> int:
    """A number that fits an array. Raises ``UnsafePickleError`` for others, which can be too long even to show."""
    if not -(2**63) <= value < 2**63:
        raise UnsafePickleError("it holds a number of more than 64 bits")
    return value


_LITERALS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"), _integer),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "UNICODE"), lambda value: value),
    # Python 2's text: genops gives its bytes as Latin-1.
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), lambda value: value.encode("latin-1")),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), bytes),
    "BINFLOAT": float,
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_LIST": lambda _: [],
    "EMPTY_DICT": lambda _: {},
    "EMPTY_TUPLE": lambda _: (),
    "MARK": lambda _: _Mark(),
}
"""Opcodes that push a value."""

_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}

_ACTIONS: dict[str, Callable[[_Machine], None]] = {
    "TUPLE": lambda m: m.stack.append(tuple(m.items())),
    "LIST": lambda m: m.stack.append(m.items()),
    "APPEND": lambda m: m.append([m.pop()]),
    "APPENDS": lambda m: m.append(m.items()),
    "SETITEM": lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m: m.set_items(m.items()),
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
"""Opcodes that work on the stack."""


def _array(call: Call) -> NDArray[np.uint8]:
    """The array of bytes that NumPy's ``(version, shape, dtype, fortran, bytes)`` describes."""
    state = call.state
    if not isinstance(state, tuple) or len(state) != 5:
        raise UnsafePickleError("damaged: an array without its five parts")
    _, shape, dtype, fortran, data = state
    kind = (
        dtype.arguments[0] if isinstance(dtype, Call) and dtype.function == "numpy dtype" and dtype.arguments else None
    )
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else kind
    if not isinstance(kind, str):
        raise UnsafePickleError("damaged: an array whose type is no text")
    if kind not in BYTE_TYPES:
        raise UnsafePickleError(f"it holds an array of {kind!r}, not of bytes (uint8)")
    if not isinstance(data, bytes) or not isinstance(shape, tuple) or not all(type(size) is int for size in shape):
        raise UnsafePickleError("damaged: an array whose shape or content is none")
    values: NDArray[np.uint8] = np.frombuffer(data, np.uint8)
    return values.reshape(shape, order="F" if fortran else "C")
