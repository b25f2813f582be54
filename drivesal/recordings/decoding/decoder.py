"""Decoding a video from a frame on, so that it gives the same frames as decoding all of it."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from drivesal.recordings.decoding.container import DoubtError, Source, opened, video_stream
from drivesal.recordings.decoding.packets import PacketIndex

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    Numbered = Generator[tuple[int, VideoFrame], None, None]


_LATE_S = Fraction(1)
_MOST_PACKETS = 500
"""How far to look for a keyframe after a seek."""
_IN_A_ROW = 4
"""Frames that encoders by default put between two that are decoded before them, and one more."""


def numbered(source: Source, index: PacketIndex, start: int) -> Numbered:
    """Decoded frames with their indices, ascending, from `start` on or from the first one that decodes.

    Begins at a keyframe; where that does not lead to `start` (a seek that lands late, a damaged keyframe), at
    the one before, at last at the beginning of the file.
    """
    last = start - 1
    try:
        for one in _hurried(source, index, start):
            last = one[0]
            yield one
    except DoubtError:
        yield from _thorough(source, index, last + 1)


def _hurried(source: Source, index: PacketIndex, start: int) -> Numbered:
    """Like `numbered`, from the nearest keyframe and without frames on the way that no other leans on.

    Raises `DoubtError` where that may give other pictures than decoding everything: damage is concealed with
    what was decoded last, which may be a frame that was left out.
    """
    entry = _entries(index, start)[0]
    if entry == start and entry == 0:
        raise DoubtError
    reader = source.reader(entry)
    with reader as container, closing(_from_entry(container, source.path, index, entry, start)) as frames:
        first = _first(frames, entry, start)
        if first is None or first[0] > start:
            raise DoubtError
        yield first
        yield from frames


def _thorough(source: Source, index: PacketIndex, start: int) -> Numbered:
    """Like `numbered`, every frame on the way decoded."""
    entries = _entries(index, start)
    for entry in entries:
        reader = source.reader(entry)
        with reader as container, closing(_from_entry(container, source.path, index, entry)) as frames:
            at_last = entry == entries[-1]
            first = _first(frames, None if at_last else entry, start)
            if first is None or (first[0] > start and not at_last):
                continue
            yield first
            yield from frames
            return


def _first(frames: Numbered, entry: int | None, start: int) -> tuple[int, VideoFrame] | None:
    """The first frame from `start` on; None where keyframe `entry`, on which it leans, did not decode."""
    sound = entry is None
    for one in frames:
        sound = sound or one[0] == entry
        if one[0] >= start:
            return one if sound else None
    return None


def keyframes(path: Path, index: PacketIndex, wanted: list[int]) -> Numbered:
    """Keyframes with these indices, each decoded alone; one that cannot be had so is left out."""
    assert index.pts is not None
    with opened(path) as container:
        stream = video_stream(container, path)
        for number in wanted:
            picture = _keyframe(container, stream, int(index.pts[number]))
            if picture is not None:
                yield number, picture


def _entries(index: PacketIndex, start: int) -> list[int]:
    """Where to begin decoding, the best first; 0 stands for the beginning of the file."""
    if not index.exact:
        return [0]
    entry = index.entry(start)
    before = index.entry(entry - 1) if entry > 0 else 0
    return list(dict.fromkeys((entry, before, 0)))


def _from_entry(
    container: InputContainer, path: Path, index: PacketIndex, entry: int, skip_to: int = 0
) -> Numbered:
    """Frames from keyframe `entry` on; well before frame `skip_to` only those that others lean on.

    With `skip_to` raises `DoubtError` for damage before that frame.
    """
    stream = video_stream(container, path)
    if not stream.codec_context.is_open:
        stream.thread_type = "AUTO"
    stream.codec_context.skip_frame = "DEFAULT"
    if entry > 0 and index.pts is not None:
        try:
            container.seek(int(index.pts[entry]), stream=stream)
        except av.FFmpegError:
            return
    # In H.264 a frame says whether others lean on it; of other codecs' skipping less is known. The last ones
    # are decoded all, so that damage in what is shown after them is concealed as always.
    skip_pts = None
    if skip_to > 0 and index.exact and index.pts is not None and stream.codec_context.name == "h264":
        skip_pts = int(index.pts[max(0, skip_to - _IN_A_ROW)])
    last = -1
    for picture in _decoded(container, stream, skip_pts):
        if skip_pts is not None and picture is None and last < skip_to:
            raise DoubtError
        found = _number(index, picture, last)
        if found is None or found <= last:
            continue  # not meant to be shown, or (after damage) too late to be in order
        last = found
        if picture is not None:
            yield last, picture


def _number(index: PacketIndex, picture: VideoFrame | None, last: int) -> int | None:
    """The index of what the decoder gave after frame `last`, None where that is no frame of the index."""
    if not index.exact and index.stamps is None:
        return last + 1
    if picture is None:
        return None
    return index.find(picture.pts) if index.stamps is None else index.find_after(last, picture.pts)


def _decoded(
    container: InputContainer, stream: VideoStream, skip_to: int | None
) -> Generator[VideoFrame | None, None, None]:
    """What the decoder gives, None for a packet that does not decode; ends where the container does.

    Packets with a pts before `skip_to` are decoded only where others lean on them.
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
            pictures = packet.decode()
        except av.FFmpegError:
            if packet.size:
                yield None
            continue
        for picture in pictures:
            yield None if picture.is_corrupt else picture


def _keyframe(container: InputContainer, stream: VideoStream, pts: int) -> VideoFrame | None:
    assert stream.time_base is not None
    # MPEG-TS finds its place by decoding time, which is earlier than pts, and so lands late: once more before.
    for target in (pts, pts - round(_LATE_S / stream.time_base)):
        try:
            container.seek(target, stream=stream)
            for packet in itertools.islice(container.demux(stream), _MOST_PACKETS):
                if packet.dts is not None and packet.dts > pts:
                    break
                if packet.pts == pts and packet.is_keyframe:
                    # Draining at once saves decoding the packets that the decoder would wait for.
                    pictures = packet.decode() + stream.codec_context.decode(None)
                    return next((one for one in pictures if one.pts == pts and not one.is_corrupt), None)
        except av.FFmpegError:
            continue
    return None
