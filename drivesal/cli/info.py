"""`drivesal info`: contents of recordings, and whether their labels match the images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from drivesal.cli import _options as options
from drivesal.cli import _recordings
from drivesal.cli._progress import progress as bar
from drivesal.errors import DAMAGED, DrivesalError, OptionError
from drivesal.settings import RecordingSettings


@dataclass(frozen=True, slots=True)
class InfoConfig:
    """The options of the command."""

    recording: RecordingSettings
    quiet: bool
    as_json: bool


@click.command(
    epilog="""\b
Examples:
  drivesal info run.mp4
  drivesal info simulator-drive/
  drivesal info monday.mp4 tuesday.mp4 tub/
  drivesal info 'frames/*.jpg' --rate 10 --json
"""
)
@click.argument(
    "recordings",
    metavar="PATH...",
    nargs=-1,
    required=True,
    type=options.RECORDING,
    callback=options.expand_patterns,
)
@options.table_options
@options.label_options
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the description as JSON, as a list for several recordings."
)
@options.typed(InfoConfig)
def command(recordings: tuple[Path, ...], config: InfoConfig) -> int:
    """Describe recordings: format, frames, times, labels, and whether the labels match the images.

    If one of several recordings cannot be read, the others are still described.
    """
    if len(recordings) > 1 and config.recording.labels is not None:
        raise OptionError(
            "--labels with one recording", f"there are {len(recordings)}", "put a table next to each recording"
        )
    described: list[dict[str, Any]] = []
    codes: list[int] = []
    for path in recordings:
        try:
            facts, kind = _survey(path, config)
        except DrivesalError as error:
            if len(recordings) == 1:
                raise
            click.echo(f"drivesal: {path}: {error}", err=True)
            described.append({"path": str(path), "error": str(error)})
            codes.append(error.exit_code)
            continue
        described.append(facts)
        codes.append(DAMAGED if facts["losses"] else 0)
        if not config.as_json:
            if len(recordings) > 1:
                click.echo(f"{'' if len(described) == 1 else chr(10)}{path}")
            for name, text in _lines(facts, kind):
                click.echo(f"{name:<9} {text}")
    if config.as_json:
        click.echo(json.dumps(described[0] if len(recordings) == 1 else described, indent=2))
    return next((code for code in codes if code not in (0, DAMAGED)), max(codes))


def _survey(path: Path, config: InfoConfig) -> tuple[dict[str, Any], Any]:
    """The facts of a recording, and the kind of its labels."""
    from drivesal.io.schema import FACTS
    from drivesal.recordings.inspection.survey import survey

    with (
        _recordings.open_drive(path, config.recording) as recording,
        bar(recording.info.length, path.name, config.quiet) as progress,
    ):
        facts = survey(recording, progress, offset_s=config.recording.label_offset or 0.0)
        return {"schema": FACTS, **facts}, recording.info.angle


def _lines(facts: Mapping[str, Any], kind: Any) -> Iterator[tuple[str, str]]:
    from fractions import Fraction

    yield "format", f"{facts['format']}, {facts['codec']}"
    total = "" if facts["length"] in (None, facts["frames"]) else f" of {facts['length']}"
    yield "frames", f"{facts['frames']}{total}, {facts['width']}x{facts['height']}"
    yield "rate", f"{float(Fraction(facts['rate'])):.5g} a second"
    if facts["duration_s"] is not None:
        yield "duration", f"{facts['duration_s']:.3f} s"
    gaps = facts["gaps"]
    yield "gaps", f"{gaps['count']}, largest {gaps['largest_s']:.3f} s" if gaps["count"] else "none"
    angles = facts["angles"]
    if angles is None:
        yield "labels", "none"
    else:
        yield (
            "labels",
            f"{'in the recording' if facts['own_labels'] else 'from a table'}, {kind.unit} at {kind.turns}",
        )
        limits = f"{kind.text(angles['lowest'])} to {kind.text(angles['highest'])}"
        yield "angles", f"{limits}, {angles['share_of_zeros']:.0%} exactly zero, on {angles['frames']} frames"
        if angles["pulses"]:
            yield "keys", f"{angles['pulses']}; `train` and `evaluate` average them with --smooth-labels 1"
        yield "check", f"angle against image shift: {angles['check']}"
        if angles["warning"]:
            yield "warning", angles["warning"]
    for note in facts["notes"]:
        yield "note", note
    for loss in facts["losses"]:
        yield "lost", loss
