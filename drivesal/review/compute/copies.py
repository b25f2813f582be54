"""A lossless copy of frames on disk, every one of them reached at once."""

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

_FORETOLD_AFTER = 50
"""Frames of a copy after which its size is estimated."""
_NO_IMAGE = np.zeros((0, 0, 3), dtype=np.uint8)


class LosslessCopy:
    """Frames of one size, each coded alone with FFV1 in a temporary file.

    The file has no name where the system allows that: nothing is left of it after `close`, nor when the
    process is killed. One thread may add frames while others read them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (closed in close)
        self._places: dict[int, tuple[Frame, int, int]] = {}
        self._encoder: VideoCodecContext | None = None
        self._decoder: VideoCodecContext | None = None
        self.size = 0
        """Bytes written so far."""

    def add(self, frame: Frame) -> None:
        """Keeps the frame. Raises `OSError` where the disk is full, `ValueError` for another size."""
        height, width, _ = frame.image.shape
        if self._encoder is None:
            self._encoder = _codec("w", width, height)
        if (self._encoder.width, self._encoder.height) != (width, height):
            raise ValueError(
                f"frames of {self._encoder.width}x{self._encoder.height} are kept, not {width}x{height}"
            )
        # swscale keeps RGB as it is here, and FFV1 is lossless: the same bytes come back
        picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24").reformat(format=_FORM)
        picture.pts, picture.time_base = len(self._places), self._encoder.time_base
        (packet,) = self._encoder.encode(picture)
        data = memoryview(bytes(packet))
        with self._lock:
            start = self._file.seek(self.size)
            left = data
            while left:  # a raw file may take less than it is given
                left = left[self._file.write(left) or 0 :]
            self._places[frame.index] = (replace(frame, image=_NO_IMAGE), start, len(data))
            self.size += len(data)

    def __contains__(self, index: int) -> bool:
        return index in self._places

    def at(self, index: int) -> Frame:
        """The frame with this index, as it was added. Raises `KeyError` where it was not, `OSError`."""
        with self._lock:
            frame, start, size = self._places[index]
            self._file.seek(start)
            data = bytearray()
            while len(data) < size:
                more = self._file.read(size - len(data))
                if not more:
                    raise OSError("the copy's file is cut short")
                data += more
            if self._decoder is None:
                assert self._encoder is not None
                self._decoder = _codec("r", self._encoder.width, self._encoder.height)
                self._decoder.extradata = self._encoder.extradata
            (picture,) = self._decoder.decode(av.Packet(bytes(data)))
        return replace(frame, image=np.ascontiguousarray(picture.to_ndarray(format="rgb24")))

    def close(self) -> None:
        """Gives the disk's space back. Safe to call twice."""
        with self._lock:
            self._file.close()
            self._places.clear()


def free_bytes() -> int:
    """The room for such copies."""
    return shutil.disk_usage(tempfile.gettempdir()).free


def progress(number: int, done: int, length: int | None, size: int, most: int) -> tuple[str, bool]:
    """How far a copy is, as the end of a sentence, and whether it fits: False where it gets larger than `most`.

    `number` frames are copied, those before index `done` of `length` (None where not known), in `size` bytes.
    """
    if length is None:
        text = f": a copy that steps quickly is being made, {done} frames so far"
    elif number < _FORETOLD_AFTER:
        text = f": a copy that steps quickly is being made, {100 * done // length} %"
    else:
        whole = size / done * length
        if number == _FORETOLD_AFTER and whole > most:
            return (
                f": jumps take long. A copy that steps quickly would take {_gigabytes(whole)}, "
                f"and {_gigabytes(most)} is the most"
            ), False
        text = (
            f": a copy that steps quickly is being made, {100 * done // length} % of about {_gigabytes(whole)}"
        )
    if size > most:
        return (
            f": jumps beyond frame #{done - 1} take long. The copy that steps quickly ends "
            f"there at {_gigabytes(most)}, which is the most"
        ), False
    return text, True


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{max(1, round(size / 1e6))} MB"


_FORM = "bgr0"


def _codec(mode: str, width: int, height: int) -> VideoCodecContext:
    # A decoded 960x540 drive took 149 kB a frame, with libx264rgb at qp 0, a keyframe every 15 frames, 343 kB;
    # one of 1920x1080 450 kB, with MagicYUV 1,180 kB and HuffYUV 1,770 kB, which decode sooner.
    codec: VideoCodecContext = av.CodecContext.create("ffv1", mode)  # type: ignore[call-overload]
    codec.width, codec.height, codec.pix_fmt = width, height, _FORM
    codec.thread_type = "SLICE"  # by frames, packets would come late
    if mode == "w":
        codec.time_base = Fraction(1, 25)
        codec.gop_size = 1
        slices = "4" if min(width, height) >= 16 else "1"
        codec.options = {"level": "3", "slices": slices, "slicecrc": "0"}
    return codec
