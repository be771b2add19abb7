"""``azdsl ops``."""

from __future__ import annotations

import json

import click

from azdsl.cli import DONE
from azdsl.cli.output import echo
from azdsl.ops import OPS, Op
from azdsl.ops.groups import GROUPS, MEMBERS


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]…")
@click.option("--group", type=click.Choice(list(GROUPS)), help="Only the ops of this group.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(words: tuple[str, ...], group: str | None, as_json: bool) -> int:
    """List the ops that programs consist of.

    With one or more WORDs, list only the ops whose name, text or meaning contains all of them. In the table, s, v and m
    are a scalar, a vector and a matrix register, and c is a constant. The cost is in scalar additions, for F features.
    The groups of ops follow the table: in a list such as ops(…), the name of a group stands for all ops of the group.

    \b
    Example:
      azdsl ops
      azdsl ops mean matrix
      azdsl ops --group linear_algebra
    """
    found = [op for op in (MEMBERS[group] if group else OPS) if all(word.lower() in _text(op) for word in words)]
    if as_json:
        echo(json.dumps({"ops": [_facts(op) for op in found], "groups": _groups()}, ensure_ascii=False))
        return DONE
    rows = [("#", "name", "text", "cost", "meaning"), *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for number, name, text, cost, meaning in rows:
        line = f"{number:>{widths[0]}}  {name:{widths[1]}}  {text:{widths[2]}}  {cost:>{widths[3]}}  {meaning}"
        echo(line)
    if not found:
        echo("no op matches", err=True)
    if not words:
        width = max(map(len, GROUPS))
        echo("\ngroups, for lists such as ops(arithmetic, linear_algebra, arctan):")
        for name in [group] if group else GROUPS:
            echo(f"  {name:{width}}  {len(MEMBERS[name]):>2} ops: {GROUPS[name]}")
    return DONE


def _groups() -> dict[str, list[str]]:
    """Return the names of the ops of each group."""
    return {name: [op.name for op in members] for name, members in MEMBERS.items()}


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
