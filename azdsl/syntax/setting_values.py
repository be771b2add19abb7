"""Semantic analysis of the statements above the functions: arguments -> validated settings."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import Field
from typing import Any, TypeVar

from azdsl.config.schema import Range, SettingsError, keys, value_types, wanted_words
from azdsl.config.search import MUTATIONS
from azdsl.config.task import Task
from azdsl.config.tasks import TASKS
from azdsl.syntax import tree
from azdsl.syntax.error_list import ErrorList, Line, brief, choice, nearest
from azdsl.syntax.tree import Argument, Name, Node

Schema = TypeVar("Schema")


class _WrongTypeError(Exception):
    """A value is not of its key's type."""


def task(kind: Name, arguments: tuple[Argument, ...], line: Line, errors: ErrorList) -> Task | None:
    """``linear(features=4)`` of a ``task`` statement, of a stage or of islands."""
    schema = TASKS.get(kind.text)
    if schema is None:
        hint = nearest(kind.text, TASKS) or f"there are {choice(TASKS).replace(' or ', ' and ')}"
        errors.add("unknown-task", f"unknown task '{brief(kind.text)}'", line, kind, hint)
        return None
    return settings(schema, kind.text, arguments, line, errors)


def own_task(
    arguments: tuple[Argument, ...], whose: str, line: Line, errors: ErrorList
) -> tuple[Task | None, tuple[Argument, ...]]:
    """The task of the argument ``task=linear(features=4)``, None without one or after reporting an error, and the other arguments."""
    tasks = [argument for argument in arguments if isinstance(argument.key, Name) and argument.key.text == "task"]
    for extra in tasks[1:]:
        errors.add("duplicate", "task is given twice", line, extra)
    rest, found = tuple(argument for argument in arguments if argument not in tasks), None
    match tasks[0].value if tasks else None:
        case tree.Call(callee=kind, arguments=given):
            found = task(kind, given, line, errors)
        case tree.Name() as kind:
            found = task(kind, (), line, errors)
        case tree.Expression() as other:
            message = f"the task of {whose} must be a kind of task"
            errors.add("setting", message, line, other, "write task=linear(features=4)")
    return found, rest


def nested(
    arguments: tuple[Argument, ...], words: tuple[str, ...], default: str, line: Line, errors: ErrorList
) -> tuple[dict[str, tuple[Argument, ...]], tuple[Argument, ...]]:
    """The arguments of calls of ``words``, such as ``mutations(alter)``, by word, and all other arguments.

    Reports a call that is repeated or empty; ``default`` says what its absence allows.
    """
    found: dict[str, tuple[Argument, ...]] = {}
    rest: list[Argument] = []
    for argument in arguments:
        call = argument.value if isinstance(argument.value, tree.Call) and argument.key is None else None
        word = call.callee.text if call else ""
        if call is None or word not in words:
            rest.append(argument)
        elif word in found:
            errors.add("duplicate", f"{word} is given twice", line, argument)
        elif not call.arguments:
            errors.add("setting", f"{word}() is empty", line, argument, f"remove it to allow {default}")
        else:
            found[word] = call.arguments
    return found, tuple(rest)


def without_shared(
    arguments: tuple[Argument, ...], shared: Set[str], where: str, line: Line, errors: ErrorList
) -> tuple[Argument, ...]:
    """``arguments`` without those whose key is in ``shared``, which are reported: they are the same ``where``."""
    rest: list[Argument] = []
    for argument in arguments:
        if isinstance(argument.key, Name) and argument.key.text in shared:
            key = argument.key.text
            errors.add("unknown-key", f"{key} is the same {where}", line, argument.key, f"set it in search({key}=…)")
        else:
            rest.append(argument)
    return tuple(rest)


def mutations(arguments: tuple[Argument, ...], line: Line, errors: ErrorList) -> tuple[str, ...]:
    """``mutations(alter, insert)``."""
    found: list[str] = []
    for argument in arguments:
        word = argument.value.text if isinstance(argument.value, Name) and not argument.key else None
        if word not in MUTATIONS:
            written = brief(tree.show(argument))
            hint = nearest(written, MUTATIONS) or f"there are {choice(MUTATIONS).replace(' or ', ' and ')}"
            errors.add("unknown-mutation", f"unknown mutation '{written}'", line, argument, hint)
        elif word in found:
            errors.add("duplicate", f"{word} is listed twice", line, argument)
        else:
            found.append(word)
    return tuple(found)


def settings(
    schema: type[Schema], title: str, arguments: tuple[Argument, ...], line: Line, errors: ErrorList
) -> Schema | None:
    """An instance of ``schema`` from ``key=value`` arguments; None after reporting errors.

    ``title`` is the name of the statement, or of the kind of task, in messages.
    """
    before = len(errors.found)
    fields = {f.name: f for f in keys(schema)}
    values: dict[str, Any] = {}
    nodes: dict[str, Node] = {}
    given: set[str] = set()
    for position, argument in enumerate(arguments):
        field = _field(argument, position, fields, title, line, errors)
        if field is None:
            continue
        if field.name in given:
            errors.add("duplicate", f"{field.name} is given twice", line, argument)
            continue
        given.add(field.name)
        nodes[field.name] = argument.value
        try:
            values[field.name] = _value(argument.value, schema, field)
        except _WrongTypeError:
            wanted = wanted_words(field, value_types(schema)[field.name])
            errors.add("setting", f"{field.name} must be {wanted}, not {_shown(argument.value)}", line, argument.value)
    for name, field in fields.items():
        if field.metadata.get("required") and name not in given:
            needed = field.metadata["help"].split(" (")[0]
            errors.add("setting", f"task {title} needs the {needed}", line, hint=f'write task {title}("…")')
    return _checked(schema, values, nodes, line, errors, before)


def _shown(node: tree.Expression) -> str:
    return brief(tree.show(node))


def _field(
    argument: Argument, position: int, fields: dict[str, Field[Any]], title: str, line: Line, errors: ErrorList
) -> Field[Any] | None:
    """The field that an argument sets; None after reporting an unknown one. The first argument may leave out its key."""
    if argument.key is None:
        required = next((f for f in fields.values() if f.metadata.get("required")), None)
        if position == 0 and required:
            return required
        errors.add("setting", f"'{_shown(argument.value)}' has no key", line, argument, "write key=value")
        return None
    key = argument.key.text if isinstance(argument.key, Name) else tree.show(argument.key)
    found = fields.get(key) or next((f for f in fields.values() if f.metadata.get("formerly") == key), None)
    if found:
        return found
    hint = nearest(key, fields) or f"{title} has {choice(fields).replace(' or ', ' and ')}"
    errors.add("unknown-key", f"unknown key '{brief(key)}' of {title}", line, argument.key, hint)
    return None


def _checked(
    schema: type[Schema], values: dict[str, Any], nodes: dict[str, Node], line: Line, errors: ErrorList, before: int
) -> Schema | None:
    """An instance of ``schema``; every invalid value is reported at its node, and None returned."""
    values = dict(values)
    reported: set[str] = set()
    while True:
        try:
            made = schema(**values)
        except SettingsError as error:
            if error.key in reported:  # its default is not valid with the other values either
                return None
            reported.add(error.key)
            errors.add("setting", str(error), line, nodes.get(error.key))
            if error.key not in values:
                return None
            del values[error.key]
        else:
            return made if len(errors.found) == before else None


def _value(node: tree.Expression, schema: type[Any], field: Field[Any]) -> Any:
    """The value that ``node`` gives a field. Raises ``_WrongTypeError``."""
    wanted = value_types(schema)[field.name]
    match node:
        case tree.String(value=value) if wanted is str or field.metadata.get("duration"):
            return value
        case Name(text=text) if wanted is str:
            return text
        case Name(text="true" | "false" as text) if wanted is bool:
            return text == "true"
        case Name(text="inf") if wanted is float:
            return math.inf
        case tree.Number(value=value) if wanted is float:
            return value
        case tree.Number() if wanted in (int, Range):
            number = _whole(node)
            if number is not None:
                return Range(number, number) if wanted is Range else number
        case tree.Range(text=text) if wanted is Range:
            least, most = (part.lstrip("0") or "0" for part in text.split(".."))
            if max(len(least), len(most)) < _MOST_DIGITS:
                return Range(int(least), int(most))
    raise _WrongTypeError


_MOST_DIGITS = 30
"""Digits of the longest whole number that is read exactly: more than any setting allows."""


def _whole(number: tree.Number) -> int | None:
    """The number as an int (10, 1_000, 1e6), or None if it has a fraction."""
    if len(number.text) < _MOST_DIGITS and number.text.removeprefix("-").replace("_", "").isdigit():
        return int(number.text)
    return int(number.value) if number.value.is_integer() else None
