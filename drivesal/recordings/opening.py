"""Opens a recording as its settings say, with the labels that they name, those beside it, or its own."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from drivesal.errors import LabelError, OptionError
from drivesal.recordings import beside, open_recording, read_labels
from drivesal.recordings.labels.comparing import with_full_lock

if TYPE_CHECKING:
    from drivesal.recordings import LabelTrack
    from drivesal.settings import RecordingSettings
    from drivesal.types import Recording


def opened(
    path: str | Path,
    settings: RecordingSettings,
    warn: Callable[[str], object],
    check: Callable[[Recording], object] = lambda recording: None,
) -> Recording:
    """The recording, open. `warn` is given a line where a table beside it holds no labels that can be used.

    `check` may refuse settings of a table of labels where none is used. Raises InputError, LabelError,
    OptionError.
    """
    if settings.labels is not None and settings.no_labels:
        raise OptionError("labels or none", "--labels and --no-labels were both given", "leave one out")
    if settings.labels is not None:
        return _open(path, settings, _table(settings.labels, settings))
    found = None if settings.no_labels else beside(path)
    if found is not None:
        try:
            return _open(path, settings, _table(found, settings), named=False)
        except LabelError as error:
            if settings.angle_column is not None:  # it was asked for
                raise
            warn(f"{found} beside the video is not used: {error}")
    recording = _open(path, settings, False if settings.no_labels else None)
    recording = with_full_lock(recording, settings.full_lock)
    try:
        check(recording)
    except BaseException:
        recording.close()
        raise
    return recording


def _open(
    path: str | Path,
    settings: RecordingSettings,
    labels: LabelTrack | Literal[False] | None,
    **more: Any,
) -> Recording:
    return open_recording(
        path,
        rate=frames_a_second(settings.rate),
        strict=settings.strict,
        labels=labels,
        format=settings.format,
        camera=settings.camera,
        smooth_s=settings.smooth_labels,
        **more,
    )


def _table(path: Path, settings: RecordingSettings) -> LabelTrack:
    return read_labels(
        path,
        angle_column=settings.angle_column,
        unit=settings.angle_unit,
        positive=settings.positive,
        full_lock_deg=settings.full_lock,
        turns=settings.label_turns or "unknown",
        offset_s=settings.label_offset or 0.0,
    )


def frames_a_second(text: str | None) -> Fraction | None:
    """Frames a second as a user writes them, 30000/1001 too. Raises OptionError."""
    try:
        found = Fraction(text) if text is not None else None
        if found is not None and found <= 0:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise OptionError("--rate as 20, 29.97 or 30000/1001", f"it is {text!r}", "mend it") from None
    return found
