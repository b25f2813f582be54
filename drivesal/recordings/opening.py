"""Open a recording from its settings, with the labels they name, those in a CSV beside it, or its own."""

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
    """Open the recording. `warn` receives a message if the label table beside it is unusable.

    `check` is called with a recording opened without a label table and may reject settings that need one.
    Raises InputError, LabelError, OptionError.
    """
    if settings.labels is not None and settings.no_labels:
        raise OptionError("either --labels or --no-labels", "both were given", "leave one out")
    if settings.labels is not None:
        return _open(path, settings, _read_table(settings.labels, settings))
    table = None if settings.no_labels else beside(path)
    if table is not None:
        try:
            return _open(path, settings, _read_table(table, settings), named=False)
        except LabelError as error:
            if settings.angle_column is not None:  # the user requested the table's labels
                raise
            warn(f"{table} beside the video is not used: {error}")
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
    **options: Any,
) -> Recording:
    return open_recording(
        path,
        rate=parse_rate(settings.rate),
        strict=settings.strict,
        labels=labels,
        format=settings.format,
        camera=settings.camera,
        smooth_s=settings.smooth_labels,
        **options,
    )


def _read_table(path: Path, settings: RecordingSettings) -> LabelTrack:
    return read_labels(
        path,
        angle_column=settings.angle_column,
        unit=settings.angle_unit,
        positive=settings.positive,
        full_lock_deg=settings.full_lock,
        turns=settings.label_turns or "unknown",
        offset_s=settings.label_offset or 0.0,
    )


def parse_rate(text: str | None) -> Fraction | None:
    """Parse a frame rate such as "20", "29.97" or "30000/1001". Raises OptionError."""
    try:
        rate = Fraction(text) if text is not None else None
        if rate is not None and rate <= 0:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise OptionError("--rate as 20, 29.97 or 30000/1001", f"it is {text!r}", "correct it") from None
    return rate
