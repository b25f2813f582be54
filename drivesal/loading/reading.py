"""Reading a model from its file, with its card and with what a person says of it; no code of the file runs."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from drivesal.backend import keras
from drivesal.card import Card, card_path, read_card
from drivesal.errors import ModelError, OptionError, nearest
from drivesal.loading import presets
from drivesal.loading.formats import EXPECTED, kind_of
from drivesal.loading.lambdas import formula
from drivesal.loading.legacy import hdf5
from drivesal.loading.sizes import check_layers, weights_within
from drivesal.loading.stand_in import layer as stand_in
from drivesal.loading.stand_in import register
from drivesal.model import SteeringModel
from drivesal.network import signature
from drivesal.preprocess import Colour, Crop, Interpolation, Preprocess, check_scaling
from drivesal.steering import AngleSpec, Side, Turns, Unit
from drivesal.target import Bins, Class, Explainable, Target

_LONGEST_CONFIG = 64 * 2**20
_MOST_UNPACKED = 16
"""Weights shrink little when they are packed."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a person says of a model; None leaves it to the card or to an assumption that is told.

    `size` is (height, width) [px] of the network's input, `input_scale` (scale, offset) of `Preprocess`, `bins`
    the first and last centre of a distribution over angles. Raises OptionError for a scale that is none.
    """

    crop: Crop | None = None
    interpolation: Interpolation | None = None
    colour: Colour | None = None
    input_scale: tuple[float, float] | None = None
    output: str | None = None
    bins: tuple[float, float] | None = None
    pre_activation: bool = False
    unit: Unit | None = None
    turns: Turns | None = None
    positive: Side | None = None
    full_lock_deg: float | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.input_scale is None:
            return
        try:
            check_scaling(*self.input_scale)
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
    given = card_path(path)
    card = read_card(given) if given.is_file() else None
    said = dict(lambdas or {})
    family = None if preset is None else presets.preset(preset)
    for text in said.values():
        formula(text)  # a mistake is told before TensorFlow is there
    kind = kind_of(path)
    with weights_within(path):
        network, used = _read_network(path, kind, unsafe, (card.lambdas if card else {}) | said)
    check_layers(network)
    for name in said.keys() - used:
        there = ", ".join(sorted(used)) or "it has none"
        raise ModelError(
            f"the name of a Lambda layer ({there})",
            f"--lambda names {name}",
            "see `drivesal model` for the layers",
        )
    if family is not None and card is None:
        declared = presets.filled(declared or Declared(), family, network)
    model = join(network, card, declared, path=path, target=target, feed=feed)
    model.card = dataclasses.replace(model.card, lambdas=model.card.lambdas | said)
    return model


def join(
    network: Any,
    card: Card | None = None,
    declared: Declared | None = None,
    *,
    path: Path | None = None,
    target: Explainable | None = None,
    feed: Mapping[str, float | str] | None = None,
) -> SteeringModel:
    """A network, also one in memory, with its card and what was declared; what neither says is assumed."""
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
    if steering.bins is not None and steering.pre_activation:
        raise ModelError(
            "bins or a head before its activation",
            "--bins and --pre-activation were both given",
            "leave one out: an expected angle has no tanh or atan",
        )
    known = card is not None
    card = dataclasses.replace(card or Card(preprocess, steering), preprocess=preprocess, target=steering)
    model = SteeringModel(network, card, path=path, assumed=assumed, target=target, feed=feed)
    if isinstance(target, Class) and not known:
        model.steering = None  # a classifier's number is no angle, even where it is one number
    if model.steering is not None:  # nothing is assumed of an angle that is not there
        model.assumed += more
    return model


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


def _read_network(
    path: Path, kind: Literal["keras", "hdf5"], unsafe: bool, lambdas: Mapping[str, str]
) -> tuple[Any, set[str]]:
    """The network, and the layers of code that `lambdas` stood in for."""
    if kind == "hdf5":
        return hdf5.read(path, lambdas)
    try:
        with zipfile.ZipFile(path) as file:
            _check_unpacked(path, file)
            config = json.loads(file.read("config.json"))
    except (KeyError, ValueError, zipfile.BadZipFile, OSError, RecursionError, NotImplementedError) as error:
        raise ModelError(EXPECTED, f"{path} holds no readable config.json", "save the model again") from error
    names = [name for kind, name in _layers(config) if kind == "Lambda"]
    left = [name for name in names if name not in lambdas]
    if left and not unsafe:
        raise ModelError(
            "a model without Python code in it",
            f"{path} has Lambda code in {', '.join(left)}",
            f"if it only scales, say what it computes: --lambda {left[0]}=x/127.5-1; "
            "if you trust where the file comes from, allow it with --unsafe",
        )
    if set(names) == set(left):
        return _rebuilt(path, path, unsafe), set()
    _stand_in(config, lambdas)
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "model.keras"
        _with_config(path, other, config)
        return _rebuilt(path, other, unsafe), set(names) - set(left)


def _check_unpacked(path: Path, file: zipfile.ZipFile) -> None:
    """Raises ModelError where a `.keras` file unpacks to much more than it is."""
    whole = sum(one.file_size for one in file.infolist())
    if whole > _LONGEST_CONFIG + _MOST_UNPACKED * path.stat().st_size:
        raise ModelError(
            f"a model that unpacks to at most {_MOST_UNPACKED} times its size",
            f"{path} unpacks to {whole / 2**20:.0f} MiB",
            "the file is damaged or made up: take it from where it was written",
        )


def _stand_in(part: Any, lambdas: Mapping[str, str]) -> None:
    """Puts layers in the place of the Lambdas that `lambdas` names, in a configuration."""
    if isinstance(part, dict):
        inner = part.get("config")
        if part.get("class_name") == "Lambda" and isinstance(inner, dict) and inner.get("name") in lambdas:
            made = stand_in(lambdas[inner["name"]], inner["name"])
            part |= keras().saving.serialize_keras_object(made)
        part = list(part.values())
    if isinstance(part, list):
        for value in part:
            _stand_in(value, lambdas)


def _with_config(path: Path, other: Path, config: Any) -> None:
    """Copies a `.keras` file with another configuration."""
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(other, "w") as copy:
        for name in file.namelist():
            with file.open(name) as source, copy.open(name, "w", force_zip64=True) as sink:
                if name == "config.json":
                    sink.write(json.dumps(config).encode())
                else:
                    shutil.copyfileobj(source, sink)


def _rebuilt(path: Path, source: Path, unsafe: bool) -> Any:
    """What Keras makes of the file `source`, which errors call `path`."""
    register()
    try:
        return keras().saving.load_model(source, compile=False, safe_mode=not unsafe)
    except Exception as error:  # whatever Keras raises of a file that it cannot rebuild
        # Keras repeats the whole configuration before the reason
        text = " ".join(str(error).split("Exception encountered:")[-1].split()) or type(error).__name__
        reason = text.split(". ")[0][:200]
        do = "save it again with Keras 3"
        if "Could not locate" in reason:
            do = "give the file that defines it with --import my_layers.py"
        raise ModelError("a model that Keras can rebuild", f"{path} cannot be loaded ({reason})", do) from error


def _layers(config: Any) -> Iterator[tuple[str, str]]:
    """(class, name) of everything that a saved configuration declares, however deep."""
    if isinstance(config, dict):
        if "class_name" in config:
            inner = config.get("config")
            yield (
                str(config["class_name"]),
                str((inner or {}).get("name") if isinstance(inner, dict) else inner),
            )
        for value in config.values():
            yield from _layers(value)
    elif isinstance(config, list):
        for value in config:
            yield from _layers(value)


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
            raise ModelError(
                "a model with a fixed input size",
                f"its input is {(height, width, channels)}",
                "give --input-size",
            )
        base = Preprocess((height, width), colour="GREY" if channels == 1 else "RGB")
        if declared.input_scale is None:
            assumed += ("input scaling 0..255",)
        if declared.colour is None:
            assumed += (f"colour {base.colour}",)
    scale, offset = declared.input_scale or (base.scale, base.offset)
    preprocess = dataclasses.replace(
        base,
        size=declared.size or base.size,
        crop=declared.crop or base.crop,
        interpolation=declared.interpolation or base.interpolation,
        colour=declared.colour or base.colour,
        scale=scale,
        offset=offset,
    )
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
    if card is None and declared.unit is None:
        assumed += ("unit unknown (norm)",)
    if card is None and declared.positive is None:
        assumed += ("positive = left",)
    return angle, assumed
