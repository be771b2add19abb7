"""What the language reference says that neither the schema of the settings nor the op table does, with examples.

Texts are Markdown without links; paragraphs are separated by empty lines. Each example is a complete file.
"""

from __future__ import annotations

from collections.abc import Mapping

TASK = (
    "The tasks that programs are evaluated on: a kind of task, with its keys. Without it, the task is `linear()`.\n\n"
    "The search evaluates candidates on search tasks. Its best programs are compared on selection tasks, which the search does not use, "
    "and the chosen program is scored once on test tasks.",
    "task two_layer(features=4, tasks=16, train=1_000)\n",
)

ALSO: Mapping[str, tuple[str, ...]] = {
    "ops": ("setup_ops", "predict_ops", "learn_ops"),
    "@frozen": ("frozen",),
    "registers by number": ("register", "s0", "s1", "v0", "m0"),
    "variables": ("variable",),
    "expressions": ("expression", "@"),
    "numbers": ("number", "literal"),
    "-x": ("negation",),
    "entries": ("entry",),
    "annotations": ("annotation", "scalar", "vector", "matrix"),
    "counts": ("count",),
    "ranges": ("range",),
    "durations": ("duration",),
    "texts": ("text",),
    "truth values": ("true", "false"),
}
"""Further names of entries."""

STATEMENTS: Mapping[str, tuple[str, str]] = {
    "registers": (
        "The registers that programs may use. They also limit the seed program, if the search starts from it.",
        "registers(scalars=4, vectors=3, matrices=1)\n",
    ),
    "search": (
        "How the search runs and when it stops.",
        'search(population=500, init=empty, learn=1..23, timeout="5m")\n',
    ),
    "ops": (
        "The ops that the search may use: `ops` in all three functions, `setup_ops`, `predict_ops` and `learn_ops` in one. Each op is named "
        "by its text (`s - s`, `dot(m, v)`), or by its name (`matvec`), and a group of ops by its name. Without these statements "
        "all ops may be used, for tables those of the group `tables`.",
        "ops(arithmetic, dot, v = uniform)\nsetup_ops(constants)\n",
    ),
    "mutations": (
        "The kinds of mutation, drawn with equal probability.",
        "mutations(alter, insert, remove, graft)\n",
    ),
    "island": (
        "What islands have of their own: the first argument is the number of an island, from 0, or a range. Further arguments are the keys "
        "below, a task (`task=linear(train=20)`), lists of ops and `mutations(…)`. The statement may be repeated; of two for the same "
        "island the later one wins.\n\n"
        "An island with a task of its own evaluates each program on all examples of this task. Programs that migrate are evaluated "
        "again, and finalists are compared on the task of the file.",
        "island(0..1, task=linear(tasks=1, train=20), population=200)\nisland(3, tournament=20, ops(arithmetic, dot), mutations(alter))\n",
    ),
    "stage": (
        "A stage that is searched before the task of the file: its own task (`task=linear()`, else that of the file), what ends it "
        "(`target`, `max_evals` or `patience`, at least one), and keys that differ in it. Further arguments are the keys below and "
        "`mutations(…)`. The populations carry over to the next stage and are evaluated again. Stages follow each other in the "
        "order of the file.",
        "stage(task=linear(), target=0.97)\ntask two_layer()\n",
    ),
}
"""The statements above the functions but ``task``: meaning and example."""

FUNCTIONS: Mapping[str, tuple[str, str]] = {
    "Setup": (
        "Runs once, before training. All registers are 0 before it.",
        "def Setup():\n  s2 = 0.001\n",
    ),
    "Predict": (
        "Runs for each example, in training and in validation. It reads the features and writes the prediction.",
        "def Predict():\n  s1 = dot(v0, v1)\n",
    ),
    "Learn": (
        "Runs after Predict for each training example. It reads the label beside the features and the prediction.",
        "def Learn():\n  s3 = s0 - s1\n",
    ),
    "@frozen": (
        "In the line above a function: the search keeps the function as it is written.",
        "@frozen\ndef Predict():\n  s1 = dot(v0, v1)\n",
    ),
}
"""The functions of a program, and what may stand above them."""

NAMES: Mapping[str, tuple[str, str]] = {
    "registers by number": (
        "`s0`, `s1`, … are scalars, `v0`, `v1`, … vectors of F entries and `m0`, `m1`, … matrices of F × F entries, where F is the number of "
        "features of the task. All keep their values from example to example.",
        "def Predict():\n  v2 = dot(m0, v0)\n",
    ),
    "variables": (
        "Any other name is a variable: a register that is chosen when the file is read. Its kind follows from its uses, or is stated: "
        "`w: vector`. Variables belong to all three functions.",
        "def Setup():\n  rate = 0.01\ndef Predict():\n  w: vector\n  prediction = dot(w, features)\n"
        "def Learn():\n  w = w + rate * (label - prediction) * features\n",
    ),
    "features": ("The features of the example, `v0`. They cannot be written.", ""),
    "label": ("The label of the example, `s0`, which is 0 during Predict. It cannot be written.", ""),
    "prediction": ("The prediction, `s1`, of tasks with the metric `rmse` or `accuracy`.", ""),
    "labels": (
        "The labels of a task with the metric `multiclass`, `v1`: 1 for the class of the example, else 0.",
        "",
    ),
    "predictions": (
        "The predictions of a task with the metric `multiclass`, `v2`: a number for each class.",
        "",
    ),
    "n_features": (
        "The number of features F, in the shape of a random draw. It may be left out.",
        "def Setup():\n  v1 = gaussian(0, 0.1, n_features)\n  m1 = gaussian(0, 0.1, (n_features, n_features))\n",
    ),
}
"""Names in functions."""

FORMS: Mapping[str, tuple[str, str]] = {
    "expressions": (
        "Expressions nest. Each op of an expression becomes an instruction; intermediate results get free registers. `s4 * v0` and `v0 * s4` "
        "are the same op; `m1 @ v0` is `dot(m1, v0)`.",
        "def Predict():\n  s1 = dot(v0, v1) * (s2 + s3)\n",
    ),
    "numbers": (
        "A number in an expression becomes a scalar, or a vector or matrix with this number in every entry. 0 is a register that nothing "
        "writes. The constants of an op, such as the bounds of `uniform`, must be numbers.",
        "def Predict():\n  v1 = maximum(v0, 0)\n  v2 = uniform(-0.5, 0.5)\n",
    ),
    "-x": ("The negation `-x` is `-1 * x`.", "def Predict():\n  s1 = -s2\n"),
    "relu": ("`relu(x)` is `maximum(x, 0)`, for all kinds of registers.", "def Predict():\n  v1 = relu(v0)\n"),
    "entries": (
        "`v1[0.5] = 2` sets the entry in the middle of a vector: the place is a share of F, from 0 to 1. `m1[0.5, 0] = 2` "
        "sets an entry of a matrix. Single entries cannot be read.",
        "def Setup():\n  v1[0.5] = 2\n",
    ),
    "annotations": (
        "`w: vector` states that `w` is a vector; a value may follow. The kinds are `scalar`, `vector` and `matrix`.",
        "def Setup():\n  w: vector = 0.1\n",
    ),
    "pass": ("No instruction.", "def Setup():\n  pass\n"),
    "comments": ("`#` starts a comment, up to the end of the line.", "task linear()  # y = w·x\n"),
}
"""Forms of the statements in functions."""

VALUES: Mapping[str, tuple[str, str]] = {
    "counts": (
        "Whole numbers may be written `1000000`, `1_000_000` or `1e6`.",
        "search(max_evals=2.5e6, population=1_000)\n",
    ),
    "ranges": ("`1..21` are the numbers from 1 to 21, both included.", "search(setup=10, learn=1..21)\n"),
    "durations": (
        "Seconds, or a quoted text such as `90s`, `5m`, `1h30m` or `2d`.",
        'search(timeout="1h30m")\n',
    ),
    "texts": (
        "A word stands without quotes, any other text in single or double quotes.",
        'task file(data="houses 2024.csv", target_column=price)\n',
    ),
    "truth values": ("`true` or `false`.", "search(fec=false)\n"),
}
"""Forms of the values of keys."""

METRICS: Mapping[str, str] = {
    "rmse": "Regression: the fitness is 1 - 2/π · arctan(RMSE), 1 for a perfect prediction.",
    "accuracy": "Two classes: the fitness is the share of examples that are classified correctly, as class 1 where the sigmoid of the "
    "prediction is above 0.5.",
    "multiclass": "Several classes: the fitness is the share of examples whose largest prediction is that of their class.",
}
"""The metrics."""

MUTATIONS: Mapping[str, str] = {
    "alter": "Draw one input or the output of an instruction again, or change one of its constants.",
    "randomize_instruction": "Replace an instruction by a random one.",
    "randomize_function": "Replace all instructions of a function by random ones.",
    "insert": "Insert a random instruction.",
    "remove": "Remove an instruction.",
    "trade": "Insert a random instruction and remove one.",
    "graft": "Replace a value that affects predictions by an expression of it.",
    "accumulate": "At the end of Learn, update a register that keeps its value by an expression of the old value and of the label.",
    "parameter": "Let Predict read an unused register and Learn update it; half of the time Setup initializes it.",
    "rewire": "Let an instruction that affects predictions read another value of the same kind.",
    "bypass": "Remove an instruction that affects predictions; what read its result reads one of its inputs.",
    "transplant": "Copy a value of another program of the population, with the instructions that compute it, in place of a value, "
    "or a parameter with its use, its update and its initial value.",
}
"""The kinds of mutation."""
