"""The parts of a PyTorch module that do not depend on the program."""

from __future__ import annotations

from azdsl.export.readable.numpy_templates import Scoring

HELPERS = {
    "scalar_heaviside": '''def scalar_heaviside(x, at_zero):
    """1 where x >= 0, else 0."""
    return (x >= 0).to(x.dtype)
''',
    "heaviside": '''def heaviside(x, at_zero):
    """1 where x > 0, else 0: of vectors and matrices the step is 0 at 0, whatever the program says."""
    return (x > 0).to(x.dtype)
''',
    "minimum": '''def minimum(a, b):
    """b where b < a, else a; a where either is NaN."""
    return torch.where(b < a, b, a)
''',
    "maximum": '''def maximum(a, b):
    """b where a < b, else a; a where either is NaN."""
    return torch.where(a < b, b, a)
''',
    "matrix_minimum": '''def matrix_minimum(a, b):
    """a where a < b, else b; b where either is NaN."""
    return torch.where(a < b, a, b)
''',
    "matrix_maximum": '''def matrix_maximum(a, b):
    """a where a > b, else b; b where either is NaN."""
    return torch.where(a > b, a, b)
''',
    "dot": '''def dot(a, b):
    """Product of vectors, or of a matrix and a vector."""
    return torch.matmul(a, b)
''',
    "transpose": '''def transpose(a):
    """Rows become columns."""
    return a.T.clone()
''',
    "bcast": '''def bcast(x, axis=None, n=None):
    """A vector with x in all entries, or a matrix with x in all columns (axis 0) or rows (axis 1)."""
    if axis is None:
        return x.repeat(n)
    return x.unsqueeze(1).repeat(1, len(x)) if axis == 0 else x.repeat(len(x), 1)
''',
    "norm": '''def norm(x, axis=None):
    """Euclidean norm."""
    return torch.sqrt(torch.sum(x * x, dim=axis))
''',
    "mean": '''def mean(x, axis=None):
    """Mean."""
    return torch.mean(x, dim=axis)
''',
    "std": '''def std(x, axis=None):
    """Standard deviation; NaN if rounding makes the variance negative."""
    centre = torch.mean(x, dim=axis)
    return torch.sqrt(torch.mean(x * x, dim=axis) - centre * centre)
''',
    "with_entry": '''def with_entry(old, value, *index):
    """A copy of old with one entry set to value; an index is a fraction of the number of entries, rounded to 32 bits."""
    new, n = old.clone(), len(old)
    new[tuple(min(int(torch.tensor(i, dtype=torch.float32) * n), n - 1) for i in index)] = value
    return new
''',
}
"""Functions that the text of an op may call, by name."""

_TRIGONOMETRIC = {"sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh"}
KNOWN = frozenset(
    {"abs", "ceil", "exp", "expm1", "floor", "log", "log1p", "matmul", "outer", "sign", "sqrt", "square"}
    | _TRIGONOMETRIC
)
"""Functions of PyTorch that are named as NumPy's."""

DRAWS = '''class Draws:
    """Random numbers that depend only on the seed and the place of the draw: Philox 4x32-10 (Salmon et al. 2011)."""

    def __init__(self, seed):
        self.key = seed & 0xFFFFFFFF, seed >> 32

    def uniform(self, draw, visit, low, high, shape):
        """Uniform between low and high."""
        low, high = min(low, high), max(low, high)
        return low + (high - low) * self._unit(draw, visit, shape)[0]

    def gaussian(self, draw, visit, mean, std, shape):
        """Normal, by the Box-Muller transform."""
        u, v = self._unit(draw, visit, shape)
        return mean + std * (torch.sqrt(-2.0 * torch.log(1.0 - u)) * torch.cos(2.0 * torch.pi * v))

    def _unit(self, draw, visit, shape):
        low, shape = 0xFFFFFFFF, shape if isinstance(shape, tuple) else (shape,)
        x0 = torch.arange(math.prod(shape), dtype=torch.int64)
        x1, x2, x3 = (torch.full_like(x0, word) for word in (draw, int(visit), 0))
        k0, k1 = self.key
        for _ in range(10):
            # A product of two numbers of 32 bits fills the 64 bits of an integer: its upper half is taken without the sign.
            first, second = x0 * 0xD2511F53, x2 * 0xCD9E8D57
            x0, x1, x2, x3 = second >> 32 & low ^ x1 ^ k0, second & low, first >> 32 & low ^ x3 ^ k1, first & low
            k0, k1 = k0 + 0x9E3779B9 & low, k1 + 0xBB67AE85 & low
        unit = [((b << 32 | a) >> 11 & 2**53 - 1).double() * 2.0**-53 for a, b in ((x0, x1), (x2, x3))]
        return [u.reshape(shape) for u in unit]
'''
"""The random draws of the language."""

SQUASH = {
    "rmse": Scoring("", "", "abs(label - self.prediction)", "label", "", "scores"),
    "accuracy": Scoring(
        '''def squash(score):
    """The probability of class 1."""
    return 1.0 / (1.0 + torch.exp(-score))
''',
        "                self.prediction = squash(self.prediction)\n",
        "abs(label - self.prediction)",
        "label",
        "",
        "(squash(scores) > 0.5).to(scores.dtype)",
    ),
    "multiclass": Scoring(
        '''def squash(scores, classes):
    """Probabilities of the classes; later entries stay unchanged."""
    powers = torch.exp(scores[:classes] - torch.max(scores[:classes]))
    return torch.cat([powers / torch.sum(powers), scores[classes:]])
''',
        "                labels = (torch.arange(self.features, device=X.device) == label).to(X.dtype)\n"
        "                self.predictions = squash(self.predictions, int(self.classes))\n",
        "torch.max(torch.abs(labels - self.predictions)[: int(self.classes)])",
        "labels",
        "        self.classes = torch.maximum(self.classes, y.max().long() + 1)\n",
        "torch.argmax(scores[:, : int(self.classes)], dim=1).to(scores.dtype)",
    ),
}
"""By metric."""

FIT = '''
    def forward(self, X):
        """The prediction register for the rows of X [N, F], or for one row [F], before it becomes a class.

        Every row is predicted from the present state, which stays as it is. Gradients flow to X and to the buffers.
        """
        if X.dim() == 1:
            return self.forward(X[None])[0]
        state = dict(self.named_buffers())
        try:
            return torch.func.vmap(self._score)(X)
        finally:
            for name, value in state.items():
                setattr(self, name, value)

    def _score(self, features):
        self.predict_one(features)
        return {prediction}

    def fit(self, X, y, epochs=1):
        """Reset, then learn."""
        self.reset()
        return self.learn(X, y, epochs)

    @torch.no_grad()
    def learn(self, X, y, epochs=1):
        """Learn the examples in order, ``epochs`` times; stop at an error that is NaN or too large."""
        X, y = self.tensor(X), self.tensor(y)
{classes}        for _ in range(epochs):
            for features, label in zip(X, y):
                self.visit = self.visit + 1
                self.predict_one(features)
{squash}                if not {close} <= self.max_abs_error:
                    return self
                self.learn_one(features, {learn})
        return self

    @torch.no_grad()
    def predict(self, X):
        """Predictions for the rows of X, in order: a sequence of examples, as in the language."""
        scores = self.scores(X)
        return {answer}

    @torch.no_grad()
    def scores(self, X):
        """The prediction register for the rows of X, in order, before it becomes a class."""
        scores = []
        for features in self.tensor(X):
            self.visit = self.visit + 1
            scores.append(self._score(features))
        return torch.stack(scores)

    def tensor(self, values):
        """Values as a tensor of the type and on the device of the state."""
        return torch.as_tensor(values, dtype={prediction}.dtype, device={prediction}.device)
'''
"""Training and prediction."""
