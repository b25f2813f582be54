"""Recordings whose frames carry the steering labels of a label track."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from drivesal.errors import InputError, LabelError
from drivesal.recordings.labels.track import LabelTrack
from drivesal.types import WHOLE, Frame, Recording, Span


class LabelledRecording(Recording):
    """A recording with the labels of a track; everything else is that of the inner recording.

    `own`: the labels are part of the recording, not from a table; `named`: the user named the table. The
    constructor raises `LabelError` if no frame of the recording has a label.
    """

    def __init__(self, inner: Recording, labels: LabelTrack, *, own: bool = False, named: bool = False) -> None:
        labels = _aligned_by_clock(labels, inner.info.clock_s)
        self._inner, self._labels, self._own, self._named = inner, labels, own, named
        self.losses = inner.losses  # the same list object, which the inner recording extends
        self._take_info()
        start_s = self._start_s()
        duration = inner.info.duration_s
        end_s = None if duration is None else start_s + duration
        if not labels.overlaps(inner.info.length, start_s, end_s):
            raise LabelError(
                f"labels for {inner.info.path.name}",
                f"{labels.path} covers {labels.coverage} and the recording {self._coverage(start_s, end_s)}",
                "check that they belong together"
                + ("" if labels.by == "frame" or own else ", or shift the labels with --label-offset"),
            )

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Frames of the span, with their labels."""
        return self._labelled(self._inner.frames(span))

    def at(self, where: float | int) -> Frame:
        """The frame at this index or time, with its label."""
        return self._label(self._inner.at(where))

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Sampled frames, with their labels."""
        return self._labelled(self._inner.sample(count, span))

    def close(self) -> None:
        """Close the inner recording."""
        self._inner.close()

    def _labelled(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield self._label(frame)

    def _label(self, frame: Frame) -> Frame:
        if self._inner.info is not self._info_seen:
            self._take_info()
        extras = {**frame.extras, **self._labels.extras_at(frame.index, frame.time_s)}
        return replace(frame, steering=self._labels.at(frame.index, frame.time_s), extras=extras)

    def _take_info(self) -> None:
        # The inner recording replaces its info when reading adds to it (a note).
        self._info_seen = self._inner.info
        notes = (*self._info_seen.notes, f"labels from {self._labels.path.name}", *self._labels.notes)
        self.info = replace(
            self._info_seen,
            angle=self._labels.kind,
            own_labels=self._own,
            labels_by=None if self._own else self._labels.by,
            named_labels=self._named,
            full_lock_deg=self._labels.full_lock_deg,
            norm_deg=None,
            smoothed_s=self._labels.smoothed_s,
            notes=notes,
        )

    def _start_s(self) -> float:
        if self._labels.by == "frame":
            return 0.0
        try:
            return self._inner.at(0).time_s
        except InputError:  # the first frame is damaged
            return 0.0

    def _coverage(self, start_s: float, end_s: float | None) -> str:
        if self._labels.by == "frame":
            return f"has {self._inner.info.length} frames"
        return (
            f"runs from {start_s:.3f} s to {end_s:.3f} s" if end_s is not None else f"starts at {start_s:.3f} s"
        )


def _aligned_by_clock(labels: LabelTrack, clock_s: float | None) -> LabelTrack:
    """The labels shifted to the times of the recording, if the clock time at 0 is known for both."""
    if labels.clock_s is None or clock_s is None:
        return labels
    notes = tuple(note for note in labels.notes if "counted from its first row" not in note)
    note = "labels aligned with the images by their clock times"
    return replace(labels, keys=labels.keys + (labels.clock_s - clock_s), clock_s=clock_s, notes=(*notes, note))
