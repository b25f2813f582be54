"""`drivesal model`: input, output and layers of a model, and its card."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _model_loading
from drivesal.cli import _options as options
from drivesal.cli._incomplete_model import (
    assumed_options,
    command_with_formulas,
    completing_command,
    incomplete,
    missing_options,
    network_facts,
)
from drivesal.errors import IncompleteError, LambdaError, OptionError, printable
from drivesal.model.shipped import default_model
from drivesal.settings import ModelSettings, RecordingSettings

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The options of the command."""

    recording: RecordingSettings
    model: ModelSettings
    write_card: bool
    overwrite: bool
    as_json: bool


@click.command(
    epilog="""\b
Examples:
  drivesal model my.keras
  drivesal model my.keras --crop 60:-25 --color YUV --input-scale -1..1 --angle-unit rad --write-card
"""
)
@click.argument("path", type=options.MODEL, required=False)
@options.declared_options
@options.preset_option
@click.option("--write-card", is_flag=True, help="Write these options to the card next to the model file.")
@click.option("--overwrite", is_flag=True, help="Replace an existing card.")
@click.option("--json", "as_json", is_flag=True, help="Print the description as JSON.")
@click.pass_context
@options.typed(ModelConfig)
def command(context: click.Context, path: Path | None, config: ModelConfig) -> None:
    """Show a model's input, output, unit and sign, layers and parameters.

    PATH is a .keras or .h5 file, or `default`, the shipped PilotNet, which is also shown without a PATH
    (a file of that name is ./default).
    """
    # this command has no labels: --angle-unit and --positive apply to the model even if it has a card
    config = replace(config, model=_model_loading.declared(config.model, config.recording, has_card=False))
    path = path or default_model()
    try:
        model = _model_loading.load(path, config.model, config.recording)
    except LambdaError as error:
        raise error.with_command(command_with_formulas(context, path, error.names)) from None
    except IncompleteError as error:
        if error.network is None:
            raise
        if config.write_card:
            do = _completing(context, path, config, error.network)
            raise _undeclared_error(str(error.came), do) from None
        _print_incomplete(context, path, config, error)
        return
    _print_complete(context, path, model, config)


def _print_complete(context: click.Context, path: Path, model: SteeringModel, config: ModelConfig) -> None:
    """Print everything about a usable model."""
    from drivesal.model.facts import model_facts
    from drivesal.model.readers.steering_output import likely_preset

    do = completing_command(context, path, assumed_options(model)) if model.assumed else None
    card = _write_card(model, do, config.overwrite) if config.write_card else None
    enlarged = _always_enlarged(model)
    if enlarged is not None:
        click.echo(f"drivesal: {enlarged}", err=True)
    if config.as_json:
        known = {"complete": True, "command": do, "parameters": model.network.count_params()}
        known |= {"least_frame": model.preprocess.least_frame()}
        known |= {"warnings": [] if enlarged is None else [enlarged]}
        facts = {**model_facts(model), **known, "layers": _layer_facts(model.network)}
        click.echo(json.dumps(facts | ({"wrote": str(card)} if card else {}), indent=2))
        return
    _describe(model, config.model.preset)
    if do is not None:
        if likely_preset(model.signature) and config.model.preset is None:
            click.echo("its outputs have donkeycar's names: --preset donkey declares the usual settings")
        elif config.model.preset is None:
            _print_presets(model)
        click.echo(f"complete it: {do}   (correct what does not apply)")
    if card is not None:
        click.echo(f"wrote {card}")


def _print_presets(model: SteeringModel) -> None:
    """Print the presets with this input size, and the command that finds the right settings."""
    from drivesal.evaluation.advice import input_undeclared
    from drivesal.evaluation.preset_matching import matching_presets

    if not input_undeclared(model) or not model.kind.sided:
        return
    names = " or ".join(f"--preset {preset.name}" for preset in matching_presets(model))
    presets = f"{names} declares an input of this size; " if names else ""
    do = shlex.join(["drivesal", "fit-settings", str(model.path)])
    click.echo(f"{presets}with a labelled drive, {do} DRIVE finds the settings of this network")


def _print_incomplete(context: click.Context, path: Path, config: ModelConfig, error: IncompleteError) -> None:
    """Print what is known about a network that cannot be used yet, and the command that completes it."""
    network = error.network
    do = _completing(context, path, config, network)
    if config.as_json:
        facts = network_facts(network, path) | {"complete": False, "missing": str(error), "command": do}
        click.echo(json.dumps(facts | {"layers": _layer_facts(network)}, indent=2))
        return
    for name, text in incomplete(network, path, error, do):
        click.echo(f"{name:<11} {printable(text)}")
    _print_layers(network)


def _completing(context: click.Context, path: Path, config: ModelConfig, network: Any) -> str | None:
    """The command that completes a network that cannot be used yet; None where no option helps."""
    from drivesal.model.card import card_path

    needed = missing_options(network, config.model, card_path(path).is_file())
    return None if needed is None else completing_command(context, path, needed)


def _layer_facts(network: Any) -> list[dict[str, Any]]:
    return [{"name": n, "type": t, "output": s, "parameters": p} for n, t, s, p in _layers(network)]


def _describe(model: SteeringModel, preset: str | None) -> None:
    preprocess, angle = model.preprocess, model.card.target.angle
    height, width = preprocess.size
    crop = preprocess.crop
    rows, columns = (
        f"{start:g}:{stop:g}" if stop else f"{start:g}:" for start, stop in (crop.rows, crop.columns)
    )
    lock = f", 1.0 = {angle.full_lock_deg:g}°" if angle.full_lock_deg else ""
    degrees = "degrees" if model.kind.unit == "deg" else "norm (no scale to degrees is known)"
    least = preprocess.least_frame()
    lines = [
        ("file", f"{model.path}"),
        ("sha256", f"{model.sha256}"),
        (
            "crop",
            f"rows {rows}, columns {columns} ({crop.unit}) of the frame, resized ({preprocess.interpolation})",
        ),
        *(
            ()
            if least is None
            else (("frames", f"{least[0]}x{least[1]} px or more; smaller ones are enlarged"),)
        ),
        ("input", f"{width}x{height} {preprocess.colour}, 0..255 becomes {preprocess.scaling.text}"),
        ("output", f"{model.output_name}, {angle.unit} at {angle.turns}, positive is {angle.positive}{lock}"),
        (
            "shown as",
            f"{degrees}, with L for left and R for right",
        ),
        ("parameters", f"{model.network.count_params():,}"),
    ]
    if preset is not None:
        lines.insert(2, ("preset", f"{preset}, unless card or options override it"))
    lines += [("lambda", f"{name} is {text}") for name, text in model.card.lambdas.items()]
    for name, value in model.card.training.items():
        lines += [("" if number else printable(name)[:40], text) for number, text in enumerate(_rows(value))]
    width = max(11, *(len(name) for name, _ in lines))
    for name, text in lines:
        click.echo(f"{name:<{width}} {printable(text)}")
    _print_layers(model.network)
    for assumed in model.assumed:
        click.echo(f"assumed: {assumed}; declare it with options and keep it with --write-card")


def _print_layers(network: Any) -> None:
    """Print the table of layers."""
    rows = [("layer", "type", "output", "parameters")]
    rows += [(name, kind, shape, f"{count:,}") for name, kind, shape, count in _layers(network)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    click.echo()
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)]
        click.echo(f"{'  '.join(cells)}  {row[3].rjust(widths[3])}")


def _always_enlarged(model: SteeringModel) -> str | None:
    """The warning for a crop that is smaller than the network's input whatever the size of the frame."""
    least, crop = model.preprocess.least_frame(), model.preprocess.crop
    if least is not None:
        return None
    height, width = model.preprocess.size
    names = [
        f"{abs(pair[1] - pair[0]):g} {name}"
        for name, pair, size in (("rows", crop.rows, height), ("columns", crop.columns, width))
        if crop.least(pair, size) is None
    ]
    remains = f"the crop leaves {' and '.join(names)} of any frame"
    enlarged = f"enlarged to the network's input of {width}x{height}"
    return f"{remains}, {enlarged}: check --crop, the preset, or the crop in the model's card"


def _rows(value: Any) -> list[str]:
    """A value of the card as readable rows, one per item of a list or mapping of objects."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [_text(item) for item in value]
    if isinstance(value, dict) and value and all(isinstance(item, dict) for item in value.values()):
        return [f"{name}: {_text(item)}" for name, item in value.items()]
    return [_text(value)]


def _text(value: Any) -> str:
    """A JSON value of the card as readable text: `rmse 3.2, bias -0.1`."""
    if isinstance(value, dict):
        parts = (
            f"{name} ({_text(item)})" if isinstance(item, dict) else f"{name} {_text(item)}"
            for name, item in value.items()
        )
        return ", ".join(parts) or "nothing"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "nothing"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)


def _layers(network: Any) -> list[tuple[str, str, str, int]]:
    rows = []
    for layer in (
        getattr(network, "operations", None) or network.layers
    ):  # operations include arithmetic on tensors
        try:
            shape = "x".join(str(size) for size in layer.output.shape[1:])
        except AttributeError:
            shape = "?"
        rows.append(
            (
                layer.name,
                type(layer).__name__,
                shape,
                layer.count_params() if getattr(layer, "built", False) else 0,
            )
        )
    return rows


def _write_card(model: SteeringModel, completing: str | None, overwrite: bool) -> Path:
    """Write the card. Raises OptionError, with the command that declares them, if assumptions remain."""
    from drivesal.io.outputs import Outputs, writing
    from drivesal.model.card import card_path, card_text

    if model.assumed:
        raise _undeclared_error(f"these would be assumed: {', '.join(model.assumed)}", completing)
    assert model.path is not None
    path = card_path(model.path)
    with Outputs([path], overwrite=overwrite, inputs=[model.path]) as outputs, writing(path):
        outputs.part(path).write_text(card_text(model.card), encoding="utf-8")
    return path


def _undeclared_error(came: str, completing: str | None) -> OptionError:
    """The error for a card that would state values that nobody declared."""
    do = "no option can declare them" if completing is None else f"correct what does not apply in: {completing}"
    return OptionError("every value of the card declared", came, do)
