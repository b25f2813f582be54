"""Readers for recorded drives, one module per format.

To add a format, add a module to `formats/`, or one of another package with an entry point in the group
`drivesal.recordings`, with an opener that is decorated with `@register(...)`; nothing else changes.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

from drivesal.errors import InputError, OptionError
from drivesal.recordings.formats.images import is_pattern, matches
from drivesal.recordings.labels.label_file import read_labels
from drivesal.recordings.labels.labelled import LabelledRecording
from drivesal.recordings.labels.track import LabelTrack, beside
from drivesal.recordings.registry import Camera, OpenOptions, choose
from drivesal.recordings.sources import SeveralError, recordings_by, refuse_folder, refuse_stream
from drivesal.types import Recording

__all__ = ["LabelTrack", "beside", "open_recording", "read_labels"]


def open_recording(
    path: str | Path,
    *,
    rate: Fraction | None = None,
    strict: bool = False,
    labels: LabelTrack | Literal[False] | None = None,
    format: str | None = None,
    camera: Camera | None = None,
    named: bool = True,
    smooth_s: float | None = None,
) -> Recording:
    """Open the drive at `path`, a file, a folder or a pattern such as `drive/*.jpg`.

    The format is detected from the content unless `format` names a registered one. `rate` is the frame rate of
    a recording without timestamps; `strict` raises `DamagedInputError` for damage instead of adding it to
    `losses`; `labels` replace the recording's own labels, and False removes all labels; `named` is True if the
    user chose `labels`; `camera` selects one of several cameras; `smooth_s` is the window [s] that labels are
    averaged over (`series.smoothing`).

    Raises `InputError` if there is no readable recording, `OptionError` for an invalid `rate`, `format` or
    `camera`, `LabelError` if no frame of the recording has a label.
    """
    refuse_stream(str(path))
    path = Path(path)
    _check(path)
    if format is None:
        refuse_folder(path)
    chosen = choose(path, format)
    if camera is not None and not chosen.cameras:
        raise OptionError(
            "--camera for a recording with several cameras",
            f"{path} is {chosen.name}, which has one",
            "leave it out",
        )
    recording = chosen.open(path, OpenOptions(rate, strict, labels is None, camera, smooth_s))
    if labels is None or labels is False:
        return recording
    try:
        if smooth_s is not None:
            labels = labels.smoothed(smooth_s, float(recording.info.rate))
        return LabelledRecording(recording, labels, named=named)
    except BaseException:
        recording.close()
        raise


def _check(path: Path) -> None:
    """Raise `InputError` if there is nothing to read at `path`, which may be a pattern."""
    try:
        empty = path.is_file() and path.stat().st_size == 0
        exists = path.exists()
    except OSError as error:
        raise InputError("a recording", f"{path}: {error.strerror}", "check the path") from error
    if not exists and not matches(path):
        if is_pattern(path) and (found := recordings_by(path)).recordings:
            raise SeveralError(f"{path} matches", found)
        came = f"{path} matches no recording" if is_pattern(path) else f"{path} does not exist"
        raise InputError("a recording", came, "check the path")
    if empty:
        raise InputError("a recording", f"{path} is empty (0 bytes)", "copy or record it again")
