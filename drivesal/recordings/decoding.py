"""Opening a video file with PyAV and getting RGB pictures out of it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from drivesal.errors import InputError
from drivesal.media import open_media
from drivesal.recordings.packets import PacketIndex

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from drivesal.types import Image

    Numbered = Generator[tuple[int, VideoFrame], None, None]


_LATE_S = Fraction(1)
_MOST_PACKETS = 500
"""How far to look for a keyframe after a seek."""
_IN_A_ROW = 4
"""Frames that encoders by default put between two that are decoded before them, and one more."""


def opened(path: Path) -> InputContainer:
    """The file, opened for reading. Raises `InputError` with what is wrong where it is no media file."""
    try:
        container = open_media(path)
    except av.FFmpegError as error:
        if _is_mp4_without_index(path):
            came = f"{path} is an MP4 without its index: the recording was cut off or never finished"
            raise InputError("a video file", came, "repair it, or copy it again") from error
        came = f"{path} cannot be read as one ({(error.strerror or 'unknown reason').lower()})"
        raise InputError("a video file", came, "check that it is a video and whole") from error
    if container.format.name == "tty":  # FFmpeg plays plain text as a terminal's screen
        container.close()
        raise InputError("a video file", f"{path} is text", "give a video")
    return container


def pictures_in(container: InputContainer) -> list[VideoStream]:
    """The video streams, without a sound file's cover picture."""
    return [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream. Raises `InputError` where there is none, or none that can be decoded."""
    streams = pictures_in(container)
    if not streams:
        came = f"{path} has only sound" if container.streams.audio else f"{path} has no pictures"
        raise InputError("a video file", came, "give a file with a video stream")
    if streams[0].codec_context is None:
        raise InputError("a known video codec", f"{path} uses another", "convert it to H.264")
    return streams[0]


class Source:
    """A file that each reader opens for itself; one that was opened for a jump waits for the next jump.

    Opening looks into the streams again, which takes as long as decoding a dozen frames.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: InputContainer | None = None
        self._closed = False

    @contextmanager
    def reader(self, entry: int) -> Generator[InputContainer]:
        """The file, to be read from keyframe `entry` after a seek, or from its beginning where that is 0."""
        container = self._swap(None) if entry > 0 else None
        container = container or opened(self.path)
        left: InputContainer | None = container
        try:
            yield container
            if entry > 0:
                left = self._swap(container)
        except (GeneratorExit, _DoubtError):
            if entry > 0:
                left = self._swap(container)
            raise
        finally:
            if left is not None:
                left.close()

    def close(self) -> None:
        """Closes the file that waits and lets none wait any more. Safe to call twice."""
        self._closed = True
        if (container := self._swap(None)) is not None:
            container.close()

    def _swap(self, container: InputContainer | None) -> InputContainer | None:
        """Lets this file wait in place of the other; what is returned is the caller's."""
        with self._lock:
            if self._closed and container is not None:
                return container
            container, self._idle = self._idle, container
            return container


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
    except _DoubtError:
        yield from _thorough(source, index, last + 1)


class _DoubtError(Exception):
    """What comes next may depend on frames that were not decoded."""


def _hurried(source: Source, index: PacketIndex, start: int) -> Numbered:
    """Like `numbered`, from the nearest keyframe and without frames on the way that no other leans on.

    Raises `_DoubtError` where that may give other pictures than decoding everything: damage is concealed with
    what was decoded last, which may be a frame that was left out.
    """
    entry = _entries(index, start)[0]
    if entry == start and entry == 0:
        raise _DoubtError
    reader = source.reader(entry)
    with reader as container, closing(_from_entry(container, source.path, index, entry, start)) as frames:
        first = _first(frames, entry, start)
        if first is None or first[0] > start:
            raise _DoubtError
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

    With `skip_to` raises `_DoubtError` for damage before that frame.
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
            raise _DoubtError
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


def _is_mp4_without_index(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(12)[4:8] == b"ftyp"
    except OSError:
        return False


def quarter_turns(picture: VideoFrame) -> int:
    """How many times a picture is to be turned by 90 degrees counter-clockwise, 0 to 3."""
    return round(picture.rotation / 90) % 4


class Converter:
    """Turns decoded frames into (H, W, 3) uint8 RGB; keeps the scaler's tables from frame to frame."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def image(self, picture: VideoFrame) -> Image:
        """The picture as it is to be seen: colour matrix and range honoured, rotation applied."""
        # One thread: splitting a frame between threads was slower (0.92 against 1.22 ms at 960x540).
        image = self._reformatter.reformat(picture, format="rgb24", threads=1).to_ndarray()
        if turns := quarter_turns(picture):
            image = np.rot90(image, turns)
        return np.ascontiguousarray(image, dtype=np.uint8)


def letterboxed(image: Image, width: int, height: int) -> Image:
    """The picture scaled into width × height, its shape kept, with black bars where it does not fill."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    inner = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxed = np.zeros((height, width, 3), dtype=np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    boxed[top : top + size[1], left : left + size[0]] = inner
    return boxed
