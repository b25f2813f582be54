"""A single image file as a recording of one frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from drivesal.errors import InputError, OptionError
from drivesal.recordings.decoding.still_images import image_format, read_image
from drivesal.recordings.registry import OpenOptions, register
from drivesal.types import WHOLE, Frame, Recording, RecordingInfo, Span


class ImageRecording(Recording):
    """One image: index 0, time 0, rate 1."""

    def __init__(self, path: Path) -> None:
        image = read_image(path)
        self.losses = []
        self._frame = Frame(0, 0.0, image)
        self.info = RecordingInfo(
            path=path,
            format="picture",
            width=image.shape[1],
            height=image.shape[0],
            rate=Fraction(1),
            time_base=Fraction(1),
            length=1,
            duration_s=1.0,
            seekable=True,
            codec=(image_format(path) or "picture").split()[0].lower(),
        )

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """The image, if the span contains frame 0. Raises `InputError` otherwise."""
        if span.every < 1:
            raise OptionError("every Nth frame, with N at least 1", f"N is {span.every}", "use 1 for all")
        before_start = span.start is not None and span.start > 0
        if before_start or (span.end is not None and span.end <= 0):
            raise InputError("a range with a frame", "an image has only frame #0", "leave the range out")
        return iter((self._frame,))

    def at(self, where: float | int) -> Frame:
        """The image, for frame 0 and times below one second. Raises `InputError` otherwise."""
        if not 0 <= where < 1:
            request = f"frame #{where}" if isinstance(where, int) else f"{where:g} s"
            raise InputError("frame #0", f"{request} of an image was requested", "leave it out")
        return self._frame

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """The image."""
        frames = self.frames(span)
        return frames if count > 0 else iter(())

    def close(self) -> None:
        """Do nothing: no file is open."""


@register("picture", lambda path: image_format(path) is not None, looks_for="a JPEG, PNG, BMP or TIFF file")
def _open(path: Path, asked: OpenOptions) -> Recording:
    return ImageRecording(path)
