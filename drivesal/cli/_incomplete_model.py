"""What a model's file does not state, and the command that completes it."""

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

NOT_DECLARATIONS = {"--json", "--write-card", "--overwrite"}
"""Options of `drivesal model` that do not describe the model."""


def completing_command(context: click.Context, path: Path, options: Mapping[str, str | None]) -> str:
    """The command that writes the model's card, for a POSIX shell.

    It contains the options that were typed, and those of `options`, flags with values, that were not.
    """
    words = ["drivesal", "model", str(path), *_typed_options(context)]
    for flag, value in options.items():
        if flag not in words:
            words += [flag] if value is None else [flag, value]
    return shlex.join([*words, "--write-card"])


def command_with_formulas(context: click.Context, path: Path, names: Sequence[str]) -> str:
    """The command as typed, with a formula to correct for each of these Lambda layers."""
    formulas = [word for name in names for word in ("--lambda", f"{name}=x/127.5-1")]
    return shlex.join(["drivesal", "model", str(path), *_typed_options(context), *formulas])


def _typed_options(context: click.Context) -> Iterator[str]:
    """The options on the command line that describe the model, with their values."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if not isinstance(parameter, click.Option) or parameter.opts[0] in NOT_DECLARATIONS:
            continue
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        for item in value if parameter.multiple else [value]:
            yield from (parameter.opts[0],) if parameter.is_flag else (parameter.opts[0], str(item))


def assumed_options(model: SteeringModel) -> dict[str, str | None]:
    """The options that declare what was assumed of a model, with the assumed values."""
    preprocess, target = model.preprocess, model.card.target
    options: dict[str, str | None] = {}
    for assumption in model.assumed:
        if assumption.startswith("input scaling"):
            scaling = preprocess.scaling.options
            options |= dict(zip(scaling[::2], scaling[1::2], strict=True))
        elif assumption.startswith("colour"):
            options["--color"] = preprocess.colour
        elif assumption.startswith("unit"):
            options["--angle-unit"] = target.angle.unit
        elif assumption.startswith("positive"):
            options["--positive"] = target.angle.positive
        elif assumption.startswith("output"):
            options["--output"] = str(target.output)
        elif target.bins is not None and "bins" in assumption:
            options["--bins"] = f"{target.bins.low:g}..{target.bins.high:g}"
    return options


def network_facts(network: Any, path: Path) -> dict[str, Any]:
    """Inputs, outputs and parameters of any network, usable or not."""
    from drivesal.model.network import output_shapes

    return {
        "file": path.name,
        "inputs": [_tensor_facts(tensor) for tensor in getattr(network, "inputs", None) or []],
        "outputs": [{"name": name, "shape": shape} for name, shape in output_shapes(network)],
        "parameters": network.count_params() if network.built else None,
    }


def _tensor_facts(tensor: Any) -> dict[str, Any]:
    return {"name": str(tensor.name), "shape": list(tensor.shape[1:])}


def missing_options(network: Any, settings: ModelSettings, has_card: bool) -> dict[str, str | None] | None:
    """The options that complete a network, with its own names, otherwise with the values assumed by default.

    The user replaces HEIGHTxWIDTH. None if no option helps because its inputs are not supported.
    """
    shapes = [list(tensor.shape[1:]) for tensor in getattr(network, "inputs", None) or []]
    images = [shape for shape in shapes if len(shape) == 3 and shape[2] in (1, 3)]
    if shapes and len(images) != 1:
        return None
    options: dict[str, str | None] = {}
    if not images or None in images[0][:2]:
        options["--input-size"] = "HEIGHTxWIDTH"
    options |= _output_options(network, settings)
    if has_card or settings.preset:
        return options
    colour = "GREY" if images and images[0][2] == 1 else "RGB"
    assumed = {"--color": colour, "--input-scale": "0..255", "--angle-unit": "norm", "--positive": "left"}
    return options | assumed


def _output_options(network: Any, settings: ModelSettings) -> dict[str, str | None]:
    """The options that choose the number that steers: of the first output, or of the named one."""
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
    """Rows (name, text) to print for a network that cannot be used yet."""
    facts = network_facts(network, path)
    yield "file", str(path)
    for kind in ("inputs", "outputs"):
        for number, tensor in enumerate(facts[kind] or [{"name": "unknown", "shape": []}]):
            shape = "x".join("?" if size is None else str(size) for size in tensor["shape"])
            yield "" if number else kind, " ".join([tensor["name"], shape]).strip()
    parameters = facts["parameters"]
    yield "parameters", "unknown" if parameters is None else f"{parameters:,}"
    yield "missing", str(why)
    if command is not None:
        yield "complete it", f"{command}   (correct what does not apply)"
