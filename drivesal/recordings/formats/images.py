"""A folder of images, or a pattern that matches some, as a drive without labels."""

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
"""Nanoseconds since 1970, from 2001 on, as Udacity names its images."""


def natural(path: Path) -> list[tuple[int, int, str]]:
    """A key that sorts 2.jpg before 10.jpg."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def images_in(folder: Path) -> list[Path]:
    """The images right in a folder, in natural order; hidden files are left out."""
    try:
        return sorted((path for path in folder.iterdir() if _is_image(path)), key=natural)
    except OSError:
        return []


def is_pattern(path: Path) -> bool:
    """Whether the path holds a wildcard and is not there itself."""
    return any(mark in str(path) for mark in "*?[") and not path.exists()


def matches(path: Path) -> list[Path]:
    """The images that a pattern matches, in natural order; none where it is no pattern."""
    if not is_pattern(path):
        return []
    found = [one for one in map(Path, glob.glob(str(path), recursive=True)) if _is_image(one)]
    return sorted(found, key=lambda one: (str(one.parent), natural(one)))


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
    found = images_in(path) if path.is_dir() else matches(path)
    if not found:
        raise InputError("a folder of images or a pattern", f"{path} has no image", "check the path")
    stamps = [int(one.stem) if _NANOSECONDS.fullmatch(one.stem) else None for one in found]
    if None in stamps:
        return StillsRecording(path, Listing("images", [Still(one) for one in found]), asked)
    first = min(stamp or 0 for stamp in stamps)  # as floats, clock times in nanoseconds are too coarse
    stills = [Still(one, ((stamp or 0) - first) / 1e9) for one, stamp in zip(found, stamps, strict=True)]
    notes = ("times from the images' names, which are a clock's nanoseconds",)
    return StillsRecording(path, Listing("images", stills, notes=notes, clock_s=first / 1e9), asked)
