"""What the shared options turn into: a model, a request, the files that are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.model.readers import Declared
    from drivesal.model.steering_model import SteeringModel
    from drivesal.model.target import Explainable
    from drivesal.rendering.request import Request
    from drivesal.types import Recording, Span


def declared(given: Mapping[str, Any], has_card: bool) -> Declared:
    """What was said of the model; `--angle-unit` and `--positive` count only where there is no card."""
    from drivesal.model.readers.stated import stated
    from drivesal.settings import ModelSettings, taken

    unit, side = given["model_angle_unit"], given["model_positive"]
    own = {
        "angle_unit": unit if unit or has_card else given["angle_unit"],
        "positive": side if side or has_card else given["positive"],
    }
    return stated(taken(ModelSettings, {**given, **own}))


def target(given: Mapping[str, Any]) -> Explainable | None:
    """What is explained in place of the steering answer, None for that."""
    from drivesal.model.target import Class, Filters, Weighted

    layer, filters, classes = given.get("layer"), given.get("filters", ()), given.get("classes", ())
    if filters and layer is None:
        raise OptionError("--layer for --filter", "it was not given", "name the layer, see `drivesal model`")
    if layer is not None and classes:
        raise OptionError("one thing to explain", "--layer and --class were both given", "leave one out")
    if layer is not None:
        return Filters(layer, tuple(filters))
    if classes:
        named = [Class(index, given["output"]) for index in classes]
        return named[0] if len(named) == 1 else Weighted(tuple((1.0, one) for one in named))
    return None


def feed(given: Mapping[str, Any]) -> dict[str, float | str]:
    """Where the model's inputs beside the picture come from: numbers or names of what the recording carries."""
    found: dict[str, float | str] = {}
    for text in given.get("feed", ()):
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise OptionError("--feed as INPUT=NUMBER or INPUT=COLUMN", f"it is {text!r}", "mend it")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found


def lambdas(given: Mapping[str, Any]) -> dict[str, str]:
    """What Lambda layers compute, by their names, as the options say it."""
    found: dict[str, str] = {}
    for text in given.get("lambdas", ()):
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise OptionError("--lambda as LAYER=FORMULA like lambda_1=x/127.5-1", f"it is {text!r}", "mend it")
        found[name.strip()] = value.strip()
    return found


def load(given: Mapping[str, Any], recording: Recording | None = None) -> SteeringModel:
    """The model that the options name, on the device that they name.

    A full lock that the labels of the `recording` took is the model's too only where its unit is norm.
    TensorFlow's threads are started from a stage's thread, so that they too stand back for the encoder.
    """
    from drivesal.io.stages import Ahead
    from drivesal.model.card import card_path
    from drivesal.model.device import first_computation, use_device
    from drivesal.model.readers import load_model
    from drivesal.model.readers.custom_objects import import_file
    from drivesal.model.shipped import default_model

    path = given["model_path"] or default_model()
    said = declared(given, card_path(path).is_file())
    if recording is not None and said.crop is not None:
        said.crop.box(recording.info.width, recording.info.height)  # before the model is read, which takes long
    use_device(given.get("device"))
    with Ahead(map(first_computation, [0.0])) as started:
        list(started)
    for file in given.get("imports", ()):
        import_file(file)
    if (
        recording is not None
        and recording.info.full_lock_deg is not None
        and _unit(path, said, given) != "norm"
    ):
        said = dataclasses.replace(said, full_lock_deg=None)
    if given.get("classes") and card_path(path).is_file():
        said = dataclasses.replace(said, output=None)  # it names where the class is; the card's output steers
    return load_model(
        path,
        said,
        unsafe=given["unsafe"],
        target=target(given),
        feed=feed(given),
        lambdas=lambdas(given),
        preset=given.get("preset"),
    )


def _unit(path: Path, said: Declared, given: Mapping[str, Any]) -> str:
    """The unit in which the model answers, as options, card and preset say it."""
    from drivesal.model.card import card_path, read_card
    from drivesal.model.readers.presets import preset

    if said.unit is not None:
        return said.unit
    if card_path(path).is_file():
        return read_card(card_path(path)).target.angle.unit
    return "norm" if given.get("preset") is None else preset(given["preset"]).unit


def request(given: Mapping[str, Any], span: Span) -> Request:
    """What to explain and how to draw it, checked as far as it can be without a model."""
    from drivesal.rendering.request import request_of
    from drivesal.settings import ExplainSettings, LookSettings, taken

    options = {
        name.removeprefix("method_"): value
        for name, value in given.items()
        if name.startswith("method_") and value is not None
    }
    explain = taken(ExplainSettings, {**given, "options": options})
    return request_of(explain, taken(LookSettings, given), span, given["steering_ratio"])


def files_read(recordings: Sequence[Recording], paths: Sequence[Path], given: Mapping[str, Any]) -> list[Path]:
    """Every file that a run reads, so that no output replaces one; the recordings were named by `paths`."""
    from drivesal.model.card import card_path
    from drivesal.model.shipped import default_model
    from drivesal.recordings import beside

    model = given["model_path"] or default_model()
    labels = [given["labels"] or (None if given["no_labels"] else beside(path)) for path in paths]
    others = [*labels, given.get("scale_from"), given.get("method_baseline")]
    images = [file for one in recordings for file in one.info.files]
    read = [*paths, *images, model, card_path(model), *given["imports"]]
    return [*read, *(Path(one) for one in others if one is not None)]
