"""The overlay video as it is written, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from drivesal.export.animation import AnimationWriter, kind_of
from drivesal.export.mp4 import VideoWriter
from drivesal.types import AudioSource, Explained, Recording, Span

if TYPE_CHECKING:
    from drivesal.types import Image


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the video is written: libx264's preset and CRF."""

    preset: str = "veryfast"
    crf: int = 23


USUAL_ENCODING = Encoding()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A frame ready to be written: `yuv` as `mp4.planes` gives it, valid until two more have been drawn."""

    explained: Explained
    yuv: Image


class Film:
    """The overlay video, which starts with the first frame that comes: that is its time 0."""

    def __init__(
        self,
        recording: Recording,
        span: Span,
        part: Path,
        final: Path,
        size: tuple[int, int],
        encoding: Encoding,
        progress: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._recording, self._span, self._part, self._final = recording, span, part, final
        self._size, self._encoding, self._progress = size, encoding, progress
        self._start_s = 0.0
        self._writer: VideoWriter | AnimationWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._writer is not None:
            self._writer.__exit__(*error)

    def add(self, drawn: Drawn) -> None:
        """Writes one frame."""
        time_s = drawn.explained.frame.time_s
        if self._writer is None:
            self._start_s = time_s
            self._writer = self._start()
        self._writer.write_planes(drawn.yuv, time_s - self._start_s)

    @property
    def notes(self) -> list[str]:
        """What the writer has to say: sound that was dropped."""
        return self._writer.notes if self._writer is not None else []

    def _start(self) -> VideoWriter | AnimationWriter:
        info, span = self._recording.info, self._span
        rate = info.rate / span.every
        if kind_of(self._final) is not None:
            return AnimationWriter(
                self._part, self._size, rate, info.time_base, name=self._final, tick=self._progress
            )
        audio = AudioSource(info.path, self._start_s, span.end if isinstance(span.end, float) else None)
        return VideoWriter(
            self._part,
            self._size,
            rate,
            info.time_base,
            crf=self._encoding.crf,
            preset=self._encoding.preset,
            audio=audio if info.has_audio else None,
            name=self._final,
        )
