"""NumPy modules that start trained: the state after training on given rows, and rows of a table as they are."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TRAINED = '''

STATE = {state}


def trained():
    """A model after training on the rows that were given to azdsl compile --train; its ``fit`` starts again."""
    model = Model()
    vars(model).update(deepcopy(STATE))
    return model
'''

_TABLE = '''

class TableModel:
    """The trained model for rows of a table as they are, with text, dates and missing values.

    The columns are those of ``ENCODING["columns"]``, in this order.
    """

    def predict(self, data):
        """Predictions in the unit, or with the class labels, of the target column; rows do not affect each other.

        ``data`` is a list of rows, a list of dicts, a dict of columns, or a data frame. Other columns are ignored.
        Raises ``ValueError`` that names row, column and value.
        """
        return [self._prediction(row) for row in encode_rows(ENCODING, rows_of(ENCODING, data))]

    def _prediction(self, row):
        found = float(trained().predict([row])[0])
        return {answer}
'''

_ANSWERS = {
    True: 'ENCODING["labels"][int(found)] if ENCODING["labels"] else int(found)',
    False: 'decode(ENCODING, "rmse", found)',
}
"""By whether the metric classifies."""


def trained_source(
    source: str, X: Array, y: Array, epochs: int, classifies: bool, encoding: Mapping[str, Any] | None
) -> str:
    """The text of a NumPy module, ``source``, with the function ``trained``, and a class ``TableModel`` if there is an ``encoding``.

    The state is that of the module's own model after ``epochs`` passes over X [n, F] and y [n].
    """
    namespace: dict[str, Any] = {"__name__": "azdsl_export"}
    exec(compile(source, "<NumPy module>", "exec"), namespace)
    model = namespace["Model"]()
    model.fit(X, y, epochs)
    values = {name: value for name, value in vars(model).items() if name not in ("draws", "max_abs_error")}
    state = "{" + ", ".join(f"{name!r}: {_literal(value)}" for name, value in values.items()) + "}"
    text = source.replace(
        "import numpy as np\n", "from copy import deepcopy\n\nimport numpy as np\nfrom numpy import inf, nan\n", 1
    )
    text += _TRAINED.format(state=state)
    if encoding is None:
        return text
    rows = (files("azdsl.tasks") / "row_encoding.py").read_text(encoding="utf-8")
    _, _, functions = rows.partition("from __future__ import annotations\n")
    return f"{text}\n\n# --- rows of a table{functions}\n\nENCODING = {dict(encoding)!r}\n" + _TABLE.format(
        answer=_ANSWERS[classifies]
    )


def _literal(value: Any) -> str:
    """An attribute of a model as Python text: an array, a NumPy scalar, or a Python number."""
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r})"
    return f"np.float64({float(value)!r})" if isinstance(value, np.floating) else repr(value)
