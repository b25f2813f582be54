"""How families of steering networks were fed and what their answer means."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivesal.angle import AngleSpec, Side, Turns, Unit
from drivesal.errors import OptionError, nearest
from drivesal.model.colours import Colour
from drivesal.model.network import layers, signature
from drivesal.model.preprocess import Crop

if TYPE_CHECKING:
    from drivesal.model.readers.reading import Declared


@dataclass(frozen=True, slots=True)
class Preset:
    """One family.

    `size` is (height, width) [px], for a network whose file leaves it open; `format` begins the name of the
    format of recordings that such networks learn from, None where none is read; `low` and `high` what 0..255
    becomes where no layer of the network scales; `bins` the number of bins of a head that is a distribution
    over -1..1; `steering` what the steering output is called where there are several.
    """

    size: tuple[int, int]
    format: str | None
    colour: Colour
    low: float
    high: float
    unit: Unit
    positive: Side
    turns: Turns = "unknown"
    full_lock_deg: float | None = None
    crop: Crop | None = None
    bins: int | None = None
    steering: tuple[str, ...] = ()

    @property
    def angle(self) -> AngleSpec:
        """What such a network's answer means."""
        return AngleSpec(self.unit, self.turns, self.positive, self.full_lock_deg)


_SIMULATOR = Crop("pixel", (60, -25))
_DONKEY = ("angle_out", "n_outputs0", "out_0", "angle")

PRESETS = {
    # the simulator: 320x160 pictures, -1..1 of 25 degrees of the road wheels, right positive; the usual network
    # is PilotNet of 66x200 YUV behind a crop of 60 rows of sky and 25 of bonnet, x/127.5-1 as its first layer
    "pilotnet-udacity": Preset(
        (66, 200), "udacity-simulator", "YUV", -1, 1, "norm", "right", "road-wheels", 25.0, _SIMULATOR
    ),
    # the same of 2016 and 2017, whose OpenCV made YUV with red and blue exchanged: a public one's r on the lake
    # track is 0.01 with today's YUV and 0.63 with that
    "pilotnet-udacity-2017": Preset(
        (66, 200), "udacity-simulator", "YUV-opencv3.0", -1, 1, "norm", "right", "road-wheels", 25.0, _SIMULATOR
    ),
    # 120x160 whole pictures in 0..1 (0..255 still correlates 0.94 with the labels, and is wrong); -1..1 of an
    # unknown lock, right positive as its own movies draw it; categorical heads have 15 bins
    "donkey": Preset((120, 160), "donkeycar", "RGB", 0, 1, "norm", "right", bins=15, steering=_DONKEY),
    # the lowest 150 rows to 66x200, divided by 255; radians at the steering wheel. Right positive: the author's
    # viewer turns the drawn wheel by minus the angle, and OpenCV turns counter-clockwise for a positive one
    "sullychen": Preset(
        (66, 200), "sullychen", "RGB", 0, 1, "rad", "right", "steering-wheel", crop=Crop("pixel", (-150, 0))
    ),
    # the network of comma's first data set (2016): 160x320 whole pictures, x/127.5-1 as first layer. It answers
    # in the car's own CAN counts, tenths of a degree at the steering wheel, right positive: its viewer draws
    # the path of -answer/10 degrees, left positive. comma2k19, which came later, is in degrees, left positive
    "comma": Preset((160, 320), None, "RGB", -1, 1, "norm", "right", "steering-wheel", full_lock_deg=0.1),
}
"""The families by name."""


def preset(name: str) -> Preset:
    """The family of this name. Raises OptionError."""
    if name not in PRESETS:
        raise OptionError(
            f"a preset of {', '.join(PRESETS)}", f"it is {name!r}", nearest(name, PRESETS, "choose one")
        )
    return PRESETS[name]


def filled(declared: Declared, family: Preset, network: Any) -> Declared:
    """What was declared of a network without a card, with the family's facts where nothing was."""
    found = signature(network)
    height, width, channels = found.shape
    scales = any(type(layer).__name__ in ("Rescaling", "Lambda") for layer in layers(network).values())
    low, high = (0.0, 255.0) if scales else (family.low, family.high)
    output = declared.output
    if output is None and len(found.outputs) > 1:
        output = next((name for name in family.steering if name in dict(found.outputs)), None)
    # a network that cuts the sky off by itself was fed whole pictures
    crops = any(type(layer).__name__ == "Cropping2D" for layer in layers(network).values())
    shape = dict(found.outputs).get(output or found.outputs[0][0], ())
    binned = family.bins is not None and shape == (family.bins,)
    # a lock speaks of norm alone
    lock = family.full_lock_deg if declared.unit in (None, "norm") else None
    colour = declared.colour or ("GREY" if channels == 1 else family.colour)
    return dataclasses.replace(
        declared,
        crop=declared.crop or (None if crops else family.crop),
        size=declared.size or (family.size if None in (height, width) else None),
        colour=colour,
        input_scale=declared.input_scale or ((high - low) / 255, low),
        output=output,
        bins=declared.bins or ((-1.0, 1.0) if binned else None),
        unit=declared.unit or family.unit,
        positive=declared.positive or family.positive,
        turns=declared.turns or family.turns,
        full_lock_deg=declared.full_lock_deg or lock,
    )
