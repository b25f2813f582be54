"""Loading a model from its file, card and settings, without running code from the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.angle import AngleSpec
from drivesal.errors import IncompleteError, ModelError, OptionError
from drivesal.model.card import Card, card_path, read_card
from drivesal.model.network import signature
from drivesal.model.preprocess import Preprocess
from drivesal.model.readers.custom_objects import import_file
from drivesal.model.readers.detection import format_of
from drivesal.model.readers.lambdas import formula
from drivesal.model.readers.memory_limits import check_layers, weights_within
from drivesal.model.readers.stated import (
    check_stated,
    filled,
    stated_bins,
    stated_colour,
    stated_crop,
    stated_scaling,
    stated_size,
)
from drivesal.model.readers.steering_output import takes_bytes, with_inferred_output
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Bins, Class, Explainable, Target

if TYPE_CHECKING:
    from drivesal.settings import ModelSettings


def load_model(
    path: Path, settings: ModelSettings | None = None, *, target: Explainable | None = None
) -> SteeringModel:
    """Load a model from a `.keras` or HDF5 file with its card, which the settings override.

    `target` is explained in place of the steering angle. No code from the file runs unless `settings.unsafe`,
    and none at all from HDF5. `settings.device` is ignored: call `use_device` first. Raises ModelError,
    OptionError.
    """
    from drivesal.model.presets import preset
    from drivesal.settings import ModelSettings

    settings = settings or ModelSettings()
    check_stated(settings)
    family = None if settings.preset is None else preset(settings.preset)
    for file in settings.imports:
        import_file(file)
    network, card = read_network(path, unsafe=settings.unsafe, lambdas=settings.lambdas)
    try:
        if family is not None and card is None:
            settings = filled(settings, family, network)
        return join(network, card, settings, path=path, target=target)
    except IncompleteError as error:
        error.network = network  # lets the caller still describe it
        raise


def read_network(
    path: Path, *, unsafe: bool = False, lambdas: Mapping[str, str] | None = None
) -> tuple[Any, Card | None]:
    """The network in the file, with any inputs and outputs, and its card if any. Raises ModelError."""
    card_file = card_path(path)
    card = read_card(card_file) if card_file.is_file() else None
    formulas = dict(lambdas or {})
    for text in formulas.values():
        formula(text)  # reports a mistake before TensorFlow is loaded
    format = format_of(path)
    if unsafe and lambdas and format.holds_code:
        raise OptionError(
            "--lambda or --unsafe",
            "both are given",
            "leave --unsafe out: with formulas for its Lambda layers, no code from the file needs to run",
        )
    with weights_within(path):
        network, used = format.read(path, (card.lambdas if card else {}) | formulas, unsafe=unsafe)
    check_layers(network)
    for name in formulas.keys() - used:
        names = ", ".join(sorted(used)) or "it has none"
        raise ModelError(
            f"the name of a Lambda layer ({names})",
            f"--lambda names {name}",
            "see `drivesal model` for the layers",
        )
    return network, card


def join(
    network: Any,
    card: Card | None = None,
    settings: ModelSettings | None = None,
    *,
    path: Path | None = None,
    target: Explainable | None = None,
) -> SteeringModel:
    """A model from a network (possibly in memory), its card and the settings; defaults fill the gaps."""
    from drivesal.settings import ModelSettings

    settings = settings or ModelSettings()
    preprocess, assumed = _preprocess(network, card, settings)
    angle, angle_assumed = _angle(card, settings)
    stated, bins = card.target if card else Target(angle), stated_bins(settings)
    steering = Target(
        angle,
        stated.output if settings.output is None else _output(settings.output),
        stated.bins if bins is None else Bins(*bins),
        stated.pre_activation or settings.pre_activation,
    )
    if not isinstance(target, Class):
        steering, inferred = with_inferred_output(steering, network, preprocess)
        angle_assumed += inferred
    if steering.bins is not None and steering.pre_activation:
        raise ModelError(
            "bins or a head before its activation",
            "--bins and --pre-activation were both given",
            "leave one out: an expected angle has no tanh or atan",
        )
    base = card or Card(preprocess, steering)
    return SteeringModel(
        network,
        dataclasses.replace(
            base, preprocess=preprocess, target=steering, lambdas=base.lambdas | dict(settings.lambdas)
        ),
        path=path,
        assumed=assumed,
        angle_assumed=angle_assumed,
        target=target,
        feed=settings.feed,
        cut_anew=card is not None and card.preprocess.crop != preprocess.crop,
        # a classifier's output is no angle, even if it is a single number
        steers=card is not None or not isinstance(target, Class),
    )


def _output(text: str) -> str | int:
    return int(text) if text.isdigit() else text


def _preprocess(network: Any, card: Card | None, settings: ModelSettings) -> tuple[Preprocess, tuple[str, ...]]:
    """The card's preprocessing, overridden by the settings, and the assumptions made."""
    size, colour, scaling = stated_size(settings), stated_colour(settings), stated_scaling(settings)
    assumed: tuple[str, ...] = ()
    if card is not None:
        base = card.preprocess
    else:
        shape = None
        if size is not None and colour is not None:  # a subclassed model does not state its shape
            shape = (*size, 1 if colour == "GREY" else 3)
        height, width, channels = signature(network, shape).shape
        height, width = size or (height, width)
        if height is None or width is None:
            raise IncompleteError(
                "a model with a fixed input size",
                f"its input is {(height, width, channels)}",
                "give --input-size",
            )
        base = Preprocess((height, width), colour="GREY" if channels == 1 else "RGB")
        if scaling is None and not takes_bytes(network):
            assumed += ("input scaling 0..255",)
        if colour is None:
            assumed += (f"colour {base.colour}",)
    scaling = scaling or base.scaling
    try:
        preprocess = dataclasses.replace(
            base,
            size=size or base.size,
            crop=stated_crop(settings) or base.crop,
            interpolation=settings.interpolation or base.interpolation,
            colour=colour or base.colour,
            scale=scaling.scale,
            offset=scaling.offset,
        )
    except ValueError as error:
        do = "make --color, --input-scale, --input-mean and --input-std consistent"
        raise OptionError("a consistent description of the input", str(error), do) from None
    return preprocess, assumed


def _angle(card: Card | None, settings: ModelSettings) -> tuple[AngleSpec, tuple[str, ...]]:
    """The meaning of the predicted angle, and the assumptions made."""
    base = card.target.angle if card else AngleSpec("norm")
    unit = settings.angle_unit or base.unit
    lock = settings.full_lock or (base.full_lock_deg if unit == "norm" else None)
    try:
        angle = AngleSpec(unit, settings.turns or base.turns, settings.positive or base.positive, lock)
    except ValueError as error:
        raise ModelError(
            "a full lock only with --angle-unit norm", str(error), "leave --full-lock out"
        ) from error
    assumed: tuple[str, ...] = ()
    if card is None and settings.angle_unit is None and lock is None:  # a full lock implies norm
        assumed += ("unit unknown (norm)",)
    if card is None and settings.positive is None:
        assumed += ("positive = left",)
    return angle, assumed
