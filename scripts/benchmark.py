#!/usr/bin/env python3
"""Benchmark speed and memory as ratios within one run, because machines are noisy: a table, or JSON with
--json.

Attribution is compared with a bare compiled batched gradient of the same network; `drivesal video` with its
floor, decoding the same input and encoding the same output frames without anything between. The cost per frame
is the slope between a short and a long clip, so that startup does not count.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
from benchmark_attribution import attribution, by_method
from benchmark_drawing import review, world
from benchmark_timing import Row, drivesal, machine
from benchmark_video import memory, video


def starting(rounds: int) -> list[Row]:
    """The time to print the help."""
    times = [drivesal("--help")[0] for _ in range(rounds)]
    return [("drivesal --help", statistics.median(times), "s", "≤ 0.3")]


PARTS = ["start", "attribution", "methods", "video", "memory", "review", "world"]


@click.command()
@click.option("--clip", type=click.Path(path_type=Path, exists=True), help="Use this drive for the video rows.")
@click.option("--only", type=click.Choice(PARTS), multiple=True)
@click.option("--rounds", default=3, show_default=True, help="Rounds for the video rows; others use more.")
@click.option("--json", "as_json", is_flag=True)
def main(clip: Path | None, only: tuple[str, ...], rounds: int, as_json: bool) -> None:
    """Measure drivesal on this machine."""
    from drivesal.model.shipped import asset

    source = clip or asset("data", "run.mp4")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        parts: dict[str, Callable[[], list[Row]]] = {
            "start": lambda: starting(10),
            "attribution": lambda: attribution(40),
            "methods": lambda: by_method(25),
            "video": lambda: [
                r for layout in ("single", "grid") for r in video(source, folder, layout, rounds)
            ],
            "memory": lambda: memory(source, folder),
            "review": lambda: review(source, folder),
            "world": world,
        }
        for name, measure in parts.items():
            if not only or name in only:
                rows += measure()
    if as_json:
        names = ("what", "value", "unit", "target")
        click.echo(json.dumps({"machine": machine(), "rows": [dict(zip(names, r, strict=True)) for r in rows]}))
        return
    click.echo(f"{machine()}\n")
    click.echo("| what | measured | target |\n| --- | --- | --- |")
    for what, value, unit, target in rows:
        click.echo(f"| {what} | {value:.3g} {unit} | {target} |")


if __name__ == "__main__":
    main()
