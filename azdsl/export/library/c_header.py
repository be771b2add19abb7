"""The C header of a compiled library."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from azdsl.codegen.aot.models import Spec
from azdsl.export.library.c_rows import comment, row_functions
from azdsl.export.library.errors import ExportError
from azdsl.ir import METRICS

_LONGEST = 48

CODES = """\
/* Return codes. */
enum {
  AZ_OK = 0,         /* done */
  AZ_STOPPED = 1,    /* training stopped: an error was NaN or too large (this example was not learned) */
  AZ_NOT_FINITE = 2, /* X or y contains a NaN or an infinity; the model is unchanged */
  AZ_BAD_LABEL = 3,  /* a label is not the number of a class; the model is unchanged */
  AZ_NULL = 4,       /* a pointer is null; the model is unchanged */
  AZ_MISSING = 5,    /* a value of a row is missing, and the training table does not say what fills it */
  AZ_UNKNOWN = 6     /* a text of a row is not among the categories */
};
"""

_FUNCTIONS = """\
/* {features} features, {outputs_text}; metric {metric}, float{precision}{trained}.
   Labels are {labels}. X has {features} numbers per row, in row-major order; out has {outputs} per row.
   Arrays must not overlap. Only one thread at a time may use a model; models share nothing. */
typedef struct {p}model {p}model;

{p}model *{p}create(void);            /* a new model, or NULL if there is no memory; {initial} */
void {p}free({p}model *model);        /* frees a model of {p}create; NULL does nothing */
size_t {p}size(void);                 /* size of a model in bytes, for memory that you allocate (aligned to 16 bytes) */
int {p}init(void *memory);            /* makes this memory a model; models may be copied as bytes */
int {p}setup({p}model *model, uint64_t seed); /* reset the model and run Setup */
int {p}learn_one({p}model *model, const double *x, double y); /* one training step: Predict, then Learn */
int {p}predict_one({p}model *model, const double *x, double *out);
int {p}fit({p}model *model, const double *X, const double *y, size_t n); /* setup with the same seed, then learn n rows in order */
int {p}partial_fit({p}model *model, const double *X, const double *y, size_t n); /* learn n more rows */
int {p}predict({p}model *model, const double *X, size_t n, double *out);
int {p}finite(const double *values, size_t count); /* 1 if all values are finite */
int {p}features(void);
int {p}outputs(void);
int {p}metric(void);                  /* {metrics} */
int {p}precision(void);               /* 64 or 32: bits of the floating-point numbers in the program */
int {p}trained(void);                 /* 1 if new models start trained (--train) */
const char *{p}version(void);
"""


def check_prefix(prefix: str) -> str:
    """``prefix``, if it is a valid start of the names of C functions. Raises ``ExportError``."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix, re.ASCII) or len(prefix) > _LONGEST:
        raise ExportError(
            f"{prefix!r} is not a C identifier of at most {_LONGEST} letters, digits and underscores: choose another --prefix"
        )
    return prefix


def default_prefix(stem: str) -> str:
    """``az_`` and the name of a model, as a C identifier."""
    return ("az_" + re.sub(r"[^A-Za-z0-9_]", "_", stem))[:_LONGEST]


def header(specs: Sequence[Spec], version: str, encoding: Mapping[str, Any] | None = None) -> str:
    """The header of a library of these models, which says how a table's columns become X if there is an ``encoding``."""
    guard = f"{specs[0].prefix.rstrip('_')}_H".upper()
    program = comment(str(specs[0].source))
    body = "\n".join(_functions(spec) for spec in specs)
    rows = row_functions(specs[0], encoding) if encoding else ""
    strings = "#include <string.h>\n" if encoding else ""
    return (
        f"/* Written by azdsl {version} from this program:\n\n{program}\nThe library calls malloc and free, and no function of math.h. */\n"
        f"{table_comment(encoding) if encoding else ''}"
        f"#ifndef {guard}\n#define {guard}\n\n#include <stddef.h>\n#include <stdint.h>\n{strings}\n"
        f'#ifdef __cplusplus\nextern "C" {{\n#endif\n\n#ifndef AZ_CODES\n#define AZ_CODES\n{CODES}#endif\n\n'
        f"{body}{rows}\n#ifdef __cplusplus\n}}\n#endif\n\n#endif\n"
    )


def table_comment(encoding: Mapping[str, Any]) -> str:
    """A comment: what each number of X is, computed from which column, and what a prediction means."""
    lines, at = ["X is made of the columns of a table. x[i] = (value - mean) / deviation, where value is", ""], 0
    for column in encoding["columns"]:
        kind, name = column["kind"], column["name"]
        meanings = {
            "number": [name],
            "date": [f"{name}, in days since 1970-01-01"],
            "one_hot": [f"1 if {name} is {one!r}, else 0" for one in column["categories"]],
            "ordinal": [f"{name}: " + ", ".join(f"{n} {one!r}" for n, one in enumerate(column["categories"]))],
        }
        for meaning in meanings[kind]:
            fill, center, scale = (encoding[key][at] for key in ("fill", "center", "scale"))
            how = "x is always 0" if scale is None else f"mean {center!r}, deviation {scale!r}"
            lines.append(f"  x[{at}]  {meaning}; {how}" + ("" if fill is None else f"; {fill!r} if missing"))
            at += 1
    lines += [f"  x[{i}]  0" for i in range(at, encoding["features"])]
    target = encoding["target"]
    if encoding["labels"]:
        lines.append(f"Classes of {target}: " + ", ".join(f"{n} {one!r}" for n, one in enumerate(encoding["labels"])))
    else:
        lines.append(f"{target} = prediction * {encoding['target_scale']!r} + {encoding['target_center']!r}")
    return "/* " + comment("\n".join(lines)) + " */\n"


def _functions(spec: Spec) -> str:
    return _FUNCTIONS.format(
        p=spec.prefix,
        features=spec.features,
        outputs=spec.outputs,
        outputs_text=f"predicts {spec.metric.output}",
        metric=spec.metric.name,
        metrics=", ".join(f"{number} {name}" for number, name in enumerate(METRICS)),
        precision=spec.precision,
        trained=", trained" if spec.image else "",
        labels=spec.metric.labels + (f" to {spec.classes - 1}" if spec.metric.vector else ""),
        initial="trained at compile time" if spec.image else f"after Setup with seed {spec.seed}",
    )
