"""Which presets a network may be of, by its input and output, and a recording by its format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesal.evaluation.candidates import Setting
from drivesal.model.preprocess import Crop
from drivesal.model.readers.presets import PRESETS, Preset, filled
from drivesal.model.readers.reading import Declared
from drivesal.model.scaling import Scaling

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
        if preset.size != size:
            continue
        said = filled(Declared(), preset, model.network)
        assert said.colour is not None
        assert said.input_scale is not None
        setting = Setting(said.crop or Crop(), said.colour, Scaling(*said.input_scale), preset.positive)
        if channels == (1 if said.colour == "GREY" else 3):
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
