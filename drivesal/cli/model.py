"""`drivesal model`: what a model expects and what it gives."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _given
from drivesal.cli import _options as options
from drivesal.cli._completing import assumed_of, command_of, facts_of, incomplete, needed_of, with_formulas
from drivesal.errors import IncompleteError, LambdaError, OptionError, printable
from drivesal.model.shipped import default_model
from drivesal.settings import ModelSettings, RecordingSettings

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The options."""

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
@click.option("--write-card", is_flag=True, help="Keep what was said in the card beside the weights.")
@click.option("--overwrite", is_flag=True, help="Write over an existing card.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
@options.typed(ModelConfig)
def command(context: click.Context, path: Path | None, config: ModelConfig) -> None:
    """Show a model's input, output, unit and sign, layers and parameters.

    PATH is a .keras or .h5 file, or `default`, the shipped PilotNet, which is also shown without a PATH
    (./default is a file of that name).
    """
    # on the model itself --angle-unit and --positive speak of the model, card or not
    config = replace(config, model=_given.declared(config.model, config.recording, has_card=False))
    path = path or default_model()
    try:
        model = _given.load(path, config.model, config.recording)
    except LambdaError as error:
        raise error.with_command(with_formulas(context, path, error.names)) from None
    except IncompleteError as error:
        if error.network is None:
            raise
        if config.write_card:
            raise _not_enough(str(error.came), _completing(context, path, config, error.network)) from None
        _incomplete(context, path, config, error)
        return
    _complete(context, path, model, config)


def _complete(context: click.Context, path: Path, model: SteeringModel, config: ModelConfig) -> None:
    """Prints all of a model that can be used."""
    from drivesal.model.facts import model_facts
    from drivesal.model.readers.steering_output import likely_preset

    do = command_of(context, path, assumed_of(model)) if model.assumed else None
    written = _write_card(model, do, config.overwrite) if config.write_card else None
    enlarged = _always_enlarged(model)
    if enlarged is not None:
        click.echo(f"drivesal: {enlarged}", err=True)
    if config.as_json:
        known = {"complete": True, "command": do, "parameters": model.network.count_params()}
        known |= {"least_frame": model.preprocess.least_frame()}
        known |= {"warnings": [] if enlarged is None else [enlarged]}
        facts = {**model_facts(model), **known, "layers": _layer_facts(model.network)}
        click.echo(json.dumps(facts | ({"wrote": str(written)} if written else {}), indent=2))
        return
    _describe(model, config.model.preset)
    if do is not None:
        if likely_preset(model.signature) and config.model.preset is None:
            click.echo("its outputs have donkeycar's names: --preset donkey says what is usual there")
        elif config.model.preset is None:
            _say_families(model)
        click.echo(f"complete it: {do}   (with what is not so put right)")
    if written is not None:
        click.echo(f"wrote {written}")


def _say_families(model: SteeringModel) -> None:
    """Prints which presets take pictures of this size, and what tells which is right."""
    from drivesal.evaluation.advice import input_undeclared
    from drivesal.evaluation.preset_matching import matching_presets

    if not input_undeclared(model) or not model.kind.sided:
        return
    names = " or ".join(f"--preset {one.name}" for one in matching_presets(model))
    usual = f"networks of this input size are fed by {names}; " if names else ""
    do = shlex.join(["drivesal", "fit-settings", str(model.path)])
    click.echo(f"{usual}with a labelled drive, {do} DRIVE finds how this one is fed")


def _incomplete(context: click.Context, path: Path, config: ModelConfig, why: IncompleteError) -> None:
    """Prints what can be known of a network that cannot be used yet, and the command that completes it."""
    network = why.network
    do = _completing(context, path, config, network)
    if config.as_json:
        facts = facts_of(network, path) | {"complete": False, "missing": str(why), "command": do}
        click.echo(json.dumps(facts | {"layers": _layer_facts(network)}, indent=2))
        return
    for name, text in incomplete(network, path, why, do):
        click.echo(f"{name:<11} {printable(text)}")
    _table(network)


def _completing(context: click.Context, path: Path, config: ModelConfig, network: Any) -> str | None:
    """The command that completes a network that cannot be used yet; None where no option helps."""
    from drivesal.model.card import card_path

    needed = needed_of(network, config.model, card_path(path).is_file())
    return None if needed is None else command_of(context, path, needed)


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
            "sees",
            f"rows {rows}, columns {columns} ({crop.unit}) of the frame, resized ({preprocess.interpolation})",
        ),
        *(
            ()
            if least is None
            else (("frames", f"of {least[0]}x{least[1]} px or more; smaller ones are enlarged"),)
        ),
        ("input", f"{width}x{height} {preprocess.colour}, 0..255 becomes {preprocess.scaling.text}"),
        ("output", f"{model.output_name}, {angle.unit} at {angle.turns}, positive is {angle.positive}{lock}"),
        (
            "shown as",
            f"{degrees}, left and right named",
        ),
        ("parameters", f"{model.network.count_params():,}"),
    ]
    if preset is not None:
        lines.insert(2, ("preset", f"{preset}, where neither card nor options say otherwise"))
    lines += [("lambda", f"{name} is {text}") for name, text in model.card.lambdas.items()]
    for name, value in model.card.training.items():
        lines += [("" if number else printable(name)[:40], text) for number, text in enumerate(_rows(value))]
    width = max(11, *(len(name) for name, _ in lines))
    for name, text in lines:
        click.echo(f"{name:<{width}} {printable(text)}")
    _table(model.network)
    for assumed in model.assumed:
        click.echo(f"assumed: {assumed}; say it with options and keep it with --write-card")


def _table(network: Any) -> None:
    """Prints the layers."""
    rows_of = [("layer", "type", "output", "parameters")]
    rows_of += [(name, kind, shape, f"{count:,}") for name, kind, shape, count in _layers(network)]
    widths = [max(len(row[column]) for row in rows_of) for column in range(4)]
    click.echo()
    for row in rows_of:
        cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)]
        click.echo(f"{'  '.join(cells)}  {row[3].rjust(widths[3])}")


def _always_enlarged(model: SteeringModel) -> str | None:
    """What to say where the crop leaves less than the network's input of a frame of any size."""
    least, crop = model.preprocess.least_frame(), model.preprocess.crop
    if least is not None:
        return None
    height, width = model.preprocess.size
    names = [
        f"{abs(pair[1] - pair[0]):g} {name}"
        for name, pair, size in (("rows", crop.rows, height), ("columns", crop.columns, width))
        if crop.least(pair, size) is None
    ]
    left = f"the crop leaves {' and '.join(names)} of any frame"
    to = f"enlarged to the network's input of {width}x{height}"
    return f"{left}, {to}: check --crop, the preset, or the crop in the model's card"


def _rows(value: Any) -> list[str]:
    """A value of the card for people, a row each of what there are several of: recordings, networks."""
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return [_words(one) for one in value]
    if isinstance(value, dict) and value and all(isinstance(one, dict) for one in value.values()):
        return [f"{name}: {_words(one)}" for name, one in value.items()]
    return [_words(value)]


def _words(value: Any) -> str:
    """A JSON value of the card, in words: `rmse 3.2, bias -0.1`."""
    if isinstance(value, dict):
        parts = (
            f"{name} ({_words(one)})" if isinstance(one, dict) else f"{name} {_words(one)}"
            for name, one in value.items()
        )
        return ", ".join(parts) or "nothing"
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value) or "nothing"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)


def _layers(network: Any) -> list[tuple[str, str, str, int]]:
    rows = []
    for layer in getattr(network, "operations", None) or network.layers:  # arithmetic on tensors too
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


def _write_card(model: SteeringModel, complete: str | None, overwrite: bool) -> Path:
    """Writes the card. Raises OptionError with the command that has what is still assumed."""
    from drivesal.io.outputs import Outputs, writing
    from drivesal.model.card import card_path, card_text

    if model.assumed:
        raise _not_enough(f"it would be assumed: {', '.join(model.assumed)}", complete)
    assert model.path is not None
    path = card_path(model.path)
    with Outputs([path], overwrite=overwrite, inputs=[model.path]) as outputs, writing(path):
        outputs.part(path).write_text(card_text(model.card), encoding="utf-8")
    return path


def _not_enough(came: str, complete: str | None) -> OptionError:
    """What is said where a card would state what nobody said."""
    do = "no option says it" if complete is None else f"put right what is not so in: {complete}"
    return OptionError("everything said that the card would state", came, do)
