"""The intermediate representation: immutable programs, metrics, passes over programs, programs as arrays."""

from azdsl.ir.metric import METRICS, RMSE, Metric, MetricName, metric_error
from azdsl.ir.packing import Packed, pack, pack_live, unpack
from azdsl.ir.passes import cost, live_exits, liveness, remove_dead_code, renumber
from azdsl.ir.program import (
    FEATURES,
    FUNCTIONS,
    LABEL,
    LABELS,
    PREDICTION,
    PREDICTIONS,
    Address,
    Block,
    Instruction,
    InvalidProgram,
    Program,
    format_constant,
)
from azdsl.limits import MAX_INSTRUCTIONS, MAX_REGISTERS

__all__ = [
    "FEATURES",
    "FUNCTIONS",
    "LABEL",
    "LABELS",
    "MAX_INSTRUCTIONS",
    "MAX_REGISTERS",
    "METRICS",
    "PREDICTION",
    "PREDICTIONS",
    "RMSE",
    "Address",
    "Block",
    "Instruction",
    "InvalidProgram",
    "Metric",
    "MetricName",
    "Packed",
    "Program",
    "cost",
    "format_constant",
    "live_exits",
    "liveness",
    "metric_error",
    "pack",
    "pack_live",
    "remove_dead_code",
    "renumber",
    "unpack",
]
