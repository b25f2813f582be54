"""`ModelSettings` as a model is made of them: their texts parsed, and completed by a preset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from drivesal.errors import OptionError, nearest
from drivesal.model.colours import COLOURS, Colour, colour_named
from drivesal.model.network import layers, signature
from drivesal.model.preprocess import Crop
from drivesal.model.scaling import numbers_from_range, scaling_from_text

if TYPE_CHECKING:
    from drivesal.model.presets import Preset
    from drivesal.model.scaling import Scaling
    from drivesal.settings import ModelSettings


def check_stated(settings: ModelSettings) -> None:
    """Raises OptionError for a text that cannot be parsed, before anything is read."""
    for parse in (stated_crop, stated_colour, stated_scaling, stated_size, stated_bins):
        parse(settings)


def stated_crop(settings: ModelSettings) -> Crop | None:
    """The crop, None where it is not stated. Raises OptionError."""
    return None if settings.crop is None else Crop.parse(settings.crop)


def stated_colour(settings: ModelSettings) -> Colour | None:
    """The colour, whatever the case of its letters; None where it is not stated. Raises OptionError."""
    if settings.color is None:
        return None
    found = colour_named(settings.color)
    if found not in COLOURS:
        do = nearest(settings.color, COLOURS, "choose one of them")
        raise OptionError(f"color among {', '.join(COLOURS)}", f"it is {settings.color!r}", do)
    return found


def stated_scaling(settings: ModelSettings) -> Scaling | None:
    """The input's scaling, None where it is not stated. Raises OptionError."""
    return scaling_from_text(settings.input_scale, settings.input_mean, settings.input_std)


def stated_size(settings: ModelSettings) -> tuple[int, int] | None:
    """(height, width) [px] of the model's input, None where it is not stated. Raises OptionError."""
    if settings.input_size is None:
        return None
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", settings.input_size)
    if found is None:
        came = f"it is {settings.input_size!r}"
        raise OptionError("--input-size as HEIGHTxWIDTH like 66x200", came, "mend it")
    return int(found[1]), int(found[2])


def stated_bins(settings: ModelSettings) -> tuple[float, float] | None:
    """First and last centre of a distribution over angles, None where none is stated. Raises OptionError."""
    if settings.bins is None:
        return None
    expected, do = "bins LOW..HIGH like -1..1", "say the angles of the first and the last bin"
    return numbers_from_range(settings.bins, expected, do)


def filled(settings: ModelSettings, family: Preset, network: Any) -> ModelSettings:
    """The settings of a network without a card, with the family's where nothing is stated."""
    found, usual = signature(network), family.settings
    height, width, channels = found.shape
    kinds = {type(layer).__name__ for layer in layers(network).values()}
    changed: dict[str, Any] = {
        name: getattr(usual, name)
        for name in ("angle_unit", "positive", "turns")
        if getattr(settings, name) is None
    }
    if settings.crop is None and "Cropping2D" not in kinds:  # a network that cuts the sky off saw whole images
        changed["crop"] = usual.crop
    if settings.input_size is None and None in (height, width):
        changed["input_size"] = usual.input_size
    if settings.color is None:
        changed["color"] = "GREY" if channels == 1 else usual.color
    if stated_scaling(settings) is None:
        changed["input_scale"] = "0..255" if kinds & {"Rescaling", "Lambda"} else usual.input_scale
    output = settings.output
    if output is None and len(found.outputs) > 1:
        output = next((name for name in family.steering if name in dict(found.outputs)), None)
        changed["output"] = output
    shape = dict(found.outputs).get(output or found.outputs[0][0], ())
    if settings.bins is None and family.bins is not None and shape == (family.bins,):
        changed["bins"] = "-1..1"
    if settings.full_lock is None and settings.angle_unit in (None, "norm"):  # a lock speaks of norm alone
        changed["full_lock"] = usual.full_lock
    return settings.but(**changed)
