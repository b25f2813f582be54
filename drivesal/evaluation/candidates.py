"""What could have been declared of a model: crops, colours, scalings, outputs and signs, as options."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.errors import InputError
from drivesal.model.preprocess import Crop, Preprocess
from drivesal.model.presets import PRESETS
from drivesal.model.scaling import STANDARDISED, USUAL, Scaling

if TYPE_CHECKING:
    from drivesal.angle import Side
    from drivesal.model.colours import Colour
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Recording

COLOURS: tuple[Colour, ...] = ("RGB", "BGR", "YUV", "YUV-opencv3.0", "HSV", "HLS", "YCrCb", "Lab")
"""What networks of three channels are fed."""
_SHARES = ("0.42:0.92", "0.375:0.84375", "0.33:1.0", "0.414:1.0", "0.5:1.0")
"""Rows as shares of the height, whatever the camera's size: the default model's; 60:-25 of the simulator's 160
rows; the lowest two thirds; the lowest 150 of SullyChen's 256 rows; the lower half."""
KINDS = {"crop": "crop", "colour": "colours", "scaling": "input scale", "output": "output", "positive": "sign"}
"""What can be changed of a setting, and how that is called."""


def crops() -> list[Crop]:
    """The crops that are usual: whole frames, those of the presets, and shares of the height."""
    of_presets = [one.settings.crop for one in PRESETS.values() if one.settings.crop is not None]
    return list(dict.fromkeys([Crop(), *map(Crop.parse, (*of_presets, *_SHARES))]))


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to feed a model and to read its answer; `output` None is the declared one."""

    crop: Crop
    colour: Colour
    scaling: Scaling
    positive: Side
    output: str | None = None

    def over(self, preprocess: Preprocess) -> Preprocess:
        """The model's preprocess with this said over it."""
        scale, offset = self.scaling.scale, self.scaling.offset
        return dataclasses.replace(preprocess, crop=self.crop, colour=self.colour, scale=scale, offset=offset)

    def changes(self, declared: Setting) -> tuple[str, ...]:
        """Of KINDS, what differs from `declared`."""
        return tuple(kind for kind in KINDS if getattr(self, kind) != getattr(declared, kind))

    def said(self, kind: str) -> tuple[str, ...]:
        """The options that say one kind, an option and its value in turn."""
        if kind == "crop":
            return "--crop", self.crop.text
        if kind == "colour":
            return "--color", self.colour
        if kind == "scaling":
            return self.scaling.options
        if kind == "output":
            return ("--output", self.output) if self.output is not None else ()
        return "--model-positive", self.positive

    def words(self, declared: Setting) -> tuple[str, ...]:
        """The options that say what differs from `declared`, an option and its value in turn."""
        return tuple(word for kind in self.changes(declared) for word in self.said(kind))

    def options(self, declared: Setting) -> tuple[str, ...]:
        """The same, an option and its value in one; () where nothing differs."""
        words = self.words(declared)
        return tuple(f"{flag} {value}" for flag, value in zip(words[::2], words[1::2], strict=True))


def declared(model: SteeringModel) -> Setting:
    """What is declared, or assumed, of a model that steers."""
    assert model.steering is not None
    of, side = model.preprocess, model.steering.angle.positive
    return Setting(of.crop, of.colour, of.scaling, side)


def crops_for(model: SteeringModel, frame_sizes: Sequence[tuple[int, int]]) -> list[Crop]:
    """The declared crop, then the usual ones that frames of these sizes (width, height) hold, each once."""
    found: dict[tuple[tuple[int, int, int, int], ...], Crop] = {}
    for crop in (model.preprocess.crop, *crops()):
        try:
            found.setdefault(tuple(crop.box(*size) for size in frame_sizes), crop)
        except InputError:
            continue
    return list(found.values())


def scalings(own: Scaling, colour: Colour) -> list[Scaling]:
    """The declared scaling, then the usual others; means and deviations by channel for RGB and BGR alone."""
    usual = list(USUAL)
    if colour in ("RGB", "BGR"):
        usual += STANDARDISED if colour == "RGB" else map(_turned, STANDARDISED)
    return [own, *(one for one in usual if not one.same(own))]


def _turned(scaling: Scaling) -> Scaling:
    """The same with its channels in the other order."""
    scale, offset = (numbers[::-1] for numbers in scaling.by_channel(3))
    return Scaling(scale, offset)


def colours(model: SteeringModel) -> list[Colour]:
    """The declared colours, then the usual others."""
    own = model.preprocess.colour
    return [own] if model.preprocess.channels == 1 else list(dict.fromkeys((own, *COLOURS)))


def crops_of(model: SteeringModel, recordings: Sequence[Recording]) -> list[Crop]:
    """`crops_for` the frames of these recordings."""
    return crops_for(model, [(one.info.width, one.info.height) for one in recordings])


def settings(
    model: SteeringModel, crops: Sequence[Crop], outputs: Sequence[str | None] = (None,)
) -> Iterator[Setting]:
    """The declared setting first, then every other of these crops and outputs, the colours and the scalings.

    The sign is the declared one: the other's answers are the same, negated.
    """
    own = declared(model)
    for output in outputs:
        for crop in crops:
            for colour in colours(model):
                for scaling in scalings(own.scaling, colour):
                    yield Setting(crop, colour, scaling, own.positive, output)


def neighbours(
    setting: Setting,
    model: SteeringModel,
    crops: Sequence[Crop],
    outputs: Sequence[str | None] = (None,),
) -> Iterator[Setting]:
    """The setting, then every one with a single change of crop, colours, scaling or output."""
    own = declared(model).scaling
    yield setting
    others = {
        "crop": crops,
        "colour": colours(model),
        "scaling": scalings(own, setting.colour),
        "output": outputs,
    }
    for kind, values in others.items():
        for value in values:
            if value != getattr(setting, kind):
                changed: dict[str, Any] = {kind: value}
                yield dataclasses.replace(setting, **changed)
