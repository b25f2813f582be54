"""The cameras of recordings to train on: the centre's, and those at the sides with their labels corrected."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from drivesal.cli import _opening
from drivesal.cli._places import name_of

if TYPE_CHECKING:
    from drivesal.settings import RecordingSettings
    from drivesal.training.side_cameras import SideCorrection
    from drivesal.types import Recording


@dataclass(frozen=True, slots=True)
class Cameras:
    """What is learnt from: `centres`, one recording a drive (that of a side camera where it was asked for), and
    `sides`, the number of a drive and what a camera at its side saw. `said` tells it, a sentence each.
    """

    centres: list[Recording]
    sides: list[tuple[int, Recording]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def with_sides(
    stack: contextlib.ExitStack,
    paths: Sequence[Path],
    opened: Sequence[Recording],
    settings: RecordingSettings,
    text: str | None,
) -> Cameras:
    """The recordings with their side cameras, whose labels are corrected; all open until the stack is left.

    `text` is the correction that the user gave. Raises OptionError where it cannot be parsed or applied.
    """
    from drivesal.training.side_cameras import DEFAULT_CORRECTION, SIDES, SideCorrection

    correction = SideCorrection.parse(text or DEFAULT_CORRECTION)
    found = Cameras([])
    for number, (path, one) in enumerate(zip(paths, opened, strict=True)):
        usable = correction if text is not None or (correction and correction.angle(one.info)) else None
        found.centres.append(_alone(one, usable, found.said))
        others = [side for side in SIDES if side in one.info.cameras]
        if settings.camera is not None or one.info.angle is None or not others:
            continue
        cameras, name = " and ".join(others), name_of(path)
        if usable is not None:
            found.sides.extend((number, side) for side in _opened(stack, path, others, usable, settings))
            found.said.append(
                f"{name}: learns from its {cameras} camera{'s'[: len(others) != 1]} too, labels corrected "
                f"by {usable.text(one.info)} towards the centre"
            )
        elif correction is not None:
            found.said.append(
                f"{name}: leaves its {cameras} out: nothing says what full lock is in "
                f"{one.info.angle.phrase}; --side-correction 5deg, say, uses them"
            )
    found.said[:] = _joined(found.said)
    return found


def _joined(said: Sequence[str]) -> Iterator[str]:
    """Sentences that begin with a drive's name, those that say the same of several drives as one."""
    names: dict[str, list[str]] = {}
    for sentence in said:
        name, _, rest = sentence.partition(": ")
        names.setdefault(rest, []).append(name)
    for rest, of in names.items():
        yield f"{of[0] if len(of) == 1 else f'{of[0]} to {of[-1]} ({len(of)} drives)'}: {rest}"


def _alone(recording: Recording, correction: SideCorrection | None, said: list[str]) -> Recording:
    """The recording of a side camera that was asked for, corrected; any other as it is."""
    from drivesal.training.side_cameras import SIDES, with_corrected_labels

    info = recording.info
    if info.camera not in SIDES or info.angle is None:
        return recording
    if correction is None:
        said.append(f"{info.path.name}: the {info.camera} camera alone, its labels the centre's, not corrected")
        return recording
    changed = with_corrected_labels(recording, correction)
    said.append(f"{info.path.name}: {changed.info.notes[-1]}")
    return changed


def _opened(
    stack: contextlib.ExitStack,
    path: Path,
    cameras: Sequence[str],
    correction: SideCorrection,
    settings: RecordingSettings,
) -> Iterator[Recording]:
    from drivesal.training.side_cameras import with_corrected_labels

    for camera in cameras:
        side = stack.enter_context(_opening.open_drive(path, settings.but(camera=camera)))
        yield with_corrected_labels(side, correction)
