"""Where results go: what --out names, and names after recordings that do not meet."""

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
class Into:
    """A folder that results go into under their usual names; `new` where it is made if it is not there."""

    folder: Path
    new: bool


class OutPath(click.Path):
    """A file to write, or a folder: one that is there, or any with a slash behind it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text to a Path or an Into."""
        text = str(value)
        ends = text.endswith("/") or (os.altsep is not None and text.endswith(os.sep))
        path = Path(text)
        if ends and not path.is_file():
            return Into(path, new=True)
        return Into(path, new=False) if path.is_dir() else super().convert(value, param, ctx)


OUT = OutPath()


def placed(out: Path | Into | None, usual: str) -> Path:
    """The file to write: what was named, or the usual name in the folder that was, or in this one."""
    if out is None:
        return Path(usual)
    return out.folder / usual if isinstance(out, Into) else out


def to_make(out: Path | Into | None) -> tuple[Path, ...]:
    """The folder to make before anything is written."""
    return (out.folder,) if isinstance(out, Into) and out.new else ()


_FACTS = {"video": "encoding", "evaluate": "always_0"}
"""A field that only the facts of this command have."""


def check_facts(path: Path, command: str) -> None:
    """Raises OutputError where the .json holds another command's facts: --overwrite is not meant for these."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    for other, field in _FACTS.items():
        if other != command and isinstance(found, dict) and field in found:
            came = f"{path} holds that of `drivesal {other}`"
            expected = f"a name of its own for the .json of `drivesal {command}`"
            raise OutputError(expected, came, "choose another with --out")


def name_of(path: Path) -> str:
    """What outputs are named after: a file's name without its ending, a folder's, a pattern's folder's.

    The ending stays where another video beside it has the same name without (a.avi and a.mov).
    """
    from drivesal.recordings.formats.images import is_pattern
    from drivesal.recordings.registry import file_suffixes

    if is_pattern(path):
        path = next(folder for folder in path.parents if folder.is_dir())
    if path.is_dir():
        return path.resolve().name or "drive"
    suffixes = file_suffixes()
    if path.suffix.lower() in suffixes:
        beside = (path.with_suffix(ending) for ending in suffixes if ending != path.suffix.lower())
        if any(one.is_file() for one in beside):
            return path.name
    return path.stem


def names_of(paths: Sequence[Path]) -> list[str]:
    """`name_of` each; where two are the same, with their endings, or else with the folders before them."""
    levels = [0] * len(paths)
    while True:
        names = [_named(path, level) for path, level in zip(paths, levels, strict=True)]
        folded = [name.casefold() for name in names]
        again = [
            place
            for place, name in enumerate(folded)
            if folded.count(name) > 1 and levels[place] < _deepest(paths[place])
        ]
        if not again:
            break
        for place in again:
            levels[place] += 1
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        count = seen[name.casefold()] = seen.get(name.casefold(), 0) + 1
        names[place] = name if count == 1 else f"{name}-{count}"
    return names


def _deepest(path: Path) -> int:
    return len(path.resolve().parents)


def _named(path: Path, level: int) -> str:
    """A name that tells more the higher the level: a, a.avi, monday-a, drives-monday-a …"""
    if level == 0:
        return name_of(path)
    if level == 1 and path.is_file():
        return path.name
    *folders, _ = path.resolve().parts[1:]
    more = folders[max(len(folders) - max(level - 1, 1), 0) :]
    return "-".join([*more, name_of(path)])
