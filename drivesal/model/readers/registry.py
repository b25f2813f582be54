"""The registry of model formats: how to recognise a file by its content, and how to read it.

A new format is one new module in `formats/`, or in another package with an entry point in the group
`drivesal.models`, whose reader is decorated with `@register(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from drivesal.registry import Registry


class ModelContents(NamedTuple):
    """Contents of a model file: a built Keras network, and the Lambda layers whose formulas were used."""

    network: Any
    used: Set[str] = frozenset()


class ModelReader(Protocol):
    """Reads a file that its format has recognised."""

    def __call__(self, path: Path, lambdas: Mapping[str, str], *, unsafe: bool) -> ModelContents:
        """Read the file; `lambdas` are formulas by Lambda layer. No code from the file runs unless `unsafe`.

        Raises ModelError for a file that cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """A model format: its name for users, its file suffixes, its test on content, its reader.

    `holds_code`: its files may contain code, which `--unsafe` runs.
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
    """Register the decorated function as a format's reader; the other arguments are `ModelFormat`'s fields.

    `recognises` receives non-empty files; it must be fast and must not raise. Raises ValueError if the name is
    taken.
    """

    def add(reader: ModelReader) -> ModelReader:
        format = ModelFormat(name, suffixes, recognises, reader, holds_code)
        _registry.add(format, reader.__module__, name)
        return reader

    return add


def formats() -> tuple[ModelFormat, ...]:
    """The formats in the order in which they are tried: drivesal's own, then those of other packages."""
    return tuple(_registry.items().values())


def model_suffixes() -> tuple[str, ...]:
    """File suffixes of models."""
    return tuple(suffix for one in formats() for suffix in one.suffixes)
