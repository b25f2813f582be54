"""Paths of recordings and models on the command line: patterns, swapped arguments, unsupported inputs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from drivesal.errors import DrivesalError, InputError, ModelError, OptionError
from drivesal.model.shipped import SHIPPED, default_model

if TYPE_CHECKING:
    from drivesal.recordings.sources import SeveralError


class RecordingPath(click.Path):
    """The path of a recording. Raises InputError for a stream, and an error with advice for a model."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert text to a path."""
        from drivesal.recordings.sources import refuse_stream

        text = str(value)
        refuse_stream(text)
        if _is_model(text):
            raise _model_error(text, ctx)
        return super().convert(value, param, ctx)


class ModelFile(click.Path):
    """The path of a model; the word `default` always means the shipped model, even if a file has that name."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert text to a path. Raises ModelError if the shipped model is missing or it is a recording."""
        if value == SHIPPED:
            return default_model()
        if _is_recording(str(value)):
            raise _recording_error(str(value), ctx)
        return super().convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete `default`, and files."""
        shipped = [CompletionItem(SHIPPED)] if incomplete and SHIPPED.startswith(incomplete) else []
        return [*shipped, *super().shell_complete(ctx, param, incomplete)]


RECORDING = RecordingPath()
MODEL = ModelFile()


def expand_patterns(
    _context: click.Context, _parameter: click.Parameter, paths: Sequence[Path]
) -> tuple[Path, ...]:
    """Replace each pattern by the recordings that it matches, and list them on stderr."""
    from drivesal.recordings.formats.images import matches
    from drivesal.recordings.sources import recordings_by

    chosen: list[Path] = []
    for path in paths:
        found = recordings_by(path)
        if not found.recordings:
            chosen.append(path)
            continue
        if images := len(matches(path)):
            came = f"{path} matches {images} image{'s'[: images != 1]} and {found}"
            suffix = found.paths[0].suffix or "/"
            raise InputError(
                "recordings, or the images of one", came, f"give a narrower pattern, such as '*{suffix}'"
            )
        click.echo(f"drivesal: {path}: {found}", err=True)
        chosen += found.paths
    return tuple(chosen)


def typed_arguments(context: click.Context | None) -> list[str]:
    """The arguments of `drivesal` as typed; empty if unknown."""
    root = None if context is None else context.find_root().obj
    return list(root) if isinstance(root, list) else []


def with_commands(error: SeveralError, path: Path) -> InputError:
    """The error with the command to run for the first recording, and for all if the command takes several."""
    context = click.get_current_context(silent=True)
    arguments = typed_arguments(context)
    matches = [index for index, argument in enumerate(arguments) if Path(argument) == path]
    if context is None or not matches:
        return error

    def command(name: str) -> str:
        return shlex.join(
            [
                "drivesal",
                *(name if index == matches[0] else argument for index, argument in enumerate(arguments)),
            ]
        )

    do = f"give one of them: {command(str(error.found.paths[0]))}"
    if len(error.found.paths) > 1 and any(each.nargs == -1 for each in context.command.params):
        do += f", or all of them: {command(error.found.where)}"
    return InputError(error.expected, error.came, do)


def _is_model(text: str) -> bool:
    """Whether an argument is a model: by its suffix, and by its content if it exists."""
    from drivesal.model.readers.detection import format_of
    from drivesal.model.readers.registry import model_suffixes

    path = Path(text)
    has_suffix = path.suffix.lower() in model_suffixes()
    if not path.exists():
        return text == SHIPPED or has_suffix
    if not path.is_file() or not has_suffix:
        return False
    try:
        format_of(path)
    except ModelError:
        return False
    return True


def _is_recording(text: str) -> bool:
    """Whether an argument is a recording: a file by its suffix, a folder by its content."""
    from drivesal.recordings.formats.images import SUFFIXES
    from drivesal.recordings.registry import file_suffixes, recognised

    path = Path(text)
    if path.is_dir():
        return not (path / "saved_model.pb").exists() and recognised(path) is not None
    return path.suffix.lower() in (*file_suffixes(), *SUFFIXES)


def _model_error(text: str, context: click.Context | None) -> DrivesalError:
    swapped = _swapped(text, _is_recording, context)
    if swapped is not None:
        return OptionError("a recording", f"{text} is a model: the two are swapped", f"run: {swapped}")
    name = "" if context is None else str(context.info_name)
    takes_model = context is not None and any("--model" in each.opts for each in context.command.params)
    do = f"give a drive: drivesal {name} DRIVE --model {shlex.quote(text)}"
    if not takes_model:
        do = f"give a drive; to see what the model expects: drivesal model {shlex.quote(text)}"
    return InputError("a recording", f"{text} is a model", do)


def _recording_error(text: str, context: click.Context | None) -> DrivesalError | click.UsageError:
    swapped = _swapped(text, _is_model, context)
    if swapped is not None:
        return OptionError("a model", f"{text} is a recording: the two are swapped", f"run: {swapped}")
    name = None if context is None else context.info_name
    if name == "model":
        do = f"to see its contents: drivesal info {shlex.quote(text)}"
    elif context is not None and not any("--model" in each.opts for each in context.command.params):
        example = f"drivesal {name} default {shlex.quote(text)}"
        if sum(map(_is_recording, typed_arguments(context)[1:])) == 1:  # one of the two is missing
            return click.UsageError(f"{text} is a recording; the model comes first, as in: {example}", context)
        do = f"the model comes before recordings, as in: {example}"
    else:
        do = "give a .keras or .h5 file, or `default`; a recording is given without --model"
    return ModelError("a model", f"{text} is a recording", do)


def _swapped(text: str, is_other: Any, context: click.Context | None) -> str | None:
    """The command line with `text` and the first argument that `is_other` accepts swapped; None if none is.

    Only positional arguments and the value of --model count. If both are positional and the command has
    --model, the model becomes its value.
    """
    arguments = typed_arguments(context)
    if context is None or text not in arguments:
        return None
    takes_model = any("--model" in each.opts for each in context.command.params)
    if not takes_model and not any(each.type is MODEL for each in context.command.params):
        return None  # a command without a model
    position = arguments.index(text)
    for index, argument in enumerate(arguments):
        previous = arguments[index - 1]
        eligible = index > 0 and (not previous.startswith("-") or previous == "--model")
        if eligible and index != position and not argument.startswith("-") and is_other(argument):
            if takes_model and "--model" not in (arguments[position - 1], previous):
                model = arguments.pop(position if is_other is _is_recording else index)
                return (
                    None if "--model" in arguments else shlex.join(["drivesal", *arguments, "--model", model])
                )
            arguments[position], arguments[index] = argument, text
            return shlex.join(["drivesal", *arguments])
    return None
