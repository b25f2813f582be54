"""Frames in memory as a recording."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from drivesal.errors import InputError
from drivesal.types import WHOLE, Frame, Recording, RecordingInfo, Span


class MemoryRecording(Recording):
    """Frames of one size with increasing times. Raises InputError if they are not, or if there are none."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        sizes = {frame.image.shape for frame in frames}
        if len(sizes) != 1:
            came = f"the shapes are {', '.join(map(str, sorted(sizes)))}" if sizes else "there are none"
            raise InputError("frames of one size", came, "process each size separately")
        height, width, _ = frames[0].image.shape
        self._frames = list(frames)
        self.losses = []
        steps = [later.time_s - earlier.time_s for earlier, later in itertools.pairwise(frames)]
        if steps and min(steps) <= 0:
            raise InputError("frames with increasing times", "a time does not increase", "sort the frames")
        rate = Fraction(1 / statistics.median(steps)).limit_denominator(1001) if steps else Fraction(20)
        self.info = RecordingInfo(
            path=Path("frames"),
            format="picture" if len(frames) == 1 else "memory",
            width=width,
            height=height,
            rate=rate,
            time_base=Fraction(1, 90_000),
            length=len(frames),
            duration_s=float(sum(steps) + 1 / rate),
            seekable=True,
            codec="raw",
        )

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Frames of the span."""

        def inside(frame: Frame) -> bool:
            bounds = [frame.index if isinstance(b, int) else frame.time_s for b in (span.start, span.end)]
            after = span.start is None or bounds[0] >= span.start
            return after and (span.end is None or bounds[1] < span.end)

        return iter([frame for frame in self._frames if inside(frame)][:: span.every])

    def at(self, where: float | int) -> Frame:
        """The frame with this index, or the last one at or before this time."""
        for frame in reversed(self._frames):
            if (frame.index == where) if isinstance(where, int) else (frame.time_s <= where):
                return frame
        request = f"#{where}" if isinstance(where, int) else f"{where:g} s"
        raise InputError("a frame of the recording", f"{request} matches none", "choose another")

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` frames spread over the span."""
        frames = list(self.frames(span))
        every = -(-len(frames) // max(count, 1)) or 1
        return iter(frames[::every])

    def close(self) -> None:
        """Do nothing: no file is open."""
