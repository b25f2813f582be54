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
    """A list of frames of one size, in order. Raises InputError where there is none, or their sizes differ."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        sizes = {frame.image.shape for frame in frames}
        if len(sizes) != 1:
            came = f"they are {', '.join(map(str, sorted(sizes)))}" if sizes else "there is none"
            raise InputError("frames of one size", came, "give them in groups of one size")
        height, width, _ = frames[0].image.shape
        self._frames = list(frames)
        self.losses = []
        steps = [later.time_s - earlier.time_s for earlier, later in itertools.pairwise(frames)]
        if steps and min(steps) <= 0:
            raise InputError(
                "frames in the order of their times", "one is not after the one before", "sort them"
            )
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
        """The frames of the span."""

        def inside(frame: Frame) -> bool:
            bounds = [frame.index if isinstance(b, int) else frame.time_s for b in (span.start, span.end)]
            after = span.start is None or bounds[0] >= span.start
            return after and (span.end is None or bounds[1] < span.end)

        return iter([frame for frame in self._frames if inside(frame)][:: span.every])

    def at(self, where: float | int) -> Frame:
        """The frame of this index, or the last one at or before this time."""
        for frame in reversed(self._frames):
            if (frame.index == where) if isinstance(where, int) else (frame.time_s <= where):
                return frame
        raise InputError("a frame that is there", f"{where} is none of them", "choose another")

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` frames spread over the span."""
        found = list(self.frames(span))
        every = -(-len(found) // max(count, 1)) or 1
        return iter(found[::every])

    def close(self) -> None:
        """Nothing is held open."""
