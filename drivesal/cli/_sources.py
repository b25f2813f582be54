"""Recordings and models on the command line: several by one pattern, the two exchanged, what is not read."""

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
    """The path of a recording. Raises InputError for a stream, OptionError where it is a model."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text to a path."""
        from drivesal.recordings.sources import refuse_stream

        text = str(value)
        refuse_stream(text)
        if _is_model(text):
            raise _refused_model(text, ctx)
        return super().convert(value, param, ctx)


class ModelFile(click.Path):
    """The path of a model; the word `default`, whatever the folder holds, is the shipped one's."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text to a path. Raises ModelError where the shipped model is missing, OptionError for a recording."""
        if value == SHIPPED:
            return default_model()
        if _is_recording(str(value)):
            raise _refused_recording(str(value), ctx)
        return super().convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """`default` where it begins so, and files."""
        shipped = [CompletionItem(SHIPPED)] if incomplete and SHIPPED.startswith(incomplete) else []
        return [*shipped, *super().shell_complete(ctx, param, incomplete)]


RECORDING = RecordingPath()
MODEL = ModelFile()


def expanded(_context: click.Context, _parameter: click.Parameter, paths: Sequence[Path]) -> tuple[Path, ...]:
    """The recordings, each pattern that matches several in place of itself; what it matches is told."""
    from drivesal.recordings.formats.images import matches
    from drivesal.recordings.sources import recordings_by

    chosen: list[Path] = []
    for path in paths:
        found = recordings_by(path)
        if not found.recordings:
            chosen.append(path)
            continue
        if images := len(matches(path)):
            came = f"{path} matches {images} image{'s'[: images != 1]} beside {found}"
            ending = found.paths[0].suffix or "/"
            raise InputError("recordings, or the images of one", came, f"say which, as '*{ending}' does")
        click.echo(f"drivesal: {path}: {found}", err=True)
        chosen += found.paths
    return tuple(chosen)


def written(context: click.Context | None) -> list[str]:
    """The words of the command line behind `drivesal`, as they were typed; none where that is not known."""
    root = None if context is None else context.find_root().obj
    return list(root) if isinstance(root, list) else []


def one_of(error: SeveralError, path: Path) -> InputError:
    """The error with the commands to type: for the first of what was found, and for all where several go."""
    context = click.get_current_context(silent=True)
    words = written(context)
    places = [number for number, word in enumerate(words) if Path(word) == path]
    if context is None or not places:
        return error

    def command(name: str) -> str:
        return shlex.join(
            ["drivesal", *(name if place == places[0] else word for place, word in enumerate(words))]
        )

    do = f"give one of them: {command(str(error.found.paths[0]))}"
    if len(error.found.paths) > 1 and any(one.nargs == -1 for one in context.command.params):
        do += f", or all of them: {command(error.found.where)}"
    return InputError(error.expected, error.came, do)


def _is_model(text: str) -> bool:
    """Whether what stands in a recording's place is a model, by its content, or by its name."""
    from drivesal.model.readers.detection import format_of
    from drivesal.model.readers.registry import model_suffixes

    path = Path(text)
    named = path.suffix.lower() in model_suffixes()
    if not path.exists():
        return text == SHIPPED or named
    if not path.is_file() or not named:
        return False
    try:
        format_of(path)
    except ModelError:
        return False
    return True


def _is_recording(text: str) -> bool:
    """Whether what stands in a model's place is a recording, by its name, or a folder's content."""
    from drivesal.recordings.formats.images import SUFFIXES
    from drivesal.recordings.registry import file_suffixes, recognised

    path = Path(text)
    if path.is_dir():
        return not (path / "saved_model.pb").exists() and recognised(path) is not None
    return path.suffix.lower() in (*file_suffixes(), *SUFFIXES)


def _refused_model(text: str, context: click.Context | None) -> DrivesalError:
    swapped = _swapped(text, _is_recording, context)
    if swapped is not None:
        return OptionError(
            "the model in the model's place", f"{text} stands in the recording's", f"do: {swapped}"
        )
    name = "" if context is None else str(context.info_name)
    takes = context is not None and any("--model" in one.opts for one in context.command.params)
    do = f"give a drive: drivesal {name} DRIVE --model {shlex.quote(text)}"
    if not takes:
        do = f"give a drive; what the model expects says: drivesal model {shlex.quote(text)}"
    return InputError("a recording", f"{text} is a model", do)


def _refused_recording(text: str, context: click.Context | None) -> DrivesalError | click.UsageError:
    swapped = _swapped(text, _is_model, context)
    if swapped is not None:
        return OptionError(
            "the recording in the recording's place", f"{text} stands in the model's", f"do: {swapped}"
        )
    name = None if context is None else context.info_name
    if name == "model":
        do = f"what it holds says: drivesal info {shlex.quote(text)}"
    elif context is not None and not any("--model" in one.opts for one in context.command.params):
        right = f"drivesal {name} default {shlex.quote(text)}"
        if sum(map(_is_recording, written(context)[1:])) == 1:  # one of the two is missing
            return click.UsageError(
                f"{text} is a recording; the model comes before it, as in: {right}", context
            )
        do = f"the model comes before recordings, as in: {right}"
    else:
        do = "give a .keras or .h5 file, or `default`; a recording goes without --model"
    return ModelError("a model", f"{text} is a recording", do)


def _swapped(text: str, other: Any, context: click.Context | None) -> str | None:
    """The command line with `text` and the first other thing exchanged; None where there is none.

    Only words that stand alone or behind --model count; of two that stand alone the model goes behind --model
    where that is its place.
    """
    words = written(context)
    if context is None or text not in words:
        return None
    takes = any("--model" in one.opts for one in context.command.params)
    if not takes and not any(one.type is MODEL for one in context.command.params):
        return None  # a command without a model
    place = words.index(text)
    for number, word in enumerate(words):
        alone = number > 0 and (not words[number - 1].startswith("-") or words[number - 1] == "--model")
        if number > 0 and alone and number != place and not word.startswith("-") and other(word):
            if takes and "--model" not in (words[place - 1], words[number - 1]):
                model = words.pop(place if other is _is_recording else number)
                return None if "--model" in words else shlex.join(["drivesal", *words, "--model", model])
            words[place], words[number] = word, text
            return shlex.join(["drivesal", *words])
    return None
