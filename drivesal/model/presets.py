"""Input and angle conventions of well-known families of steering networks."""

from __future__ import annotations

from dataclasses import dataclass

from drivesal.angle import AngleSpec
from drivesal.errors import OptionError, nearest
from drivesal.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class Preset:
    """One family: `settings` that apply to its networks where nothing else states them.

    `input_size` applies if a network's file leaves it open, `input_scale` if no layer of it scales. `format` is
    the prefix of the recording format that such networks are trained on, None if no supported format is;
    `bins` is the number of bins of a head that is a distribution over -1..1; `steering` are the names of the
    steering output in networks with several outputs.
    """

    settings: ModelSettings
    format: str | None = None
    bins: int | None = None
    steering: tuple[str, ...] = ()

    @property
    def angle(self) -> AngleSpec:
        """The meaning of such a network's prediction."""
        stated = self.settings
        return AngleSpec(
            stated.angle_unit or "norm", stated.turns or "unknown", stated.positive or "left", stated.full_lock
        )


_SIMULATOR = ModelSettings(
    crop="60:-25",
    color="YUV",
    input_size="66x200",
    input_scale="-1..1",
    angle_unit="norm",
    positive="right",
    turns="road-wheels",
    full_lock=25.0,
)

PRESETS = {
    # the simulator: 320x160 images, -1..1 for 25 degrees at the road wheels, right positive; the usual network
    # is PilotNet on 66x200 YUV after a crop of 60 rows of sky and 25 of bonnet, x/127.5-1 as its first layer
    "pilotnet-udacity": Preset(_SIMULATOR, "udacity-simulator"),
    # the same from 2016 and 2017, when OpenCV computed YUV with red and blue swapped: a public network's
    # correlation on the lake track is 0.01 with today's YUV and 0.63 with the old one
    "pilotnet-udacity-2017": Preset(_SIMULATOR.but(color="YUV-opencv3.0"), "udacity-simulator"),
    # whole 120x160 images in 0..1 (0..255 still correlates 0.94 with the labels, but is wrong); -1..1 of an
    # unknown full lock, right positive as in its own movies; categorical heads have 15 bins
    "donkey": Preset(
        ModelSettings(
            color="RGB", input_size="120x160", input_scale="0..1", angle_unit="norm", positive="right"
        ),
        "donkeycar",
        bins=15,
        steering=("angle_out", "n_outputs0", "out_0", "angle"),
    ),
    # the lowest 150 rows resized to 66x200, divided by 255; radians at the steering wheel. Right positive: the
    # author's viewer rotates the drawn wheel by minus the angle, and OpenCV rotates counter-clockwise for a
    # positive one
    "sullychen": Preset(
        ModelSettings(
            crop="-150:",
            color="RGB",
            input_size="66x200",
            input_scale="0..1",
            angle_unit="rad",
            positive="right",
            turns="steering-wheel",
        ),
        "sullychen",
    ),
    # the network of comma's first data set (2016): whole 160x320 images, x/127.5-1 as first layer. It predicts
    # the car's CAN counts, tenths of a degree at the steering wheel, right positive: its viewer draws the path
    # for -prediction/10 degrees, left positive. The later comma2k19 is in degrees, left positive
    "comma": Preset(
        ModelSettings(
            color="RGB",
            input_size="160x320",
            input_scale="-1..1",
            angle_unit="norm",
            positive="right",
            turns="steering-wheel",
            full_lock=0.1,
        ),
    ),
}
"""The families by name."""


def preset(name: str) -> Preset:
    """The family of this name. Raises OptionError."""
    if name not in PRESETS:
        raise OptionError(
            f"a preset of {', '.join(PRESETS)}", f"it is {name!r}", nearest(name, PRESETS, "choose one")
        )
    return PRESETS[name]
