"""Modules, imports, levels and circles of a package: ``python tools/import_graph.py azdsl.search``.

Imports are those between modules of the package, imports for type checking excluded. A circle is a set of modules that import each
other. The levels are the number of modules on the longest chain of imports, a circle counted as one module.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Mapping

import grimp

Graph = Mapping[str, frozenset[str]]
"""For every module the modules that it imports."""


def imports(package: str) -> Graph:
    """The import graph of a package that has been installed or is on ``sys.path``."""
    graph = grimp.build_graph(package.partition(".")[0], exclude_type_checking_imports=True, cache_dir=None)
    modules = frozenset({package, *graph.find_descendants(package)})
    return {module: modules & graph.find_modules_directly_imported_by(module) for module in sorted(modules)}


def reachable(graph: Graph, module: str) -> frozenset[str]:
    """All modules that ``module`` imports, directly or through others."""
    found: set[str] = set()
    waiting = list(graph[module])
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += graph[one]
    return frozenset(found)


def circles(graph: Graph) -> list[frozenset[str]]:
    """The sets of modules that import each other, each of two modules or more."""
    reached = {module: reachable(graph, module) for module in graph}
    groups = {frozenset({m, *(n for n in reached[m] if m in reached[n])}) for m in graph}
    return sorted((group for group in groups if len(group) > 1), key=sorted)


def levels(graph: Graph) -> int:
    """The number of modules on the longest chain of imports, a circle counted as one module."""
    home = {module: circle for circle in circles(graph) for module in circle}

    @functools.cache
    def height(group: frozenset[str]) -> int:
        below = {home.get(n, frozenset({n})) for m in group for n in graph[m]} - {group}
        return 1 + max(map(height, below), default=0)

    return max(height(home.get(module, frozenset({module}))) for module in graph)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", default="azdsl.search", help="package (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    graph = imports(options.package)
    found = {
        "modules": len(graph),
        "imports": sum(map(len, graph.values())),
        "levels": levels(graph),
        "circles": [sorted(circle) for circle in circles(graph)],
    }
    if options.json:
        print(json.dumps(found))
        return 0
    print(f"{found['modules']} modules, {found['imports']} imports, {found['levels']} levels")
    print("circles: " + ("; ".join(", ".join(sorted(circle)) for circle in circles(graph)) or "none"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
