"""Safe reader of pickled NumPy arrays: it interprets the opcodes itself and calls no function that the file names.

A pickle is a program for a stack machine that can call any function of Python. This reader implements the opcodes
that make data. The few calls that make up an array are kept as symbols, and the array is built from their arguments.
All other opcodes and calls are errors.
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
    """The pickle is damaged, or calls a function that data do not need. The message says which."""


RECONSTRUCT = frozenset({"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"})
"""The function that creates an array in pickles of NumPy, before and since version 2."""

ENCODE = "_codecs encode"
"""The function that creates bytes in pickles that Python 3 wrote with protocol 0 to 2."""

KNOWN = RECONSTRUCT | {"numpy ndarray", "numpy dtype", ENCODE}
"""The functions and classes that a pickled array names."""

BYTE_TYPES = ("u1", "|u1", "uint8")


@dataclass(frozen=True)
class Global:
    """The name of a function or class in the pickle. It is never imported."""

    name: str


@dataclass
class Call:
    """A call in the pickle, which is not executed, and the state that the pickle sets on its result."""

    function: str
    arguments: tuple[Any, ...]
    state: Any = None


class _Mark:
    """Marker on the stack at the start of a list of items."""


def read(data: bytes) -> Any:
    """Read a pickle: Python values, and arrays as ``NDArray[np.uint8]``. Text written by Python 2 becomes ``bytes``.

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
        raise UnsafePickleError(f"the pickle is damaged: {error or type(error).__name__}") from None
    raise UnsafePickleError("the pickle is damaged: it has no end")


class _Machine:
    """The stack and the memory of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Execute one opcode."""
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
            raise UnsafePickleError(f"the pickle contains more than data (opcode {name})")

    def pop(self) -> Any:
        """Pop the top of the stack."""
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise UnsafePickleError("the pickle is damaged: it pops from an empty stack")
        return self.stack.pop()

    def items(self) -> list[Any]:
        """Pop all values above the last mark, and the mark."""
        found: list[Any] = []
        while not isinstance(self.stack[-1], _Mark):
            found.append(self.stack.pop())
        self.stack.pop()
        return found[::-1]

    def name_global(self, name: str) -> None:
        """Push the name of a function or class, if arrays need it."""
        if name not in KNOWN:
            raise UnsafePickleError(f"the pickle calls {name.replace(' ', '.')}, which arrays do not need")
        self.stack.append(Global(name))

    def stack_global(self) -> None:
        """Push the name of a function or class whose module and name are on the stack, if arrays need it."""
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise UnsafePickleError("the name of a function is not text")
        self.name_global(f"{module} {name}")

    def reduce(self) -> None:
        """Push the symbol of a call, or the bytes that the call creates."""
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise UnsafePickleError("the pickle calls a value that is not a function")
        if function.name == ENCODE:
            text, encoding = arguments
            if encoding != "latin1" or not isinstance(text, str):
                raise UnsafePickleError("the pickle contains bytes in an unknown encoding")
            self.stack.append(text.encode("latin-1"))
        else:
            self.stack.append(Call(function.name, arguments))

    def build(self) -> None:
        """Set the state of a call. A call that creates an array is replaced by the array."""
        state, call = self.pop(), self.pop()
        if not isinstance(call, Call) or call.state is not None:
            raise UnsafePickleError("the pickle sets the state of a value that is not an array")
        call.state = state
        made = _array(call) if call.function in RECONSTRUCT else call
        for place, value in self.memory.items():
            if value is call:
                self.memory[place] = made
        self.stack.append(made)

    def append(self, values: list[Any]) -> None:
        """Append values to the list on top of the stack."""
        target = self.stack[-1]
        if not isinstance(target, list):
            raise UnsafePickleError("the pickle appends to a value that is not a list")
        target.extend(values)

    def set_items(self, flat: list[Any]) -> None:
        """Store keys and values in the dictionary on top of the stack."""
        target = self.stack[-1]
        if not isinstance(target, dict) or len(flat) % 2:
            raise UnsafePickleError("the pickle stores keys in a value that is not a dictionary")
        # hashing a deeply nested tuple overflows the C stack and ends the process
        if not all(isinstance(key, str | bytes) for key in flat[::2]):
            raise UnsafePickleError("a key in a dictionary is not text")
        target.update(zip(flat[::2], flat[1::2], strict=True))


def _integer(value: int) -> int:
    """Check that an integer has at most 64 bits. Raises ``UnsafePickleError``; the message omits the number, which may be long."""
    if not -(2**63) <= value < 2**63:
        raise UnsafePickleError("the pickle contains an integer of more than 64 bits")
    return value


_LITERALS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"), _integer),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "UNICODE"), lambda value: value),
    # text written by Python 2, whose bytes genops decodes as Latin-1
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
"""Opcodes that change the stack."""


def _array(call: Call) -> NDArray[np.uint8]:
    """Build the array of bytes from NumPy's state ``(version, shape, dtype, fortran, bytes)``."""
    state = call.state
    if not isinstance(state, tuple) or len(state) != 5:
        raise UnsafePickleError("the pickle is damaged: the state of an array does not have five parts")
    _, shape, dtype, fortran, data = state
    kind = (
        dtype.arguments[0] if isinstance(dtype, Call) and dtype.function == "numpy dtype" and dtype.arguments else None
    )
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else kind
    if not isinstance(kind, str):
        raise UnsafePickleError("the pickle is damaged: the type of an array is not text")
    if kind not in BYTE_TYPES:
        raise UnsafePickleError(f"the pickle contains an array of {kind!r}, not of bytes (uint8)")
    if not isinstance(data, bytes) or not isinstance(shape, tuple) or not all(type(size) is int for size in shape):
        raise UnsafePickleError("the pickle is damaged: the shape or the content of an array is invalid")
    values: NDArray[np.uint8] = np.frombuffer(data, np.uint8)
    return values.reshape(shape, order="F" if fortran else "C")
