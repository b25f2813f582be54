"""The overlay video as H.264 in an MP4, with the recording's audio."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

from drivesal.export.exporter import Encoding, VideoExporter, VideoFile, register
from drivesal.types import AudioSource


@register
class H264Video(VideoExporter):
    """An .mp4 that browsers and phones play."""

    name: ClassVar[str] = "mp4"
    suffixes: ClassVar[tuple[str, ...]] = (".mp4",)
    encoded: ClassVar[bool] = True

    @classmethod
    def facts(cls, path: Path, encoding: Encoding) -> dict[str, Any]:
        """The encoder's settings."""
        return dataclasses.asdict(encoding)

    def open(self, start_s: float) -> VideoFile:
        """Open the MP4; its audio starts at `start_s`."""
        from drivesal.export.mp4 import VideoWriter

        run, info, span = self.run, self.run.info, self.run.span
        audio = AudioSource(info.path, start_s, span.end if isinstance(span.end, float) else None)
        return VideoWriter(
            self.path,
            run.size,
            info.rate / span.every,
            info.time_base,
            crf=run.encoding.crf,
            preset=run.encoding.preset,
            audio=audio if info.has_audio else None,
            name=self.final,
        )
