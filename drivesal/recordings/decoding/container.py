"""Video files opened with PyAV, and their video streams."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from drivesal.errors import InputError
from drivesal.io.media import open_media

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")


class UnreliableDecodeError(Exception):
    """The following frames may depend on frames that were not decoded."""


def open_container(path: Path) -> InputContainer:
    """Open a video file for reading. Raises `InputError` with the cause if it is not a media file."""
    try:
        container = open_media(path)
    except av.FFmpegError as error:
        if _is_mp4_without_index(path):
            came = f"{path} is an MP4 without its index: the recording was interrupted or not finalized"
            raise InputError("a video file", came, "repair it, or copy it again") from error
        if path.suffix.lower() in _ARCHIVES:
            came = f"{path} is an archive, judging by its name"
            raise InputError("a video file", came, "unpack it and give a recording in it") from error
        came = f"{path} cannot be read as one ({(error.strerror or 'unknown reason').lower()})"
        raise InputError("a video file", came, "check that it is a complete video file") from error
    if container.format.name == "tty":  # FFmpeg's demuxer for ANSI text art accepts plain text
        container.close()
        raise InputError("a video file", f"{path} is text", "give a video")
    return container


def video_streams(container: InputContainer) -> list[VideoStream]:
    """The video streams, without the cover image of an audio file."""
    streams = container.streams.video
    return [stream for stream in streams if not stream.disposition & Disposition.attached_pic]


def first_video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream. Raises `InputError` if there is none or its codec is not supported."""
    streams = video_streams(container)
    if not streams:
        came = f"{path} has only audio" if container.streams.audio else f"{path} has no video stream"
        raise InputError("a video file", came, "give a file with a video stream")
    if streams[0].codec_context is None:
        raise InputError("a supported video codec", f"{path} uses another", "convert it to H.264")
    return streams[0]


class Source:
    """A video file with one container per reader. A container opened for a seek is kept for the next seek.

    Opening a container probes its streams, which takes as long as decoding a dozen frames.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: InputContainer | None = None
        self._closed = False

    @contextmanager
    def reader(self, entry: int) -> Generator[InputContainer]:
        """A container to read from keyframe `entry` after a seek, or from the start of the file if it is 0."""
        container = self._swap(None) if entry > 0 else None
        container = container or open_container(self.path)
        unused: InputContainer | None = container
        try:
            yield container
            if entry > 0:
                unused = self._swap(container)
        except (GeneratorExit, UnreliableDecodeError):
            if entry > 0:
                unused = self._swap(container)
            raise
        finally:
            if unused is not None:
                unused.close()

    def close(self) -> None:
        """Close the kept container and keep none from now on. Safe to call twice."""
        self._closed = True
        if (container := self._swap(None)) is not None:
            container.close()

    def _swap(self, container: InputContainer | None) -> InputContainer | None:
        """Keep this container instead of the current one. The caller owns the returned one."""
        with self._lock:
            if self._closed and container is not None:
                return container
            container, self._idle = self._idle, container
            return container


def _is_mp4_without_index(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(12)[4:8] == b"ftyp"
    except OSError:
        return False
