"""Bugs of the kinds that developers make, for ``tools/mutants.py``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A bug: in ``file``, ``old`` (which occurs once) becomes ``new``. ``tests`` are the test files that should fail."""

    meaning: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _mutants(file: str, *rows: tuple[str, str, str, str]) -> tuple[Mutant, ...]:
    """Mutants of one file: rows of meaning, old text, new text and tests (without ``tests/`` and ``.py``)."""
    return tuple(
        Mutant(meaning, f"azdsl/{file}.py", old, new, tuple(f"tests/{name}.py" for name in tests.split()))
        for meaning, old, new, tests in rows
    )


MUTANTS = (
    *_mutants(
        "codegen/evaluation",
        (
            "FEC: the key omits the predictions of the validation",
            "self._record(score)\n            gain",
            "pass\n            gain",
            "search/test_fec",
        ),
    ),
    *_mutants(
        "codegen/metrics",
        (
            "an error of exactly max_abs_error stops compiled programs",
            'fcmp_unordered(">", e.intrinsic("fabs"',
            'fcmp_unordered(">=", e.intrinsic("fabs"',
            "codegen/test_error_limit",
        ),
    ),
    *_mutants(
        "scoring",
        ("selection draws with the search's seed", '"select": 0x5E1EC7', '"select": 0x5EA2C4', "search/test_selection"),
        ("median: the lower one", "count // 2]", "(count - 1) // 2]", "test_scoring"),
    ),
    *_mutants(
        "search/islands/selection",
        (
            "the larger of two equal finalists is chosen",
            "len(found.program), found",
            "-len(found.program), found",
            "search/test_selection",
        ),
        (
            "search fitness before selection fitness",
            "return -finalist.fitness, -found.search_fitness,",
            "return -found.search_fitness, -finalist.fitness,",
            "search/test_selection",
        ),
    ),
    *_mutants(
        "search/islands/migration",
        ("the worst members emigrate", "-members.fitness))", "members.fitness))", "search/test_islands"),
        (
            "default algorithm: immigrants replace the worst",
            '"regularized_evolution": replace_oldest',
            '"regularized_evolution": replace_worst',
            "search/test_islands",
        ),
        ("the ring runs the other way", "(island - 1) % islands", "(island + 1) % islands", "search/test_islands"),
    ),
    *_mutants(
        "search/islands/hall_of_fame",
        (
            "the worse of two of the same size stays",
            "(e.size, -e.fitness)",
            "(e.size, e.fitness)",
            "search/test_selection",
        ),
        (
            "a larger program that is not fitter becomes an entry",
            "entry.fitness > kept[-1].fitness",
            "entry.fitness >= kept[-1].fitness",
            "search/test_selection search/test_islands",
        ),
    ),
    *_mutants(
        "search/islands/schedule",
        (
            "the remainder of the budget is not shared out",
            " + (island < rest)",
            "",
            "search/test_islands search/test_evolve",
        ),
    ),
    *_mutants(
        "ir/metric",
        (
            "an error of exactly max_abs_error stops the interpreter",
            "<= limit for",
            "< limit for",
            "codegen/test_error_limit interp/test_metric",
        ),
        (
            "softmax subtracts the first score",
            "largest = max(scores)",
            "largest = scores[0]",
            "interp/test_metric codegen/test_equivalence",
        ),
        (
            "accuracy: a probability of a half is class 1",
            "sigmoid(p) > 0.5",
            "sigmoid(p) >= 0.5",
            "interp/test_metric interp/test_evaluate",
        ),
    ),
    *_mutants(
        "interp/evaluate",
        (
            "the last validation counts, not the best",
            "best = max(best, _validate(machine, valid, visit, rules))",
            "best = _validate(machine, valid, visit, rules)",
            "interp/test_evaluate",
        ),
        (
            "draws in validation repeat those in training",
            "            visit += len(valid)\n",
            "",
            "interp/test_evaluate codegen/test_equivalence",
        ),
    ),
    *_mutants(
        "ir/passes",
        (
            "liveness ignores what Setup and Learn hand to Predict",
            " | (before_learn - metric.given) | entry",
            " | (before_learn - metric.given)",
            "interp/test_properties search/test_canonical",
        ),
        (
            "an overwritten value stays live",
            "            live.discard(instruction.output)\n",
            "",
            "interp/test_properties search/test_canonical",
        ),
    ),
    *_mutants(
        "ir/rewrite_rules",
        (
            "x + 0.0 becomes x",
            'if name == "subtract" and inputs[1].is_zero',
            'if name in ("add", "subtract") and inputs[1].is_zero',
            "export/test_simplify",
        ),
    ),
    *_mutants(
        "tasks/table_splits",
        (
            "search: rows validate that also train",
            "return order[valid : valid + train], order[:valid]",
            "return order[:train], order[:valid]",
            "tasks/test_tables",
        ),
        (
            "selection rows are also search rows",
            '"search": order[tested + selected :]',
            '"search": order[tested:]',
            "tasks/test_tables",
        ),
        (
            "features are scaled by validation rows too",
            "examples.fit(train, task)",
            "examples.fit(np.concatenate([train, valid]), task)",
            "tasks/test_tables",
        ),
    ),
    *_mutants(
        "atomic",
        (
            "a temporary file of a killed process blocks writing",
            "            temporary.unlink(missing_ok=True)  # a process that was killed may have left one\n",
            "",
            "test_atomic",
        ),
    ),
    *_mutants(
        "search/rundir/checkpoint",
        (
            "a checkpoint's digest is not compared",
            "if hashlib.sha256(content).digest() != digest:",
            "if False:",
            "search/test_resume search/test_rundir",
        ),
    ),
    *_mutants(
        "search/kernel/population",
        (
            "immigrants are not the youngest",
            "    island.clock[Clock.WRITTEN] += len(rows)\n",
            "",
            "search/test_islands",
        ),
        (
            "the FEC survives new tasks",
            "    clear(island.fec_cache)\n",
            "",
            "search/test_task_rotation search/test_loop",
        ),
    ),
    *_mutants(
        "search/kernel/algorithms",
        ("tournament: the last of equals wins", "if other > best else", "if other >= best else", "search/test_loop"),
        (
            "the first of the worst is replaced",
            "adjusted[rival] <= adjusted[worst]",
            "adjusted[rival] < adjusted[worst]",
            "search/test_algorithms",
        ),
    ),
    *_mutants(
        "search/kernel/cache",
        (
            "a look-up does not mark an entry as used",
            "    places.ranks = touched(places.ranks, found)\n",
            "",
            "search/test_cache",
        ),
    ),
    *_mutants(
        "search/kernel/mutate",
        (
            "a standard deviation changes its sign",
            "elif role != STD and uniform(state) < FLIP:",
            "elif uniform(state) < FLIP:",
            "search/test_mutate",
        ),
        ("remove goes below the minimum length", "if n <= limits.least:", "if n < limits.least:", "search/test_mutate"),
        (
            "trade never inserts at the end",
            "n + 1 if kind in (_INSERT, _TRADE) else n)",
            "n + 1 if kind == _INSERT else n)",
            "search/test_mutate",
        ),
    ),
    *_mutants(
        "search/kernel/canonical",
        (
            "all ops count as commutative",
            "swap = (op.commutative != 0) & (b < a)",
            "swap = b < a",
            "search/test_canonical",
        ),
        ("two draws count as equal", "                draw += np.uint64(op.random)\n", "", "search/test_canonical"),
    ),
    *_mutants(
        "search/kernel/hurdles",
        (
            "a score of exactly the threshold fails",
            "enough = score >= hurdles",
            "enough = score > hurdles",
            "search/test_hurdles",
        ),
        ("a reset keeps the scores", "    hurdles.filled[:] = 0\n", "", "search/test_hurdles"),
    ),
)
"""All mutants."""
