"""The options of the current run with some replaced, to print a command that can be pasted and run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from drivesal.cli._options import Position
from drivesal.cli._output_paths import OutFolder

if TYPE_CHECKING:
    from drivesal.types import RecordingInfo

_REPLACES = {
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
"""The options that an option replaces, besides itself."""


def rerun_options(
    context: click.Context,
    changes: Sequence[str],
    command: click.Command | None = None,
    leave_out: Any = (),
    infos: Sequence[RecordingInfo] = (),
) -> list[str] | None:
    """The options of this run, overridden by `changes`: options alternating with their values.

    Arguments are not included. `command` is the command to print, if it is another one; options that it lacks
    are dropped. `infos` describe the recordings, whose labels may use --full-lock too. None if one option would
    need two values at once.
    """
    flags = set(changes[::2])
    dropped = flags.union(*(_REPLACES.get(flag, set()) for flag in flags), leave_out)
    known = {flag for parameter in (command or context.command).params for flag in parameter.opts}
    added = list(changes)
    label_locks = {info.full_lock_deg for info in infos if info.full_lock_deg is not None}
    if label_locks and "--full-lock" in flags and {float(_value(changes, "--full-lock"))} != label_locks:
        return None
    if label_locks:
        dropped -= {"--full-lock"} - flags
    if "--preset" in flags:
        effects = _effects_of_preset(context, _value(changes, "--preset"), label_locks)
        if effects is None:
            return None
        also_dropped, also_added = effects
        dropped |= also_dropped
        added += also_added
    current_preset = context.params.get("preset")
    if (
        "--angle-unit" in flags
        and current_preset is not None
        and context.params.get("model_angle_unit") is None
    ):
        from drivesal.model.presets import preset

        added += ["--model-angle-unit", preset(current_preset).angle.unit]
    if "--full-lock" in flags and context.params.get("angle_unit") is None and any(map(_assumed_deg, infos)):
        added += ["--angle-unit", "deg"]  # --full-lock alone would declare such a table norm
    return [*_typed_options(context, known - dropped), *added]


def _effects_of_preset(
    context: click.Context, name: str, label_locks: set[float]
) -> tuple[set[str], list[str]] | None:
    """Options to drop with a preset, and options to add so that those of the labels do not override it.

    `label_locks` are the labels' full locks [deg]. None if --full-lock would need two values at once.
    """
    from drivesal.model.presets import preset

    angle = preset(name).angle
    added = []
    if context.params.get("angle_unit") is not None:
        added += ["--model-angle-unit", angle.unit]
    if context.params.get("positive") is not None:
        added += ["--model-positive", angle.positive]
    if angle.unit != "norm" or angle.full_lock_deg is not None:
        if not label_locks:
            return {"--full-lock"}, added
        if angle.unit == "norm" and label_locks != {angle.full_lock_deg}:
            return None
    return set(), added


def _value(arguments: Sequence[str], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


def _assumed_deg(info: RecordingInfo) -> bool:
    """Whether the labels come from a table that does not state their unit."""
    return any(note.startswith("unit deg assumed") for note in info.notes)


def _typed_options(context: click.Context, flags: set[str]) -> Iterator[str]:
    """The options among these flags that were typed on the command line, with their values."""
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
        for item in value if parameter.multiple else [value]:
            is_frame = isinstance(parameter.type, Position) and isinstance(item, int)
            yield from (flag, f"#{item}" if is_frame else _text(item))


def _text(value: Any) -> str:
    """A value as a user would type it."""
    if isinstance(value, OutFolder):
        return f"{value.folder}/" if value.new else str(value.folder)
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
