"""azdsl: write, evolve and run machine-learning algorithms made of basic mathematical operations.

A public name is imported when it is used first.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azdsl.api import Evaluation, compare, compile, evaluate, evolve, load, load_run, parse, tune
    from azdsl.ask_tell import Search
    from azdsl.config.experiment import Experiment
    from azdsl.config.search import SettingsError
    from azdsl.diagnosis import Diagnosis
    from azdsl.diagnostics import SyntaxError
    from azdsl.errors import AzdslError
    from azdsl.inspection import diagnose, explain, report, score, show
    from azdsl.ir import InvalidProgram, Program
    from azdsl.program_score import ProgramScore
    from azdsl.reporting.run_result import RunResult
    from azdsl.taskset import TaskError, TaskSet
    from azdsl.tuning.run import Tuned

__version__ = "0.2.0"

__all__ = [
    "AzdslError",
    "Diagnosis",
    "Evaluation",
    "Experiment",
    "InvalidProgram",
    "Program",
    "ProgramScore",
    "RunResult",
    "Search",
    "SettingsError",
    "SyntaxError",
    "TaskError",
    "TaskSet",
    "Tuned",
    "__version__",
    "compare",
    "compile",
    "diagnose",
    "evaluate",
    "evolve",
    "explain",
    "load",
    "load_run",
    "parse",
    "report",
    "score",
    "show",
    "tune",
]

_HOMES = {
    "AzdslError": "azdsl.errors",
    "Diagnosis": "azdsl.diagnosis",
    "SyntaxError": "azdsl.diagnostics",
    "Experiment": "azdsl.config.experiment",
    "InvalidProgram": "azdsl.ir",
    "Program": "azdsl.ir",
    "ProgramScore": "azdsl.program_score",
    "RunResult": "azdsl.reporting.run_result",
    "Search": "azdsl.ask_tell",
    "SettingsError": "azdsl.config.search",
    "TaskError": "azdsl.taskset",
    "TaskSet": "azdsl.taskset",
    "Tuned": "azdsl.tuning.run",
    "diagnose": "azdsl.inspection",
    "explain": "azdsl.inspection",
    "report": "azdsl.inspection",
    "score": "azdsl.inspection",
    "show": "azdsl.inspection",
}
"""The modules of public names that are not defined in ``azdsl.api``."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'azdsl' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES.get(name, "azdsl.api")), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
