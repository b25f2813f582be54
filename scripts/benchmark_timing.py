"""Time and memory measurements of functions and commands, and a description of the machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

Row = tuple[str, float, str, str]
"""(what, value, unit, target)."""


def interleaved(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds per call of every function, in turns, so that other load affects all of them."""
    for function in functions.values():
        function()
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            taken[name].append(time.perf_counter() - start)
    return taken


def ratio(taken: dict[str, list[float]], name: str, base: str) -> float:
    """The median over the rounds of the ratio of two times within a round."""
    return statistics.median(a / b for a, b in zip(taken[name], taken[base], strict=True))


def drivesal(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory [MB] of one run of the command."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "drivesal", *arguments]
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            # not ru_maxrss, which starts at the size of the parent process
            peak = max(peak, resident_peak(process.pid))
            time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, peak


def resident_peak(pid: int) -> float:
    """The peak resident memory [MB] of a running process; 0 if the system does not report it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def seconds_of(function: Callable[[Any], object], argument: Any) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    function(argument)
    return time.perf_counter() - start


def machine() -> str:
    """The machine and package versions in one line."""
    from importlib.metadata import version

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), cpu
        )
    names = ("tensorflow", "keras", "av", "numpy")
    packages = ", ".join([f"OpenCV {cv2.__version__}", *(f"{name} {version(name)}" for name in names)])
    return f"{os.cpu_count()} cores, {cpu}, Python {platform.python_version()}, {packages}"
