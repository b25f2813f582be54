"""Warnings on stderr before and after a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.recordings.inspection.label_check import Fit
    from drivesal.settings import RecordingSettings
    from drivesal.types import Recording


def warn_enlarged(recordings: Sequence[Recording], model: SteeringModel) -> None:
    """Warn if the crop of a recording's frames is enlarged to the model's input."""
    for recording in recordings:
        info = recording.info
        enlarged = model.enlarged(info.width, info.height)
        if enlarged is not None:
            click.echo(f"drivesal: {info.path.name}: {enlarged.sentence}", err=True)


def warn_contradicting_sign(fit: Fit, recordings: Sequence[Recording], settings: RecordingSettings) -> None:
    """Warn that a given --positive may be the reason why the labels contradict the images."""
    if fit.against and settings.positive is not None and not all(one.info.own_labels for one in recordings):
        click.echo(
            f"drivesal: --positive {settings.positive} sets the sign of the labels: leave it out or give the "
            "other side before you change the labels",
            err=True,
        )


def warn_side_camera(recording: Recording) -> None:
    """Warn that the labels belong to the center camera, if the frames are those of a side camera."""
    info = recording.info
    if info.camera in ("left", "right") and info.angle is not None:
        side = f"frames of the {info.camera} camera, labels of the center camera"
        click.echo(f"drivesal: {info.path.name}: {side}", err=True)


def warn_uninformative(name: str, reasons: Sequence[str]) -> None:
    """Warn why the maps of the recording `name` reveal little or nothing about its frames."""
    for reason in reasons:
        click.echo(f"drivesal: {name}: {reason}", err=True)
