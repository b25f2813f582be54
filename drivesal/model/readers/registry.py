"""The table of model formats: which one a file is, by its content, and how it is read.

A new format is one new module in `formats/`, or in another package with an entry point in the group
`drivesal.models`, whose reader carries `@register(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from drivesal.registry import Registry


class ModelContents(NamedTuple):
    """What a model's file holds: a built Keras network, and which of the formulas its Lambda layers use."""

    network: Any
    used: Set[str] = frozenset()


class ModelReader(Protocol):
    """Reads a file that its format recognised."""

    def __call__(self, path: Path, lambdas: Mapping[str, str], *, unsafe: bool) -> ModelContents:
        """`lambdas` are formulas by the names of Lambda layers. No code of the file runs unless `unsafe`.

        Raises ModelError for a file that cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """A model format: its name for users, what its files end in, the test on content, the reader.

    `holds_code`: its files may hold code, which `--unsafe` runs.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Path], bool]
    read: ModelReader
    holds_code: bool = False


_registry: Registry[ModelFormat] = Registry("drivesal.model.readers.formats", "drivesal.models")


def register(
    name: str,
    recognises: Callable[[Path], bool],
    *,
    suffixes: tuple[str, ...],
    holds_code: bool = False,
) -> Callable[[ModelReader], ModelReader]:
    """Register the decorated function as a format's reader; the rest are `ModelFormat`'s fields.

    `recognises` is given a file that is not empty; it must be quick and must not raise. Raises ValueError where
    the name is taken.
    """

    def add(reader: ModelReader) -> ModelReader:
        format = ModelFormat(name, suffixes, recognises, reader, holds_code)
        _registry.add(format, reader.__module__, name)
        return reader

    return add


def formats() -> tuple[ModelFormat, ...]:
    """The formats in the order in which they are asked: drivesal's own, then those of other packages."""
    return tuple(_registry.items().values())


def model_suffixes() -> tuple[str, ...]:
    """What the names of model files end in."""
    return tuple(suffix for one in formats() for suffix in one.suffixes)
