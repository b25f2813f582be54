"""Video files of any container and codec as recordings with frames addressed by timestamp."""

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
from drivesal.recordings.decoding.container import Source, first_video_stream, open_container, video_streams
from drivesal.recordings.decoding.damage import Damage
from drivesal.recordings.decoding.decoder import decode_from, decode_keyframes
from drivesal.recordings.decoding.packets import read_index
from drivesal.recordings.decoding.pixels import Converter, letterbox, quarter_turns
from drivesal.recordings.ranges import TOLERANCE_S, bound_index, index_range, out_of_range
from drivesal.types import WHOLE, Frame, Recording, RecordingInfo, Span

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from drivesal.types import Image

SAMPLE_READ = 256
"""Approximate maximum of frames decoded for a sample if there are few keyframes."""
_FALLBACK_RATE = Fraction(25)
_TICK = Fraction(1, 90_000)
"""Time base of timestamps from another file."""


class VideoRecording(Recording):
    """A video file. Every iterator opens the file separately, so several can run at once and in any thread.

    Frames are identified by their timestamps in an index of all packets: a frame index always refers to the
    same frame, however it is reached, and a frame that does not decode keeps its index. `times` (N,) float64
    [s], ascending, are the frame times of a stream without timestamps; after their end they continue at the
    median step. Raises `InputError` for a file that is not a readable video, `OptionError` if `rate` is given
    for a file with timestamps.
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
        with open_container(path) as container:
            stream = first_video_stream(container, path)
            self._index = read_index(container, stream)
            if not self._index.count:
                raise InputError("a video with frames", f"{path} has none", "check the file in a player")
            self._pts = self._index.pts
            if times is not None and self._pts is None:
                self._pts, rate = _to_ticks(times, self._index.count), _median_rate(times)
            self._rate = self._choose_rate(stream, rate)
            info = self._describe(container, stream, rate)
        self._time_base = info.time_base
        self.losses = []
        self._damage = Damage(path, self.losses, self._time, strict)
        self.info = self._with_first_frame(info)

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Frames of the span. Raises `InputError` if it is empty, `OptionError` for an invalid `every`."""
        indices = self._range(span)
        if self._index.truncation and self._reaches_end(span):
            self._report_truncation(self._index.truncation)
        return self._read(indices.start, indices.stop, span.every)

    def at(self, where: float | int) -> Frame:
        """The frame at this index or time. Raises `InputError` if there is none or it does not decode."""
        index = where if isinstance(where, int) else self._index_at(where)
        if not 0 <= index < self._index.count:
            raise self._out_of_range(f"frame #{index}")
        frame = next(self._read(index, index + 1, 1), None)
        if frame is None:
            raise InputError(
                "a frame that can be decoded", f"frame #{index} of {self._path} is damaged", "choose another"
            )
        return frame

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` keyframes spread over the span; other frames too if keyframes are fewer than half."""
        indices = self._range(span)
        return self._sample(count, indices.start, indices.stop, span.every)

    def close(self) -> None:
        """Close the container kept for the next seek; each iterator closes its own when it ends."""
        self._source.close()

    def present_as(self, path: Path, format: str, notes: tuple[str, ...]) -> None:
        """Describe the video in `info` as part of a recording of another format at `path`."""
        files = (self.info.path,)
        self.info = replace(self.info, path=path, format=format, files=files, notes=(*self.info.notes, *notes))

    def _time(self, index: int) -> float:
        if self._pts is None:
            return index * self._rate.denominator / self._rate.numerator
        return int(self._pts[index]) * self._time_base.numerator / self._time_base.denominator

    # Opening

    def _choose_rate(self, stream: VideoStream, rate: Fraction | None) -> Fraction:
        if rate is not None and self._index.pts is not None:
            raise OptionError(
                "--rate only with a stream without timestamps",
                f"{self._path} has its own ({stream.average_rate} frames per second)",
                "leave --rate out",
            )
        if rate is not None and rate <= 0:
            raise OptionError("a positive rate", f"it is {rate}", "give frames per second")
        if self._index.pts is None:
            # For raw streams average_rate is an FFmpeg constant; guessed_rate comes from the stream itself.
            return rate or stream.guessed_rate or _FALLBACK_RATE
        return stream.average_rate or stream.guessed_rate or _FALLBACK_RATE

    def _describe(self, container: InputContainer, stream: VideoStream, rate: Fraction | None) -> RecordingInfo:
        index = self._index
        notes = list(index.notes)
        duration_s = float(index.count / self._rate)
        time_base = 1 / self._rate
        if self._pts is None:
            source = "as given" if rate is not None else "guessed; set it with --rate"
            notes.append(f"no timestamps in the file: {float(self._rate):.5g} frames per second ({source})")
        else:
            time_base = _TICK if index.pts is None or stream.time_base is None else stream.time_base
            duration_s = float((int(self._pts[-1]) - int(self._pts[0])) * time_base + 1 / self._rate)
            if self._pts[0] != 0:
                notes.append(f"the timestamps begin at {float(int(self._pts[0]) * time_base):.3f} s")
        if (streams := len(video_streams(container))) > 1:
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

    def _with_first_frame(self, info: RecordingInfo) -> RecordingInfo:
        """Complete `info` with the display size and the rotation, which only a decoded frame has."""
        with closing(decode_from(self._source, self._index, 0)) as decoded:
            decoded_frame = next((decoded_frame for _, decoded_frame in decoded), None)
        if decoded_frame is None and (self._index.exact or self._index.stamps is not None):
            # Some demuxers give packets other timestamps than the decoder gives frames: count frames instead.
            no_keys = np.zeros_like(self._index.key)
            self._index = replace(self._index, exact=False, key=no_keys, stamps=None)
            return self._with_first_frame(replace(info, seekable=False, keyframe_gap=self._index.gap))
        if decoded_frame is None:
            raise InputError(
                "a video or an image that can be decoded",
                f"{self._path} has no decodable frame",
                "check the file in a player",
            )
        turns = quarter_turns(decoded_frame)
        width, height = (
            (decoded_frame.height, decoded_frame.width)
            if turns % 2
            else (decoded_frame.width, decoded_frame.height)
        )
        notes = info.notes
        if turns:
            notes = (*notes, f"rotated {turns * 90 % 360} degrees counter-clockwise, as the file specifies")
        return replace(info, width=width, height=height, notes=notes)

    # Ranges

    def _range(self, span: Span) -> range:
        return index_range(span, self._index.count, self._bound, self._out_of_range)

    def _bound(self, bound: float | int) -> int:
        """Index of the first frame at or after a bound."""
        return bound_index(bound, self._index.count, self._first_from)

    def _first_from(self, time_s: float) -> int:
        if self._pts is None:
            index = math.ceil((time_s - TOLERANCE_S) * self._rate)
            return min(max(index, 0), self._index.count)
        tolerance_s = min(float(self._time_base) / 2, TOLERANCE_S)
        ticks = (time_s - tolerance_s) * self._time_base.denominator / self._time_base.numerator
        return int(np.searchsorted(self._pts, ticks))

    def _index_at(self, time_s: float) -> int:
        """Index of the frame displayed at a time: the last one that starts at or before it.

        The first frame also covers half a frame before its start. Raises `InputError` outside the recording.
        """
        last_s = self._time(self._index.count - 1)
        frame_s = max(1 / self._rate, Fraction(1, 1000))
        if not self._time(0) - frame_s / 2 <= time_s < last_s + frame_s:
            raise self._out_of_range(f"{time_s:g} s")
        after = self._bound(time_s)
        starts_now = after < self._index.count and abs(self._time(after) - time_s) <= TOLERANCE_S
        return after if starts_now else max(after - 1, 0)

    def _report_truncation(self, message: str) -> None:
        if self._index.declared is None:
            self._damage.truncated(message)
        else:
            self._damage.truncated_after(self._index.count, self._index.declared)

    def _reaches_end(self, span: Span) -> bool:
        if span.end is None:
            return True
        if isinstance(span.end, int):
            return span.end > self._index.count
        return span.end > self._time(self._index.count - 1) + float(1 / self._rate)

    def _out_of_range(self, request: str) -> InputError:
        count = self._index.count
        return out_of_range(self._path, count, self._time(0), self._time(count - 1), request)

    # Reading

    def _read(self, start: int, stop: int, every: int) -> Iterator[Frame]:
        converter = Converter()
        expected = start
        with closing(decode_from(self._source, self._index, start)) as decoded:
            for index, decoded_frame in decoded:
                if index >= stop:
                    break
                self._lost(expected, index)
                expected = index + 1
                if (index - start) % every == 0:
                    yield self._frame(index, converter.image(decoded_frame))
                if expected == stop:
                    return
        self._lost(expected, stop)

    def _lost(self, start: int, stop: int) -> None:
        # Frames before the first keyframe depend on frames that an editor removed: this is not damage.
        first_key = int(np.argmax(self._index.key)) if start == 0 else 0
        self._damage.lost(max(start, first_key), stop)

    def _sample(self, count: int, start: int, stop: int, every: int) -> Iterator[Frame]:
        keys = [int(key) for key in self._index.keyframes(start, stop)]
        if 2 * len(keys) < count:
            yield from itertools.islice(self._sample_more(keys, count, start, stop, every), count)
            return
        seen: set[int] = set()
        if len(keys) > count:
            keys = [keys[number] for number in np.linspace(0, len(keys) - 1, count).round().astype(int)]
        converter = Converter()
        with closing(decode_keyframes(self._path, self._index, keys)) as decoded:
            for index, decoded_frame in decoded:
                seen.add(index)
                yield self._frame(index, converter.image(decoded_frame))
        if 2 * len(seen) < count:  # most keyframes are damaged
            more = (frame for frame in self._read(start, stop, every) if frame.index not in seen)
            yield from itertools.islice(more, count - len(seen))

    def _sample_more(self, keys: list[int], count: int, start: int, stop: int, every: int) -> Iterator[Frame]:
        """Frames from `start` and each keyframe on, spaced so that about SAMPLE_READ frames are decoded."""
        starts = sorted({start, *keys})
        step = every * max(min((stop - start) // every, SAMPLE_READ) // count, 1)
        share = -(-count // len(starts))
        for first, end in zip(starts, [*starts[1:], stop], strict=True):
            yield from itertools.islice(self._read(first, end, step), share)

    def _frame(self, index: int, image: Image) -> Frame:
        width, height = self.info.width, self.info.height
        if image.shape[:2] != (height, width):
            note = f"the frame size changes in the clip: other sizes are letterboxed to {width}x{height}"
            if note not in self.info.notes:
                self.info = replace(self.info, notes=(*self.info.notes, note))
            image = letterbox(image, width, height)
        return Frame(index, self._time(index), image)


def _to_ticks(times: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """(count,) int64: times relative to the first, in units of `_TICK`, extended at the median step."""
    step = float(np.median(np.diff(times)))
    extension = times[-1] + step * np.arange(1, count - len(times) + 1)
    elapsed: NDArray[np.float64] = np.concatenate([times, extension])[:count] - times[0]
    return np.rint(elapsed / float(_TICK)).astype(np.int64)


def _median_rate(times: NDArray[np.float64]) -> Fraction:
    return Fraction(1 / float(np.median(np.diff(times)))).limit_denominator(1001)
