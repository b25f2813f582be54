"""Output paths: the file or folder that --out names, and unique names derived from recordings."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from drivesal.errors import OutputError


@dataclass(frozen=True, slots=True)
class OutFolder:
    """A folder for results under their default names; with `new` it is created if it does not exist."""

    folder: Path
    new: bool


class OutPath(click.Path):
    """A file to write, or a folder: an existing one, or any path that ends in a slash."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert text to a Path or an OutFolder."""
        text = str(value)
        ends_in_slash = text.endswith("/") or (os.altsep is not None and text.endswith(os.sep))
        path = Path(text)
        if ends_in_slash and not path.is_file():
            return OutFolder(path, new=True)
        return OutFolder(path, new=False) if path.is_dir() else super().convert(value, param, ctx)


OUT = OutPath()


def output_path(out: Path | OutFolder | None, default: str) -> Path:
    """The file to write: the one given, or the default name in the given folder or in the current one."""
    if out is None:
        return Path(default)
    return out.folder / default if isinstance(out, OutFolder) else out


def folders_to_create(out: Path | OutFolder | None) -> tuple[Path, ...]:
    """The folder to create before anything is written."""
    return (out.folder,) if isinstance(out, OutFolder) and out.new else ()


_OWN_FIELDS = {"video": "encoding", "evaluate": "always_0"}
"""By command, a field that only its facts contain."""


def check_facts(path: Path, command: str) -> None:
    """Raise OutputError if the .json contains another command's facts: --overwrite does not apply to them."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    for other, field in _OWN_FIELDS.items():
        if other != command and isinstance(facts, dict) and field in facts:
            came = f"{path} contains the facts of `drivesal {other}`"
            expected = f"a .json that `drivesal {command}` may replace"
            raise OutputError(expected, came, "choose another name with --out")


def output_name(path: Path) -> str:
    """The base name of outputs: a file's name without suffix, a folder's name, or that of a pattern's folder.

    The suffix stays if another video in the folder differs only by it (a.avi and a.mov).
    """
    from drivesal.recordings.formats.images import is_pattern
    from drivesal.recordings.registry import file_suffixes

    if is_pattern(path):
        path = next(folder for folder in path.parents if folder.is_dir())
    if path.is_dir():
        return path.resolve().name or "drive"
    suffixes = file_suffixes()
    if path.suffix.lower() in suffixes:
        siblings = (path.with_suffix(suffix) for suffix in suffixes if suffix != path.suffix.lower())
        if any(sibling.is_file() for sibling in siblings):
            return path.name
    return path.stem


def output_names(paths: Sequence[Path]) -> list[str]:
    """A unique `output_name` for each path: equal names get their suffixes, then the folders above them."""
    levels = [0] * len(paths)
    while True:
        names = [_name_at(path, level) for path, level in zip(paths, levels, strict=True)]
        folded = [name.casefold() for name in names]
        ambiguous = [
            index
            for index, name in enumerate(folded)
            if folded.count(name) > 1 and levels[index] < _max_level(paths[index])
        ]
        if not ambiguous:
            break
        for index in ambiguous:
            levels[index] += 1
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        count = seen[name.casefold()] = seen.get(name.casefold(), 0) + 1
        names[index] = name if count == 1 else f"{name}-{count}"
    return names


def _max_level(path: Path) -> int:
    return len(path.resolve().parents)


def _name_at(path: Path, level: int) -> str:
    """A name with more of the path the higher the level: a, a.avi, monday-a, drives-monday-a …"""
    if level == 0:
        return output_name(path)
    if level == 1 and path.is_file():
        return path.name
    *folders, _ = path.resolve().parts[1:]
    parents = folders[max(len(folders) - max(level - 1, 1), 0) :]
    return "-".join([*parents, output_name(path)])
