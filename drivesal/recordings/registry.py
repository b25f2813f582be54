"""The table of recording formats: which one a path is, told by content."""

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
    """What is said of labels that go with the images of the left or the right camera."""
    return f"the {camera} camera sees the road from the side; its labels are the center camera's"


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """How a recording is to be opened.

    `rate` in frames a second where it has no times; `strict` makes damage an error; `labels` False leaves out
    the recording's own angles, `smooth_s` averages them over so many seconds; `camera` is which of several,
    None for the format's own choice.
    """

    rate: Fraction | None = None
    strict: bool = False
    labels: bool = True
    camera: Camera | None = None
    smooth_s: float | None = None


class Opener(Protocol):
    """Opens a path that its format recognised, or that the person says is of its format."""

    def __call__(self, path: Path, asked: OpenOptions) -> Recording:
        """Raises `InputError` for what cannot be read, `LabelError` for its own angles."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A recording format: its name for the person, the test on content, the opener.

    `looks_for` is what a path of the format has, as a user would look for it. `suffixes` are what single files
    of the format end in: in a folder of recordings only such files are taken for recordings. `fallback` formats
    are asked last: they take what nothing else knows and explain what is wrong with it. `cameras`: it has
    several.
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
    """Register the decorated function as a format's opener; the rest are `Format`'s fields.

    `recognises` must be quick and must not raise. Raises ValueError where the name is taken.
    """

    def add(opener: Opener) -> Opener:
        format = Format(name, recognises, opener, looks_for, suffixes, fallback, cameras)
        _registry.add(format, opener.__module__, name)
        return opener

    return add


def formats() -> tuple[Format, ...]:
    """The registered formats in the order in which they are asked, those of other packages included."""
    return tuple(sorted(_registry.items().values(), key=lambda one: (one.fallback, one.name)))


def file_suffixes() -> tuple[str, ...]:
    """What single files that are recordings end in."""
    return tuple(suffix for one in formats() for suffix in one.suffixes)


def recognised(path: Path) -> Format | None:
    """The first format that takes the path for its own, None where none does."""
    return next((one for one in formats() if one.recognises(path)), None)


def choose(path: Path, name: str | None = None) -> Format:
    """The format called `name`, or the one that recognises an existing path.

    Raises `OptionError` for an unknown name, `InputError` where none recognises the path, or several do.
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
                f"say which it is: --format {names[0]}",
            )
        if found:
            return found[0]
    came = f"{path} is a folder with none of them" if path.is_dir() else f"{path} is none of them"
    looked_for = "; ".join(f"{one.name}: {one.looks_for}" for one in formats())
    raise InputError(f"a recording ({looked_for})", came, "give the path of the recording itself")
