"""Recordings whose labels are converted to another kind of angle, or corrected for a side camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from drivesal.types import WHOLE, Frame, Recording, RecordingInfo, Span

if TYPE_CHECKING:
    from drivesal.angle import AngleKind


class ConvertedRecording(Recording):
    """A recording with every label replaced by label × `factor` + `offset`, an angle of `kind`.

    Everything else is that of the inner recording. `full_lock_deg` is the angle at norm 1.0, if that is the
    factor; `note` is a message for the user.
    """

    def __init__(
        self,
        inner: Recording,
        factor: float,
        kind: AngleKind,
        note: str,
        full_lock_deg: float | None = None,
        offset: float = 0.0,
    ) -> None:
        self._inner, self._factor, self._kind, self._note = inner, factor, kind, note
        self._offset = offset
        self._full_lock_deg = full_lock_deg
        self.losses = inner.losses  # the same list object, which the inner recording extends

    @property
    def info(self) -> RecordingInfo:  # type: ignore[override]
        """The current info of the inner recording, which reading may replace, with the converted kind."""
        inner = self._inner.info
        lock = self._full_lock_deg or inner.full_lock_deg
        return replace(inner, angle=self._kind, full_lock_deg=lock, notes=(*inner.notes, self._note))

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Frames of the span, with converted labels."""
        return map(self.converted, self._inner.frames(span))

    def at(self, where: float | int) -> Frame:
        """The frame at this index or time, with its label converted."""
        return self.converted(self._inner.at(where))

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Sampled frames, with converted labels."""
        return map(self.converted, self._inner.sample(count, span))

    def close(self) -> None:
        """Close the inner recording."""
        self._inner.close()

    def converted(self, frame: Frame) -> Frame:
        """A frame of the inner recording with its label converted."""
        if frame.steering is None:
            return frame
        return replace(frame, steering=frame.steering * self._factor + self._offset)
