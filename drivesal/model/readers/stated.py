"""What a user says of a model, read: texts to crops, sizes, scalings and bins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from drivesal.errors import OptionError
from drivesal.model.preprocess import Crop
from drivesal.model.readers.reading import Declared
from drivesal.model.scaling import numbers_from_range, scaling_from_text

if TYPE_CHECKING:
    from drivesal.model.scaling import Numbers
    from drivesal.settings import ModelSettings


def stated(settings: ModelSettings) -> Declared:
    """What the settings say of a model. Raises OptionError for a text that means nothing."""
    colour: Any = settings.color  # checked by name, whatever the case of its letters
    return Declared(
        crop=Crop.parse(settings.crop) if settings.crop is not None else None,
        interpolation=settings.interpolation,
        colour=colour,
        input_scale=stated_scaling(settings),
        output=settings.output,
        bins=_bins(settings.bins),
        pre_activation=settings.pre_activation,
        unit=settings.angle_unit,
        turns=settings.turns,
        positive=settings.positive,
        full_lock_deg=settings.full_lock,
        size=stated_size(settings),
    )


def stated_scaling(settings: ModelSettings) -> tuple[Numbers, Numbers] | None:
    """(scale, offset), None where none is stated. Raises OptionError."""
    found = scaling_from_text(settings.input_scale, settings.input_mean, settings.input_std)
    return None if found is None else (found.scale, found.offset)


def stated_size(settings: ModelSettings) -> tuple[int, int] | None:
    """(height, width) [px] of the model's input, None where it is not stated. Raises OptionError."""
    if settings.input_size is None:
        return None
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", settings.input_size)
    if found is None:
        came = f"it is {settings.input_size!r}"
        raise OptionError("--input-size as HEIGHTxWIDTH like 66x200", came, "mend it")
    return int(found[1]), int(found[2])


def _bins(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    return numbers_from_range(text, "bins LOW..HIGH like -1..1", "say the angles of the first and the last bin")
