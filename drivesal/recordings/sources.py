"""Paths that are not a single recording: streams and devices, folders and patterns of several recordings."""

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
from drivesal.recordings.registry import formats, recognised

VIDEOS = (
    *(".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv"),
    *(".flv", ".3gp", ".ogv", ".h264", ".264", ".hevc", ".h265", ".mjpeg", ".mjpg"),
)
"""Endings of videos."""
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.IGNORECASE | re.DOTALL)
_CAMERA = re.compile(r"/dev/video\d+")
_MAX_NAMES = 5


@dataclass(frozen=True, slots=True)
class FoundRecordings:
    """Recordings under a folder or pattern, each with its format; `others` counts all other paths."""

    where: str
    recordings: tuple[tuple[Path, str], ...]
    others: int

    @property
    def paths(self) -> tuple[Path, ...]:
        """Paths of the recordings."""
        return tuple(path for path, _ in self.recordings)

    def __str__(self) -> str:
        """Count, formats and the first names: "3 recordings (2 video, 1 donkeycar): a.mp4, b.mp4, tub"."""
        count = len(self.recordings)
        by_format = Counter(name for _, name in self.recordings)
        formats = ", ".join(f"{number} {name}" for name, number in by_format.most_common())
        formats = formats if len(by_format) > 1 else self.recordings[0][1]
        names = [path.name for path in self.paths[:_MAX_NAMES]]
        more = [f"… and {count - _MAX_NAMES} more"] if count > _MAX_NAMES else []
        return f"{count} recording{'s'[: count != 1]} ({formats}): {', '.join([*names, *more])}"


class SeveralError(InputError):
    """A single recording was expected, but the path matches the recordings in `found`."""

    def __init__(self, came: str, found: FoundRecordings) -> None:
        single, pattern = shlex.quote(str(found.paths[0])), shlex.quote(found.where)
        several = f", or all of them where several are accepted: {pattern}" if len(found.paths) > 1 else ""
        super().__init__("one recording", f"{came} {found}", f"give one of them: {single}{several}")
        self.found = found


def refuse_stream(text: str) -> None:
    """Raise `InputError` for a network address, a camera, a device or "-", which are not supported yet."""
    path = Path(text)
    address = _ADDRESS.fullmatch(text)
    if address is not None and not path.exists():
        scheme, rest = address.groups()
        if scheme.lower() == "file":
            raise InputError("the path of a recording", f"{text} is a URL", f"leave {scheme}:// out")
        url = f"{scheme}://{rest}"
        raise _not_supported(f"{url} is a network address, which is", f"-i {shlex.quote(url)}")
    if text == "-":
        raise _not_supported("- is standard input, which is", "-i -")
    if (text.isdecimal() and len(text) < 3 and not path.exists()) or _CAMERA.fullmatch(text):
        device = text if text.startswith("/") else f"/dev/video{text}"
        raise _not_supported(f"{text} is a camera, which is", f"-f v4l2 -i {device}")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise _not_supported(f"{text} is a device or a pipe, which is", f"-i {shlex.quote(text)}")


def _not_supported(came: str, source: str) -> InputError:
    do = f"record it to a file first, for example: ffmpeg {source} -t 60 -c:v libx264 run.mp4"
    return InputError("a recording in a file", f"{came} not supported yet", do)


def recordings_in(folder: Path) -> FoundRecordings:
    """The recordings directly in a folder or, if there are none, those in its subfolders."""
    for pattern in ("*", "*/*"):
        where = folder / pattern
        found = _find(str(where), (Path(glob.escape(str(folder))) / pattern,))
        if found.recordings:
            return found
    return found


def recordings_by(pattern: Path) -> FoundRecordings:
    """The recordings that match a pattern; none if the path is not a pattern."""
    return _find(str(pattern), (pattern,) if is_pattern(pattern) else ())


def refuse_folder(folder: Path) -> None:
    """Raise `SeveralError` for a folder that contains recordings but is not one itself."""
    if not folder.is_dir() or recognised(folder) is not None:
        return
    found = recordings_in(folder)
    if found.recordings:
        raise SeveralError(f"{folder} is a folder of", found)


def _find(where: str, patterns: Iterable[Path]) -> FoundRecordings:
    """Recordings that match the patterns, without hidden files and overlay videos written by drivesal."""
    paths = [Path(name) for pattern in patterns for name in glob.glob(str(pattern), recursive=True)]
    paths.sort(key=lambda path: (str(path.parent), natural(path)))
    formats = {path: _format(path) for path in paths}
    known = tuple((path, name) for path, name in formats.items() if name is not None)
    return FoundRecordings(where, known, len(paths) - len(known))


def _format(path: Path) -> str | None:
    """Name of the format of a file or folder in a folder of recordings; None if it is not a recording."""
    if path.is_dir():
        known = recognised(path)
        return None if known is None else known.name
    if ".saliency." in path.name:
        return None
    ending = path.suffix.lower()
    return next((one.name for one in formats() if ending in one.suffixes and one.recognises(path)), None)
