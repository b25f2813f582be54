"""SullyChen driving dataset: numbered images and data.txt."""

from __future__ import annotations

import calendar
import math
import re
from pathlib import Path

from drivesal.angle import AngleSpec
from drivesal.errors import InputError
from drivesal.recordings.labels.csv_columns import read_text
from drivesal.recordings.registry import OpenOptions, register
from drivesal.recordings.stills import Listing, Still, StillsRecording
from drivesal.types import Recording

_SPEC = AngleSpec("deg", "steering-wheel", "right")
_LINE = re.compile(r"(\S.*?\.(?:jpe?g|png))\s+(\S+?)(?:[,;\s]+(\d{4}-\d\d?-\d\d?.*))?\s*", re.IGNORECASE)
_CLOCK = re.compile(r"(\d+)-(\d+)-(\d+)[ T](\d+):(\d+):(\d+)(?:[:.,](\d+))?")


def _find(path: Path) -> Path | None:
    file = path / "data.txt" if path.is_dir() else path
    if file.name.lower() != "data.txt":
        return None
    try:
        with file.open("rb") as stream:
            lines = stream.read(4096).decode("utf-8-sig", errors="replace").splitlines()
    except OSError:
        return None
    return file if any(_LINE.fullmatch(line.strip()) for line in lines[:5]) else None


@register(
    "sullychen",
    lambda path: _find(path) is not None,
    looks_for="a folder with data.txt of lines '0.jpg 1.5' and the images",
)
def _open(path: Path, asked: OpenOptions) -> Recording:
    file = _find(path)
    if file is None:
        raise InputError("a folder with data.txt and images", f"{path} is not one", "check the path")
    lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    matches = [match for line in lines if (match := _LINE.fullmatch(line))]
    stills = [
        Still(_image_path(file.parent, name), _clock_s(date), _number(angle))
        for name, angle, date in (match.groups() for match in matches)
    ]
    bad = len(lines) - len(matches)
    lost = (f"{bad} of {len(lines)} lines of {file.name} cannot be read",) if bad else ()
    return StillsRecording(path, Listing("sullychen", stills, _SPEC, lost, files=(file,)), asked)


def _image_path(folder: Path, name: str) -> Path:
    """The path of an image; later versions of the dataset keep the images in data/."""
    in_data = folder / "data" / name
    return in_data if not (folder / name).is_file() and in_data.is_file() else folder / name


def _number(text: str) -> float:
    try:
        return float(text.rstrip(",;").replace(",", "."))
    except ValueError:
        return math.nan


def _clock_s(date: str | None) -> float | None:
    match = _CLOCK.match(date) if date else None
    if match is None:
        return None
    *numbers, fraction = match.groups()
    return calendar.timegm((*map(int, numbers), 0, 0, 0)) + (
        int(fraction) / float(10 ** max(len(fraction), 3)) if fraction else 0.0
    )
