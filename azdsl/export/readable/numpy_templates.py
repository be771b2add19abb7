"""The parts of a NumPy module that do not depend on the program."""

from __future__ import annotations

from dataclasses import dataclass

HELPERS = {
    "minimum": '''def minimum(a, b):
    """b where b < a, else a; a where either is NaN."""
    return np.where(b < a, b, a)[()]
''',
    "maximum": '''def maximum(a, b):
    """b where a < b, else a; a where either is NaN."""
    return np.where(a < b, b, a)[()]
''',
    "matrix_minimum": '''def matrix_minimum(a, b):
    """a where a < b, else b; b where either is NaN."""
    return np.where(a < b, a, b)
''',
    "matrix_maximum": '''def matrix_maximum(a, b):
    """a where a > b, else b; b where either is NaN."""
    return np.where(a > b, a, b)
''',
    "norm": '''def norm(x, axis=None):
    """Euclidean norm."""
    return np.sqrt(np.sum(x * x, axis=axis))
''',
    "std": '''def std(x, axis=None):
    """Standard deviation; NaN if rounding makes the variance negative."""
    centre = np.mean(x, axis=axis)
    return np.sqrt(np.mean(x * x, axis=axis) - centre * centre)
''',
    "with_entry": '''def with_entry(old, value, *index):
    """A copy of old with one entry set to value; an index is a fraction of the number of entries."""
    new, n = old.copy(), len(old)
    new[tuple(min(int(np.float32(n) * np.float32(i)), n - 1) for i in index)] = value
    return new
''',
}
"""Functions that the text of an op may call, by name."""

DRAWS = '''class Draws:
    """Random numbers that depend only on the seed and the place of the draw: Philox 4x32-10 (Salmon et al. 2011)."""

    def __init__(self, seed):
        self.key = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)

    def uniform(self, draw, visit, low, high, shape):
        """Uniform between low and high."""
        low, high = min(low, high), max(low, high)
        return low + (high - low) * self._unit(draw, visit, shape)[0]

    def gaussian(self, draw, visit, mean, std, shape):
        """Normal, by the Box-Muller transform."""
        u, v = self._unit(draw, visit, shape)
        return mean + std * (np.sqrt(-2.0 * np.log(1.0 - u)) * np.cos(2.0 * np.pi * v))

    def _unit(self, draw, visit, shape):
        low, up = np.uint64(0xFFFFFFFF), np.uint64(32)
        element = np.arange(int(np.prod(shape)), dtype=np.uint64)
        x0, x1, x2, x3 = element, *(np.full_like(element, word) for word in (draw, visit, 0))
        k0, k1 = self.key
        for _ in range(10):
            first, second = np.uint64(0xD2511F53) * x0, np.uint64(0xCD9E8D57) * x2
            x0, x1, x2, x3 = second >> up ^ x1 ^ k0, second & low, first >> up ^ x3 ^ k1, first & low
            k0, k1 = k0 + np.uint64(0x9E3779B9) & low, k1 + np.uint64(0xBB67AE85) & low
        unit = [((b << up | a) >> np.uint64(11)) * 2.0**-53 for a, b in ((x0, x1), (x2, x3))]
        return [u.reshape(shape)[()] for u in unit]
'''
"""The random draws of the language."""


@dataclass(frozen=True)
class Scoring:
    """The parts of ``fit`` and ``predict`` that depend on the metric."""

    helper: str
    squash: str
    close: str
    learn: str
    classes: str
    answer: str


SQUASH = {
    "rmse": Scoring("", "", "abs(label - self.prediction)", "label", "", "scores"),
    "accuracy": Scoring(
        '''def squash(score):
    """The probability of class 1."""
    return 1.0 / (1.0 + np.exp(-score))
''',
        "                self.prediction = squash(self.prediction)\n",
        "abs(label - self.prediction)",
        "label",
        "",
        "(squash(scores) > 0.5).astype(float)",
    ),
    "multiclass": Scoring(
        '''def squash(scores, classes):
    """Probabilities of the classes; later entries stay unchanged."""
    powers = np.exp(scores[:classes] - np.max(scores[:classes]))
    return np.concatenate([powers / np.sum(powers), scores[classes:]])
''',
        "                labels = np.where(np.arange(X.shape[1]) == label, 1.0, 0.0)\n"
        "                self.predictions = squash(self.predictions, self.classes)\n",
        "np.max(np.abs(labels - self.predictions)[: self.classes])",
        "labels",
        "        self.classes = int(np.max(y)) + 1\n",
        "np.argmax(scores[:, : self.classes], axis=1).astype(float)",
    ),
}
"""By metric."""

FIT = '''
    def fit(self, X, y, epochs=1):
        """Reset, then learn the examples in order, ``epochs`` times; stop at an error that is NaN or too large."""
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
{classes}        self.visit = 0
        with np.errstate(all="ignore"):
            self.setup(X.shape[1])
            for features, label in [*zip(X, y)] * epochs:
                self.visit += 1
                self.predict_one(features)
{squash}                if not {close} <= self.max_abs_error:
                    break
                self.learn_one(features, {learn})
        return self

    def predict(self, X):
        """Predictions for the rows of X, in order."""
        scores = self.scores(X)
        with np.errstate(all="ignore"):
            return {answer}

    def scores(self, X):
        """The prediction register for the rows of X, before it becomes a class."""
        scores = []
        with np.errstate(all="ignore"):
            for features in np.asarray(X, dtype=np.float64):
                self.visit += 1
                self.predict_one(features)
                scores.append({prediction})
        return np.array(scores)
'''
"""Training and prediction."""
