"""The cameras of recordings to train on: the center camera, and the side cameras with corrected labels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from drivesal.cli import _recordings
from drivesal.cli._output_paths import output_name

if TYPE_CHECKING:
    from drivesal.settings import RecordingSettings
    from drivesal.training.side_cameras import SideCorrection
    from drivesal.types import Recording


@dataclass(frozen=True, slots=True)
class Cameras:
    """The recordings to train on.

    `centres` has one recording per drive, of a side camera if --camera names it; `sides` pairs the number of a
    drive with the recording of one of its side cameras; `notes` describes both in sentences.
    """

    centres: list[Recording]
    sides: list[tuple[int, Recording]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def with_sides(
    stack: contextlib.ExitStack,
    paths: Sequence[Path],
    opened: Sequence[Recording],
    settings: RecordingSettings,
    text: str | None,
) -> Cameras:
    """Add the side cameras of the recordings, with corrected labels; all stay open until the stack is left.

    `text` is the correction that the user gave. Raises OptionError if it cannot be parsed or applied.
    """
    from drivesal.training.side_cameras import DEFAULT_CORRECTION, SIDES, SideCorrection

    correction = SideCorrection.parse(text or DEFAULT_CORRECTION)
    result = Cameras([])
    for number, (path, recording) in enumerate(zip(paths, opened, strict=True)):
        usable = correction if text is not None or (correction and correction.angle(recording.info)) else None
        result.centres.append(_corrected_if_side(recording, usable, result.notes))
        sides = [side for side in SIDES if side in recording.info.cameras]
        if settings.camera is not None or recording.info.angle is None or not sides:
            continue
        cameras, name = " and ".join(sides), output_name(path)
        if usable is not None:
            result.sides.extend((number, side) for side in _open_sides(stack, path, sides, usable, settings))
            result.notes.append(
                f"{name}: also uses its {cameras} camera{'s'[: len(sides) != 1]}, labels corrected "
                f"by {usable.text(recording.info)} towards the center"
            )
        elif correction is not None:
            result.notes.append(
                f"{name}: does not use its {cameras} camera{'s'[: len(sides) != 1]}: full lock is unknown in "
                f"{recording.info.angle.phrase}; to use them, give --side-correction, for example 5deg"
            )
    result.notes[:] = _merged(result.notes)
    return result


def _merged(notes: Sequence[str]) -> Iterator[str]:
    """Notes that begin with the name of a drive; equal notes on several drives become one."""
    names: dict[str, list[str]] = {}
    for note in notes:
        name, _, rest = note.partition(": ")
        names.setdefault(rest, []).append(name)
    for rest, drives in names.items():
        label = drives[0] if len(drives) == 1 else f"{drives[0]} to {drives[-1]} ({len(drives)} drives)"
        yield f"{label}: {rest}"


def _corrected_if_side(recording: Recording, correction: SideCorrection | None, notes: list[str]) -> Recording:
    """The recording, with corrected labels if --camera chose a side camera; adds a note then."""
    from drivesal.training.side_cameras import SIDES, with_corrected_labels

    info = recording.info
    if info.camera not in SIDES or info.angle is None:
        return recording
    if correction is None:
        notes.append(
            f"{info.path.name}: only the {info.camera} camera, with labels of the center camera, not corrected"
        )
        return recording
    changed = with_corrected_labels(recording, correction)
    notes.append(f"{info.path.name}: {changed.info.notes[-1]}")
    return changed


def _open_sides(
    stack: contextlib.ExitStack,
    path: Path,
    cameras: Sequence[str],
    correction: SideCorrection,
    settings: RecordingSettings,
) -> Iterator[Recording]:
    from drivesal.training.side_cameras import with_corrected_labels

    for camera in cameras:
        side = stack.enter_context(_recordings.open_drive(path, settings.but(camera=camera)))
        yield with_corrected_labels(side, correction)
