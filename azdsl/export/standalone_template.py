"""A program compiled by azdsl, as a Python class. Needs the shared library beside it and nothing else.

    model = Model().fit(X, y)
    model.predict(X)

X is a list of rows or a NumPy array [n, features]. Predictions are lists, or arrays where X is one.
"""

import ctypes
import math
import os
import struct
import warnings
from array import array
from itertools import chain

# --- facts
VERSION = ""
LIBRARY = ""
PROGRAM = ""
MODELS: dict = {}
# --- end of facts

_OK, _STOPPED, _NOT_FINITE, _BAD_LABEL = range(4)
_POINTER, _SIZE, _NUMBER = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_double
_library = ctypes.CDLL(os.path.join(os.path.dirname(os.path.abspath(__file__)), LIBRARY))


def _function(name, result, *arguments):
    function = _library[name]
    function.restype, function.argtypes = result, arguments
    return function


class Model:
    """A model with a memory of its own. One thread at a time may use it.

    ``features`` is needed only when the library holds several sizes. ``stopped`` says whether the last
    training stopped early because a prediction was too far off or no number.
    """

    def __init__(self, features=None, seed=None):
        if features is None and len(MODELS) == 1:
            features = next(iter(MODELS))
        if features not in MODELS:
            sizes = ", ".join(map(str, MODELS))
            raise ValueError(f"features={features}: this library was compiled for features={sizes}")
        facts = self._facts = MODELS[features]
        self.features, self.outputs, self.metric = features, facts["outputs"], facts["metric"]
        self.stopped = False
        p = facts["prefix"]
        size = _function(p + "size", _SIZE)()
        # Room as the library wants it: aligned to 64 bytes.
        self._room = ctypes.create_string_buffer(size + 64)
        self._model = (ctypes.addressof(self._room) + 63) // 64 * 64
        x, out = (_NUMBER * features)(), (_NUMBER * self.outputs)()
        self._setup = _function(p + "setup", ctypes.c_int, _POINTER, ctypes.c_uint64)
        self._learn_one = _function(p + "learn_one", ctypes.c_int, _POINTER, _POINTER, _NUMBER)
        predict_one = _function(p + "predict_one", ctypes.c_int, _POINTER, _POINTER, _POINTER)
        self._fit = _function(p + "fit", ctypes.c_int, _POINTER, _POINTER, _POINTER, _SIZE)
        self._partial_fit = _function(p + "partial_fit", ctypes.c_int, _POINTER, _POINTER, _POINTER, _SIZE)
        self._predict = _function(p + "predict", ctypes.c_int, _POINTER, _POINTER, _SIZE, _POINTER)
        self._finite = _function(p + "finite", ctypes.c_int, _POINTER, _SIZE)
        # All that predict_one touches, at hand: looking it up would take longer than predicting.
        places = (ctypes.addressof(x), out, ctypes.addressof(out))
        self._fast = (struct.Struct(f"{features}d").pack_into, x, predict_one, self._model, *places, self.metric == "multiclass")
        _function(p + "init", ctypes.c_int, _POINTER)(self._model)
        if seed is not None:
            self.setup(seed)

    def setup(self, seed=0):
        """Forget everything and run Setup; ``seed`` drives the program's random draws."""
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed must be between 0 and 2**64 - 1, not {seed}")
        self._setup(self._model, seed)
        return self

    def fit(self, X, y, epochs=1):
        """Start afresh and learn from X [n, features] and y [n], row after row, ``epochs`` times over."""
        if epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {epochs}")
        rows, labels = self._examples(X, y)
        self._train(self._fit, rows, labels)
        for _ in range(epochs - 1):
            if not self.stopped:
                self._train(self._partial_fit, rows, labels)
        return self._warned()

    def partial_fit(self, X, y):
        """Learn from more rows."""
        self._train(self._partial_fit, *self._examples(X, y))
        return self._warned()

    def learn_one(self, x, y):
        """One training step on a row and its label; whether the prediction was close enough to learn."""
        pack, buffer, _, model, at, *_ = self._fast
        pack(buffer, 0, *self._row(x))
        self._code(self._learn_one(model, at, y))
        return not self.stopped

    def predict(self, X):
        """Predictions for X [n, features], in order: numbers, or ``outputs`` probabilities a row."""
        rows, at, n = _numbers("X", X, self.features)
        out, out_at, give = _output(X, n, self.outputs, self.metric == "multiclass")
        if self._predict(self._model, at, n, out_at):
            self._refuse("X", at, n, self.features)
        return give(out)

    def predict_one(self, x):
        """The prediction for one row: a number, or a list of probabilities."""
        pack, buffer, predict, model, at, out, out_at, several = self._fast
        try:
            pack(buffer, 0, *x)
        except struct.error:
            pack(buffer, 0, *self._row(x))
        if predict(model, at, out_at):
            raise ValueError("x holds a value that is not finite")
        return out[:] if several else out[0]

    @property
    def memory(self):
        """What one example leaves to the next, and the prediction: numbers and nested lists by register."""
        code = "d" if self._facts["precision"] == 64 else "f"
        state = self.state
        registers = {}
        for name, (at, shape) in self._facts["registers"].items():
            values = array(code, state[at : at + array(code).itemsize * math.prod(shape)]).tolist()
            f = self.features
            registers[name] = values[0] if not shape else values if len(shape) == 1 else [values[i : i + f] for i in range(0, f * f, f)]
        return registers

    @property
    def state(self):
        """The memory as bytes."""
        return ctypes.string_at(self._model, self._facts["state"])

    def __getstate__(self):
        return {"features": self.features, "state": self.state, "stopped": self.stopped}

    def __setstate__(self, stored):
        Model.__init__(self, stored["features"])
        if len(stored["state"]) != self._facts["state"]:
            raise ValueError("the pickled memory does not belong to this library")
        ctypes.memmove(self._model, stored["state"], len(stored["state"]))
        self.stopped = stored["stopped"]

    def __repr__(self):
        return f"<Model: features={self.features}, metric={self.metric!r}, outputs={self.outputs}>"

    def _row(self, x):
        values = [float(value) for value in x]
        if len(values) != self.features:
            raise ValueError(f"x must hold {self.features} numbers, not {len(values)}")
        return values

    def _examples(self, X, y):
        rows, labels = _numbers("X", X, self.features), _numbers("y", y, None)
        if rows[2] != labels[2]:
            raise ValueError(f"X has {rows[2]} rows, but y has {labels[2]}")
        return rows, labels

    def _train(self, function, rows, labels):
        code = function(self._model, rows[1], labels[1], rows[2])
        if code == _NOT_FINITE:
            self._refuse("X", rows[1], rows[2], self.features)
            self._refuse("y", labels[1], labels[2], 1)
        self._code(code)

    def _code(self, code):
        if code == _NOT_FINITE:
            raise ValueError("x and y must be finite")
        if code == _BAD_LABEL:
            wanted = "0 and 1" if self.metric == "accuracy" else f"class numbers 0 to {self.outputs - 1}"
            raise ValueError(f"y must hold {wanted}")
        self.stopped = code == _STOPPED

    def _warned(self):
        if self.stopped:
            text = "training stopped: a prediction was no number or off by more than {:g}; scale the data or train on less"
            warnings.warn(text.format(self._facts["limit"]), RuntimeWarning, stacklevel=3)
        return self

    def _refuse(self, name, at, n, width):
        """Say which of n rows is not finite, if one is."""
        if self._finite(at, n * width):
            return
        values = (_NUMBER * (n * width)).from_address(at)
        bad = next(i for i, value in enumerate(values) if not math.isfinite(value))
        place = f"[{bad // width}, {bad % width}]" if name == "X" else f"[{bad}]"
        raise ValueError(f"{name}{place} is {values[bad]}: values must be finite; remove or fill them first")


def _numbers(name, values, width):
    """Rows of ``width`` float64 numbers (None: single numbers): what holds them, their address, their count."""
    facts = getattr(values, "__array_interface__", None)
    if facts is not None:
        _check_shape(name, values.shape, width)
        if facts["typestr"][1] not in "fiub":
            raise ValueError(f"{name} is not an array of numbers: its type is {values.dtype}")
        if facts["typestr"] != _ARRAY_TYPE or facts["strides"] is not None or facts["data"][0] % 8:
            values = values.astype("float64", order="C")
            facts = values.__array_interface__
        return values, facts["data"][0], values.shape[0]
    try:
        if width is None:
            held, n = array("d", values), len(values)
        else:
            rows = list(values)
            n = len(rows)
            for at, row in enumerate(rows):
                if len(row) != width:
                    raise ValueError(f"{name} must have {width} numbers in every row, not {len(row)} in row {at}")
            held = array("d", chain.from_iterable(rows))
    except TypeError as error:
        raise ValueError(f"{name} is not made of numbers: {error}") from None
    return held, held.buffer_info()[0] or ctypes.addressof(_nothing), n


_nothing = _NUMBER()
_ARRAY_TYPE = ("<" if array("h", [1]).tobytes()[0] else ">") + "f8"


def _check_shape(name, shape, width):
    if width is None and len(shape) != 1:
        raise ValueError(f"{name} must have the shape [n], not {list(shape)}")
    if width is not None and (len(shape) != 2 or shape[1] != width):
        raise ValueError(f"{name} must have the shape [n, {width}], not {list(shape)}")


def _output(X, n, outputs, several):
    """Where predictions go, its address, and how to hand them over: as an array when X is one."""
    if hasattr(X, "__array_interface__"):
        import numpy

        out = numpy.empty((n, outputs) if several else n)
        return out, out.__array_interface__["data"][0] or ctypes.addressof(_nothing), lambda values: values
    out = (_NUMBER * max(n * outputs, 1))()
    if several:
        return out, ctypes.addressof(out), lambda values: [values[i : i + outputs] for i in range(0, n * outputs, outputs)]
    return out, ctypes.addressof(out), lambda values: values[:n]
