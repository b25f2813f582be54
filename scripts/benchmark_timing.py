"""Times and memory of functions and commands, and the machine that they were taken on."""

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
    """Seconds of every function, taken in turns so that a busy moment hits all of them."""
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
    """Median over the rounds of one time over the other of the same round."""
    return statistics.median(a / b for a, b in zip(taken[name], taken[base], strict=True))


def drivesal(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory [MB] of one run of the command."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "drivesal", *arguments]
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            # not ru_maxrss, which begins with the size of the process that starts the command
            peak = max(peak, resident_peak(process.pid))
            time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, peak


def resident_peak(pid: int) -> float:
    """The most memory [MB] that a running process has held so far; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def seconds_of(draw: Callable[[Any], object], one: Any) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    draw(one)
    return time.perf_counter() - start


def machine() -> str:
    """The machine and the versions in a line."""
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
