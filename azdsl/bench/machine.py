"""The machine and the versions that figures were measured with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from azdsl import __version__

PACKAGES = ("numpy", "numba", "llvmlite")


def describe() -> dict[str, str]:
    """Processor, number of cores, load average, operating system and versions."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    facts = {
        "processor": _processor(),
        "cores": str(os.cpu_count() or "unknown"),
        "load average": load,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "azdsl": __version__,
        "python": platform.python_version(),
    }
    return facts | {package: _version(package) for package in PACKAGES}


def _processor() -> str:
    """The processor's name, with family, model and stepping if they are known."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in lines)
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    numbers = "/".join(facts[key] for key in ("cpu family", "model", "stepping") if key in facts)
    return facts.get("model name", platform.machine()) + (f", family/model/stepping {numbers}" if numbers else "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
