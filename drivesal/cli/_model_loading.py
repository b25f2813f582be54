"""Load the model that the shared options describe, and choose what is explained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.model.target import Explainable
    from drivesal.settings import ModelSettings, RecordingSettings
    from drivesal.types import Recording


def declared(model: ModelSettings, labels: RecordingSettings, has_card: bool) -> ModelSettings:
    """The settings of the model. The unit and side of the labels apply to it too if it has no card."""
    if has_card:
        return model.but(full_lock=labels.full_lock)
    unit, side = model.angle_unit or labels.angle_unit, model.positive or labels.positive
    return model.but(full_lock=labels.full_lock, angle_unit=unit, positive=side)


def target(
    layer: str | None, filters: Sequence[int], classes: Sequence[int], output: str | None
) -> Explainable | None:
    """The score to explain instead of the steering angle; None for the angle. Raises OptionError."""
    from drivesal.model.target import Class, Filters, Weighted

    if filters and layer is None:
        raise OptionError("--layer for --filter", "it was not given", "name the layer, see `drivesal model`")
    if layer is not None and classes:
        raise OptionError("one thing to explain", "--layer and --class were both given", "leave one out")
    if layer is not None:
        return Filters(layer, tuple(filters))
    if classes:
        targets = [Class(index, output) for index in classes]
        return targets[0] if len(targets) == 1 else Weighted(tuple((1.0, each) for each in targets))
    return None


def load(
    path: Path,
    model: ModelSettings,
    labels: RecordingSettings,
    recording: Recording | None = None,
    target: Explainable | None = None,
) -> SteeringModel:
    """Load the model from this file, on the device that the options name.

    A full lock that applies to the labels of `recording` also applies to the model only if its unit is norm.
    The first computation runs in a stage's thread: TensorFlow's threads inherit its low priority, so that they
    do not slow the encoder down.
    """
    from drivesal.io.stages import Ahead
    from drivesal.model.card import card_path
    from drivesal.model.device import first_computation, use_device
    from drivesal.model.readers import load_model
    from drivesal.model.readers.stated import check_stated, stated_crop
    from drivesal.model.target import Filters

    has_card = card_path(path).is_file()
    settings = declared(model, labels, has_card)
    check_stated(settings)
    crop = stated_crop(settings)
    if recording is not None and crop is not None:
        crop.box(recording.info.width, recording.info.height)  # before the model is read, which is slow
    use_device(settings.device)
    with Ahead(map(first_computation, [0.0])) as started:
        list(started)
    labels_use_lock = recording is not None and recording.info.full_lock_deg is not None
    if labels_use_lock and _unit(path, settings) != "norm":
        settings = settings.but(full_lock=None)
    if has_card and target is not None and not isinstance(target, Filters):
        settings = settings.but(output=None)  # --output selects the class's output; the card's output steers
    return load_model(path, settings, target=target)


def _unit(path: Path, settings: ModelSettings) -> str:
    """The unit of the model's predictions according to options, card or preset."""
    from drivesal.model.card import card_path, read_card
    from drivesal.model.presets import preset

    if settings.angle_unit is not None:
        return settings.angle_unit
    if card_path(path).is_file():
        return read_card(card_path(path)).target.angle.unit
    return "norm" if settings.preset is None else preset(settings.preset).angle.unit
