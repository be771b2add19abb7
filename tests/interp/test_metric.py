"""Metrics: one definition each, from which registers, messages and lists of names follow."""

from __future__ import annotations

import math
import pickle
from typing import get_args

import numpy as np
import pytest

from azdsl import parse
from azdsl.config.schema import metadata
from azdsl.config.tasks import FileTask, SklearnTask
from azdsl.export.library.c_header import header
from azdsl.export.library.compiled_model import make_spec
from azdsl.export.readable.numpy_templates import SQUASH
from azdsl.ir import (
    FEATURES,
    LABEL,
    LABELS,
    METRICS,
    PREDICTION,
    PREDICTIONS,
    RMSE,
    MetricName,
    metric_error,
    pack_live,
)
from azdsl.ir.metric import within

ACCURACY, MULTICLASS = METRICS["accuracy"], METRICS["multiclass"]


def test_lists_of_metric_names_follow_from_the_table():
    names = tuple(METRICS)
    assert get_args(MetricName) == names == tuple(SQUASH)
    assert metadata(FileTask, "metric")["choices"] == names
    assert metadata(SklearnTask, "metric")["choices"] == ("auto", *names)
    text = header([make_spec(parse("def Predict():\n  s1 = dot(v0, v1)\n"), 2)], "0")
    assert "/* 0 rmse, 1 accuracy, 2 multiclass */" in text


def test_registers_of_each_metric():
    for metric in (RMSE, ACCURACY):
        assert (metric.label, metric.prediction, metric.vector) == (LABEL, PREDICTION, False)
        assert metric.given == {LABEL, FEATURES} and metric.fixed == {LABEL, FEATURES, PREDICTION}
    assert (MULTICLASS.label, MULTICLASS.prediction, MULTICLASS.vector) == (LABELS, PREDICTIONS, True)
    assert MULTICLASS.given == {LABEL, LABELS, FEATURES}
    assert MULTICLASS.fixed == {LABEL, LABELS, FEATURES, PREDICTION, PREDICTIONS}
    assert (RMSE.outputs(0), ACCURACY.outputs(0), MULTICLASS.outputs(3)) == (1, 1, 3)


def test_squash_gives_what_learn_reads():
    assert RMSE.squash(3.0, 0) == 3.0
    assert ACCURACY.squash(0.0, 0) == 0.5
    assert MULTICLASS.squash([0.0, 0.0, 7.0], 2) == [0.5, 0.5, 7.0]


def test_fitness_of_one_validation():
    assert RMSE.fitness([1.0, 2.0], [1.0, 2.0], 0, 100.0) == 1.0
    assert RMSE.fitness([0.0, 0.0], [1.0, -1.0], 0, 1.0) == 1.0 - (2.0 / math.pi) * math.atan(1.0)
    assert RMSE.fitness([0.0, 0.0], [1.0, -1.0], 0, math.nextafter(1.0, 0.0)) == 0.0
    assert RMSE.fitness([0.0], [math.nan], 0, math.inf) == 0.0
    assert ACCURACY.fitness([0.0, 1.0, 1.0, 0.0], [0.0, 1.0, -1.0, math.nan], 0, 0.0) == 0.75
    assert MULTICLASS.fitness([0.0, 1.0], [[2.0, 2.0, 9.0], [0.0, math.nan, 9.0]], 2, 0.0) == 0.5


def test_an_error_equal_to_the_limit_is_within_it():
    assert within([(1.0, 3.0), (3.0, 1.0)], 2.0)
    assert not within([(1.0, 3.0)], math.nextafter(2.0, 0.0))
    assert not within([(1.0, math.nan)], math.inf)


@pytest.mark.parametrize(
    ("metric", "labels", "message"),
    [
        (RMSE, [0.5, -3.0], None),
        (ACCURACY, [0.0, 1.0], None),
        (ACCURACY, [0.0, 2.0], "accuracy needs labels 0 and 1; use multiclass for more classes"),
        (MULTICLASS, [0.0, 5.0], None),
        (MULTICLASS, [0.5], "multiclass needs class numbers 0, 1, 2, …"),
        (MULTICLASS, [-1.0], "multiclass needs class numbers 0, 1, 2, …"),
    ],
)
def test_labels_that_a_metric_accepts(metric, labels, message):
    assert metric.label_error(np.array(labels)) == message


def test_messages_about_names_and_classes():
    assert metric_error("rmse") is None
    assert metric_error("mae") == "unknown metric 'mae': use rmse, accuracy or multiclass"
    assert RMSE.classes_error(0, 1) is None and MULTICLASS.classes_error(2, 2) is None
    for classes in (1, 4):
        expected = f"{classes} classes with 3 features: needs 2 to F classes; pad the features with zeros"
        assert MULTICLASS.classes_error(classes, 3) == expected


def test_a_metric_stays_itself_in_another_process():
    for metric in METRICS.values():
        assert pickle.loads(pickle.dumps(metric)) is metric


def test_a_program_keeps_its_arrays_for_each_metric():
    program = parse("def Predict():\n  s1 = dot(v0, v1)\n  v2 = v0 + v0\n")
    assert pack_live(program) is pack_live(program, RMSE)
    assert [len(pack_live(program, metric).code) for metric in METRICS.values()] == [1, 1, 1]
    assert pack_live(program, MULTICLASS).code != pack_live(program, RMSE).code
