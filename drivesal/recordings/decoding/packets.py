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

_BACK_S = 0.5
"""Times that fall behind the decoding time by more than this have begun anew."""
_FALLBACK_RATE = 25
_DECLARES_DURATION = {"matroska,webm", "flv", "asf"}
"""Formats that say their duration in the header and not how many frames they have."""


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """The frames of a video stream in presentation order, 9 bytes a frame.

    `pts` (N,) int64 ascending, in the stream's time base, None for a stream without timestamps; `key` (N,)
    bool, where decoding can begin; `exact` tells that a decoded frame carries its own pts, so that its index
    is known after a seek (otherwise frames have to be counted from the beginning); `cut` says what is missing
    at the end of the file, None where nothing is known to be; `declared` is how many frames a cut file says it
    has, None where it does not; `stamps` (N,) int64 are the file's own timestamps where they go back and `pts`
    counts on instead; `notes` are sentences for the person.
    """

    count: int
    pts: NDArray[np.int64] | None
    key: NDArray[np.bool_]
    exact: bool
    cut: str | None
    declared: int | None = None
    stamps: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()

    def find(self, pts: int | None) -> int | None:
        """The index of the frame with this pts, None where no packet has it."""
        if self.pts is None or pts is None:
            return None
        place = int(np.searchsorted(self.pts, pts))
        return place if place < self.count and self.pts[place] == pts else None

    def find_after(self, last: int, stamp: int | None) -> int | None:
        """The index of the first frame after frame `last` with this timestamp of the file's, None without."""
        if self.stamps is None or stamp is None:
            return None
        places = np.flatnonzero(self.stamps[last + 1 :] == stamp)
        return last + 1 + int(places[0]) if len(places) else None

    def entry(self, index: int) -> int:
        """The last keyframe at or before `index`, 0 where there is none."""
        keys = np.flatnonzero(self.key[: index + 1])
        return int(keys[-1]) if len(keys) else 0

    @property
    def gap(self) -> int:
        """The most frames from one keyframe up to the next, all of them where there are no keyframes."""
        entries = np.union1d([0, self.count], np.flatnonzero(self.key))
        return int(np.diff(entries).max())

    def keyframes(self, start: int, stop: int) -> NDArray[np.intp]:
        """The indices of the keyframes from `start` up to `stop`."""
        return np.flatnonzero(self.key[start:stop]) + start


def read_index(container: InputContainer, stream: VideoStream) -> PacketIndex:
    """Reads all packets of the stream without decoding them; leaves the container at its end.

    Frames that are not meant to be shown (before an edit list's start, hidden ones of VP8) are left out; of
    frames with the same time only one is kept, with a note. Where the timestamps go back (files put behind one
    another), times count on from the last one before. An error of the container ends the index.
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
        self._latest: int | None = None
        self._pieces = [0]
        self.end_s = 0.0
        self.error: str | None = None

    def add(self, packet: Packet[Stream]) -> None:
        if not packet.size:
            return
        self._total += 1
        self._broken = packet.is_corrupt
        if _shown(packet):
            self._follow(packet)
            self._unstamped += packet.pts is None
            self._pts.append(0 if packet.pts is None else packet.pts)
            self._key.append(packet.is_keyframe)
        self._last_dts = packet.dts

    def _follow(self, packet: Packet[Stream]) -> None:
        """Marks where a new piece begins: the times of its packets have gone back."""
        pts = packet.pts
        if pts is None:
            return
        margin = round(_BACK_S / packet.time_base)
        # A keyframe is later than all frames before it, and no frame is shown before it is decoded.
        earlier = packet.is_keyframe and self._latest is not None and pts < self._latest
        if earlier or (self._last_dts is not None and pts < self._last_dts - margin):
            self._pieces.append(len(self._pts))
            self._latest = None
        self._latest = pts if self._latest is None else max(pts, self._latest)

    def index(self, container: InputContainer, stream: VideoStream) -> PacketIndex:
        cut = self._cut(container, stream)
        if self._unstamped:
            count = len(self._pts)
            no_keys = np.zeros(count, dtype=np.bool_)
            return PacketIndex(count, None, no_keys, False, cut, self._declared(container, stream))
        places = self._in_order()
        notes = []
        if twice := len(self._pts) - sum(len(piece) for piece in places):
            notes.append(f"frames left out that have the time of another: {twice}")
        stamps = np.frombuffer(self._pts, dtype=np.int64)
        if cut is not None and self._last_dts is not None:
            # Beyond the last decoding time a frame in between may be among the missing, which would shift
            # the numbers of those after it.
            whole = max(1, int(np.searchsorted(stamps[places[-1]], self._last_dts, side="right")))
            places[-1] = places[-1][:whole]
        key = np.frombuffer(self._key, dtype=np.bool_)[np.concatenate(places)]
        pts = _rising([stamps[piece] for piece in places], _frame_ticks(stream))
        own = None
        if len(places) > 1:
            own = stamps[np.concatenate(places)]
            notes.append(_goes_back([len(piece) for piece in places]))
        # AVI keeps no presentation times: with B-frames, packets are numbered in the order of decoding.
        exact = own is None and not (container.format.name == "avi" and stream.codec_context.has_b_frames)
        return PacketIndex(
            count=len(pts),
            pts=pts,
            key=key if exact else np.zeros_like(key),
            exact=exact,
            cut=cut,
            declared=self._declared(container, stream),
            stamps=own,
            notes=tuple(notes),
        )

    def _in_order(self) -> list[NDArray[np.intp]]:
        """The places of the packets in presentation order, for each piece; of the same time only the first."""
        stamps = np.frombuffer(self._pts, dtype=np.int64)
        ends = [*self._pieces[1:], len(stamps)]
        return [
            np.unique(stamps[start:end], return_index=True)[1] + start
            for start, end in zip(self._pieces, ends, strict=True)
        ]

    def _declared(self, container: InputContainer, stream: VideoStream) -> int | None:
        """How many frames a file that holds fewer says it has, without those that are not shown."""
        name = container.format.name
        declared = 0
        if name.startswith("mov"):
            declared = len(stream.index_entries)
        elif name == "avi":
            declared = stream.frames
        return declared - (self._total - len(self._pts)) if declared > self._total else None

    def _cut(self, container: InputContainer, stream: VideoStream) -> str | None:
        name = container.format.name
        if (declared := self._declared(container, stream)) is not None:
            return f"the file is cut short: {declared} frames were written"
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


def _frame_ticks(stream: VideoStream) -> int:
    """The duration of one frame in the stream's time base."""
    assert stream.time_base is not None
    rate = stream.average_rate or stream.guessed_rate or _FALLBACK_RATE
    return max(1, round(1 / (rate * stream.time_base)))


def _rising(pieces: list[NDArray[np.int64]], step: int) -> NDArray[np.int64]:
    """The timestamps of all pieces; one that does not begin after the one before follows it by `step`."""
    times: list[NDArray[np.int64]] = []
    for piece in pieces:
        late = times and piece[0] <= times[-1][-1]
        times.append(piece - piece[0] + times[-1][-1] + step if late else piece)
    return np.concatenate(times)


def _goes_back(lengths: list[int]) -> str:
    more = f" and {len(lengths) - 2}× more" if len(lengths) > 2 else ""
    return f"timestamps go back at frame #{lengths[0]}{more}: times after it are counted on"
