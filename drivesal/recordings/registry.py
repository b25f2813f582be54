"""The table of recording formats: which one a path is, told by content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from drivesal.errors import InputError
from drivesal.types import Recording


class Opener(Protocol):
    """Opens a path that its format recognised."""

    def __call__(self, path: Path, *, rate: Fraction | None, strict: bool) -> Recording:
        """Raises `InputError` for what cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A recording format: its name for the person, the test on content, the opener.

    `fallback` formats are asked last: they take what nothing else knows and explain what is wrong with it.
    """

    name: str
    recognises: Callable[[Path], bool]
    open: Opener
    fallback: bool = False


_formats: dict[str, Format] = {}


def register(
    name: str, recognises: Callable[[Path], bool], *, fallback: bool = False
) -> Callable[[Opener], Opener]:
    """Decorates the function that opens a format; `recognises` must be quick and must not raise."""

    def add(opener: Opener) -> Opener:
        _formats[name] = Format(name, recognises, opener, fallback)
        return opener

    return add


def formats() -> tuple[Format, ...]:
    """The registered formats in the order in which they are asked."""
    return tuple(sorted(_formats.values(), key=lambda one: (one.fallback, one.name)))


def choose(path: Path) -> Format:
    """The format of an existing path. Raises `InputError` where none recognises it."""
    for one in formats():
        if one.recognises(path):
            return one
    came = f"{path} is a folder" if path.is_dir() else f"{path} is not a file"
    known = ", ".join(one.name for one in formats())
    raise InputError(f"a recording ({known})", came, "give the path of the recording itself")
