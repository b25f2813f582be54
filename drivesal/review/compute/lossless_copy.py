"""A lossless copy of frames on disk with random access."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from drivesal.types import Frame

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

_ESTIMATED_AFTER = 50
"""Number of copied frames after which the size of the whole copy is estimated."""
_NO_IMAGE = np.zeros((0, 0, 3), dtype=np.uint8)


class LosslessCopy:
    """Frames of one size, each encoded independently with FFV1 in a temporary file.

    The file is unnamed where the system supports that, so that nothing remains after `close` or a killed
    process. One thread may add frames while others read them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (closed in close)
        self._entries: dict[int, tuple[Frame, int, int]] = {}
        """By index: the frame without its image, the offset and the size of its data."""
        self._encoder: VideoCodecContext | None = None
        self._decoder: VideoCodecContext | None = None
        self.size = 0
        """Bytes written so far."""

    def add(self, frame: Frame) -> None:
        """Add a frame. Raises `OSError` if the disk is full, `ValueError` for a different size."""
        height, width, _ = frame.image.shape
        if self._encoder is None:
            self._encoder = _codec("w", width, height)
        if (self._encoder.width, self._encoder.height) != (width, height):
            raise ValueError(
                f"the copy has frames of {self._encoder.width}x{self._encoder.height}, not {width}x{height}"
            )
        # swscale does not change RGB in this conversion, and FFV1 is lossless: the bytes stay identical
        video_frame = av.VideoFrame.from_ndarray(frame.image, format="rgb24").reformat(format=_PIXEL_FORMAT)
        video_frame.pts, video_frame.time_base = len(self._entries), self._encoder.time_base
        (packet,) = self._encoder.encode(video_frame)
        data = memoryview(bytes(packet))
        with self._lock:
            start = self._file.seek(self.size)
            remaining = data
            while remaining:  # an unbuffered file may write less than it gets
                remaining = remaining[self._file.write(remaining) or 0 :]
            self._entries[frame.index] = (replace(frame, image=_NO_IMAGE), start, len(data))
            self.size += len(data)

    def __contains__(self, index: int) -> bool:
        return index in self._entries

    def at(self, index: int) -> Frame:
        """The frame with this index, exactly as it was added. Raises `KeyError` if it is missing, `OSError`."""
        with self._lock:
            frame, start, size = self._entries[index]
            self._file.seek(start)
            data = bytearray()
            while len(data) < size:
                chunk = self._file.read(size - len(data))
                if not chunk:
                    raise OSError("the copy's file is truncated")
                data += chunk
            if self._decoder is None:
                assert self._encoder is not None
                self._decoder = _codec("r", self._encoder.width, self._encoder.height)
                self._decoder.extradata = self._encoder.extradata
            (video_frame,) = self._decoder.decode(av.Packet(bytes(data)))
        return replace(frame, image=np.ascontiguousarray(video_frame.to_ndarray(format="rgb24")))

    def close(self) -> None:
        """Free the disk space. Safe to call twice."""
        with self._lock:
            self._file.close()
            self._entries.clear()


def free_bytes() -> int:
    """Free bytes on the disk for temporary files."""
    return shutil.disk_usage(tempfile.gettempdir()).free


def progress(count: int, done: int, length: int | None, size: int, limit: int) -> tuple[str, bool]:
    """Progress of a copy as the end of a sentence, and whether it stays within `limit` bytes.

    `count` frames, all before index `done` of `length` (None if unknown), have been copied to `size` bytes.
    """
    if length is None:
        text = f": writing a copy for fast seeking, {done} frames so far"
    elif count < _ESTIMATED_AFTER:
        text = f": writing a copy for fast seeking, {100 * done // length} %"
    else:
        total = size / done * length
        if count == _ESTIMATED_AFTER and total > limit:
            return (
                f": seeking is slow. A copy for fast seeking would take {_gigabytes(total)}; "
                f"the limit is {_gigabytes(limit)}"
            ), False
        text = f": writing a copy for fast seeking, {100 * done // length} % of about {_gigabytes(total)}"
    if size > limit:
        return (
            f": seeking beyond frame #{done - 1} is slow. The copy for fast seeking ends "
            f"there, at its limit of {_gigabytes(limit)}"
        ), False
    return text, True


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{max(1, round(size / 1e6))} MB"


_PIXEL_FORMAT = "bgr0"


def _codec(mode: str, width: int, height: int) -> VideoCodecContext:
    # Measured per frame: a 960x540 drive 149 kB (libx264rgb with qp 0 and a keyframe every 15 frames: 343 kB);
    # a 1920x1080 drive 450 kB (MagicYUV 1,180 kB and HuffYUV 1,770 kB, which decode faster).
    codec: VideoCodecContext = av.CodecContext.create("ffv1", mode)  # type: ignore[call-overload]
    codec.width, codec.height, codec.pix_fmt = width, height, _PIXEL_FORMAT
    codec.thread_type = "SLICE"  # frame threads would delay the packets
    if mode == "w":
        codec.time_base = Fraction(1, 25)
        codec.gop_size = 1
        slices = "4" if min(width, height) >= 16 else "1"
        codec.options = {"level": "3", "slices": slices, "slicecrc": "0"}
    return codec
