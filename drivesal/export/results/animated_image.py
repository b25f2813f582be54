"""Overlay video of a short clip as animated GIF or WebP."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from drivesal.errors import OptionError
from drivesal.export.exporter import Encoding, VideoExporter, VideoFile, register

if TYPE_CHECKING:
    from drivesal.settings import LookSettings
    from drivesal.types import RecordingInfo, Span

MOST_RATE = Fraction(25, 2)
"""Maximum frame rate unless --every is given."""


@register
class AnimatedImage(VideoExporter):
    """A .gif or .webp, converted in extra passes after the last frame."""

    name: ClassVar[str] = "animation"
    suffixes: ClassVar[tuple[str, ...]] = (".gif", ".webp")
    help: ClassVar[str] = "of a short clip"

    @classmethod
    def passes(cls, path: Path) -> int:
        """One pass, and for a GIF another one that computes the palette."""
        from drivesal.export.animation import kind_of

        return kind_of(path).passes

    @classmethod
    def suited(
        cls, path: Path, look: LookSettings, span: Span, info: RecordingInfo, every: int | None
    ) -> tuple[LookSettings, Span]:
        """Set width and frame rate. Raises OptionError for a clip that is too long or too fast."""
        from drivesal.export.animation import MOST_FRAMES, MOST_S, kind_of, too_long

        kind = kind_of(path)
        if every is None:
            every = max(math.ceil(info.rate / MOST_RATE), 1)
        if info.rate / every * kind.least_step * kind.time_base > 1:
            most = 1 / (kind.least_step * kind.time_base)
            raise OptionError(
                f"at most {float(most):g} frames per second in a {kind.muxer.upper()}",
                f"{float(info.rate / every):.4g} were requested",
                f"use --every {math.ceil(info.rate / most)} or more",
            )
        span = dataclasses.replace(span, every=every)
        frames = info.frames_of(span)
        seconds = None if frames is None else float(frames * every / info.rate)
        if frames is not None and seconds is not None and (frames > MOST_FRAMES or seconds > MOST_S):
            raise too_long(kind, f"{frames} frames over {seconds:.0f} s were requested")
        return look.but(width=look.width or kind.width), span

    @classmethod
    def facts(cls, path: Path, encoding: Encoding) -> dict[str, Any]:
        """The format with FFmpeg's options."""
        from drivesal.export.animation import kind_of

        kind = kind_of(path)
        return {"format": kind.muxer, **kind.options}

    def open(self, start_s: float) -> VideoFile:
        """Open the animation, which is converted from a temporary video."""
        from drivesal.export.animation import AnimationWriter

        run, info = self.run, self.run.info
        rate = info.rate / run.span.every
        return AnimationWriter(self.path, run.size, rate, info.time_base, name=self.final, tick=run.progress)
