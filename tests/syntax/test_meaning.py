"""Named programs compute what their expressions say: lowering and register allocation against Python's own reading."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from azdsl.interp import Machine
from azdsl.syntax import parse

KINDS = {"a": "s", "b": "s", "c": "s", "p": "v", "q": "v", "m": "m"}
FUNCTIONS = ("Setup", "Predict", "Learn")


def _expression(draw: random.Random, kind: str, depth: int) -> str:
    """An expression of a kind, over all variables."""
    names = [name for name, k in KINDS.items() if k == kind]
    names += {"s": ["label", "prediction", "s2"], "v": ["features", "v3"], "m": ["m1"]}[kind]
    if depth == 0 or draw.random() < 0.15:
        return draw.choice(names)

    def part(of: str) -> str:
        return _expression(draw, of, depth - 1)

    number = repr(draw.choice([0.5, 0.25, 2.0, -0.75, 0.0]))
    options = [f"({part(kind)} + {part(kind)})", f"({part(kind)} - {part(kind)})", f"-({part(kind)})"]
    options += [f"({part(kind)} * {number})", f"relu({part(kind)})", f"({number} + {part(kind)})"]
    options += {
        "s": [f"dot({part('v')}, {part('v')})", f"({part('v')} @ {part('v')})", f"abs({part('s')})"],
        "v": [f"dot({part('m')}, {part('v')})", f"({part('v')} * {part('s')})", f"maximum(0, {part('v')})"],
        "m": [f"outer({part('v')}, {part('v')})", f"({part('m')} @ {part('m')})", f"({part('s')} * {part('m')})"],
    }[kind]
    return draw.choice(options)


def _text(draw: random.Random) -> str:
    lines = []
    for function in FUNCTIONS:
        lines.append(f"def {function}():")
        if function == "Setup":
            lines += [f"  {name}: {dict(s='scalar', v='vector', m='matrix')[kind]}" for name, kind in KINDS.items()]
            lines += ["  a = 0.5", "  p = 0.25", "  m = 0.125"]
        for _ in range(draw.randint(0, 4)):
            name, kind = draw.choice([*KINDS.items(), ("prediction", "s"), ("v3", "v")])
            lines.append(f"  {name} = {_expression(draw, kind, 2)}")
        if function == "Predict":
            lines.append("  prediction = a + b + c + sum_of(p) + sum_of(q) + dot(q, dot(m, p))")
    return "\n".join(lines).replace("sum_of(p)", "mean(p)").replace("sum_of(q)", "mean(q)")


class _Python:
    """Runs the text as Python on arrays of two entries."""

    def __init__(self, text: str) -> None:
        self.memory: dict[str, Any] = {"label": 0.0, "prediction": 0.0, "s2": 0.0, "features": np.zeros(2)}
        shapes = {"s": 0.0, "v": np.zeros(2), "m": np.zeros((2, 2))}
        self.memory |= {name: shapes[kind] for name, kind in KINDS.items()}
        self.memory |= {"v3": np.zeros(2), "m1": np.zeros((2, 2))}
        self.blocks: dict[str, list[str]] = {}
        for line in text.splitlines():
            if line.startswith("def"):
                block = self.blocks.setdefault(line[4:-3], [])
            elif "=" in line:
                block.append(line.strip())
        self.functions = {"dot": np.dot, "outer": np.outer, "maximum": np.maximum, "relu": lambda x: np.maximum(x, 0)}
        self.functions |= {"mean": np.mean, "abs": abs}

    def run(self, function: str, **given: Any) -> float:
        self.memory |= given
        for line in self.blocks[function]:
            name, _, value = line.partition(" = ")
            result = eval(value, {**self.functions, **self.memory})
            self.memory[name] = result + self.memory[name] * 0 if np.ndim(result) == 0 else result
        return float(self.memory["prediction"])


@settings(max_examples=50)
@given(st.integers(0, 2**40))
def test_lowered_programs_compute_what_is_written(seed: int) -> None:
    text = _text(random.Random(seed))
    program = parse(text)
    python, machine = _Python(text), Machine(program, 2)
    python.run("Setup")
    machine.run_setup()
    with np.errstate(all="ignore"):
        for x, y in (([0.5, -0.25], 0.3), ([-1.0, 0.75], -0.2)):
            expected = python.run("Predict", features=np.array(x), label=0.0)
            found = machine.predict(x)
            if not np.isfinite(expected) or abs(expected) > 1e12:
                return
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
            python.run("Learn", features=np.array(x), label=y)
            machine.learn(x, y)
