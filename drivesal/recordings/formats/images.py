"""A folder or pattern of images as a drive without labels."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from drivesal.errors import InputError
from drivesal.recordings.registry import OpenOptions, register
from drivesal.recordings.stills import Listing, Still, StillsRecording
from drivesal.types import Recording

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


_NANOSECONDS = re.compile(r"1\d{18}")
"""Nanoseconds since 1970, dates from 2001 on: the image names of Udacity."""


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key for natural order: 2.jpg before 10.jpg."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def images_in(folder: Path) -> list[Path]:
    """Images directly in a folder, in natural order, without hidden files."""
    try:
        return sorted((path for path in folder.iterdir() if _is_image(path)), key=natural)
    except OSError:
        return []


def is_pattern(path: Path) -> bool:
    """Whether the path contains a wildcard and does not exist as a path."""
    return any(mark in str(path) for mark in "*?[") and not path.exists()


def matches(path: Path) -> list[Path]:
    """Images that match a pattern, in natural order; none if the path is not a pattern."""
    if not is_pattern(path):
        return []
    images = [image for image in map(Path, glob.glob(str(path), recursive=True)) if _is_image(image)]
    return sorted(images, key=lambda image: (str(image.parent), natural(image)))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _recognises(path: Path) -> bool:
    return bool(matches(path)) if not path.is_dir() else bool(images_in(path))


@register(
    "images",
    _recognises,
    looks_for="a folder of images or a pattern like 'drive/*.jpg'",
    fallback=True,
)
def _open(path: Path, asked: OpenOptions) -> Recording:
    images = images_in(path) if path.is_dir() else matches(path)
    if not images:
        raise InputError("a folder or pattern of images", f"{path} has no images", "check the path")
    stamps = [int(image.stem) if _NANOSECONDS.fullmatch(image.stem) else None for image in images]
    if None in stamps:
        return StillsRecording(path, Listing("images", [Still(image) for image in images]), asked)
    # subtracted as integers: a float cannot represent clock times in nanoseconds
    first = min(stamp or 0 for stamp in stamps)
    stills = [Still(image, ((stamp or 0) - first) / 1e9) for image, stamp in zip(images, stamps, strict=True)]
    notes = ("times from the image names, which are clock times in nanoseconds",)
    return StillsRecording(path, Listing("images", stills, notes=notes, clock_s=first / 1e9), asked)
