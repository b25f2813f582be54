"""Which presets match a network, by its input and output, and a recording, by its format."""

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
class PresetMatch:
    """A preset that fits the network, and the setting that it declares for it."""

    name: str
    preset: Preset
    setting: Setting


def matching_presets(model: SteeringModel) -> list[PresetMatch]:
    """The presets whose input size and channels are those of the network."""
    size, channels = model.preprocess.size, model.preprocess.channels
    matches = []
    for name, preset in PRESETS.items():
        if stated_size(preset.settings) != size:
            continue
        declared = filled(ModelSettings(), preset, model.network)
        colour, scaling = stated_colour(declared), stated_scaling(declared)
        assert colour is not None
        assert scaling is not None
        setting = Setting(stated_crop(declared) or Crop(), colour, scaling, preset.angle.positive)
        if channels == (1 if colour == "GREY" else 3):
            matches.append(PresetMatch(name, preset, setting))
    return matches


def preset_declaring(model: SteeringModel, setting: Setting) -> PresetMatch | None:
    """The preset that declares exactly this setting, including the sign; None if there is none."""
    for match in matching_presets(model):
        known = match.setting
        same = (known.crop, known.colour, known.positive) == (setting.crop, setting.colour, setting.positive)
        if same and known.scaling.same(setting.scaling) and setting.output is None:
            return match
    return None


def presets_for_format(model: SteeringModel, format_name: str) -> list[PresetMatch]:
    """The presets that match both the network's input and recordings of this format."""
    return [
        match
        for match in matching_presets(model)
        if match.preset.format is not None and format_name.startswith(match.preset.format)
    ]
