"""Models in memory: programs compiled to objects that learn and predict."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from azdsl import __version__
from azdsl.codegen.aot.models import Code, Loaded, Spec, load_model
from azdsl.ir import METRICS, MetricName, Program, metric_error
from azdsl.limits import MAX_FEATURES

STOPPED = "training stopped: an error was NaN or larger than {limit:g}; scale the data, or train on fewer rows"
_ALIGNMENT = 64

_load = lru_cache(maxsize=32)(load_model)
"""Compiled code has no state, so that models with equal specs share it."""


def make_spec(
    program: Program,
    features: int | None,
    metric: MetricName = "rmse",
    precision: int = 64,
    seed: int = 0,
    classes: int | None = None,
    max_abs_error: float = 100.0,
    prefix: str = "az_",
    image: bytes = b"",
) -> Spec:
    """The specification of a compiled model, validated. Raises ``ValueError``."""
    if features is None:
        raise ValueError("the number of features is unknown: set features=…")
    if not 1 <= features <= MAX_FEATURES:
        raise ValueError(f"features must be between 1 and {MAX_FEATURES}, not {features}")
    if unknown := metric_error(metric):
        raise ValueError(unknown)
    if precision not in (32, 64):
        raise ValueError(f"precision must be 32 or 64, not {precision}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be between 0 and 2**64 - 1, not {seed}")
    if not max_abs_error >= 0:
        raise ValueError(f"max_abs_error must be 0 or more, not {max_abs_error}")
    definition = METRICS[metric]
    if not definition.vector:
        return Spec(program, prefix, features, definition, 0, precision, max_abs_error, seed, image)
    if classes is None:
        raise ValueError("the number of classes is unknown: set classes=…")
    if impossible := definition.classes_error(classes, features):
        raise ValueError(impossible)
    return Spec(program, prefix, features, definition, classes, precision, max_abs_error, seed, image)


class Model:
    """A compiled program with its memory, as ``azdsl.compile`` returns it. Only one thread at a time may use it.

    Predictions are float64: s1 [n] (rmse), the probability of class 1 [n] (accuracy), or probabilities [n, C] (multiclass).
    A pickle contains the text of the program and the memory. ``stopped`` is whether the last training stopped early.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self.stopped = False
        size = self._call("size", ctypes.c_size_t)()
        room = np.zeros(size + _ALIGNMENT, np.uint8)
        start = -room.ctypes.data % _ALIGNMENT
        self._memory = room[start : start + size]
        self._address = self._memory.ctypes.data
        self._call("init", ctypes.c_int, ctypes.c_void_p)(self._address)

    @cached_property
    def _loaded(self) -> Loaded:
        return _load(self._spec, __version__)

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *arguments)(self._loaded.address(f"{self._spec.prefix}{name}"))

    @cached_property
    def _functions(self) -> Mapping[str, Any]:
        p, n = ctypes.c_void_p, ctypes.c_size_t
        kinds = {
            "setup": (p, ctypes.c_uint64),
            "learn_one": (p, p, ctypes.c_double),
            "predict_one": (p, p, p),
            "fit": (p, p, p, n),
            "partial_fit": (p, p, p, n),
            "predict": (p, p, n, p),
        }
        return {name: self._call(name, ctypes.c_int, *arguments) for name, arguments in kinds.items()}

    @property
    def program(self) -> Program:
        """The source program."""
        return self._spec.source

    @property
    def features(self) -> int:
        """F, the number of features."""
        return self._spec.features

    @property
    def metric(self) -> MetricName:
        """The metric, which defines what a prediction is."""
        return self._spec.metric.name

    @property
    def classes(self) -> int:
        """C, the number of classes of a multi-class model; else 0."""
        return self._spec.classes

    @property
    def memory(self) -> dict[str, NDArray[Any]]:
        """Copies of the registers that examples pass on, and of the prediction: arrays by register name."""
        spec = self._spec
        dtype = np.dtype(np.float64 if spec.precision == 64 else np.float32)
        registers = {}
        for address, at in spec.places.items():
            shape = (spec.features,) * "svm".index(address.kind.value)
            end = at + address.kind.size(spec.features) * dtype.itemsize
            registers[str(address)] = self._memory[at:end].view(dtype).reshape(shape).copy()
        return registers

    @property
    def state(self) -> bytes:
        """The memory as bytes: seed, number of visited examples, registers."""
        return self._memory[: self._spec.state_bytes].tobytes()

    def fit(self, X: ArrayLike, y: ArrayLike, epochs: int = 1) -> Model:
        """Reset the model, then learn X [n, F] and y [n] in order, ``epochs`` times. Raises ``ValueError``."""
        if epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {epochs}")
        examples, labels = self._rows(X), self._labels(y)
        self._learn("fit", examples, labels)
        for _ in range(epochs - 1):
            if not self.stopped:
                self._learn("partial_fit", examples, labels)
        return self._warned()

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Model:
        """Learn more rows, without a reset. Raises ``ValueError``."""
        self._learn("partial_fit", self._rows(X), self._labels(y))
        return self._warned()

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predictions for X [n, F], in order. Predict may change the memory, as the language defines."""
        rows = self._rows(X)
        spec = self._spec
        out = np.empty((len(rows), spec.outputs) if spec.metric.vector else len(rows))
        self._functions["predict"](self._address, rows.ctypes.data, len(rows), out.ctypes.data)
        return out

    def predict_frozen(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predictions for X [n, F], each from the current memory, which stays unchanged: rows do not affect each other."""
        other = self.copy()
        if self._spec.rows_independent:
            return other.predict(X)
        rows, spec = self._rows(X), self._spec
        out = np.empty((len(rows), spec.outputs) if spec.metric.vector else len(rows))
        for at in range(len(rows)):
            other._memory[:] = self._memory
            other._functions["predict_one"](other._address, rows[at].ctypes.data, out[at:].ctypes.data)
        return out

    def copy(self) -> Model:
        """A new model with a copy of the memory."""
        other = Model(self._spec)
        other._memory[:] = self._memory
        other.stopped = self.stopped
        return other

    def __copy__(self) -> Model:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        return self.copy()

    def __call__(self, X: ArrayLike) -> NDArray[np.float64]:
        """The same as ``predict``."""
        return self.predict(X)

    def _learn(self, name: str, rows: NDArray[np.float64], labels: NDArray[np.float64]) -> None:
        if len(rows) != len(labels):
            raise ValueError(f"X has {len(rows)} rows, but y has {len(labels)}")
        code = self._functions[name](self._address, rows.ctypes.data, labels.ctypes.data, len(rows))
        if code == Code.BAD_LABEL:
            wanted = f"class numbers 0 to {self.classes - 1}" if self._spec.metric.vector else "0 and 1"
            raise ValueError(f"y must contain only {wanted}")
        self.stopped = code == Code.STOPPED

    def _warned(self) -> Model:
        if self.stopped:
            warnings.warn(STOPPED.format(limit=self._spec.max_abs_error), RuntimeWarning, stacklevel=3)
        return self

    def _rows(self, X: ArrayLike) -> NDArray[np.float64]:
        rows = _numbers("X", X)
        if rows.ndim != 2 or rows.shape[1] != self.features:
            raise ValueError(f"X must have the shape [n, {self.features}], not {list(rows.shape)}")
        return rows

    def _labels(self, y: ArrayLike) -> NDArray[np.float64]:
        labels = _numbers("y", y)
        if labels.ndim != 1:
            raise ValueError(f"y must have the shape [n], not {list(labels.shape)}")
        return labels

    def __repr__(self) -> str:
        spec = self._spec
        classes = f", classes={spec.classes}" if spec.metric.vector else ""
        lengths = " + ".join(str(len(block)) for block in spec.source.functions)
        return f"<azdsl model: {lengths} instructions, features={spec.features}, metric={spec.metric.name!r}{classes}, precision={spec.precision}>"

    def __reduce__(self) -> tuple[Any, ...]:
        spec = self._spec
        facts = (spec.features, spec.metric.name, spec.precision, spec.seed, spec.classes or None, spec.max_abs_error)
        return _restore, (str(spec.source), facts, self.state, self.stopped)


def _restore(text: str, facts: tuple[Any, ...], state: bytes, stopped: bool) -> Model:
    from azdsl import syntax

    model = Model(make_spec(syntax.parse(text), *facts))
    if len(state) != model._spec.state_bytes:
        raise ValueError("the pickled memory belongs to another program")
    model._memory[: len(state)] = np.frombuffer(state, np.uint8)
    model.stopped = stopped
    return model


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.asarray(values)
        if array.dtype.kind == "c":
            raise TypeError("complex numbers are not supported")
        array = np.ascontiguousarray(array, dtype=np.float64) if array.ndim else array
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from None
    if array.ndim and not np.isfinite(array).all():
        bad = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        raise ValueError(f"{name}{bad} is {array[tuple(bad)]}: values must be finite; remove or fill them first")
    return array
