"""Drives that can be read frame by frame, one file a format.

A new format is one new module in this package whose opener carries `@register(...)`; nothing else changes.
"""

from __future__ import annotations

import pkgutil
from fractions import Fraction
from importlib import import_module
from pathlib import Path

from drivesal.errors import InputError
from drivesal.recordings.labelled import LabelledRecording
from drivesal.recordings.labels import LabelTrack, beside, read_labels
from drivesal.recordings.registry import choose
from drivesal.types import Recording

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["LabelTrack", "beside", "open_recording", "read_labels"]


def open_recording(
    path: str | Path,
    *,
    rate: Fraction | None = None,
    strict: bool = False,
    labels: LabelTrack | None = None,
) -> Recording:
    """Opens the drive at `path`, its format told by its content.

    `rate` is frames a second for a stream that has no timestamps of its own; `strict` makes damage an error
    (`DamagedInputError`) instead of an entry in `losses`; with `labels` every frame carries its `steering`.

    Raises `InputError` for what is no readable recording, `OptionError` for a `rate` that cannot be used,
    `LabelError` where no frame of the recording has a label.
    """
    path = Path(path)
    try:
        empty = path.is_file() and path.stat().st_size == 0
        exists = path.exists()
    except OSError as error:
        raise InputError("a recording", f"{path}: {error.strerror}", "check the path") from error
    if not exists:
        raise InputError("a recording", f"{path} does not exist", "check the path")
    if empty:
        raise InputError("a recording", f"{path} is empty (0 bytes)", "copy or record it again")
    recording = choose(path).open(path, rate=rate, strict=strict)
    if labels is None:
        return recording
    try:
        return LabelledRecording(recording, labels)
    except BaseException:
        recording.close()
        raise
