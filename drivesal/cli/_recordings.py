"""Open recordings, with their labels, as the options describe them."""

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
    """Open a recording with the labels of the settings, else those of the table next to it, else its own.

    `model` is the model of the command, if there is one: some of these options describe it too. A table next to
    the recording without usable labels is ignored, with a line on stderr. If the path is a folder or pattern of
    several recordings, the error lists them with the commands to run.
    """
    from drivesal.cli._sources import with_commands
    from drivesal.recordings.opening import opened
    from drivesal.recordings.sources import SeveralError

    def warn(line: str) -> None:
        click.echo(f"drivesal: {line}", err=True)

    try:
        return opened(path, settings, warn, lambda recording: _check_label_options(recording, settings, model))
    except SeveralError as error:
        raise with_commands(error, path) from None


def open_drives(
    stack: contextlib.ExitStack, paths: Sequence[Path], settings: RecordingSettings, model: Path | None = None
) -> list[Recording]:
    """Open each recording with `open_drive`, until the stack is left."""
    if len(paths) > 1 and settings.labels is not None:
        raise OptionError(
            "--labels with one recording", f"there are {len(paths)}", "put a table next to each recording"
        )
    return [stack.enter_context(open_drive(path, settings, model)) for path in paths]


def _check_label_options(recording: Recording, settings: RecordingSettings, model: Path | None) -> None:
    """Options for a table of labels do not change a recording's own labels. Raises OptionError."""
    own = recording.info.own_labels
    for name in ("angle_column", "label_offset", "label_turns"):
        if getattr(settings, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            format_ = recording.info.format
            came = f"{format_} contains labels of its own, in a known unit" if own else "there are no labels"
            raise OptionError(f"a table of labels for {flag}", came, "give a table with --labels")
    names = ("angle_unit", "positive", *(() if recording.info.full_lock_deg else ("full_lock",)))
    set_names = [name for name in names if getattr(settings, name) is not None]
    if own and set_names:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in set_names)
        scope = (
            "applied to the model only" if _applies_to_model(set_names, model) else "not applied to the labels"
        )
        reason = f"the labels in {recording.info.path} have a known unit and sign"
        click.echo(f"drivesal: {flags}: {scope}, {reason}", err=True)


def _applies_to_model(names: Sequence[str], model: Path | None) -> bool:
    """Whether all of these options describe the model too: a card overrides them except for the full lock."""
    from drivesal.model.card import card_path

    return model is not None and (names == ["full_lock"] or not card_path(model).is_file())
