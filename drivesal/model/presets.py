"""How families of steering networks were fed and what their answer means."""

from __future__ import annotations

from dataclasses import dataclass

from drivesal.angle import AngleSpec
from drivesal.errors import OptionError, nearest
from drivesal.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class Preset:
    """One family: what `settings` say of each of its networks, where nothing else does.

    `input_size` counts where a network's file leaves it open, `input_scale` where no layer of it scales.
    `format` begins the name of the format of recordings that such networks learn from, None where none is
    read; `bins` is the number of bins of a head that is a distribution over -1..1; `steering` the names of the
    steering output where there are several outputs.
    """

    settings: ModelSettings
    format: str | None = None
    bins: int | None = None
    steering: tuple[str, ...] = ()

    @property
    def angle(self) -> AngleSpec:
        """The meaning of such a network's prediction."""
        said = self.settings
        return AngleSpec(
            said.angle_unit or "norm", said.turns or "unknown", said.positive or "left", said.full_lock
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
    # the simulator: 320x160 pictures, -1..1 of 25 degrees of the road wheels, right positive; the usual network
    # is PilotNet of 66x200 YUV behind a crop of 60 rows of sky and 25 of bonnet, x/127.5-1 as its first layer
    "pilotnet-udacity": Preset(_SIMULATOR, "udacity-simulator"),
    # the same of 2016 and 2017, whose OpenCV made YUV with red and blue exchanged: a public one's r on the lake
    # track is 0.01 with today's YUV and 0.63 with that
    "pilotnet-udacity-2017": Preset(_SIMULATOR.but(color="YUV-opencv3.0"), "udacity-simulator"),
    # 120x160 whole pictures in 0..1 (0..255 still correlates 0.94 with the labels, and is wrong); -1..1 of an
    # unknown lock, right positive as its own movies draw it; categorical heads have 15 bins
    "donkey": Preset(
        ModelSettings(
            color="RGB", input_size="120x160", input_scale="0..1", angle_unit="norm", positive="right"
        ),
        "donkeycar",
        bins=15,
        steering=("angle_out", "n_outputs0", "out_0", "angle"),
    ),
    # the lowest 150 rows to 66x200, divided by 255; radians at the steering wheel. Right positive: the author's
    # viewer turns the drawn wheel by minus the angle, and OpenCV turns counter-clockwise for a positive one
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
    # the network of comma's first data set (2016): 160x320 whole pictures, x/127.5-1 as first layer. It answers
    # in the car's own CAN counts, tenths of a degree at the steering wheel, right positive: its viewer draws
    # the path of -answer/10 degrees, left positive. comma2k19, which came later, is in degrees, left positive
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
