"""Write azdsl/settings.py, the types of the keyword settings, from the schema; with --check only say whether it is up to date.

An editor completes the keywords of ``azdsl.evolve`` and ``azdsl.compare`` and shows their help by these types, and mypy checks them.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from generated import write_or_check

from azdsl.comparison.compare import compare
from azdsl.config.experiment import OPS_KEYS
from azdsl.config.schema import Range, keys, value_types
from azdsl.config.search import Registers, Search
from azdsl.config.tasks import TASKS
from azdsl.search.evolve import run
from azdsl.setting_overrides import task_settings

PATH = Path(__file__).parent.parent / "azdsl" / "settings.py"

SPLIT_SETS = ("tasks", "select", "test")
"""Settings that ``evolve`` also takes as task sets: parameters of its own."""

NO_SETTINGS = ("experiment", "base_dir", "placement", *SPLIT_SETS)
"""Parameters of the functions that run a search or a comparison that are no settings of the public ones."""

HELP: Mapping[str, str] = {
    "out": "run directory to create (for compare also one to continue); without it nothing is written",
    "name": "write to the next free directory runs/NAME-N instead",
    "workers": "number of islands or runs that run in parallel (default: one per core); no effect on the result",
    "resume": "run directory of a run to continue",
    "quiet": "show no progress",
    "proposals": "a function of the hall of fame, called once an epoch, that gives programs or texts to try; a command; or a record",
    "on_epoch": "called with a Snapshot after every epoch; stops the search by returning true",
    "cluster": "a Dask cluster: its address, local:N or a distributed.Client",
    "algorithms": "search algorithms to compare (default: all)",
    "variants": "settings to compare, in place of algorithms",
    "seeds": "random seeds of the runs",
    "report": "called with each finished run, the number of finished runs and the planned number",
}
"""What the keywords do that are no settings of an experiment."""

HEAD = '''"""The types of the keyword settings of ``azdsl.evolve`` and ``azdsl.compare``.

Made by tools/settings_types.py from the schema of the settings; do not edit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from azdsl.config.schema import Range
from azdsl.ops import Op

if TYPE_CHECKING:
    from azdsl.comparison.compare import Report
    from azdsl.search.proposer import Function
    from azdsl.search.session import OnEpoch

'''

WIDTH = 110


def settings() -> Iterator[tuple[str, str, str]]:
    """Name, type and help of every setting of an experiment."""
    for schema in (Search, Registers):
        kinds = value_types(schema)
        for field in keys(schema):
            yield field.name, annotation(field, kinds[field.name]), field.metadata["help"]
    for key in OPS_KEYS:
        where = "all three functions" if key == "ops" else key.removesuffix("_ops").capitalize()
        yield key, "str | Iterable[str | Op]", f"ops that the search may use in {where}"
    yield "mutations", "str | Iterable[str]", "kinds of mutation"
    yield "task", literal(tuple(TASKS)), "kind of task"
    for name, homes in task_settings().items():
        texts = {annotation(field, value_types(TASKS[kind])[field.name]) for kind, field in homes.items()}
        merged = " | ".join(sorted(dict.fromkeys(part for text in texts for part in split_union(text)), key=none_last))
        helps: dict[str, list[str]] = {}
        for kind, field in homes.items():
            helps.setdefault(field.metadata["help"], []).append(kind)
        alike = len(helps) == 1 and len(homes) == len(TASKS)
        yield name, merged, next(iter(helps)) if alike else "; ".join(f"{', '.join(k)}: {h}" for h, k in helps.items())


def none_last(text: str) -> tuple[bool, str]:
    """The order of the members of a union."""
    return text == "None", text


def split_union(text: str) -> list[str]:
    """The members of a union."""
    return [part.strip() for part in text.split(" | ")]


def annotation(field: dataclasses.Field[Any], kind: type) -> str:
    """The type of a key's values as the functions accept them."""
    choices = field.metadata.get("choices")
    if choices:
        text = literal(choices)
    elif kind is Range:
        text = "int | str | tuple[int, int] | Range"
    elif kind is str:
        text = "str | os.PathLike[str]" if field.metadata.get("location") else "str"
    else:
        text = kind.__name__
        if kind is int:
            text = "int | float | str"  # 1e6 and "1e6" too
        elif field.metadata.get("duration"):
            text = "float | str"
    return f"{text} | None" if field.default is None else text


def literal(choices: tuple[Any, ...]) -> str:
    """A type of these values."""
    return f"Literal[{', '.join(json.dumps(choice) for choice in choices)}]"


def options(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Name and type of every keyword of ``run`` or ``compare`` that is no setting of an experiment."""
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in NO_SETTINGS:
            yield name, str(parameter.annotation)


def declared(name: str, text: str, help: str = "") -> str:
    """A key of a typed dictionary, with its help as the docstring that editors show."""
    lines = [f"    {name}: {text}"]
    if help:
        shown = help[0].upper() + help[1:] + ("" if help.endswith(".") else ".")
        wrapped = textwrap.wrap(shown.replace("\\", "\\\\"), WIDTH)
        lines.append(f'    """{chr(10).join(wrapped)}"""'.replace("\n", "\n    "))
    return "\n".join(lines) + "\n"


def typed_dict(name: str, doc: str, members: Mapping[str, str], base: str = "TypedDict, total=False") -> str:
    """A class."""
    return f'\nclass {name}({base}):\n    """{doc}"""\n\n' + "".join(members.values())


def document() -> str:
    """The text of the module, as ruff formats it."""
    plain = {name: declared(name, text, help) for name, text, help in settings()}
    sizes = {name: plain.pop(name) for name in SPLIT_SETS}
    searched, compared = dict(options(run)) | {"cluster": "Any"}, dict(options(compare))
    evolve = {name: declared(name, text, HELP[name]) for name, text in searched.items()}
    comparison = {name: declared(name, text, HELP[name]) for name, text in compared.items()}
    text = HEAD + "\n".join(
        (
            typed_dict("ExperimentSettings", "Settings that replace those of the experiment's file.", plain),
            typed_dict("EvolveSettings", "Keywords of ``azdsl.evolve``.", evolve, "ExperimentSettings, total=False"),
            typed_dict(
                "CompareSettings",
                "Keywords of ``azdsl.compare``.",
                sizes | comparison,
                "ExperimentSettings, total=False",
            ),
        )
    )
    return formatted(text)


def formatted(text: str) -> str:
    """The text as ``ruff format`` leaves it."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(PATH), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=PATH.parent).stdout


if __name__ == "__main__":
    sys.exit(write_or_check(PATH, document(), sys.argv[1:]))
