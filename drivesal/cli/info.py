"""`drivesal info`: what a recording holds, and whether its labels fit its picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from drivesal.cli import _given
from drivesal.cli import _options as options
from drivesal.cli._progress import progress as bar


@click.command(
    epilog="""\b
Examples:
  drivesal info run.mp4
  drivesal info simulator-drive/
  drivesal info 'frames/*.jpg' --rate 10 --json
"""
)
@click.argument("source", metavar="PATH", type=options.FILE)
@click.option(
    "--angle-unit", type=click.Choice(["deg", "rad", "norm"]), help="Unit of the angles in a table of labels."
)
@click.option("--positive", type=click.Choice(["left", "right"]), help="Which side positive means there.")
@click.option(
    "--full-lock",
    type=options.Number(min=0, min_open=True, max=10_000),
    metavar="DEG",
    help="Degrees that norm 1.0 stands for there.",
)
@options.label_options
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(source: Path, **given: Any) -> int:
    """Show what a recording is: format, frames, times, labels, and whether these fit the picture."""
    from drivesal.survey import survey

    with (
        _given.open_drive(source, {**given, "classes": ()}) as recording,
        bar(recording.info.length, source.name, given["quiet"]) as progress,
    ):
        facts = survey(recording, progress)
        kind = recording.info.angle
    if given["as_json"]:
        click.echo(json.dumps(facts, indent=2))
    else:
        for name, text in _lines(facts, kind):
            click.echo(f"{name:<9} {text}")
    return 3 if facts["losses"] else 0


def _lines(facts: Mapping[str, Any], kind: Any) -> Iterator[tuple[str, str]]:
    from fractions import Fraction

    yield "format", f"{facts['format']}, {facts['codec']}"
    of = "" if facts["length"] in (None, facts["frames"]) else f" of {facts['length']}"
    yield "frames", f"{facts['frames']}{of}, {facts['width']}x{facts['height']}"
    yield "rate", f"{float(Fraction(facts['rate'])):.5g} a second"
    if facts["duration_s"] is not None:
        yield "duration", f"{facts['duration_s']:.3f} s"
    gaps = facts["gaps"]
    yield "gaps", f"{gaps['count']}, the largest {gaps['largest_s']:.3f} s" if gaps["count"] else "none"
    angles = facts["angles"]
    if angles is None:
        yield "labels", "none"
    else:
        yield "labels", f"{'its own' if facts['own_labels'] else 'from a table'}, {kind.unit} at {kind.turns}"
        ends = f"{kind.text(angles['lowest'])} to {kind.text(angles['highest'])}"
        yield "angles", f"{ends}, {angles['share_of_zeros']:.0%} exactly zero, on {angles['frames']} frames"
        r, moving = angles["correlation_with_shift"], angles["moving_frames"]
        checked = (
            f"too few moving frames ({moving})" if r is None else f"r = {r:.2f} over {moving} moving frames"
        )
        yield "check", f"angle against the picture's shift: {checked}"
        if angles["warning"]:
            yield "warning", angles["warning"]
    for note in facts["notes"]:
        yield "note", note
    for loss in facts["losses"]:
        yield "lost", loss
