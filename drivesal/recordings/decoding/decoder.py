"""Decoding from an arbitrary frame, with the same result as decoding the whole video."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from drivesal.recordings.decoding.container import (
    Source,
    UnreliableDecodeError,
    first_video_stream,
    open_container,
)
from drivesal.recordings.decoding.packets import PacketIndex

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    IndexedFrames = Generator[tuple[int, VideoFrame], None, None]


_SEEK_MARGIN_S = Fraction(1)
_MAX_PACKETS = 500
"""Number of packets searched for a keyframe after a seek."""
_REORDER_FRAMES = 4
"""Default number of consecutive B-frames of encoders, plus one."""


def decode_from(source: Source, index: PacketIndex, start: int) -> IndexedFrames:
    """Yield (index, decoded frame), ascending, from `start` or the first frame after it that decodes.

    Decoding starts at the nearest keyframe. If that does not yield `start` (the seek landed late, or the
    keyframe is damaged), it starts at the previous keyframe, and finally at the start of the file.
    """
    last = start - 1
    try:
        for item in _decode_fast(source, index, start):
            last = item[0]
            yield item
    except UnreliableDecodeError:
        yield from _decode_thoroughly(source, index, last + 1)


def _decode_fast(source: Source, index: PacketIndex, start: int) -> IndexedFrames:
    """Like `decode_from`, but from the nearest keyframe, skipping non-reference frames before `start`.

    Raises `UnreliableDecodeError` if the result may differ from a full decode: the decoder conceals damage with
    the previously decoded frame, which may be a skipped one.
    """
    entry = _entry_points(index, start)[0]
    if entry == start and entry == 0:
        raise UnreliableDecodeError
    reader = source.reader(entry)
    with (
        reader as container,
        closing(_decode_from_keyframe(container, source.path, index, entry, start)) as frames,
    ):
        first = _first_from(frames, entry, start)
        if first is None or first[0] > start:
            raise UnreliableDecodeError
        yield first
        yield from frames


def _decode_thoroughly(source: Source, index: PacketIndex, start: int) -> IndexedFrames:
    """Like `decode_from`, but decoding every frame from the entry point on."""
    entries = _entry_points(index, start)
    for entry in entries:
        reader = source.reader(entry)
        with (
            reader as container,
            closing(_decode_from_keyframe(container, source.path, index, entry)) as frames,
        ):
            at_last = entry == entries[-1]
            first = _first_from(frames, None if at_last else entry, start)
            if first is None or (first[0] > start and not at_last):
                continue
            yield first
            yield from frames
            return


def _first_from(frames: IndexedFrames, entry: int | None, start: int) -> tuple[int, VideoFrame] | None:
    """The first frame from `start` on; None if keyframe `entry`, which it depends on, did not decode."""
    entry_decoded = entry is None
    for item in frames:
        entry_decoded = entry_decoded or item[0] == entry
        if item[0] >= start:
            return item if entry_decoded else None
    return None


def decode_keyframes(path: Path, index: PacketIndex, indices: list[int]) -> IndexedFrames:
    """Keyframes with these indices, each decoded on its own; those that do not decode this way are omitted."""
    assert index.pts is not None
    with open_container(path) as container:
        stream = first_video_stream(container, path)
        for number in indices:
            frame = _decode_keyframe(container, stream, int(index.pts[number]))
            if frame is not None:
                yield number, frame


def _entry_points(index: PacketIndex, start: int) -> list[int]:
    """Frames to start decoding at, best first; 0 is the start of the file."""
    if not index.exact:
        return [0]
    entry = index.entry(start)
    previous = index.entry(entry - 1) if entry > 0 else 0
    return list(dict.fromkeys((entry, previous, 0)))


def _decode_from_keyframe(
    container: InputContainer, path: Path, index: PacketIndex, entry: int, skip_to: int = 0
) -> IndexedFrames:
    """Frames from keyframe `entry` on; only reference frames until shortly before frame `skip_to`.

    With `skip_to`, raises `UnreliableDecodeError` for damage before that frame.
    """
    stream = first_video_stream(container, path)
    if not stream.codec_context.is_open:
        stream.thread_type = "AUTO"
    stream.codec_context.skip_frame = "DEFAULT"
    if entry > 0 and index.pts is not None:
        try:
            container.seek(int(index.pts[entry]), stream=stream)
        except av.FFmpegError:
            return
    # H.264 marks non-reference frames; skipping is less reliable with other codecs. The last frames before
    # `skip_to` are all decoded, so that damage in the frames after them is concealed as in a full decode.
    skip_pts = None
    if skip_to > 0 and index.exact and index.pts is not None and stream.codec_context.name == "h264":
        skip_pts = int(index.pts[max(0, skip_to - _REORDER_FRAMES)])
    last = -1
    for frame in _decode_packets(container, stream, skip_pts):
        if skip_pts is not None and frame is None and last < skip_to:
            raise UnreliableDecodeError
        frame_index = _frame_index(index, frame, last)
        if frame_index is None or frame_index <= last:
            continue  # a hidden frame, or out of order after damage
        last = frame_index
        if frame is not None:
            yield last, frame


def _frame_index(index: PacketIndex, frame: VideoFrame | None, last: int) -> int | None:
    """The index of the frame decoded after frame `last`, None if it is not in the packet index."""
    if not index.exact and index.stamps is None:
        return last + 1
    if frame is None:
        return None
    return index.find(frame.pts) if index.stamps is None else index.find_after(last, frame.pts)


def _decode_packets(
    container: InputContainer, stream: VideoStream, skip_to: int | None
) -> Generator[VideoFrame | None, None, None]:
    """Yield decoded frames, None for a packet that does not decode, up to the end of the container.

    Packets with a pts before `skip_to` are decoded only if they hold reference frames.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        if skip_to is not None:
            early = packet.pts is not None and packet.pts < skip_to
            stream.codec_context.skip_frame = "NONREF" if early else "DEFAULT"
        try:
            frames = packet.decode()
        except av.FFmpegError:
            if packet.size:
                yield None
            continue
        for frame in frames:
            yield None if frame.is_corrupt else frame


def _decode_keyframe(container: InputContainer, stream: VideoStream, pts: int) -> VideoFrame | None:
    assert stream.time_base is not None
    # Seeks in MPEG-TS go by decoding time, which is earlier than pts, and may land late: retry from earlier.
    for target in (pts, pts - round(_SEEK_MARGIN_S / stream.time_base)):
        try:
            container.seek(target, stream=stream)
            for packet in itertools.islice(container.demux(stream), _MAX_PACKETS):
                if packet.dts is not None and packet.dts > pts:
                    break
                if packet.pts == pts and packet.is_keyframe:
                    # Draining the decoder avoids decoding the packets that it would buffer.
                    frames = packet.decode() + stream.codec_context.decode(None)
                    return next((frame for frame in frames if frame.pts == pts and not frame.is_corrupt), None)
        except av.FFmpegError:
            continue
    return None
