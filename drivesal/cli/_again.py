"""The command that was run, with other options: what to go on with, paste-ready."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from drivesal.cli._options import Position
from drivesal.cli._places import Into

if TYPE_CHECKING:
    from drivesal.types import RecordingInfo

_INSTEAD = {
    "--input-scale": {"--input-scale", "--input-mean", "--input-std"},
    "--input-mean": {"--input-scale", "--input-mean", "--input-std"},
    "--preset": {
        "--crop",
        "--color",
        "--input-scale",
        "--input-mean",
        "--input-std",
        "--model-positive",
        "--model-angle-unit",
    },
    "--model-angle-unit": {"--full-lock"},
}
"""Options in whose place another one stands, besides itself."""


def again(
    context: click.Context,
    words: Sequence[str],
    command: click.Command | None = None,
    leave_out: Any = (),
    infos: Sequence[RecordingInfo] = (),
) -> list[str] | None:
    """The options of this run, with `words`, an option and its value in turn, said over them.

    Arguments are not among them. `command` is another one that they are for, which may not have all of them;
    `infos` are of the recordings: --full-lock may be their labels'. None where it would have to mean two
    things.
    """
    flags = set(words[::2])
    gone = flags.union(*(_INSTEAD.get(flag, set()) for flag in flags), leave_out)
    known = {flag for parameter in (command or context.command).params for flag in parameter.opts}
    new = list(words)
    locks = {info.full_lock_deg for info in infos if info.full_lock_deg is not None}
    if locks and "--full-lock" in flags and {float(_value(words, "--full-lock"))} != locks:
        return None
    if locks:
        gone -= {"--full-lock"} - flags
    if "--preset" in flags:
        more = _beside_preset(context, _value(words, "--preset"), locks)
        if more is None:
            return None
        left_out, said = more
        gone |= left_out
        new += said
    kept = context.params.get("preset")
    if "--angle-unit" in flags and kept is not None and context.params.get("model_angle_unit") is None:
        from drivesal.model.presets import preset

        new += ["--model-angle-unit", preset(kept).angle.unit]
    if "--full-lock" in flags and context.params.get("angle_unit") is None and any(map(_assumed_deg, infos)):
        new += ["--angle-unit", "deg"]  # a full lock makes such a table norm
    return [*_said(context, known - gone), *new]


def _beside_preset(context: click.Context, name: str, locks: set[float]) -> tuple[set[str], list[str]] | None:
    """Which options a preset makes wrong, and those without which others would speak of its model too.

    `locks` are the labels' full locks [deg]. None where --full-lock would have to mean theirs and another.
    """
    from drivesal.model.presets import preset

    found = preset(name).angle
    said = []
    if context.params.get("angle_unit") is not None:
        said += ["--model-angle-unit", found.unit]
    if context.params.get("positive") is not None:
        said += ["--model-positive", found.positive]
    if found.unit != "norm" or found.full_lock_deg is not None:
        if not locks:
            return {"--full-lock"}, said
        if found.unit == "norm" and locks != {found.full_lock_deg}:
            return None
    return set(), said


def _value(words: Sequence[str], flag: str) -> str:
    return words[words.index(flag) + 1]


def _assumed_deg(info: RecordingInfo) -> bool:
    """Whether the labels are of a table that does not say their unit."""
    return any(note.startswith("unit deg assumed") for note in info.notes)


def _said(context: click.Context, flags: set[str]) -> Iterator[str]:
    """The options of these flags that were on the command line, as words."""
    for parameter in context.command.params:
        flag, name = parameter.opts[0], parameter.name or ""
        if not isinstance(parameter, click.Option) or flag not in flags:
            continue
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        if parameter.is_flag:
            yield flag
            continue
        for one in value if parameter.multiple else [value]:
            frame = isinstance(parameter.type, Position) and isinstance(one, int)
            yield from (flag, f"#{one}" if frame else _text(one))


def _text(value: Any) -> str:
    """A value as a person would type it."""
    if isinstance(value, Into):
        return f"{value.folder}/" if value.new else str(value.folder)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
