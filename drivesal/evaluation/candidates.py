"""Candidate settings of a model: crops, colour formats, scalings, outputs and signs, and their options."""

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
"""The colour formats of networks with three input channels."""
_SHARES = ("0.42:0.92", "0.375:0.84375", "0.33:1.0", "0.414:1.0", "0.5:1.0")
"""Crops as shares of the height, for any camera: the default model's; 60:-25 of the simulator's 160 rows; the
lowest two thirds; the lowest 150 of SullyChen's 256 rows; the lower half."""
KINDS = {"crop": "crop", "colour": "colours", "scaling": "input scale", "output": "output", "positive": "sign"}
"""The fields of a setting and their display names."""


def crops() -> list[Crop]:
    """The usual crops: whole frames, the presets' crops, and shares of the height."""
    of_presets = [one.settings.crop for one in PRESETS.values() if one.settings.crop is not None]
    return list(dict.fromkeys([Crop(), *map(Crop.parse, (*of_presets, *_SHARES))]))


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to feed a model and to read its output; `output` None is the declared one."""

    crop: Crop
    colour: Colour
    scaling: Scaling
    positive: Side
    output: str | None = None

    def applied_to(self, preprocess: Preprocess) -> Preprocess:
        """The preprocess with this setting's crop, colour format and scaling."""
        scale, offset = self.scaling.scale, self.scaling.offset
        return dataclasses.replace(preprocess, crop=self.crop, colour=self.colour, scale=scale, offset=offset)

    def changes(self, declared: Setting) -> tuple[str, ...]:
        """The fields, named as in KINDS, that differ from `declared`."""
        return tuple(kind for kind in KINDS if getattr(self, kind) != getattr(declared, kind))

    def option(self, kind: str) -> tuple[str, ...]:
        """The option and its value that declare one field; () for the declared output."""
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
        """The options that declare what differs from `declared`, alternating with their values."""
        return tuple(word for kind in self.changes(declared) for word in self.option(kind))

    def options(self, declared: Setting) -> tuple[str, ...]:
        """Like `words`, with option and value as one string; () if nothing differs."""
        words = self.words(declared)
        return tuple(f"{flag} {value}" for flag, value in zip(words[::2], words[1::2], strict=True))


def declared(model: SteeringModel) -> Setting:
    """The declared, or assumed, setting of a steering model."""
    assert model.steering is not None
    preprocess, side = model.preprocess, model.steering.angle.positive
    return Setting(preprocess.crop, preprocess.colour, preprocess.scaling, side)


def crops_for(model: SteeringModel, frame_sizes: Sequence[tuple[int, int]]) -> list[Crop]:
    """The declared crop, then the usual ones that fit frames of these sizes (width, height), each once."""
    by_boxes: dict[tuple[tuple[int, int, int, int], ...], Crop] = {}
    for crop in (model.preprocess.crop, *crops()):
        try:
            by_boxes.setdefault(tuple(crop.box(*size) for size in frame_sizes), crop)
        except InputError:
            continue
    return list(by_boxes.values())


def scalings(own: Scaling, colour: Colour) -> list[Scaling]:
    """The declared scaling, then the usual others; per-channel standardisation only for RGB and BGR."""
    usual = list(USUAL)
    if colour in ("RGB", "BGR"):
        usual += STANDARDISED if colour == "RGB" else map(_reversed_channels, STANDARDISED)
    return [own, *(scaling for scaling in usual if not scaling.same(own))]


def _reversed_channels(scaling: Scaling) -> Scaling:
    """The scaling with its channels in reverse order."""
    scale, offset = (numbers[::-1] for numbers in scaling.by_channel(3))
    return Scaling(scale, offset)


def colours(model: SteeringModel) -> list[Colour]:
    """The declared colour format, then the usual others."""
    own = model.preprocess.colour
    return [own] if model.preprocess.channels == 1 else list(dict.fromkeys((own, *COLOURS)))


def crops_of(model: SteeringModel, recordings: Sequence[Recording]) -> list[Crop]:
    """`crops_for` with the frame sizes of these recordings."""
    return crops_for(model, [(recording.info.width, recording.info.height) for recording in recordings])


def settings(
    model: SteeringModel, crops: Sequence[Crop], outputs: Sequence[str | None] = (None,)
) -> Iterator[Setting]:
    """The declared setting, then every other combination of these crops and outputs, the colours and scalings.

    The sign is always the declared one: the other sign only negates the predictions.
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
    """The setting, then every one that differs from it in crop, colour format, scaling or output alone."""
    own = declared(model).scaling
    yield setting
    alternatives = {
        "crop": crops,
        "colour": colours(model),
        "scaling": scalings(own, setting.colour),
        "output": outputs,
    }
    for kind, values in alternatives.items():
        for value in values:
            if value != getattr(setting, kind):
                changed: dict[str, Any] = {kind: value}
                yield dataclasses.replace(setting, **changed)
