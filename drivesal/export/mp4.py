"""Writing H.264 MP4 that browsers and phones play, with the source's timestamps and audio."""

from __future__ import annotations

import functools
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

import av
import cv2
import numpy as np
from av.container import OutputContainer

from drivesal.export.sound import SoundTrack
from drivesal.io.outputs import writing
from drivesal.types import AudioSource

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from drivesal.types import Image

_KEYFRAME_S = 2
"""Maximum time between keyframes: what a player decodes for one seek."""
_BT601, _BT709, _LIMITED = 6, 1, 1  # AVCOL_SPC_SMPTE170M; AVCOL_PRI_BT709 and AVCOL_TRC_BT709; AVCOL_RANGE_MPEG


def planes(image: Image, out: Image | None = None) -> Image:
    """Convert (h, w, 3) uint8 RGB, h and w even, to (h · 3/2, w) uint8 I420: BT.601, limited range.

    The result is written into `out` if given.
    """
    return cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420, dst=out)  # type: ignore[no-any-return]


class VideoWriter:
    """A libx264 yuv420p MP4 with its index at the front. Use it in a `with` block, which completes the file.

    `size` is (width, height), both even; `rate` in frames per second (nominal if it varies); `time_base` the
    unit that timestamps are rounded to, normally the source's. `audio` is added to the video: AAC is copied,
    other codecs are converted to AAC. Unreadable audio never stops the video; `notes` reports it. `name` is the
    path shown in errors if `path` is temporary.

    Raises `ValueError` for an odd width or height, `OutputError` if the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        *,
        crf: int = 23,
        preset: str = "veryfast",
        audio: AudioSource | None = None,
        name: Path | None = None,
    ) -> None:
        width, height = size
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise ValueError(f"yuv420p needs an even width and height, not {width}x{height}")
        self.notes: list[str] = []
        self._name = name or Path(path)
        self._path, self._size, self._rate, self._time_base = Path(path), size, rate, time_base
        self._options = {"crf": str(crf), "preset": preset}
        self._last_pts = -1
        self._duration = max(1, round(1 / rate / time_base))
        self._sound: SoundTrack | None = None
        self._closed = False
        # libx264 copies the planes when it receives them, so one buffer serves all frames.
        self._planes = np.empty((height * 3 // 2, width), dtype=np.uint8)
        self._open(audio)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._abandon()

    def write(self, image: Image, time_s: float) -> None:
        """Add a frame: (height, width, 3) uint8 RGB, shown from `time_s` seconds after the start of the output.

        Raises `ValueError` for another shape or dtype and for a time not after the previous frame's,
        `OutputError` if the file cannot be written.
        """
        width, height = self._size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise ValueError(f"a ({height}, {width}, 3) uint8 frame is needed, not {image.shape} {image.dtype}")
        self.write_planes(planes(image, self._planes), time_s)

    def write_planes(self, yuv: Image, time_s: float) -> None:
        """Like `write`, for a frame converted by `planes`; it is copied before this returns."""
        width, height = self._size
        if yuv.shape != (height * 3 // 2, width):
            raise ValueError(f"planes of shape ({height * 3 // 2}, {width}) are needed, not {yuv.shape}")
        pts = round(time_s * self._time_base.denominator / self._time_base.numerator)
        if pts <= self._last_pts:
            raise ValueError(
                f"the frame at {time_s:.6f} s is not after the previous one in units of {self._time_base} s"
            )
        self._last_pts = pts
        # Without a copy PyAV assumes that the height is a multiple of 4 and shifts the colours of any other.
        wrap = av.VideoFrame.from_ndarray
        if height % 4 == 0:
            wrap = functools.partial(av.VideoFrame.from_numpy_buffer, width=width)
        frame = wrap(yuv, format="yuv420p")
        frame.pts = pts
        frame.time_base = self._time_base
        # Without a duration the last frame has length 0 and the file's average rate is too high.
        frame.duration = self._duration
        with writing(self._name):
            self._container.mux(self._stream.encode(frame))
            if self._sound is not None:
                self._sound.advance(time_s)

    def close(self) -> None:
        """Flush the encoder and write the index. Safe to call twice. Raises `OutputError` like `write`."""
        if self._closed:
            return
        try:
            with writing(self._name):
                self._container.mux(self._stream.encode(None))
                if self._sound is not None:
                    self._sound.finish(float((self._last_pts + self._duration) * self._time_base))
                self._container.close()
            self._closed = True
        finally:
            self._abandon()

    def _open(self, audio: AudioSource | None) -> None:
        with writing(self._name):
            self._container, self._stream = self._start()
            if audio is not None:
                self._sound = SoundTrack.open(audio, self._container, self.notes)
            try:
                self._container.start_encoding()
            except (av.FFmpegError, ValueError) as error:
                if self._sound is None or (isinstance(error, OSError) and not isinstance(error, ValueError)):
                    self._abandon()
                    raise
                # The container rejects the audio stream: start again without it.
                self._sound.drop(f"it does not go into an MP4 ({error})")
                self._sound = None
                with suppress(av.FFmpegError, ValueError):
                    self._container.close()
                self._container, self._stream = self._start()
                self._container.start_encoding()

    def _start(self) -> tuple[OutputContainer, VideoStream]:
        container = av.open(str(self._path.absolute()), "w", format="mp4", options={"movflags": "faststart"})
        stream = container.add_stream("libx264", rate=self._rate, options=self._options)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._time_base  # otherwise timestamps are rounded to 1 / rate
        context.gop_size = max(1, round(_KEYFRAME_S * self._rate))
        context.colorspace, context.color_range = _BT601, _LIMITED  # matches cvtColor
        context.color_primaries = context.color_trc = _BT709
        return container, stream

    def _abandon(self) -> None:
        """Close the files and ignore errors."""
        if self._sound is not None:
            self._sound.close()
        if not self._closed:
            self._closed = True
            with suppress(av.FFmpegError, OSError, ValueError):
                self._container.close()
