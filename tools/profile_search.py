"""Profile the search of ``examples/linear.az`` by its steps: ``python tools/profile_search.py``.

One island is searched for ``--warm-up`` candidates. Then the same children of its population are generated several times,
each time up to one step further, without changing the population and the caches. The additional time is the time of that step.
The share of a step is its time per call, multiplied by the calls per candidate of the search.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from azdsl import tasks as make
from azdsl.bench.workloads import demo
from azdsl.codegen.numba_jit import inline, jit
from azdsl.scoring import draw_seed
from azdsl.search.kernel.algorithms import tournament
from azdsl.search.kernel.cache import find
from azdsl.search.kernel.canonical import Scratch, canonical_hash, liveness, make_scratch
from azdsl.search.kernel.engines import make_engines
from azdsl.search.kernel.evaluation import full, functional_hash
from azdsl.search.kernel.loop import copy_row, run_epoch
from azdsl.search.kernel.mutate import mutate
from azdsl.search.kernel.population import LAYERS, Island, Members, make_island, select, write_initial
from azdsl.search.kernel.rng import uniform
from azdsl.search.kernel.space import Space, make_space

STEPS = (
    "tournament",
    "copy of the parent",
    "mutation",
    "liveness",
    "canonical program, cost and hash",
    "fitness cache",
    "VM on the first examples (FEC)",
    "functional equivalence cache",
    "VM on all examples",
)
_TOURNAMENT, _COPY, _MUTATION, _LIVENESS, _HASH, _CACHE, _EARLY, _ERRORS, _FULL = range(len(STEPS))
_NONE = np.uint64(0)
_NO_EDIT = 0
"""The address of data-flow mutations, which the demo does not make."""


@inline
def settle_up_to(space: Space, island: Island, child: Members, scratch: Scratch, engines: Any, last: Any) -> Any:
    """Execute the steps from the mutation up to ``last``. Returns the last step that was executed."""
    about = child.about[0]
    changed = uniform(island.rng) < space.mutation and mutate(space, island.rng, scratch, child, 0, _NO_EDIT)
    if not changed or last < _LIVENESS:
        return _MUTATION
    liveness(space, scratch, child.code[0], about.lengths)
    if last < _HASH:
        return _LIVENESS
    cost, key = canonical_hash(space, scratch, child.code[0], child.constants[0], about.lengths)
    if last < _CACHE or cost > space.budget or key == about.hash:
        return _HASH
    known, _ = find(island.fitness_cache, key)
    if known or last < _EARLY:
        return _CACHE
    count = scratch.lengths[0] + scratch.lengths[1] + scratch.lengths[2]
    early = functional_hash(engines, scratch.lengths, scratch.code[:count], scratch.constants[:count])
    if early == _NONE or last < _ERRORS:
        return _EARLY
    known, _ = find(island.fec_cache, early)
    if known or last < _FULL:
        return _ERRORS
    full(engines, scratch.lengths, scratch.code[:count], scratch.constants[:count], scratch.task_fitness)
    return _FULL


@jit
def breed(
    space: Space, island: Island, child: Members, scratch: Scratch, engines: Any, candidates: Any, last: Any, calls: Any
) -> None:
    """Generate ``candidates`` children up to step ``last`` and discard them. ``calls[0]`` counts those that reach ``last``."""
    state, adjusted = island.rng, island.members.adjusted
    for _ in range(candidates):
        parent, reached = tournament(adjusted, space.tournament, state), _TOURNAMENT
        if last >= _COPY:
            copy_row(space, island.members, parent, child, 0)
            reached = _COPY
        if last >= _MUTATION:
            reached = settle_up_to(space, island, child, scratch, engines, last)
        child.about[0].birth = parent  # a use of the result, so that the compiler keeps the tournament
        calls[0] += reached == last


def profile(warm_up: int, candidates: int, rounds: int, seed: int) -> dict[str, Any]:
    """Measure the nanoseconds of a call of every step, its calls per candidate, and the nanoseconds of a candidate."""
    experiment = demo(seed=seed)
    assert experiment.task
    tasks = make.build(experiment.task, draw_seed(seed, "search"), "search")
    space, handle = make_space(experiment, tasks), make_engines(experiment, tasks)
    scratch, engines = make_scratch(space, tasks.tasks), handle.engines
    island = make_island(space, experiment, 0)
    write_initial(space, experiment, island)
    run_epoch(space, island, scratch, engines, warm_up)
    child = select(island.members, np.zeros(1, np.int64))
    words, calls = island.rng.copy(), np.zeros((len(STEPS), 1), np.int64)
    reached = np.full(len(STEPS), np.inf)
    for _ in range(rounds):
        for last in range(len(STEPS)):
            island.rng[:], calls[last] = words, 0
            started = time.thread_time()
            breed(space, island, child, scratch, engines, candidates, last, calls[last])
            reached[last] = min(reached[last], time.thread_time() - started)
    before = island.counts.copy()
    island.rng[:] = words
    started = time.thread_time()
    run_epoch(space, island, scratch, engines, candidates)
    search_seconds = time.thread_time() - started
    layers = dict(zip(LAYERS, ((island.counts - before) / candidates).tolist(), strict=True))
    each = np.maximum(np.diff(reached, prepend=0.0), 0.0) / np.maximum(calls[:, 0], 1) * 1e9
    return {
        "each": dict(zip(STEPS, each.tolist(), strict=True)),
        "calls": dict(zip(STEPS, _calls(layers), strict=True)),
        "search": search_seconds / candidates * 1e9,
        "layers": layers,
    }


def _calls(layers: dict[str, float]) -> list[float]:
    """Return the calls of each step per candidate of the search."""
    full = layers["full"]
    errors = full + layers["fec"]
    early = errors + layers["stopped_early"]
    cache = early + layers["cached"]
    changed = cache + layers["neutral"] + layers["over_budget"]
    return [1.0, 1.0, 1.0, changed, changed, cache, early, errors, full]


def main() -> int:
    """Print the profile."""
    parser = argparse.ArgumentParser(description="Profile the search of examples/linear.az by its steps.")
    parser.add_argument(
        "--warm-up", type=int, default=300_000, help="candidates of the search before the measurements [300,000]"
    )
    parser.add_argument("--candidates", type=int, default=200_000, help="candidates in each measurement [200,000]")
    parser.add_argument(
        "--rounds", type=int, default=5, help="measurements of each step, of which the shortest counts [5]"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of the search [0]")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = profile(options.warm_up, options.candidates, options.rounds, options.seed)
    if options.json:
        print(json.dumps(result))
        return 0
    spent = {step: each * result["calls"][step] for step, each in result["each"].items()}
    total = sum(spent.values())
    print(f"{'step':32} {'ns/call':>9} {'calls/candidate':>16} {'ns/candidate':>13} {'share':>7}")
    for step, nanoseconds in spent.items():
        calls, each = result["calls"][step], result["each"][step]
        print(f"{step:32} {each:9.0f} {calls:16.2f} {nanoseconds:13.0f} {nanoseconds / total:7.1%}")
    print(f"{'total of the steps':32} {total:40.0f}")
    print(f"{'measured for a candidate':32} {result['search']:40.0f}")
    print(
        "settled by: "
        + ", ".join(f"{name.replace('_', ' ')} {share:.1%}" for name, share in result["layers"].items() if share)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
