"""Which presets a network may be of, by its input and output, and a recording by its format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesal.evaluation.candidates import Setting
from drivesal.model.preprocess import Crop
from drivesal.model.presets import PRESETS, Preset
from drivesal.model.readers.stated import filled, stated_colour, stated_crop, stated_scaling, stated_size
from drivesal.settings import ModelSettings

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel


@dataclass(frozen=True, slots=True)
class Family:
    """A preset that the network may be of, and what it says."""

    name: str
    preset: Preset
    setting: Setting


def families(model: SteeringModel) -> list[Family]:
    """The presets whose networks take a picture of this size, as they would feed this one."""
    size, channels = model.preprocess.size, model.preprocess.channels
    found = []
    for name, preset in PRESETS.items():
        if stated_size(preset.settings) != size:
            continue
        said = filled(ModelSettings(), preset, model.network)
        colour, scaling = stated_colour(said), stated_scaling(said)
        assert colour is not None
        assert scaling is not None
        setting = Setting(stated_crop(said) or Crop(), colour, scaling, preset.angle.positive)
        if channels == (1 if colour == "GREY" else 3):
            found.append(Family(name, preset, setting))
    return found


def family_of(model: SteeringModel, setting: Setting) -> Family | None:
    """The preset that says this setting of the model, sign and all; None where none does."""
    for one in families(model):
        known = one.setting
        alike = (known.crop, known.colour, known.positive) == (setting.crop, setting.colour, setting.positive)
        if alike and known.scaling.same(setting.scaling) and setting.output is None:
            return one
    return None


def likely(model: SteeringModel, format_name: str) -> list[Family]:
    """The presets that go with the network's input and with a recording of this format."""
    return [
        one
        for one in families(model)
        if one.preset.format is not None and format_name.startswith(one.preset.format)
    ]
