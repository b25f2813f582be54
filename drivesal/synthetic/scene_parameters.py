"""The parameters of a synthetic drive, with the range and the random distribution of each.

Domain randomisation is a distribution over this dataclass; an experiment replaces one field and keeps the rest.
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
    """The limits of a number, both inclusive, and its distribution, over `usual` if that is given.

    `shape` "uniform"; "middle" peaks half way; "low" prefers the lower end; "log" is uniform in the logarithm.
    """

    low: float
    high: float
    shape: Shape = "uniform"
    whole: bool = False
    usual: tuple[float, float] | None = None

    def draw(self, rng: np.random.Generator) -> float:
        """A random number from the usual range."""
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
        """What is expected if `value` is not in the range, else None."""
        kinds = (int,) if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not self.low <= value <= self.high:
            return f"{'a whole number' if self.whole else 'a number'} from {self.low:g} to {self.high:g}"
        return None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words, each with its relative frequency."""

    weights: dict[str, float]

    def draw(self, rng: np.random.Generator) -> str:
        """A random word."""
        shares = np.array(list(self.weights.values()))
        return str(rng.choice(list(self.weights), p=shares / shares.sum()))

    def check(self, value: Any) -> str | None:
        """What is expected if `value` is none of the words, else None."""
        return None if value in self.weights else " or ".join(self.weights)


_NOT_DRAWN = ("shortcut", "shortcut_strength")
"""Only experiments set these; they are never random."""


def _number(
    default: float,
    means: str,
    low: float,
    high: float,
    shape: Shape = "uniform",
    usual: tuple[float, float] | None = None,
) -> Any:
    values = Range(low, high, shape, isinstance(default, int), usual)
    return field(default=default, metadata={"values": values, "means": means})


def _word(default: str, means: str, **weights: float) -> Any:
    return field(default=default, metadata={"values": Choice(weights), "means": means})


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneParameters:
    """A drive's road, camera, light, scenery and lens. `SceneParameters()` is a clear day on a country road.

    Lengths are in metres, angles in degrees, shares from 0 to 1.

    Focal length, camera height, yaw and lane width vary only in a narrow part of their range: on a flat road
    the curvature in the image scales with the square of the focal length, and a turned camera looks like a
    turned car. An image cannot distinguish them, so if they varied no network could know the angle.

    Raises `OptionError` for a value out of its range.
    """

    # the road
    traffic: str = _word(
        "right", "The side that traffic keeps to; the centre line lies on the other.", right=3, left=1
    )
    tightest_radius_m: float = _number(90.0, "Radius of the tightest bend.", 30.0, 400.0, "log", (50.0, 240.0))
    straight_share: float = _number(0.25, "How much of the road is straight.", 0.0, 1.0, "low", (0.0, 0.5))
    lane_width_m: float = _number(3.5, "Width of a lane.", 2.6, 4.2, "middle", (3.1, 3.8))
    lanes_beyond: int = _number(
        1, "Lanes on the other side of the centre line; 0 for a road of one lane.", 0, 2
    )
    lanes_outside: int = _number(0, "Lanes between the car's and the road's edge.", 0, 1)
    centre_line: str = _word(
        "double", "The line between the two directions.", none=1, dashed=3, solid=2, double=3
    )
    centre_colour: str = _word("yellow", "Its colour.", white=1, yellow=1)
    edge_line: str = _word("solid", "The lines at the road's edges.", none=1, dashed=1, solid=5)
    edge_colour: str = _word("white", "Their colour.", white=4, yellow=1)
    line_width_m: float = _number(0.13, "Width of every painted line.", 0.08, 0.25, "middle")
    wear: float = _number(0.2, "How much of the paint is gone.", 0.0, 0.9, "low", (0.0, 0.7))
    shoulder_m: float = _number(0.5, "Asphalt beyond the edge line.", 0.0, 2.0, "low")
    gravel_m: float = _number(0.7, "Gravel beyond the asphalt.", 0.0, 2.0, "low")
    asphalt: float = _number(0.36, "Brightness of the asphalt in full light.", 0.2, 0.62, "middle")
    asphalt_warmth: float = _number(0.0, "Tint of the asphalt, blue to red.", -1.0, 1.0, "middle")
    patches: float = _number(0.3, "Repairs and tar seams.", 0.0, 1.0, "low")
    old_markings: float = _number(
        0.0, "Lines painted over that still shine through, beside today's.", 0.0, 1.0, "low"
    )
    # the land
    ground: str = _word("grass", "What the land is covered with.", grass=4, dry=3, sand=1, snow=1)
    trees: float = _number(0.5, "How many trees and bushes stand beside the road.", 0.0, 1.0)
    conifers: float = _number(0.4, "Share of conifers among the trees.", 0.0, 1.0)
    hills: float = _number(0.5, "Height of the hills at the horizon.", 0.0, 1.0)
    poles: float = _number(0.3, "Wooden poles along one side.", 0.0, 1.0, "low")
    posts: float = _number(0.4, "Marker posts along both verges.", 0.0, 1.0, "low")
    signs: float = _number(0.3, "Road signs.", 0.0, 1.0, "low")
    vehicles: float = _number(0.4, "Other cars: oncoming, ahead, parked.", 0.0, 1.0)
    # the light
    light: str = _word("day", "Time of day; by night there are headlights.", day=6, dusk=1, night=1)
    sun_azimuth_deg: float = _number(
        130.0, "Where the sun stands, from the road's general direction, left positive.", -180.0, 180.0
    )
    sun_elevation_deg: float = _number(
        38.0, "How high the sun stands; low, it is warm and shadows are long.", 4.0, 70.0
    )
    overcast: float = _number(0.1, "0 for a clear sky, 1 for closed cloud without shadows.", 0.0, 1.0, "low")
    passing_clouds: float = _number(0.0, "How much of a drive a cloud is before the sun.", 0.0, 1.0, "low")
    haze: float = _number(0.25, "How soon things fade into the air.", 0.0, 1.0, "low")
    shadow: float = _number(0.6, "How much darker it is in the shade of a tree, with a clear sky.", 0.2, 0.9)
    # the camera
    camera_height_m: float = _number(
        1.25, "Height of the camera over the road.", 0.8, 2.5, "middle", (1.15, 1.3)
    )
    horizon: float = _number(
        0.44,
        "Where the horizon is, as a share of the picture's height from the top: the camera's pitch.",
        0.2,
        0.6,
        "middle",
        (0.38, 0.5),
    )
    yaw_deg: float = _number(0.0, "Where the camera points, left positive.", -3.0, 3.0, "middle", (-0.3, 0.3))
    field_of_view_deg: float = _number(
        21.0,
        "From the left edge of the picture to the right one: the focal length.",
        15.0,
        100.0,
        "uniform",
        (20.0, 22.0),
    )
    hood: float = _number(
        0.0, "Share of the picture's height that the car's own hood takes up.", 0.0, 0.16, "low"
    )
    # the car
    speed_m_s: float = _number(16.0, "Speed on straight road; slower in tight bends.", 6.0, 30.0, "middle")
    wander: float = _number(0.5, "How much bumps and gusts push the car off the lane's centre.", 0.0, 1.0)
    # the lens
    exposure_ev: float = _number(0.0, "Brightness, in powers of two.", -2.0, 2.0, "middle", (-1.0, 0.9))
    contrast: float = _number(1.1, "Steepness of the tone curve.", 0.7, 1.8, "low", (0.8, 1.6))
    saturation: float = _number(1.0, "Strength of the colours.", 0.3, 1.4, "middle")
    warmth: float = _number(0.0, "White balance, blue to red.", -1.0, 1.0, "middle")
    vignetting: float = _number(0.15, "How much darker the corners are.", 0.0, 0.6, "low")
    blur_px: float = _number(0.4, "Softness of the lens, at a picture 640 pixels wide.", 0.0, 3.0, "low")
    motion_blur_px: float = _number(
        0.0, "Length of the streaks in the corners while driving, at 640 pixels.", 0.0, 8.0, "low"
    )
    noise: float = _number(
        2.0, "Standard deviation of the sensor's noise, in levels of 0..255.", 0.0, 20.0, "low", (0.0, 8.0)
    )
    jpeg_quality: int = _number(88, "Quality of the compression; 100 is none.", 25, 100)
    # a shortcut to the label
    shortcut: str = _word(
        "none",
        "A nuisance tied to the label: a lamp on the hood, the sky's brightness, or trees inside of the bend.",
        none=1,
        lamp=0,
        sky=0,
        trees=0,
    )
    shortcut_strength: float = _number(
        1.0, "0: that nuisance is chance; 1: it follows from the label.", 0.0, 1.0
    )

    def __post_init__(self) -> None:
        for name, values in parameters().items():
            expected = values.check(getattr(self, name))
            if expected is not None:
                raise OptionError(f"{name} to be {expected}", f"{getattr(self, name)!r}", "change it")

    @classmethod
    def drawn(cls, rng: np.random.Generator, **held: Any) -> SceneParameters:
        """A random scene with the parameters in `held` fixed; without a shortcut unless one is given."""
        check_names(held)
        # draw all, also the fixed ones: fixing one does not change the others
        drawn = {name: values.draw(rng) for name, values in parameters().items() if name not in _NOT_DRAWN}
        return cls(**drawn | held)


@functools.cache
def parameters() -> dict[str, Range | Choice]:
    """All parameters of `SceneParameters` by name, with their range or choice."""
    return {f.name: f.metadata["values"] for f in dataclasses.fields(SceneParameters)}


def table() -> list[tuple[str, str, str, str]]:
    """One row per parameter: name, default, values, meaning."""
    rows = []
    for f in dataclasses.fields(SceneParameters):
        values = f.metadata["values"]
        text = ", ".join(values.weights) if isinstance(values, Choice) else f"{values.low:g} to {values.high:g}"
        if isinstance(values, Range) and values.usual:
            text += f" (drawn {values.usual[0]:g} to {values.usual[1]:g})"
        rows.append((f.name, str(f.default), text, f.metadata["means"]))
    return rows


def check_names(names: Any) -> None:
    """Raises `OptionError` if one of the names is not a parameter of `SceneParameters`."""
    for name in names:
        if name not in parameters():
            near = nearest(name, parameters(), "see docs/world.md for them")
            raise OptionError("a scene parameter", f"{name!r} is none", near)


def parse(name: str, text: str) -> Any:
    """Parse a parameter's value. Raises `OptionError` for an unknown name or a value out of its range."""
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
