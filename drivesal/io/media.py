"""Opening of media files: the only code that decides what FFmpeg may access."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer


def open_media(path: Path) -> InputContainer:
    """Open a media file for reading. Raises av.FFmpegError.

    The path is made absolute, because FFmpeg would read `12:30.mp4` as a protocol. Only the protocol `file` is
    allowed, because a playlist could otherwise open network connections.
    """
    return av.open(
        str(path.absolute()), metadata_errors="replace", container_options={"protocol_whitelist": "file"}
    )
