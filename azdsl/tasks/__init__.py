"""Task sets from ``task`` statements: the examples of the search, selection and test splits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from azdsl.config.image_tasks import ImageTask
from azdsl.config.task import Split, Task
from azdsl.config.tasks import DEFAULT_TASK, FileTask, Linear, SklearnTask
from azdsl.taskset import TaskError, TaskSet

if TYPE_CHECKING:
    from azdsl.tasks.tables import Table

__all__ = ["DEFAULT_TASK", "Split", "TaskError", "build", "describe"]


def build(task: Task, seed: int, split: Split, base_dir: Path | None = None) -> TaskSet:
    """The task set of ``task`` for ``split``: ``"search"``, ``"select"`` or ``"test"``.

    The splits draw from different random streams of ``seed`` (0 … 2**63 - 1); a row of a file validates in one split
    only. A relative path in ``task`` is relative to ``base_dir``. Raises ``TaskError``.
    """
    if isinstance(task, FileTask):
        from azdsl.tasks.table_splits import split_table

        return split_table(_table(task, base_dir), task, seed, split)
    if isinstance(task, Linear):
        from azdsl.tasks.synthetic import generate

        return generate(task, seed, split)
    if isinstance(task, ImageTask):
        from azdsl.tasks import image_tasks

        return image_tasks.build(task, seed, split, base_dir)
    raise TaskError(f"unknown kind of task: {type(task).__name__}")


def _table(task: FileTask, base_dir: Path | None) -> Table:
    if isinstance(task, SklearnTask):
        from azdsl.tasks.tables import bundled

        return bundled(task.data)
    from azdsl.tasks.places import place_of
    from azdsl.tasks.tables import read

    return read(str(place_of(task.data, base_dir)) if task.data else "")


def describe(task: Task | TaskSet) -> str:
    """One line for a person: ``10 linear tasks, 4 features, 100 + 100 examples``; of a task set ``3 tasks given from Python``."""
    several = "s" if task.tasks > 1 else ""
    if isinstance(task, TaskSet):
        return f"{task.tasks} task{several} given from Python"
    epochs = f", {task.epochs} epochs" if task.epochs > 1 else ""
    if task.validations and task.validations != task.epochs:
        epochs += f", {task.validations} validation{'s' if task.validations > 1 else ''}"
    if isinstance(task, FileTask):
        source = f"scikit-learn's {task.data}" if isinstance(task, SklearnTask) else task.data
        sizes = [str(size) if size else "all" for size in (task.train, task.valid)]
        examples = "" if sizes == ["all", "all"] else f", {' + '.join(sizes)} rows"
        return f"{task.tasks} split{several} of {source}, target {task.target_column}, {task.metric_definition.name}{examples}{epochs}"
    features = f", {task.features} features" if isinstance(task, Linear | ImageTask) and task.features else ""
    kind = f"{task.kind.replace('_', '-')} task{several}"
    if isinstance(task, ImageTask):
        kind = f"task{several} of {task.dataset or task.images} ({'several classes' if task.metric_definition.vector else 'pairs of classes'})"
    return f"{task.tasks} {kind}{features}, {task.train} + {task.valid} examples{epochs}"
