"""The registry of recording formats, and detection of a path's format by its content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

from drivesal.errors import InputError, OptionError, nearest
from drivesal.registry import Registry
from drivesal.types import Recording

Camera = Literal["center", "left", "right"]
CAMERAS: tuple[Camera, ...] = ("center", "left", "right")


def from_the_side(camera: Camera) -> str:
    """The note about labels used with images of the left or the right camera."""
    return f"the {camera} camera views the road from the side; the labels are those of the center camera"


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """Options for opening a recording.

    `rate` in frames per second, if the recording has no times; `strict` makes damage an error; `labels` False
    omits the recording's own angles; `smooth_s` averages them over a window of that many seconds; `camera`
    selects one of several, None for the format's default.
    """

    rate: Fraction | None = None
    strict: bool = False
    labels: bool = True
    camera: Camera | None = None
    smooth_s: float | None = None


class Opener(Protocol):
    """Opens a path that its format recognises or that the user assigned to it with --format."""

    def __call__(self, path: Path, asked: OpenOptions) -> Recording:
        """Open the path. Raises `InputError` if it cannot be read, `LabelError` for invalid angles in it."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A recording format: its name for users, its test on content, its opener.

    `looks_for` describes a path of the format to users. `suffixes` are the suffixes of single files of the
    format: in a folder of recordings, only such files count as recordings. `fallback` formats are tried last:
    they accept what no other format does and report what is wrong with it. `cameras`: the format has several.
    """

    name: str
    recognises: Callable[[Path], bool]
    open: Opener
    looks_for: str
    suffixes: tuple[str, ...] = ()
    fallback: bool = False
    cameras: bool = False


_registry: Registry[Format] = Registry("drivesal.recordings.formats", "drivesal.recordings")


def register(
    name: str,
    recognises: Callable[[Path], bool],
    *,
    looks_for: str,
    suffixes: tuple[str, ...] = (),
    fallback: bool = False,
    cameras: bool = False,
) -> Callable[[Opener], Opener]:
    """Register the decorated function as a format's opener; the other arguments are `Format`'s fields.

    `recognises` must be fast and must not raise. Raises ValueError if the name is taken.
    """

    def add(opener: Opener) -> Opener:
        format = Format(name, recognises, opener, looks_for, suffixes, fallback, cameras)
        _registry.add(format, opener.__module__, name)
        return opener

    return add


def formats() -> tuple[Format, ...]:
    """All formats, including those of other packages, in the order in which they are tried."""
    return tuple(sorted(_registry.items().values(), key=lambda one: (one.fallback, one.name)))


def file_suffixes() -> tuple[str, ...]:
    """Suffixes of single files that are recordings."""
    return tuple(suffix for one in formats() for suffix in one.suffixes)


def recognised(path: Path) -> Format | None:
    """The first format that recognises the path, None if none does."""
    return next((one for one in formats() if one.recognises(path)), None)


def choose(path: Path, name: str | None = None) -> Format:
    """The format called `name`, or the one that recognises an existing path.

    Raises `OptionError` for an unknown name, `InputError` if no format or several recognise the path.
    """
    if name is not None:
        known = _registry.items()
        if name not in known:
            expected = f"--format as one of {', '.join(sorted(known))}"
            raise OptionError(expected, f"it is {name!r}", nearest(name, known, "choose one"))
        return known[name]
    for fallback in (False, True):
        found = [one for one in formats() if one.fallback == fallback and one.recognises(path)]
        if len(found) > 1:
            names = [one.name for one in found]
            raise InputError(
                "a recording of one format",
                f"{path} looks like {' and '.join(names)}",
                f"choose one: --format {names[0]}",
            )
        if found:
            return found[0]
    came = f"{path} is a folder with none of them" if path.is_dir() else f"{path} is none of them"
    expected = "; ".join(f"{one.name}: {one.looks_for}" for one in formats())
    raise InputError(f"a recording ({expected})", came, "give the path of the recording itself")
