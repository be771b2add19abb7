"""The table of naming rules: every rule names a value of its example."""

from __future__ import annotations

import re

import pytest

from azdsl.export.readable.naming import RULES, Role, Rule, infer
from azdsl.ir.simplify import simplified
from azdsl.syntax import parse


def roles(example: str) -> set[Role]:
    """The roles in a program written as the table's examples are."""
    functions = zip(("Setup", "Predict", "Learn"), example.split("|"), strict=True)
    blocks = (
        f"def {name}():\n" + "".join(f"  {line.strip()}\n" for line in body.split(";") if line.strip())
        for name, body in functions
    )
    form = simplified(parse("registers(scalars=20, vectors=20, matrices=20)\n" + "".join(blocks)))
    assert form
    return set(infer(form.graph).values())


def pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\{of\}", r"\w+"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}: {rule.reason}")
def test_a_rule_names_a_value_of_its_example(rule: Rule) -> None:
    found = roles(rule.example)
    name, reason = pattern(rule.name), pattern(rule.reason)
    assert [r for r in found if name.fullmatch(r.name) and reason.fullmatch(r.reason) and r.kept == rule.kept], found


def test_rules_can_be_told_apart() -> None:
    assert len({(rule.name, rule.reason) for rule in RULES}) == len(RULES)


def test_the_same_name_is_kept_by_all_of_its_rules() -> None:
    kept = {rule.name for rule in RULES if rule.kept}
    assert all(rule.kept == (rule.name in kept) for rule in RULES)
