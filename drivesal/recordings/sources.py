"""What a path may name that is not one recording: a stream or a device, a folder or a pattern of several."""

from __future__ import annotations

import glob
import re
import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from drivesal.errors import InputError
from drivesal.recordings.formats.images import is_pattern, natural
from drivesal.recordings.registry import recognised

VIDEOS = (
    *(".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv"),
    *(".flv", ".3gp", ".ogv", ".h264", ".264", ".hevc", ".h265", ".mjpeg", ".mjpg"),
)
"""Endings of videos: in a folder of recordings only these files are taken for some."""
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.IGNORECASE | re.DOTALL)
_CAMERA = re.compile(r"/dev/video\d+")
_NAMED = 5


@dataclass(frozen=True, slots=True)
class FoundRecordings:
    """Recordings under a folder or pattern, each with its format; `others` counts what is none."""

    where: str
    recordings: tuple[tuple[Path, str], ...]
    others: int

    @property
    def paths(self) -> tuple[Path, ...]:
        """Of the recordings."""
        return tuple(path for path, _ in self.recordings)

    def __str__(self) -> str:
        """Count, formats and the first few: "3 recordings (2 video, 1 donkeycar): a.mp4, b.mp4, tub"."""
        count = len(self.recordings)
        kinds = Counter(name for _, name in self.recordings)
        formats = ", ".join(f"{number} {name}" for name, number in kinds.most_common())
        formats = formats if len(kinds) > 1 else self.recordings[0][1]
        names = [path.name for path in self.paths[:_NAMED]]
        more = [f"… and {count - _NAMED} more"] if count > _NAMED else []
        return f"{count} recording{'s'[: count != 1]} ({formats}): {', '.join([*names, *more])}"


class SeveralError(InputError):
    """One recording was asked for where `found` are."""

    def __init__(self, came: str, found: FoundRecordings) -> None:
        one, several = shlex.quote(str(found.paths[0])), shlex.quote(found.where)
        many = f", or all of them where several go: {several}" if len(found.recordings) > 1 else ""
        super().__init__("one recording", f"{came} {found}", f"give one of them: {one}{many}")
        self.found = found


def refuse_stream(text: str) -> None:
    """Raises `InputError` for an address, a camera, a device or "-": these are not read yet."""
    path = Path(text)
    address = _ADDRESS.fullmatch(text)
    if address is not None and not path.exists():
        scheme, rest = address.groups()
        if scheme.lower() == "file":
            raise InputError("the path of a recording", f"{text} is an address", f"leave {scheme}:// out")
        whole = f"{scheme}://{rest}"
        raise _not_yet(f"{whole} is a network address, which is", f"-i {shlex.quote(whole)}")
    if text == "-":
        raise _not_yet("- is standard input, which is", "-i -")
    if (text.isdecimal() and len(text) < 3 and not path.exists()) or _CAMERA.fullmatch(text):
        device = text if text.startswith("/") else f"/dev/video{text}"
        raise _not_yet(f"{text} is a camera, which is", f"-f v4l2 -i {device}")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise _not_yet(f"{text} is a device or a pipe, which is", f"-i {shlex.quote(text)}")


def _not_yet(came: str, source: str) -> InputError:
    do = f"record it to a file first, as with: ffmpeg {source} -t 60 -c:v libx264 run.mp4"
    return InputError("a recording in a file", f"{came} not read yet", do)


def recordings_in(folder: Path) -> FoundRecordings:
    """The recordings right in a folder, or else those in its folders."""
    for pattern in ("*", "*/*"):
        where = folder / pattern
        found = _found(str(where), (Path(glob.escape(str(folder))) / pattern,))
        if found.recordings:
            return found
    return found


def recordings_by(pattern: Path) -> FoundRecordings:
    """The recordings that a pattern matches; none where it is no pattern."""
    return _found(str(pattern), (pattern,) if is_pattern(pattern) else ())


def refuse_folder(folder: Path) -> None:
    """Raises `SeveralError` for a folder that is no recording and holds some."""
    if not folder.is_dir() or recognised(folder) is not None:
        return
    found = recordings_in(folder)
    if found.recordings:
        raise SeveralError(f"{folder} is a folder of", found)


def _found(where: str, patterns: Iterable[Path]) -> FoundRecordings:
    """What is there; hidden files and drivesal's own overlay videos are left out."""
    there = [Path(one) for pattern in patterns for one in glob.glob(str(pattern), recursive=True)]
    formats = {path: _format(path) for path in sorted(there, key=lambda one: (str(one.parent), natural(one)))}
    known = tuple((path, name) for path, name in formats.items() if name is not None)
    return FoundRecordings(where, known, len(there) - len(known))


def _format(path: Path) -> str | None:
    """The name of the format of something in a folder; None for what is no recording by itself."""
    if path.is_dir():
        known = recognised(path)
        return None if known is None else known.name
    own = ".saliency." in path.name
    return "video" if path.suffix.lower() in VIDEOS and path.is_file() and not own else None
