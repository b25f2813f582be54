"""What could have been declared of a model: crops, colours, scalings and signs, as options."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesal.errors import InputError
from drivesal.loading.presets import PRESETS
from drivesal.plausible import SCALINGS, same_scaling
from drivesal.preprocess import Colour, Crop, Preprocess

if TYPE_CHECKING:
    from drivesal.model import SteeringModel
    from drivesal.steering import Side

COLOURS: tuple[Colour, ...] = ("RGB", "BGR", "YUV")
"""What networks of three channels are fed."""
_SHARES = ("0.42:0.92", "0.375:0.84375", "0.33:1.0", "0.414:1.0", "0.5:1.0")
"""Rows as shares of the height, whatever the camera's size: the default model's; 60:-25 of the simulator's 160
rows; the lowest two thirds; the lowest 150 of SullyChen's 256 rows; the lower half."""


def crops() -> list[Crop]:
    """The crops that are usual: whole frames, those of the presets, and shares of the height."""
    of_presets = [one.crop for one in PRESETS.values() if one.crop is not None]
    return [Crop(), *of_presets, *map(Crop.parse, _SHARES)]


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to feed a model and to read its answer; `low` and `high` are what black and white become."""

    crop: Crop
    colour: Colour
    low: float
    high: float
    positive: Side

    def over(self, preprocess: Preprocess) -> Preprocess:
        """The model's preprocess with this said over it."""
        scale = (self.high - self.low) / 255
        return dataclasses.replace(preprocess, crop=self.crop, colour=self.colour, scale=scale, offset=self.low)

    def options(self, declared: Setting) -> tuple[str, ...]:
        """The options that say what differs from `declared`, as they are pasted; () where nothing does."""
        said = []
        if self.crop != declared.crop:
            said.append(f"--crop {self.crop.text}")
        if self.colour != declared.colour:
            said.append(f"--color {self.colour}")
        if (self.low, self.high) != (declared.low, declared.high):
            said.append(f"--input-scale {self.low:.6g}..{self.high:.6g}")
        if self.positive != declared.positive:
            said.append(f"--model-positive {self.positive}")
        return tuple(said)


def declared(model: SteeringModel) -> Setting:
    """What is declared, or assumed, of a model that steers."""
    assert model.steering is not None
    of, side = model.preprocess, model.steering.angle.positive
    return Setting(of.crop, of.colour, of.offset, 255 * of.scale + of.offset, side)


def crops_for(model: SteeringModel, frame_sizes: Sequence[tuple[int, int]]) -> list[Crop]:
    """The declared crop, then the usual ones that frames of these sizes (width, height) hold, each once."""
    found: dict[tuple[tuple[int, int, int, int], ...], Crop] = {}
    for crop in (model.preprocess.crop, *crops()):
        try:
            found.setdefault(tuple(crop.box(*size) for size in frame_sizes), crop)
        except InputError:
            continue
    return list(found.values())


def settings(model: SteeringModel, crops: Sequence[Crop]) -> Iterator[Setting]:
    """The declared setting first, then every other of these crops, the colours and the scalings.

    The sign is the declared one: the other's answers are the same, negated.
    """
    own = declared(model)
    colours = [own.colour] if model.preprocess.channels == 1 else dict.fromkeys((own.colour, *COLOURS))
    ends = (own.low, own.high)
    scalings = [ends, *(one for one in SCALINGS if not same_scaling(one, ends))]
    for crop in crops:
        for colour in colours:
            for low, high in scalings:
                yield Setting(crop, colour, low, high, own.positive)
