"""Packet index of a video stream: its frames, their timestamps and the keyframes."""

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

_BACKWARD_S = 0.5
"""A timestamp earlier than the decoding time by more than this starts a new piece."""
_FALLBACK_RATE = 25
_DECLARES_DURATION = {"matroska,webm", "flv", "asf"}
"""Formats whose header declares the duration but not the number of frames."""


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """The frames of a video stream in presentation order, 9 bytes per frame.

    `pts` (N,) int64 ascending, in the time base of the stream, None for a stream without timestamps; `key` (N,)
    bool marks keyframes; `exact`: decoded frames carry the pts of their packet, so that their index is known
    after a seek (otherwise frames are counted from the start of the file); `truncation` describes what is
    missing at the end of the file, None if nothing is known to be missing; `declared` is the number of frames
    that a truncated file declares, None if it does not; `stamps` (N,) int64 are the original timestamps if they
    go backwards and `pts` continues instead; `notes` are messages for the user.
    """

    count: int
    pts: NDArray[np.int64] | None
    key: NDArray[np.bool_]
    exact: bool
    truncation: str | None
    declared: int | None = None
    stamps: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()

    def find(self, pts: int | None) -> int | None:
        """Index of the frame with this pts, None if there is none."""
        if self.pts is None or pts is None:
            return None
        position = int(np.searchsorted(self.pts, pts))
        return position if position < self.count and self.pts[position] == pts else None

    def find_after(self, last: int, stamp: int | None) -> int | None:
        """Index of the first frame after frame `last` with this original timestamp, None if there is none."""
        if self.stamps is None or stamp is None:
            return None
        matches = np.flatnonzero(self.stamps[last + 1 :] == stamp)
        return last + 1 + int(matches[0]) if len(matches) else None

    def entry(self, index: int) -> int:
        """The last keyframe at or before `index`, 0 if there is none."""
        keys = np.flatnonzero(self.key[: index + 1])
        return int(keys[-1]) if len(keys) else 0

    @property
    def gap(self) -> int:
        """Largest number of frames from one keyframe to the next; all frames if there are no keyframes."""
        entries = np.union1d([0, self.count], np.flatnonzero(self.key))
        return int(np.diff(entries).max())

    def keyframes(self, start: int, stop: int) -> NDArray[np.intp]:
        """Indices of the keyframes from `start` up to `stop` (exclusive)."""
        return np.flatnonzero(self.key[start:stop]) + start


def read_index(container: InputContainer, stream: VideoStream) -> PacketIndex:
    """Read all packets of the stream without decoding them; leaves the container at its end.

    Frames that are not displayed (before the start of an edit list, hidden VP8 frames) are left out. Of frames
    with equal timestamps one is kept, and a note is added. If the timestamps go backwards (concatenated files),
    the times continue from the last one. A read error of the container ends the index.
    """
    reader = _PacketReader()
    if container.format.name not in _DECLARES_DURATION:
        for unused in container.streams:
            if unused is not stream:
                unused.discard = Discard.all
    try:
        for packet in container.demux():
            if packet.stream_index == stream.index:
                reader.add(packet)
            if packet.pts is not None and packet.size:
                reader.end_s = max(
                    reader.end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base)
                )
    except av.FFmpegError as error:
        reader.error = error.strerror
    return reader.index(container, stream)


class _PacketReader:
    """Collects packet timestamps and flags and builds the index."""

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
        if _is_shown(packet):
            self._detect_piece(packet)
            self._unstamped += packet.pts is None
            self._pts.append(0 if packet.pts is None else packet.pts)
            self._key.append(packet.is_keyframe)
        self._last_dts = packet.dts

    def _detect_piece(self, packet: Packet[Stream]) -> None:
        """Start a new piece if the timestamps went backwards."""
        pts = packet.pts
        if pts is None:
            return
        margin = round(_BACKWARD_S / packet.time_base)
        # Within a piece, a keyframe is later than all earlier frames, and no pts is before the decoding time.
        earlier = packet.is_keyframe and self._latest is not None and pts < self._latest
        if earlier or (self._last_dts is not None and pts < self._last_dts - margin):
            self._pieces.append(len(self._pts))
            self._latest = None
        self._latest = pts if self._latest is None else max(pts, self._latest)

    def index(self, container: InputContainer, stream: VideoStream) -> PacketIndex:
        truncation = self._find_truncation(container, stream)
        if self._unstamped:
            count = len(self._pts)
            no_keys = np.zeros(count, dtype=np.bool_)
            return PacketIndex(count, None, no_keys, False, truncation, self._declared(container, stream))
        order = self._presentation_order()
        notes = []
        if duplicates := len(self._pts) - sum(len(piece) for piece in order):
            notes.append(f"frames left out because they repeat a timestamp: {duplicates}")
        stamps = np.frombuffer(self._pts, dtype=np.int64)
        if truncation is not None and self._last_dts is not None:
            # Frames after the last decoding time are dropped: a missing frame among them would shift the
            # indices of those after it.
            reliable = max(1, int(np.searchsorted(stamps[order[-1]], self._last_dts, side="right")))
            order[-1] = order[-1][:reliable]
        key = np.frombuffer(self._key, dtype=np.bool_)[np.concatenate(order)]
        pts = _increasing([stamps[piece] for piece in order], _frame_ticks(stream))
        original = None
        if len(order) > 1:
            original = stamps[np.concatenate(order)]
            notes.append(_backward_note([len(piece) for piece in order]))
        # AVI stores no presentation times: with B-frames, packets are numbered in decoding order.
        exact = original is None and not (container.format.name == "avi" and stream.codec_context.has_b_frames)
        return PacketIndex(
            count=len(pts),
            pts=pts,
            key=key if exact else np.zeros_like(key),
            exact=exact,
            truncation=truncation,
            declared=self._declared(container, stream),
            stamps=original,
            notes=tuple(notes),
        )

    def _presentation_order(self) -> list[NDArray[np.intp]]:
        """Packet positions in presentation order, per piece; only the first packet of equal timestamps."""
        stamps = np.frombuffer(self._pts, dtype=np.int64)
        ends = [*self._pieces[1:], len(stamps)]
        return [
            np.unique(stamps[start:end], return_index=True)[1] + start
            for start, end in zip(self._pieces, ends, strict=True)
        ]

    def _declared(self, container: InputContainer, stream: VideoStream) -> int | None:
        """Number of displayed frames that the file declares, if it holds fewer; else None."""
        name = container.format.name
        declared = 0
        if name.startswith("mov"):
            declared = len(stream.index_entries)
        elif name == "avi":
            declared = stream.frames
        return declared - (self._total - len(self._pts)) if declared > self._total else None

    def _find_truncation(self, container: InputContainer, stream: VideoStream) -> str | None:
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


def _is_shown(packet: Packet[Stream]) -> bool:
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


def _increasing(pieces: list[NDArray[np.int64]], step: int) -> NDArray[np.int64]:
    """Timestamps of all pieces; a piece that starts too early is shifted to `step` after the previous one."""
    times: list[NDArray[np.int64]] = []
    for piece in pieces:
        overlaps = times and piece[0] <= times[-1][-1]
        times.append(piece - piece[0] + times[-1][-1] + step if overlaps else piece)
    return np.concatenate(times)


def _backward_note(lengths: list[int]) -> str:
    more = f" and {len(lengths) - 2}× more" if len(lengths) > 2 else ""
    return f"timestamps go backwards at frame #{lengths[0]}{more}: later times continue from the previous frame"
