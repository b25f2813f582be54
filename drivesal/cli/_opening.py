"""Recordings as the options name them, with their labels."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.settings import RecordingSettings
    from drivesal.types import Recording


def open_drive(path: Path, settings: RecordingSettings, model: Path | None = None) -> Recording:
    """The recording with the labels that the settings name, those of the same name beside it, or its own.

    `model` is the command's one model: some of these options describe it too. A table beside the recording
    without usable labels is ignored, with a line on stderr. Where the path is a folder or a pattern of several
    recordings, the error names them and the commands to type.
    """
    from drivesal.cli._sources import one_of
    from drivesal.recordings.opening import opened
    from drivesal.recordings.sources import SeveralError

    def warn(line: str) -> None:
        click.echo(f"drivesal: {line}", err=True)

    try:
        return opened(path, settings, warn, lambda recording: _check_label_options(recording, settings, model))
    except SeveralError as error:
        raise one_of(error, path) from None


def open_drives(
    stack: contextlib.ExitStack, paths: Sequence[Path], settings: RecordingSettings, model: Path | None = None
) -> list[Recording]:
    """The recordings, each like `open_drive`, open until the stack is left."""
    if len(paths) > 1 and settings.labels is not None:
        raise OptionError("--labels with one recording", f"there are {len(paths)}", "put a table beside each")
    return [stack.enter_context(open_drive(path, settings, model)) for path in paths]


def _check_label_options(recording: Recording, settings: RecordingSettings, model: Path | None) -> None:
    """Options of a table of labels must not be taken to change a recording's own. Raises OptionError."""
    own = recording.info.own_labels
    for name in ("angle_column", "label_offset", "label_turns"):
        if getattr(settings, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            came = f"{recording.info.format} brings its own, whose unit is known" if own else "there are none"
            raise OptionError(f"a table of labels for {flag}", came, "name one with --labels")
    names = ("angle_unit", "positive", *(() if recording.info.full_lock_deg else ("full_lock",)))
    flags = [name for name in names if getattr(settings, name) is not None]
    if own and flags:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in flags)
        whose = f"the own labels of {recording.info.path} have theirs"
        where = "taken for the model alone" if _of_the_model(flags, model) else "not for the labels"
        click.echo(f"drivesal: {told}: {where}, {whose}", err=True)


def _of_the_model(names: Sequence[str], model: Path | None) -> bool:
    """Whether all of these options speak of the model too: but for the full lock a card says it better."""
    from drivesal.model.card import card_path

    return model is not None and (names == ["full_lock"] or not card_path(model).is_file())
