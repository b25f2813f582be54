"""Parsing of the texts in `ModelSettings`, and completion by a preset."""

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
    """Raise OptionError for a text that cannot be parsed, before any file is read."""
    for parse in (stated_crop, stated_colour, stated_scaling, stated_size, stated_bins):
        parse(settings)


def stated_crop(settings: ModelSettings) -> Crop | None:
    """The crop, None if not stated. Raises OptionError."""
    return None if settings.crop is None else Crop.parse(settings.crop)


def stated_colour(settings: ModelSettings) -> Colour | None:
    """The colour, case-insensitive; None if not stated. Raises OptionError."""
    if settings.color is None:
        return None
    found = colour_named(settings.color)
    if found not in COLOURS:
        do = nearest(settings.color, COLOURS, "choose one of them")
        raise OptionError(f"color among {', '.join(COLOURS)}", f"it is {settings.color!r}", do)
    return found


def stated_scaling(settings: ModelSettings) -> Scaling | None:
    """The scaling of the input, None if not stated. Raises OptionError."""
    return scaling_from_text(settings.input_scale, settings.input_mean, settings.input_std)


def stated_size(settings: ModelSettings) -> tuple[int, int] | None:
    """(height, width) [px] of the model's input, None if not stated. Raises OptionError."""
    if settings.input_size is None:
        return None
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", settings.input_size)
    if found is None:
        came = f"it is {settings.input_size!r}"
        raise OptionError("--input-size as HEIGHTxWIDTH like 66x200", came, "give the height and the width")
    return int(found[1]), int(found[2])


def stated_bins(settings: ModelSettings) -> tuple[float, float] | None:
    """Centres [angle] of the first and last bin of a distribution, None if not stated. Raises OptionError."""
    if settings.bins is None:
        return None
    expected, do = "bins LOW..HIGH like -1..1", "give the angles of the first and the last bin"
    return numbers_from_range(settings.bins, expected, do)


def filled(settings: ModelSettings, family: Preset, network: Any) -> ModelSettings:
    """The settings of a network without a card, completed by those of the family."""
    found, defaults = signature(network), family.settings
    height, width, channels = found.shape
    kinds = {type(layer).__name__ for layer in layers(network).values()}
    changed: dict[str, Any] = {
        name: getattr(defaults, name)
        for name in ("angle_unit", "positive", "turns")
        if getattr(settings, name) is None
    }
    if settings.crop is None and "Cropping2D" not in kinds:  # a network that crops was trained on whole images
        changed["crop"] = defaults.crop
    if settings.input_size is None and None in (height, width):
        changed["input_size"] = defaults.input_size
    if settings.color is None:
        changed["color"] = "GREY" if channels == 1 else defaults.color
    if stated_scaling(settings) is None:
        changed["input_scale"] = "0..255" if kinds & {"Rescaling", "Lambda"} else defaults.input_scale
    output = settings.output
    if output is None and len(found.outputs) > 1:
        output = next((name for name in family.steering if name in dict(found.outputs)), None)
        changed["output"] = output
    shape = dict(found.outputs).get(output or found.outputs[0][0], ())
    if settings.bins is None and family.bins is not None and shape == (family.bins,):
        changed["bins"] = "-1..1"
    if settings.full_lock is None and settings.angle_unit in (None, "norm"):  # a full lock applies to norm only
        changed["full_lock"] = defaults.full_lock
    return settings.but(**changed)
