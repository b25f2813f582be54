"""Reading a still image from its file."""

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


def signature(path: Path) -> str | None:
    """The name of the picture format that the file's first bytes tell, None for anything else."""
    # A raw MJPEG stream begins like a JPEG; only its name tells that more pictures follow.
    if not path.is_file() or path.suffix.lower() in (".mjpeg", ".mjpg"):
        return None
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return None
    return next((name for name, start in _SIGNATURES.items() if head.startswith(start)), None)


def read_picture(path: Path) -> Image:
    """The picture as (H, W, 3) uint8 RGB: EXIF rotation applied; grey, 16-bit and alpha converted.

    Raises `InputError` where it cannot be read.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError("a picture", f"{path}: {error.strerror}", "check the file") from error
    image = _decoded(data)
    if image is None:
        raise InputError("a picture", f"{path} cannot be decoded", "check that the file is whole")
    return np.ascontiguousarray(image, dtype=np.uint8)


def whole(path: Path) -> bool:
    """False for a JPEG or PNG that ends before its picture does: OpenCV fills such a one with grey."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    if data.startswith(_SIGNATURES["JPEG"]):
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda") >= 0
    return not data.startswith(_SIGNATURES["PNG"]) or b"IEND" in data[-64:]


def _decoded(data: NDArray[np.uint8]) -> Image | None:
    with _stderr_off():
        try:
            return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
        except cv2.error:
            return None


@contextmanager
def _stderr_off() -> Iterator[None]:
    """Keeps from the terminal what libpng and OpenCV print beside the error that the caller raises."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
