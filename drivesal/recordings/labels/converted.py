"""A recording whose labels are brought to another kind of angle, or to what a camera at the side asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from drivesal.types import WHOLE, Frame, Recording, RecordingInfo, Span

if TYPE_CHECKING:
    from drivesal.angle import AngleKind


class ConvertedRecording(Recording):
    """Every label times `factor` plus `offset`, an angle of `kind` then; all else is the inner recording's.

    `full_lock_deg` is what was taken for their norm 1.0, where the factor is that; `note` is a sentence.
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
        self.losses = inner.losses  # the same list, so that it grows along

    @property
    def info(self) -> RecordingInfo:  # type: ignore[override]
        """The inner recording's, which reading may replace, with the labels' kind."""
        found = self._inner.info
        lock = self._full_lock_deg or found.full_lock_deg
        return replace(found, angle=self._kind, full_lock_deg=lock, notes=(*found.notes, self._note))

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """The frames of the span, each with its label converted."""
        return map(self.converted, self._inner.frames(span))

    def at(self, where: float | int) -> Frame:
        """The frame there, its label converted."""
        return self.converted(self._inner.at(where))

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """The probe's frames, each with its label converted."""
        return map(self.converted, self._inner.sample(count, span))

    def close(self) -> None:
        """Closes the inner recording."""
        self._inner.close()

    def converted(self, frame: Frame) -> Frame:
        """A frame of the inner recording with its label converted."""
        if frame.steering is None:
            return frame
        return replace(frame, steering=frame.steering * self._factor + self._offset)
