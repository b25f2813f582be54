"""A video file as a recording: frames by their timestamps, whatever the container and codec."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import InputError, OptionError
from drivesal.recordings.decoding.container import Source, opened, pictures_in, video_stream
from drivesal.recordings.decoding.damage import Damage
from drivesal.recordings.decoding.decoder import keyframes, numbered
from drivesal.recordings.decoding.packets import read_index
from drivesal.recordings.decoding.pixels import Converter, letterboxed, quarter_turns
from drivesal.recordings.ranges import TOLERANCE_S, bounded, outside, places
from drivesal.types import WHOLE, Frame, Recording, RecordingInfo, Span

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from drivesal.types import Image

SAMPLE_READ = 256
"""About the most frames that are decoded for a sample where keyframes are few."""
_FALLBACK_RATE = Fraction(25)
_TICK = Fraction(1, 90_000)
"""The unit of times that another file gives."""


class VideoRecording(Recording):
    """A video file. Every iterator opens the file for itself, so several can run at once and in any thread.

    Frames are found by their timestamps in an index of all packets, so an index means the same frame however
    it is reached, and a frame that does not decode keeps its number. Raises `InputError` for a file that is no
    readable video, `OptionError` where `rate` is given for a file with timestamps. `times` (N,) float64 [s],
    rising, are those of the frames of a stream without timestamps; beyond their end they go on evenly.
    """

    def __init__(
        self,
        path: Path,
        *,
        rate: Fraction | None = None,
        strict: bool = False,
        times: NDArray[np.float64] | None = None,
    ) -> None:
        self._path, self._source = path, Source(path)
        with opened(path) as container:
            stream = video_stream(container, path)
            self._index = read_index(container, stream)
            if not self._index.count:
                raise InputError("a video with frames", f"{path} holds none", "check the file with a player")
            self._pts = self._index.pts
            if times is not None and self._pts is None:
                self._pts, rate = _ticks(times, self._index.count), _rate_of(times)
            self._rate = self._choose_rate(stream, rate)
            info = self._describe(container, stream, rate)
        self._time_base = info.time_base
        self.losses = []
        self._damage = Damage(path, self.losses, self._time, strict)
        self.info = self._with_first_picture(info)

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """The frames of the span. Raises `InputError` where it holds none, `OptionError` for a bad `every`."""
        wanted = self._range(span)
        if self._index.cut and self._reaches_end(span):
            self._report_cut(self._index.cut)
        return self._read(wanted.start, wanted.stop, span.every)

    def at(self, where: float | int) -> Frame:
        """The frame there. Raises `InputError` where there is none or it does not decode."""
        index = where if isinstance(where, int) else self._on_screen(where)
        if not 0 <= index < self._index.count:
            raise self._no_frame(f"frame #{index}")
        frame = next(self._read(index, index + 1, 1), None)
        if frame is None:
            raise InputError(
                "a frame that can be decoded", f"frame #{index} of {self._path} is damaged", "ask for another"
            )
        return frame

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` keyframes spread over the span; where they are fewer than half of that, frames after
        each of them too. None comes twice.
        """
        wanted = self._range(span)
        return self._sample(count, wanted.start, wanted.stop, span.every)

    def close(self) -> None:
        """Closes the file that waits for the next jump; each iterator closes its own when it ends."""
        self._source.close()

    def describe(self, path: Path, format: str, notes: tuple[str, ...]) -> None:
        """Says that the video is part of a recording of another format at `path`."""
        files = (self.info.path,)
        self.info = replace(self.info, path=path, format=format, files=files, notes=(*self.info.notes, *notes))

    def _time(self, index: int) -> float:
        if self._pts is None:
            return index * self._rate.denominator / self._rate.numerator
        return int(self._pts[index]) * self._time_base.numerator / self._time_base.denominator

    # Opening

    def _choose_rate(self, stream: VideoStream, given: Fraction | None) -> Fraction:
        if given is not None and self._index.pts is not None:
            raise OptionError(
                "--rate only for a stream without timestamps",
                f"{self._path} has its own ({stream.average_rate} frames a second)",
                "leave --rate out",
            )
        if given is not None and given <= 0:
            raise OptionError("a positive rate", f"it is {given}", "give frames a second")
        if self._index.pts is None:
            # For raw streams average_rate is a constant of FFmpeg's, the guess comes from the stream itself.
            return given or stream.guessed_rate or _FALLBACK_RATE
        return stream.average_rate or stream.guessed_rate or _FALLBACK_RATE

    def _describe(self, container: InputContainer, stream: VideoStream, rate: Fraction | None) -> RecordingInfo:
        index = self._index
        notes = list(index.notes)
        duration_s = float(index.count / self._rate)
        time_base = 1 / self._rate
        if self._pts is None:
            source = "as asked" if rate is not None else "guessed; --rate says otherwise"
            notes.append(f"no timestamps in the file: {float(self._rate):.5g} frames a second ({source})")
        else:
            time_base = _TICK if index.pts is None or stream.time_base is None else stream.time_base
            duration_s = float((int(self._pts[-1]) - int(self._pts[0])) * time_base + 1 / self._rate)
            if self._pts[0] != 0:
                notes.append(f"the file's times begin at {float(int(self._pts[0]) * time_base):.3f} s")
        if (streams := len(pictures_in(container))) > 1:
            notes.append(f"the first of {streams} video streams in the file is used")
        return RecordingInfo(
            path=self._path,
            format=container.format.name,
            width=stream.codec_context.width,
            height=stream.codec_context.height,
            rate=self._rate,
            time_base=time_base,
            length=index.count,
            duration_s=duration_s,
            seekable=index.exact,
            codec=stream.codec_context.name,
            has_audio=bool(container.streams.audio),
            notes=tuple(notes),
            keyframe_gap=index.gap,
        )

    def _with_first_picture(self, info: RecordingInfo) -> RecordingInfo:
        """The info with what only a decoded frame tells: the size on screen and the rotation."""
        with closing(numbered(self._source, self._index, 0)) as pictures:
            picture = next((picture for _, picture in pictures), None)
        if picture is None and (self._index.exact or self._index.stamps is not None):
            # Some demuxers give packets other times than the decoder gives their frames: count instead.
            no_keys = np.zeros_like(self._index.key)
            self._index = replace(self._index, exact=False, key=no_keys, stamps=None)
            return self._with_first_picture(replace(info, seekable=False, keyframe_gap=self._index.gap))
        if picture is None:
            raise InputError(
                "a video or a picture that can be decoded",
                f"{self._path} has no frame that can",
                "check the file with a player",
            )
        turns = quarter_turns(picture)
        width, height = (picture.height, picture.width) if turns % 2 else (picture.width, picture.height)
        notes = info.notes
        if turns:
            notes = (*notes, f"turned {turns * 90 % 360} degrees counter-clockwise, as the file asks")
        return replace(info, width=width, height=height, notes=notes)

    # Ranges

    def _range(self, span: Span) -> range:
        return places(span, self._index.count, self._bound, self._no_frame)

    def _bound(self, bound: float | int) -> int:
        """The index of the first frame at or after a bound."""
        return bounded(bound, self._index.count, self._first_from)

    def _first_from(self, time_s: float) -> int:
        if self._pts is None:
            place = math.ceil((time_s - TOLERANCE_S) * self._rate)
            return min(max(place, 0), self._index.count)
        tolerance_s = min(float(self._time_base) / 2, TOLERANCE_S)
        ticks = (time_s - tolerance_s) * self._time_base.denominator / self._time_base.numerator
        return int(np.searchsorted(self._pts, ticks))

    def _on_screen(self, time_s: float) -> int:
        """The index of the frame shown at a time: the last that began at or before it.

        A time up to half a frame before the first gives the first. Raises `InputError` outside the recording.
        """
        last_s = self._time(self._index.count - 1)
        frame_s = max(1 / self._rate, Fraction(1, 1000))
        if not self._time(0) - frame_s / 2 <= time_s < last_s + frame_s:
            raise self._no_frame(f"{time_s:g} s")
        after = self._bound(time_s)
        starts_now = after < self._index.count and abs(self._time(after) - time_s) <= TOLERANCE_S
        return after if starts_now else max(after - 1, 0)

    def _report_cut(self, sentence: str) -> None:
        if self._index.declared is None:
            self._damage.cut(sentence)
        else:
            self._damage.cut_after(self._index.count, self._index.declared)

    def _reaches_end(self, span: Span) -> bool:
        if span.end is None:
            return True
        if isinstance(span.end, int):
            return span.end > self._index.count
        return span.end > self._time(self._index.count - 1) + float(1 / self._rate)

    def _no_frame(self, what: str) -> InputError:
        count = self._index.count
        return outside(self._path, count, self._time(0), self._time(count - 1), what)

    # Reading

    def _read(self, start: int, stop: int, every: int) -> Iterator[Frame]:
        converter = Converter()
        expected = start
        with closing(numbered(self._source, self._index, start)) as pictures:
            for index, picture in pictures:
                if index >= stop:
                    break
                self._lost(expected, index)
                expected = index + 1
                if (index - start) % every == 0:
                    yield self._frame(index, converter.image(picture))
                if expected == stop:
                    return
        self._lost(expected, stop)

    def _lost(self, start: int, stop: int) -> None:
        # Pictures before the very first keyframe lean on frames that an editor cut away: that is no damage.
        first_key = int(np.argmax(self._index.key)) if start == 0 else 0
        self._damage.lost(max(start, first_key), stop)

    def _sample(self, count: int, start: int, stop: int, every: int) -> Iterator[Frame]:
        keys = [int(key) for key in self._index.keyframes(start, stop)]
        if 2 * len(keys) < count:
            yield from itertools.islice(self._from_each(keys, count, start, stop, every), count)
            return
        seen: set[int] = set()
        if len(keys) > count:
            keys = [keys[place] for place in np.linspace(0, len(keys) - 1, count).round().astype(int)]
        converter = Converter()
        with closing(keyframes(self._path, self._index, keys)) as pictures:
            for index, picture in pictures:
                seen.add(index)
                yield self._frame(index, converter.image(picture))
        if 2 * len(seen) < count:  # most of them are damaged
            others = (frame for frame in self._read(start, stop, every) if frame.index not in seen)
            yield from itertools.islice(others, count - len(seen))

    def _from_each(self, keys: list[int], count: int, start: int, stop: int, every: int) -> Iterator[Frame]:
        """Frames from the start and from each keyframe on, as far apart as SAMPLE_READ frames in all reach."""
        starts = sorted({start, *keys})
        apart = every * max(min((stop - start) // every, SAMPLE_READ) // count, 1)
        share = -(-count // len(starts))
        for first, end in zip(starts, [*starts[1:], stop], strict=True):
            yield from itertools.islice(self._read(first, end, apart), share)

    def _frame(self, index: int, image: Image) -> Frame:
        width, height = self.info.width, self.info.height
        if image.shape[:2] != (height, width):
            note = f"the frame's size changes in the clip: other sizes are fitted into {width}x{height}"
            if note not in self.info.notes:
                self.info = replace(self.info, notes=(*self.info.notes, note))
            image = letterboxed(image, width, height)
        return Frame(index, self._time(index), image)


def _ticks(times: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """(count,) int64: the times from the first one on, in units of `_TICK`."""
    step = float(np.median(np.diff(times)))
    more = times[-1] + step * np.arange(1, count - len(times) + 1)
    found: NDArray[np.float64] = np.concatenate([times, more])[:count] - times[0]
    return np.rint(found / float(_TICK)).astype(np.int64)


def _rate_of(times: NDArray[np.float64]) -> Fraction:
    return Fraction(1 / float(np.median(np.diff(times)))).limit_denominator(1001)
