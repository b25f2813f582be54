"""What is worth a line on stderr before and after a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.recordings.inspection.label_check import Fit
    from drivesal.settings import RecordingSettings
    from drivesal.types import Recording


def say_enlarged(recordings: Sequence[Recording], model: SteeringModel) -> None:
    """Says on stderr where the model is shown more pixels than its crop leaves of a recording's frames."""
    for recording in recordings:
        info = recording.info
        enlarged = model.enlarged(info.width, info.height)
        if enlarged is not None:
            click.echo(f"drivesal: {info.path.name}: {enlarged.sentence}", err=True)


def say_turned(fit: Fit, recordings: Sequence[Recording], settings: RecordingSettings) -> None:
    """Says on stderr that --positive may be what turned labels against the picture, where it was given."""
    if fit.against and settings.positive is not None and not all(one.info.own_labels for one in recordings):
        click.echo(
            f"drivesal: --positive {settings.positive} says the labels' side: leave it out, or say the other, "
            "before the labels are mended",
            err=True,
        )


def say_side(recording: Recording) -> None:
    """Says on stderr that labels are the centre camera's, where the frames are those of another."""
    info = recording.info
    if info.camera in ("left", "right") and info.angle is not None:
        side = f"frames of the {info.camera} camera, labels of the center camera"
        click.echo(f"drivesal: {info.path.name}: {side}", err=True)


def say_uninformative(name: str, told: Sequence[str]) -> None:
    """Says on stderr why the maps of a recording of this name say little or nothing about its frames."""
    for sentence in told:
        click.echo(f"drivesal: {name}: {sentence}", err=True)
