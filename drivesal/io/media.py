"""Opening media files: the one place that says what FFmpeg may do with a path."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer


def open_media(path: Path) -> InputContainer:
    """The file, opened for reading. Raises av.FFmpegError.

    By its absolute path, or FFmpeg takes `12:30.mp4` for a protocol; only files, or a playlist may call out.
    """
    return av.open(
        str(path.absolute()), metadata_errors="replace", container_options={"protocol_whitelist": "file"}
    )
