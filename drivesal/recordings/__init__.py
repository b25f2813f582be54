"""Drives that can be read frame by frame, one file a format.

A new format is one new module in `formats/` whose opener carries `@register(...)`; nothing else changes.
"""

from __future__ import annotations

import pkgutil
from fractions import Fraction
from importlib import import_module
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

for _module in pkgutil.iter_modules(import_module(f"{__name__}.formats").__path__):
    import_module(f"{__name__}.formats.{_module.name}")

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
    """Opens the drive at `path`, its format told by its content or by `format`, a name of the registry.

    `rate` is frames a second for a recording that has no times of its own; `strict` makes damage an error
    (`DamagedInputError`) instead of an entry in `losses`; with `labels` every frame carries its `steering` in
    place of the recording's own, and with False none at all; `named` tells that the user chose them; `camera`
    is which of several; `smooth_s` averages the labels over so many seconds (`smoothing`). A pattern like
    `drive/*.jpg` is a path too.

    Raises `InputError` for what is no readable recording, `OptionError` for a `rate`, `format` or `camera` that
    cannot be used, `LabelError` where no frame of the recording has a label.
    """
    refuse_stream(str(path))
    path = Path(path)
    _check(path)
    if format is None:
        refuse_folder(path)
    chosen = choose(path, format)
    if camera is not None and not chosen.cameras:
        raise OptionError(
            "--camera for a recording of several", f"{path} is {chosen.name}, which has one", "leave it out"
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
    """Raises `InputError` where there is nothing to be read at `path`, which may be a pattern."""
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
