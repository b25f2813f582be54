"""Reading a model from its file, with its card and with what a person says of it; no code of the file runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from drivesal.angle import AngleSpec, Side, Turns, Unit
from drivesal.errors import IncompleteError, ModelError, OptionError, nearest
from drivesal.model.card import Card, card_path, read_card
from drivesal.model.colours import Colour, colour_named
from drivesal.model.network import signature
from drivesal.model.preprocess import Crop, Interpolation, Preprocess
from drivesal.model.readers import presets
from drivesal.model.readers.detection import format_of
from drivesal.model.readers.lambdas import formula
from drivesal.model.readers.memory_limits import check_layers, weights_within
from drivesal.model.readers.steering_output import takes_bytes, with_inferred_output
from drivesal.model.scaling import Numbers, Scaling
from drivesal.model.steering_model import SteeringModel
from drivesal.model.target import Bins, Class, Explainable, Target


@dataclass(frozen=True, slots=True)
class Declared:
    """What a person says of a model; None leaves it to the card or to an assumption that is told.

    `size` is (height, width) [px] of the network's input, `input_scale` (scale, offset) of `Preprocess`, `bins`
    the first and last centre of a distribution over angles; the case of a colour's letters does not matter.
    Raises OptionError for a scale that is none.
    """

    crop: Crop | None = None
    interpolation: Interpolation | None = None
    colour: Colour | None = None
    input_scale: tuple[Numbers, Numbers] | None = None
    output: str | None = None
    bins: tuple[float, float] | None = None
    pre_activation: bool = False
    unit: Unit | None = None
    turns: Turns | None = None
    positive: Side | None = None
    full_lock_deg: float | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.colour, str):
            object.__setattr__(self, "colour", colour_named(self.colour))
        if self.input_scale is None:
            return
        try:
            Scaling(*self.input_scale)
        except ValueError as error:
            raise OptionError(
                "an input scale like 0..1 or -1..1", str(error), "say what 0..255 becomes"
            ) from None


def load_model(
    path: Path,
    declared: Declared | None = None,
    *,
    unsafe: bool = False,
    target: Explainable | None = None,
    feed: Mapping[str, float | str] | None = None,
    lambdas: Mapping[str, str] | None = None,
    preset: str | None = None,
) -> SteeringModel:
    """Reads a `.keras` or HDF5 file with its card; what `declared` says goes before the card.

    `target` is what is explained in place of the steering answer, `feed` where inputs beside the picture come
    from, `lambdas` what Lambda layers compute ("x/127.5-1"), `preset` the family whose facts are taken
    where there is no card and nothing declared. No code from the file runs unless `unsafe`, and none at all
    from HDF5. Raises ModelError, OptionError.
    """
    family = None if preset is None else presets.preset(preset)
    network, card = read_network(path, unsafe=unsafe, lambdas=lambdas)
    try:
        if family is not None and card is None:
            declared = presets.filled(declared or Declared(), family, network)
        return join(network, card, declared, path=path, target=target, feed=feed, lambdas=lambdas)
    except IncompleteError as error:
        error.network = network  # what is known of it can still be shown
        raise


def read_network(
    path: Path, *, unsafe: bool = False, lambdas: Mapping[str, str] | None = None
) -> tuple[Any, Card | None]:
    """The network in the file, whatever it takes and gives, and its card if any. Raises ModelError."""
    given = card_path(path)
    card = read_card(given) if given.is_file() else None
    said = dict(lambdas or {})
    for text in said.values():
        formula(text)  # a mistake is told before TensorFlow is there
    format = format_of(path)
    if unsafe and lambdas and format.holds_code:
        raise OptionError(
            "--lambda or --unsafe",
            "both are given",
            "leave --unsafe out: with a formula for its Lambdas no code of the file needs to run",
        )
    with weights_within(path):
        network, used = format.read(path, (card.lambdas if card else {}) | said, unsafe=unsafe)
    check_layers(network)
    for name in said.keys() - used:
        there = ", ".join(sorted(used)) or "it has none"
        raise ModelError(
            f"the name of a Lambda layer ({there})",
            f"--lambda names {name}",
            "see `drivesal model` for the layers",
        )
    return network, card


def join(
    network: Any,
    card: Card | None = None,
    declared: Declared | None = None,
    *,
    path: Path | None = None,
    target: Explainable | None = None,
    feed: Mapping[str, float | str] | None = None,
    lambdas: Mapping[str, str] | None = None,
) -> SteeringModel:
    """A network, also one in memory, with its card and what was declared; what neither says is assumed.

    `lambdas` are formulas of Lambda layers that go over the card's.
    """
    declared = declared or Declared()
    _check_words(declared)
    preprocess, assumed = _preprocess(network, card, declared)
    angle, more = _angle(card, declared)
    stated = card.target if card else Target(angle)
    steering = Target(
        angle,
        stated.output if declared.output is None else _output(declared.output),
        stated.bins if declared.bins is None else Bins(*declared.bins),
        stated.pre_activation or declared.pre_activation,
    )
    if not isinstance(target, Class):
        steering, likely = with_inferred_output(steering, network, preprocess)
        more += likely
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
            base, preprocess=preprocess, target=steering, lambdas=base.lambdas | dict(lambdas or {})
        ),
        path=path,
        assumed=assumed,
        angle_assumed=more,
        target=target,
        feed=feed,
        cut_anew=card is not None and card.preprocess.crop != preprocess.crop,
        # a classifier's number is no angle, even where it is one number
        steers=card is not None or not isinstance(target, Class),
    )


def _check_words(declared: Declared) -> None:
    """Raises OptionError for a word that means nothing; types alone do not stop Python."""
    words = {
        "color": (declared.colour, Colour),
        "interpolation": (declared.interpolation, Interpolation),
        "angle_unit": (declared.unit, Unit),
        "turns": (declared.turns, Turns),
        "positive": (declared.positive, Side),
    }
    for name, (given, allowed) in words.items():
        known = get_args(allowed)
        if given is not None and given not in known:
            do = nearest(str(given), known, "choose one of them")
            raise OptionError(f"{name} among {', '.join(known)}", f"it is {given!r}", do)


def _output(text: str) -> str | int:
    return int(text) if text.isdigit() else text


def _preprocess(network: Any, card: Card | None, declared: Declared) -> tuple[Preprocess, tuple[str, ...]]:
    """The card's preprocess with what was declared over it, and what had to be assumed."""
    assumed: tuple[str, ...] = ()
    if card is not None:
        base = card.preprocess
    else:
        shape = None
        if declared.size is not None and declared.colour is not None:  # a subclassed model does not say it
            shape = (*declared.size, 1 if declared.colour == "GREY" else 3)
        height, width, channels = signature(network, shape).shape
        height, width = declared.size or (height, width)
        if height is None or width is None:
            raise IncompleteError(
                "a model with a fixed input size",
                f"its input is {(height, width, channels)}",
                "give --input-size",
            )
        base = Preprocess((height, width), colour="GREY" if channels == 1 else "RGB")
        if declared.input_scale is None and not takes_bytes(network):
            assumed += ("input scaling 0..255",)
        if declared.colour is None:
            assumed += (f"colour {base.colour}",)
    scale, offset = declared.input_scale or (base.scale, base.offset)
    try:
        preprocess = dataclasses.replace(
            base,
            size=declared.size or base.size,
            crop=declared.crop or base.crop,
            interpolation=declared.interpolation or base.interpolation,
            colour=declared.colour or base.colour,
            scale=scale,
            offset=offset,
        )
    except ValueError as error:
        do = "say --color, --input-scale, --input-mean and --input-std that go together"
        raise OptionError("an input that can be", str(error), do) from None
    return preprocess, assumed


def _angle(card: Card | None, declared: Declared) -> tuple[AngleSpec, tuple[str, ...]]:
    """What the answer means, and what had to be assumed of it."""
    base = card.target.angle if card else AngleSpec("norm")
    unit = declared.unit or base.unit
    lock = declared.full_lock_deg or (base.full_lock_deg if unit == "norm" else None)
    try:
        angle = AngleSpec(unit, declared.turns or base.turns, declared.positive or base.positive, lock)
    except ValueError as error:
        raise ModelError(
            "a full lock only with --angle-unit norm", str(error), "leave --full-lock out"
        ) from error
    assumed: tuple[str, ...] = ()
    if card is None and declared.unit is None and lock is None:  # a full lock is norm's alone
        assumed += ("unit unknown (norm)",)
    if card is None and declared.positive is None:
        assumed += ("positive = left",)
    return angle, assumed
