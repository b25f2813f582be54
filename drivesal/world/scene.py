"""What a drawn drive looks like: every parameter of the world, its range, and how it is drawn at random.

Domain randomisation is a distribution over this one dataclass; an experiment replaces one field and keeps the
rest.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from drivesal.errors import OptionError, nearest

Shape = Literal["uniform", "middle", "low", "log"]


@dataclass(frozen=True, slots=True)
class Range:
    """A number's limits, both allowed, and how it is drawn: between `usual` where that is given, with a shape.

    "uniform"; "middle" has its peak half way; "low" prefers the lower end; "log" is uniform in the logarithm.
    """

    low: float
    high: float
    shape: Shape = "uniform"
    whole: bool = False
    usual: tuple[float, float] | None = None

    def draw(self, rng: np.random.Generator) -> float:
        """A number from the usual part of the range."""
        low, high = self.usual or (self.low, self.high)
        share = rng.random()
        if self.shape == "middle":
            share = (share + rng.random()) / 2
        elif self.shape == "low":
            share = share**2
        if self.shape == "log":
            return float(low * (high / low) ** share)
        value = low + (high + self.whole - low) * share
        return int(value) if self.whole else float(value)

    def check(self, value: Any) -> str | None:
        """What was expected, where `value` is not in the range."""
        kinds = (int,) if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not self.low <= value <= self.high:
            return f"{'a whole number' if self.whole else 'a number'} from {self.low:g} to {self.high:g}"
        return None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words, each with how often it is drawn."""

    weights: dict[str, float]

    def draw(self, rng: np.random.Generator) -> str:
        """One of the words."""
        shares = np.array(list(self.weights.values()))
        return str(rng.choice(list(self.weights), p=shares / shares.sum()))

    def check(self, value: Any) -> str | None:
        """What was expected, where `value` is none of the words."""
        return None if value in self.weights else " or ".join(self.weights)


def _number(
    default: float,
    low: float,
    high: float,
    shape: Shape = "uniform",
    usual: tuple[float, float] | None = None,
) -> Any:
    values = Range(low, high, shape, isinstance(default, int), usual)
    return field(default=default, metadata={"values": values})


def _word(default: str, **weights: float) -> Any:
    return field(default=default, metadata={"values": Choice(weights)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One drive's road, camera, light, scenery and lens. `Scene()` is a clear day on a country road.

    Lengths in metres, angles in degrees, shares from 0 to 1. Raises `OptionError` for a value out of its range.
    """

    # the road
    traffic: str = _word("right", right=3, left=1)
    """The side that traffic keeps to; the centre line lies on the other."""
    tightest_radius_m: float = _number(90.0, 30.0, 400.0, "log", (55.0, 300.0))
    straight_share: float = _number(0.25, 0.0, 1.0, "low")
    """How much of the road is straight."""
    lane_width_m: float = _number(3.5, 2.6, 4.2, "middle", (3.1, 3.8))
    lanes_beyond: int = _number(1, 0, 2)
    """Lanes on the other side of the centre line; 0 for a road of one lane."""
    lanes_outside: int = _number(0, 0, 1)
    """Lanes between the car's and the road's edge."""
    centre_line: str = _word("double", none=1, dashed=3, solid=2, double=3)
    centre_colour: str = _word("yellow", white=1, yellow=1)
    edge_line: str = _word("solid", none=1, dashed=1, solid=5)
    edge_colour: str = _word("white", white=4, yellow=1)
    line_width_m: float = _number(0.13, 0.08, 0.25, "middle")
    wear: float = _number(0.2, 0.0, 0.9, "low")
    """How much of the paint is gone."""
    shoulder_m: float = _number(0.5, 0.0, 2.0, "low")
    """Asphalt beyond the edge line."""
    gravel_m: float = _number(0.7, 0.0, 2.0, "low")
    asphalt: float = _number(0.36, 0.2, 0.62, "middle")
    """Brightness of the asphalt in full light."""
    asphalt_warmth: float = _number(0.0, -1.0, 1.0, "middle")
    patches: float = _number(0.3, 0.0, 1.0, "low")
    """Repairs and tar seams."""
    old_markings: float = _number(0.0, 0.0, 1.0, "low")
    """Lines painted over that still shine through, beside today's."""
    # the land
    ground: str = _word("grass", grass=4, dry=3, sand=1, snow=1)
    trees: float = _number(0.5, 0.0, 1.0)
    conifers: float = _number(0.4, 0.0, 1.0)
    hills: float = _number(0.5, 0.0, 1.0)
    poles: float = _number(0.3, 0.0, 1.0, "low")
    posts: float = _number(0.4, 0.0, 1.0, "low")
    """Marker posts along the verges."""
    signs: float = _number(0.3, 0.0, 1.0, "low")
    vehicles: float = _number(0.4, 0.0, 1.0)
    # the light
    light: str = _word("day", day=6, dusk=1, night=1)
    sun_azimuth_deg: float = _number(130.0, -180.0, 180.0)
    """Where the sun stands, from the road's general direction, left positive."""
    sun_elevation_deg: float = _number(38.0, 4.0, 70.0)
    overcast: float = _number(0.1, 0.0, 1.0, "low")
    """0 for a clear sky, 1 for closed cloud without shadows."""
    passing_clouds: float = _number(0.0, 0.0, 1.0, "low")
    """How much of a drive a cloud is before the sun."""
    haze: float = _number(0.25, 0.0, 1.0, "low")
    shadow: float = _number(0.6, 0.2, 0.9)
    """How much darker it is in the shade of a tree, with a clear sky."""
    # the camera
    camera_height_m: float = _number(1.25, 0.8, 2.5, "middle", (1.1, 1.4))
    horizon: float = _number(0.44, 0.2, 0.6, "middle", (0.38, 0.5))
    """Where the horizon is, as a share of the picture's height from the top: the camera's pitch."""
    yaw_deg: float = _number(0.0, -3.0, 3.0, "middle", (-0.3, 0.3))
    """Left positive."""
    field_of_view_deg: float = _number(24.0, 20.0, 100.0, "uniform", (22.5, 26.0))
    """From the left edge of the picture to the right one: the focal length. It is drawn from a narrow part: on
    a flat road, curvature in the picture goes with the square of the focal length, which no picture tells. For
    the same reason camera height, yaw and lane width vary little.
    """
    hood: float = _number(0.0, 0.0, 0.16, "low")
    """Share of the picture's height that the car's own hood takes up."""
    # the car
    speed_m_s: float = _number(16.0, 6.0, 30.0, "middle")
    wander: float = _number(0.5, 0.0, 1.0)
    """How much bumps and gusts push the car off the lane's centre."""
    # the lens
    exposure_ev: float = _number(0.0, -2.0, 2.0, "middle", (-1.2, 1.0))
    contrast: float = _number(1.1, 0.7, 1.8, "low")
    saturation: float = _number(1.0, 0.3, 1.4, "middle")
    warmth: float = _number(0.0, -1.0, 1.0, "middle")
    """White balance, blue to red."""
    vignetting: float = _number(0.15, 0.0, 0.6, "low")
    blur_px: float = _number(0.5, 0.0, 3.0, "low")
    """Motion blur, at a picture 640 pixels wide."""
    noise: float = _number(2.0, 0.0, 20.0, "low", (0.0, 10.0))
    """Standard deviation in levels of 0..255."""
    jpeg_quality: int = _number(88, 25, 100)
    # a shortcut to the label
    shortcut: str = _word("none", none=1, lamp=0, sky=0, trees=0)
    """A nuisance tied to the label: a lamp on the hood, the sky's brightness, or trees inside of the bend."""
    shortcut_strength: float = _number(1.0, 0.0, 1.0)
    """0: the nuisance is chance; 1: it follows from the label."""

    def __post_init__(self) -> None:
        for name, values in parameters().items():
            expected = values.check(getattr(self, name))
            if expected is not None:
                raise OptionError(f"{name} to be {expected}", f"{getattr(self, name)!r}", "change it")

    @classmethod
    def drawn(cls, rng: np.random.Generator, **held: Any) -> Scene:
        """A scene with every parameter drawn from its range, except those given, which are held."""
        check_names(held)
        # All are drawn, held or not: holding one does not change the others.
        values = {name: values.draw(rng) for name, values in parameters().items()}
        values["shortcut_strength"] = 1.0
        return cls(**values | held)


@functools.cache
def parameters() -> dict[str, Range | Choice]:
    """Every parameter of a `Scene` by name, with its range or its words."""
    return {f.name: f.metadata["values"] for f in dataclasses.fields(Scene)}


def check_names(names: Any) -> None:
    """Raises `OptionError` where one of the names is no parameter of a `Scene`."""
    for name in names:
        if name not in parameters():
            near = nearest(name, parameters(), "see docs/world.md for them")
            raise OptionError("a parameter of the world", f"{name!r} is none", near)


def parse(name: str, text: str) -> Any:
    """A parameter's value from text. Raises `OptionError` for an unknown name or a value out of its range."""
    check_names([name])
    values = parameters()[name]
    value: Any = text
    if isinstance(values, Range):
        try:
            value = int(text) if values.whole else float(text)
        except ValueError:
            value = text
    expected = values.check(value)
    if expected is not None:
        raise OptionError(f"{name} to be {expected}", f"{text!r}", "change it")
    return value
