"""Rows of a table in C: a struct with a field for each column, and functions that make X of it and predict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from azdsl.codegen.aot.models import Spec

_KEYWORDS = frozenset((
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch",
    "char", "class", "compl", "concept", "const", "constexpr", "continue", "decltype", "default", "delete",
    "do", "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for",
    "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not",
    "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected", "public", "register", "restrict",
    "return", "short", "signed", "sizeof", "static", "struct", "switch", "template", "this", "throw", "true",
    "try", "typedef", "typeid", "typename", "typeof", "union", "unsigned", "using", "virtual", "void",
    "volatile", "while", "xor", "xor_eq",
))  # fmt: skip
"""Words that C or C++ reserve."""

_MACROS = frozenset((
    "char16_t", "char32_t", "char8_t", "complex", "consteval", "constinit", "errno", "far", "hyper", "i386", "imaginary",
    "interface", "linux", "max", "min", "near", "noreturn", "requires", "small", "static_assert", "stderr", "stdin",
    "stdout", "sun", "thread_local", "unix", "wchar_t",
))  # fmt: skip
"""Names that compilers or common headers define as macros, and words that newer versions of C++ reserve."""

_PREDICT = """\
/* One row's prediction by the trained model, {meaning}; rows do not affect each other.
   AZ_OK, AZ_NOT_FINITE, AZ_NULL, AZ_MISSING or AZ_UNKNOWN; *value changes only with AZ_OK. */
static inline int {p}predict_row(const {p}row *row, double *value) {{
  double x[{features}], out[{outputs}];
  int code = {p}encode_row(row, x);
  if (code == AZ_OK) {{
    {p}model *model = {p}create();
    code = model ? {p}predict_one(model, x, out) : AZ_NULL;
    {p}free(model);
  }}
  if (code == AZ_OK) *value = {p}decode(out);
  return code;
}}
"""

_DECODE = {
    "rmse": """\
  volatile double product = out[0] * {scale!r}; /* volatile: not fused with the addition */
  return product + {center!r};
""",
    "accuracy": "  return out[0] > 0.5;\n",
    "multiclass": """\
  int chosen = 0;
  for (int i = 1; i < {outputs}; i++) chosen = out[i] > out[chosen] ? i : chosen;
  return chosen;
""",
}


def row_functions(spec: Spec, encoding: Mapping[str, Any]) -> str:
    """The C text: ``row``, ``encode_row``, ``decode``, ``label`` for class labels of text, and ``predict_row``."""
    p, columns = spec.prefix, encoding["columns"]
    names = identifiers([column["name"] for column in columns])
    fields = [f"  {_field(column, name)}\n" for column, name in zip(columns, names, strict=True)]
    meaning = f"in the unit of {encoding['target']}" if spec.metric.name == "rmse" else "a class number"
    texts = [
        "/* A row of the table. A missing number is NaN, a missing text NULL. */\n"
        f"typedef struct {{\n{''.join(fields)}}} {p}row;\n",
        "/* The features of a row, for the functions above. AZ_OK, AZ_NOT_FINITE, AZ_MISSING or AZ_UNKNOWN. */\n"
        f"static inline int {p}encode_row(const {p}row *row, double *x) {{\n  double v;\n  int n;\n"
        + "".join(_encoded(columns, names, encoding))
        + "  (void)v; (void)n;\n  return AZ_OK;\n}\n",
        f"/* What the numbers of predict_one mean: {_one_line(meaning)}. */\n"
        f"static inline double {p}decode(const double *out) {{\n"
        + _DECODE[spec.metric.name].format(
            scale=encoding["target_scale"], center=encoding["target_center"], outputs=spec.outputs
        )
        + "}\n",
    ]
    if encoding["labels"]:
        texts.append(
            f"static inline const char *{p}label(double number) {{\n"
            f"  static const char *const labels[] = {{{_strings(encoding['labels'])}}};\n"
            "  return labels[(int)number];\n}\n"
        )
        meaning += f" for {p}label"
    texts.append(_PREDICT.format(p=p, features=spec.features, outputs=spec.outputs, meaning=_one_line(meaning)))
    return "\n" + "\n".join(texts)


def identifiers(names: Sequence[str]) -> list[str]:
    """Different C identifiers, similar to the names of columns: ``area_m2`` for "area m2"."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower() or "column"
        plain = f"c_{plain}" if plain[0].isdigit() else f"{plain}_" if plain in _KEYWORDS | _MACROS else plain
        number, unique = 2, plain
        while unique in found:
            number, unique = number + 1, f"{plain}_{number}"
        found.append(unique)
    return found


def comment(text: str) -> str:
    """``text`` without characters that end a C comment or continue a line."""
    plain = "".join(c if c == "\n" or c.isprintable() else "?" for c in text)
    plain = plain.replace("\\", "/").replace("*/", "* /").replace("/*", "/ *")
    return re.sub(r"\?(?=\?)", "? ", plain)  # the trigraph ??/ is a backslash


def _one_line(text: str) -> str:
    return comment(text.replace("\n", " "))


def _field(column: Mapping[str, Any], name: str) -> str:
    kind, shown = column["kind"], _one_line(column["name"])
    if kind in ("one_hot", "ordinal"):
        known = _one_line(", ".join(map(repr, column["categories"][:8])))
        more = ", …" if len(column["categories"]) > 8 else ""
        return f"const char *{name}; /* {shown}: {known}{more} */"
    return f"double {name}; /* {shown}{', in days since 1970-01-01' if kind == 'date' else ''} */"


def _encoded(columns: Sequence[Mapping[str, Any]], names: Sequence[str], encoding: Mapping[str, Any]) -> Iterator[str]:
    at = 0
    for column, name in zip(columns, names, strict=True):
        if column["kind"] in ("number", "date"):
            yield f"  v = row->{name};\n"
            yield "  if (v - v != 0 && v == v) return AZ_NOT_FINITE;\n"
            yield _feature(encoding, at, "v == v")
            at += 1
            continue
        known = column["categories"]
        yield f"  {{\n    static const char *const known[] = {{{_strings(known)}}};\n"
        yield f"    for (n = 0; row->{name} && n < {len(known)} && strcmp(row->{name}, known[n]); n++);\n  }}\n"
        if column["kind"] == "ordinal":
            yield f"  if (row->{name} && n == {len(known)}) return AZ_UNKNOWN;\n  v = n;\n"
            yield _feature(encoding, at, f"row->{name}")
            at += 1
            continue
        for number in range(len(known)):
            yield f"  v = n == {number};\n" + _feature(encoding, at, f"row->{name}")
            at += 1
    for padding in range(at, encoding["features"]):
        yield f"  x[{padding}] = 0;\n"


def _feature(encoding: Mapping[str, Any], at: int, there: str) -> str:
    """Statements that fill v where the value is missing, and scale it to ``x[at]``."""
    fill, center, scale = (encoding[key][at] for key in ("fill", "center", "scale"))
    missing = "return AZ_MISSING" if fill is None else f"v = {fill!r}"
    value = "0" if scale is None else f"(v - {center!r}) / {scale!r} + 0.0"
    return f"  if (!({there})) {missing};\n  x[{at}] = {value};\n"


def _strings(texts: Sequence[str]) -> str:
    return ", ".join(f'"{"".join(map(_character, text.encode("utf-8")))}"' for text in texts)


def _character(byte: int) -> str:
    plain = 32 <= byte < 127 and chr(byte) not in '"\\?'
    return chr(byte) if plain else f"\\{byte:03o}"
