"""Video files in any container and codec supported by PyAV."""

from __future__ import annotations

from pathlib import Path

from drivesal.recordings.registry import OpenOptions, register
from drivesal.recordings.sources import VIDEOS
from drivesal.recordings.video_recording import VideoRecording
from drivesal.types import Recording


@register("video", lambda path: path.is_file(), looks_for="a video file", suffixes=VIDEOS, fallback=True)
def _open(path: Path, asked: OpenOptions) -> Recording:
    return VideoRecording(path, rate=asked.rate, strict=asked.strict)
