"""The family of exceptions."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil

import pytest

import azdsl
from azdsl.cli import main
from azdsl.config.schema import SettingsError
from azdsl.diagnostics import Diagnostic, Source
from azdsl.errors import AzdslError


def exception_classes() -> dict[str, type[BaseException]]:
    """Every exception class that the package defines, by its full name."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(azdsl.__path__, "azdsl.")
        if not found.name.endswith("__main__")
    ]
    return {
        f"{value.__module__}.{value.__qualname__}": value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__.startswith("azdsl")
    }


def test_every_public_exception_class_is_in_the_family():
    found = exception_classes()
    assert {"azdsl.config.schema.SettingsError", "azdsl.diagnostics.SyntaxError"} < set(found)
    strangers = [name for name, value in found.items() if not issubclass(value, AzdslError)]
    assert not [name for name in strangers if not name.rpartition(".")[2].startswith("_")]


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("config.schema.SettingsError", ValueError),
        ("taskset.TaskError", ValueError),
        ("ir.program.InvalidProgram", ValueError),
        ("export.library.errors.ExportError", ValueError),
        ("search.islands.executor.ExecutorError", RuntimeError),
        ("reporting.plots.NoMatplotlib", ImportError),
    ],
)
def test_members_of_the_family_keep_their_builtin_base(name, base):
    assert issubclass(exception_classes()[f"azdsl.{name}"], base)


def test_the_command_line_prints_a_member_of_the_family(monkeypatch, capsys):
    class NewError(AzdslError):
        pass

    def command(*_, **__):
        raise NewError("the cup is empty; fill it")

    monkeypatch.setattr("azdsl.cli.commands.main", command)
    assert main([]) == 2
    assert capsys.readouterr().err == "error: the cup is empty; fill it\n"


def test_a_report_says_error_once():
    source = Source("x\n", "a.az")
    text = azdsl.SyntaxError([Diagnostic("e", "no", source.span(0, 1))], source)
    assert text.report == str(text) and text.report.count("error:") == 1
    assert SettingsError("seed", "seed must be at least 0, not -1").report == "error: seed must be at least 0, not -1"
    assert pickle.loads(pickle.dumps(text)).report == text.report
