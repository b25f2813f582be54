"""What a model's file leaves unknown, and the command that says it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from drivesal.errors import ModelError
    from drivesal.model.steering_model import SteeringModel
    from drivesal.settings import ModelSettings

SPOKEN = {"--json", "--write-card", "--overwrite"}
"""Options of `drivesal model` that say nothing of the model."""


def command_of(context: click.Context, path: Path, more: Mapping[str, str | None]) -> str:
    """The command that writes the model's card, for a POSIX shell.

    It has what was said, and `more`: flags with values.
    """
    words = ["drivesal", "model", str(path), *_said(context)]
    for flag, value in more.items():
        if flag not in words:
            words += [flag] if value is None else [flag, value]
    return shlex.join([*words, "--write-card"])


def with_formulas(context: click.Context, path: Path, names: Sequence[str]) -> str:
    """The command that was typed with a formula to put right for each of these Lambda layers."""
    formulas = [word for name in names for word in ("--lambda", f"{name}=x/127.5-1")]
    return shlex.join(["drivesal", "model", str(path), *_said(context), *formulas])


def _said(context: click.Context) -> Iterator[str]:
    """The options on the command line that say something of the model, as words."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if not isinstance(parameter, click.Option) or parameter.opts[0] in SPOKEN:
            continue
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        for one in value if parameter.multiple else [value]:
            yield from (parameter.opts[0],) if parameter.is_flag else (parameter.opts[0], str(one))


def assumed_of(model: SteeringModel) -> dict[str, str | None]:
    """The options that say what was assumed of a model, with what was assumed."""
    preprocess, target = model.preprocess, model.card.target
    found: dict[str, str | None] = {}
    for one in model.assumed:
        if one.startswith("input scaling"):
            said = preprocess.scaling.options
            found |= dict(zip(said[::2], said[1::2], strict=True))
        elif one.startswith("colour"):
            found["--color"] = preprocess.colour
        elif one.startswith("unit"):
            found["--angle-unit"] = target.angle.unit
        elif one.startswith("positive"):
            found["--positive"] = target.angle.positive
        elif one.startswith("output"):
            found["--output"] = str(target.output)
        elif target.bins is not None and "bins" in one:
            found["--bins"] = f"{target.bins.low:g}..{target.bins.high:g}"
    return found


def facts_of(network: Any, path: Path) -> dict[str, Any]:
    """What a network says of itself, whatever it takes and gives: its inputs, outputs, parameters."""
    from drivesal.model.network import output_shapes

    return {
        "file": path.name,
        "inputs": [_described(one) for one in getattr(network, "inputs", None) or []],
        "outputs": [{"name": name, "shape": shape} for name, shape in output_shapes(network)],
        "parameters": network.count_params() if network.built else None,
    }


def _described(tensor: Any) -> dict[str, Any]:
    return {"name": str(tensor.name), "shape": list(tensor.shape[1:])}


def needed_of(network: Any, settings: ModelSettings, has_card: bool) -> dict[str, str | None] | None:
    """The options that complete a network, with its own names and else with what would be assumed.

    HEIGHTxWIDTH is to be filled in. None where no option helps: its inputs are not supported.
    """
    shapes = [list(one.shape[1:]) for one in getattr(network, "inputs", None) or []]
    pictures = [shape for shape in shapes if len(shape) == 3 and shape[2] in (1, 3)]
    if shapes and len(pictures) != 1:
        return None
    found: dict[str, str | None] = {}
    if not pictures or None in pictures[0][:2]:
        found["--input-size"] = "HEIGHTxWIDTH"
    found |= _output_needed(network, settings)
    if has_card or settings.preset:
        return found
    colour = "GREY" if pictures and pictures[0][2] == 1 else "RGB"
    assumed = {"--color": colour, "--input-scale": "0..255", "--angle-unit": "norm", "--positive": "left"}
    return found | assumed


def _output_needed(network: Any, settings: ModelSettings) -> dict[str, str | None]:
    """What says which number steers: the first output, or the one that was named."""
    from drivesal.model.network import output_shapes
    from drivesal.model.readers.steering_output import ends_in_softmax

    outputs = output_shapes(network)
    chosen = [(name, shape) for name, shape in outputs if settings.output in (None, name)]
    if not chosen or settings.bins is not None:
        return {}
    name, shape = chosen[0]
    if all(size == 1 for size in shape):
        return {"--output": name} if len(outputs) > 1 else {}
    if ends_in_softmax(network, name):
        return {"--output": name, "--bins": "-1..1"}
    return {"--output": f"{name}[0]"}


def incomplete(network: Any, path: Path, why: ModelError, command: str | None) -> Iterator[tuple[str, str]]:
    """Rows for people of a network that cannot be used as it is: a name and what is known."""
    found = facts_of(network, path)
    yield "file", str(path)
    for kind in ("inputs", "outputs"):
        for number, one in enumerate(found[kind] or [{"name": "unknown", "shape": []}]):
            shape = "x".join("?" if size is None else str(size) for size in one["shape"])
            yield "" if number else kind, " ".join([one["name"], shape]).strip()
    known = found["parameters"]
    yield "parameters", "unknown" if known is None else f"{known:,}"
    yield "missing", str(why)
    if command is not None:
        yield "complete it", f"{command}   (with what is not so put right)"
