"""The index of a video's packets: which frames there are, when, and where decoding can begin."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np
from av.stream import Discard

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

_DECLARES_DURATION = {"matroska,webm", "flv", "asf"}
"""Formats that say their duration in the header and not how many frames they have."""


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """The frames of a video stream in presentation order, 9 bytes a frame.

    `pts` (N,) int64 ascending, in the stream's time base, None for a stream without timestamps; `key` (N,)
    bool, where decoding can begin; `exact` tells that a decoded frame carries its own pts, so that its index
    is known after a seek (otherwise frames have to be counted from the beginning); `cut` says what is missing
    at the end of the file, None where nothing is known to be.
    """

    count: int
    pts: NDArray[np.int64] | None
    key: NDArray[np.bool_]
    exact: bool
    cut: str | None

    def find(self, pts: int | None) -> int | None:
        """The index of the frame with this pts, None where no packet has it."""
        if self.pts is None or pts is None:
            return None
        place = int(np.searchsorted(self.pts, pts))
        return place if place < self.count and self.pts[place] == pts else None

    def entry(self, index: int) -> int:
        """The last keyframe at or before `index`, 0 where there is none."""
        keys = np.flatnonzero(self.key[: index + 1])
        return int(keys[-1]) if len(keys) else 0

    def keyframes(self, start: int, stop: int) -> NDArray[np.intp]:
        """The indices of the keyframes from `start` up to `stop`."""
        return np.flatnonzero(self.key[start:stop]) + start


def read_index(container: InputContainer, stream: VideoStream) -> PacketIndex:
    """Reads all packets of the stream without decoding them; leaves the container at its end.

    Frames that are not meant to be shown (before an edit list's start, hidden ones of VP8) are left out; of
    frames with the same time only one is kept. An error of the container ends the index.
    """
    read = _Packets()
    if container.format.name not in _DECLARES_DURATION:
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
    try:
        for packet in container.demux():
            if packet.stream_index == stream.index:
                read.add(packet)
            if packet.pts is not None and packet.size:
                read.end_s = max(read.end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except av.FFmpegError as error:
        read.error = error.strerror
    return read.index(container, stream)


class _Packets:
    """What reading packets gathers."""

    def __init__(self) -> None:
        self._pts = array("q")
        self._key = bytearray()
        self._total = self._unstamped = 0
        self._broken = False
        self._last_dts: int | None = None
        self.end_s = 0.0
        self.error: str | None = None

    def add(self, packet: Packet[Stream]) -> None:
        if not packet.size:
            return
        self._total += 1
        self._broken = packet.is_corrupt
        self._last_dts = packet.dts
        if _shown(packet):
            self._unstamped += packet.pts is None
            self._pts.append(0 if packet.pts is None else packet.pts)
            self._key.append(packet.is_keyframe)

    def index(self, container: InputContainer, stream: VideoStream) -> PacketIndex:
        cut = self._cut(container, stream)
        if self._unstamped:
            count = len(self._pts)
            return PacketIndex(count, None, np.zeros(count, dtype=np.bool_), False, cut)
        pts, first = np.unique(np.frombuffer(self._pts, dtype=np.int64), return_index=True)
        key = np.frombuffer(self._key, dtype=np.bool_)[first]
        if cut is not None and self._last_dts is not None:
            # Beyond the last decoding time a frame in between may be among the missing, which would shift
            # the numbers of those after it.
            whole = max(1, int(np.searchsorted(pts, self._last_dts, side="right")))
            pts, key = pts[:whole].copy(), key[:whole].copy()
        # AVI keeps no presentation times: with B-frames, packets are numbered in the order of decoding.
        exact = not (container.format.name == "avi" and stream.codec_context.has_b_frames)
        return PacketIndex(len(pts), pts, key if exact else np.zeros_like(key), exact, cut)

    def _cut(self, container: InputContainer, stream: VideoStream) -> str | None:
        name = container.format.name
        declared = 0
        if name.startswith("mov"):
            declared = len(stream.index_entries)
        elif name == "avi":
            declared = stream.frames
        if declared > self._total:
            return f"the file is cut short: it holds {self._total} of {declared} frames"
        if self.error is not None:
            return f"the file cannot be read beyond {self.end_s:.2f} s ({self.error})"
        if self._broken:
            return f"the file is cut short at {self.end_s:.2f} s"
        if name in _DECLARES_DURATION and container.duration is not None:
            declared_s = container.duration / 1_000_000
            if declared_s - self.end_s > 0.5:
                return f"the file is cut short: it ends at {self.end_s:.2f} of {declared_s:.2f} s"
        return None


def _shown(packet: Packet[Stream]) -> bool:
    if packet.is_discard:
        return False
    context = packet.stream.codec_context if packet.size else None
    if context is not None and context.name == "vp8":
        return bool(memoryview(packet)[0] & 0x10)  # show_frame of the frame tag, RFC 6386 section 9.1
    return True
