"""``azdsl ops``."""

from __future__ import annotations

import json

import click

from azdsl.cli import DONE
from azdsl.ops import OPS, Op


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]…")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(words: tuple[str, ...], as_json: bool) -> int:
    """List the operations that programs are made of.

    With WORDs, only those whose name, text or meaning contains all of them. s, v and m stand for a scalar,
    a vector and a matrix register, c for a constant; the cost is in scalar additions at F features.

    \b
    Example:
      azdsl ops
      azdsl ops mean matrix
    """
    found = [op for op in OPS if all(word.lower() in _text(op) for word in words)]
    if as_json:
        click.echo(json.dumps({"ops": [_facts(op) for op in found]}, ensure_ascii=False))
        return DONE
    rows = [("#", "name", "text", "cost", "meaning"), *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for number, name, text, cost, meaning in rows:
        line = f"{number:>{widths[0]}}  {name:{widths[1]}}  {text:{widths[2]}}  {cost:>{widths[3]}}  {meaning}"
        click.echo(line)
    if not found:
        click.echo("no op matches", err=True)
    return DONE


def _text(op: Op) -> str:
    return f"{op.code} {op.name} {op.shape} {op.doc}".lower()


def _row(op: Op) -> tuple[str, str, str, str, str]:
    return str(op.code), op.name, op.shape, _cost(op), " ".join(op.doc.split())


def _cost(op: Op) -> str:
    power = ("", "F", "F²", "F³")[op.rank]
    return power if power and op.weight == 1 else f"{op.weight:g}{power}"


def _facts(op: Op) -> dict[str, object]:
    return {
        "code": op.code,
        "name": op.name,
        "text": op.shape,
        "inputs": [kind.word for kind in op.inputs],
        "output": op.output.word if op.output else None,
        "constants": [role.value for role in op.constants],
        "weight": op.weight,
        "rank": op.rank,
        "random": op.random,
        "doc": " ".join(op.doc.split()),
    }
