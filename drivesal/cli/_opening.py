"""Recordings as the options name them, with their labels."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.types import Recording


def open_drive(path: Path, given: Mapping[str, Any]) -> Recording:
    """The recording with the labels that the options name, those of the same name beside it, or its own.

    A table beside it that turns out to hold no usable labels is left, with a line on stderr. Where the path is
    a folder or a pattern of several recordings, the error names them and the commands to type.
    """
    from drivesal.cli._sources import one_of
    from drivesal.recordings.opening import opened
    from drivesal.recordings.sources import SeveralError
    from drivesal.settings import RecordingSettings, taken

    def warn(line: str) -> None:
        click.echo(f"drivesal: {line}", err=True)

    settings = taken(RecordingSettings, given)
    try:
        return opened(path, settings, warn, lambda recording: _check_label_options(recording, given))
    except SeveralError as error:
        raise one_of(error, path) from None


def open_drives(
    stack: contextlib.ExitStack, paths: Sequence[Path], given: Mapping[str, Any]
) -> list[Recording]:
    """The recordings, each like `open_drive`, open until the stack is left."""
    if len(paths) > 1 and given["labels"] is not None:
        raise OptionError("--labels with one recording", f"there are {len(paths)}", "put a table beside each")
    return [stack.enter_context(open_drive(path, given)) for path in paths]


def _check_label_options(recording: Recording, given: Mapping[str, Any]) -> None:
    """Options of a table of labels must not be taken to change a recording's own. Raises OptionError."""
    own = recording.info.own_labels
    for name in ("angle_column", "label_offset", "label_turns"):
        if given[name] is not None:
            flag = f"--{name.replace('_', '-')}"
            came = f"{recording.info.format} brings its own, whose unit is known" if own else "there are none"
            raise OptionError(f"a table of labels for {flag}", came, "name one with --labels")
    names = ("angle_unit", "positive", *(() if recording.info.full_lock_deg else ("full_lock",)))
    flags = [name for name in names if given[name] is not None]
    if own and flags:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in flags)
        whose = f"the own labels of {recording.info.path} have theirs"
        where = "taken for the model alone" if _of_the_model(flags, given) else "not for the labels"
        click.echo(f"drivesal: {told}: {where}, {whose}", err=True)


def _of_the_model(names: Sequence[str], given: Mapping[str, Any]) -> bool:
    """Whether all of these options speak of the model too: but for the full lock a card says it better."""
    from drivesal.model.card import card_path
    from drivesal.model.shipped import default_model

    if "model_path" not in given:
        return False
    return names == ["full_lock"] or not card_path(given["model_path"] or default_model()).is_file()
