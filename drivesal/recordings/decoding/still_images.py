"""Reading of image files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Image

_SIGNATURES = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "BMP": b"BM",
    "TIFF": b"II*\0",
    "TIFF (big-endian)": b"MM\0*",
}


def image_format(path: Path) -> str | None:
    """Name of the image format detected from the first bytes of the file, None for anything else."""
    # A raw MJPEG stream starts like a JPEG; only its name shows that more frames follow.
    if not path.is_file() or path.suffix.lower() in (".mjpeg", ".mjpg"):
        return None
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return None
    return next((name for name, start in _SIGNATURES.items() if head.startswith(start)), None)


def read_image(path: Path) -> Image:
    """The image as (H, W, 3) uint8 RGB: EXIF rotation applied; greyscale, 16-bit and alpha converted.

    Raises `InputError` if it cannot be read.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError("an image", f"{path}: {error.strerror}", "check the file") from error
    image = _decode(data)
    if image is None:
        raise InputError("an image", f"{path} cannot be decoded", "check that the file is complete")
    return np.ascontiguousarray(image, dtype=np.uint8)


def is_complete(path: Path) -> bool:
    """Whether a file is not a truncated JPEG or PNG, which OpenCV would fill with grey."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    if data.startswith(_SIGNATURES["JPEG"]):
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda") >= 0
    return not data.startswith(_SIGNATURES["PNG"]) or b"IEND" in data[-64:]


def _decode(data: NDArray[np.uint8]) -> Image | None:
    with _silenced_stderr():
        try:
            return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
        except cv2.error:
            return None


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Suppress messages of libpng and OpenCV on stderr; the caller raises its own error."""
    try:
        saved = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    try:
        with open(os.devnull, "wb") as devnull:
            os.dup2(devnull.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
