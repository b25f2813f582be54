"""Opening a video file with PyAV, and its video stream."""

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


class DoubtError(Exception):
    """What comes next may depend on frames that were not decoded."""


def opened(path: Path) -> InputContainer:
    """The file, opened for reading. Raises `InputError` with what is wrong where it is no media file."""
    try:
        container = open_media(path)
    except av.FFmpegError as error:
        if _is_mp4_without_index(path):
            came = f"{path} is an MP4 without its index: the recording was cut off or never finished"
            raise InputError("a video file", came, "repair it, or copy it again") from error
        if path.suffix.lower() in _ARCHIVES:
            came = f"{path} is an archive by its name"
            raise InputError("a video file", came, "unpack it and give what is in it") from error
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
        except (GeneratorExit, DoubtError):
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


def _is_mp4_without_index(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(12)[4:8] == b"ftyp"
    except OSError:
        return False
