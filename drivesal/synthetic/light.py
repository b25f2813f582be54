"""Illumination: sun, sky, headlights and haze."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivesal.synthetic.scene_parameters import SceneParameters

if TYPE_CHECKING:
    from drivesal.types import Doubles

SHADE, DARK = 200, 255
"""Values of the shadow map: full shade, and under a car. 0 is unshaded."""


class Skies(NamedTuple):
    """Colours of the sky, (3,) RGB 0..255: `top`, `low` above the horizon, `glow` around the sun."""

    top: Doubles
    low: Doubles
    glow: Doubles


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """The light of one frame. `open` and `shade` (3,): the relative brightness of a white surface in sun and
    shade.

    `clear` 0..1 is the strength of shadows; `haze_m` the distance over which 63 % of an object's colour is
    replaced by the air's colour `air` (3,) 0..255; `headlights` their strength.
    """

    open: Doubles
    shade: Doubles
    clear: float
    air: Doubles
    haze_m: float
    headlights: float

    @classmethod
    def of(cls, scene: SceneParameters, cloud: float = 0.0) -> Light:
        """The scene's light with a passing cloud that covers `cloud` 0..1 of the sun."""
        gain = 2.0**scene.exposure_ev
        if scene.light == "night":
            tint = np.array([0.75, 0.85, 1.1]) * 0.07 * gain
            return cls(tint, tint, 0.0, np.array([16.0, 19, 26]) * gain, _haze(scene), 1.0 * gain)
        covered = max(scene.overcast, 0.85 * cloud)
        low = np.clip((25 - scene.sun_elevation_deg) / 20, 0, 1)  # a low sun is warm
        clear = 1 - covered
        sun = np.array([1.0, 1 - 0.1 * low, 1 - 0.3 * low]) * (1 - 0.12 * low)
        sky = np.array([0.86, 0.96, 1.14])
        lit = sun * clear + sky * 0.72 * covered
        shade = lit * (1 - scene.shadow * clear) * (1 + (sky - 1) * clear)
        if scene.light == "dusk":
            lit, shade, clear = lit * [0.46, 0.42, 0.5], lit * [0.44, 0.41, 0.5], 0.1 * clear
        air = skies(scene).low * gain * (0.8 + 0.2 * clear)
        return cls(lit * gain, shade * gain, clear, air, _haze(scene), 0.25 * gain * (scene.light == "dusk"))

    @property
    def casts(self) -> bool:
        """Whether a tree's shadow is visible: at least a sixth darker than the open."""
        return bool(self.shade.mean() < 5 / 6 * self.open.mean())

    def table(self) -> NDArray[np.uint8]:
        """(256, 1, 3) uint8: light per value of the shadow map, 128 for 1."""
        steps = np.array([0, SHADE, DARK])
        levels = np.stack([self.open, self.shade, self.shade * 0.25]) * 128
        table = np.stack([np.interp(np.arange(256), steps, channel) for channel in levels.T], axis=-1)
        rounded: NDArray[np.uint8] = np.clip(table, 0, 255).round().astype(np.uint8)
        return rounded[:, None]

    def transmission(self, distance_m: Doubles | NDArray[np.float32]) -> NDArray[np.floating]:
        """The share of an object's own colour that remains at a distance, 0..1."""
        share: NDArray[np.floating] = np.exp(-distance_m / self.haze_m)
        return share


def beam(ahead_m: Doubles, left_m: Doubles) -> Doubles:
    """The brightness 0..1 from the headlights at points on the ground: two adjacent cones that end at 70 m."""
    ahead = np.maximum(ahead_m, 0.1)
    spread = 1.3 + 0.16 * ahead
    across = np.exp(-(((left_m + 0.4) / spread) ** 2))
    along = np.clip(ahead / 5, 0, 1) * np.exp(-(((ahead - 8) / 24).clip(0) ** 1.3))
    bright: Doubles = across * along * (ahead_m > 0)
    return bright


def skies(scene: SceneParameters) -> Skies:
    """The sky's colours, before exposure."""
    if scene.light == "night":
        return Skies(np.array([5.0, 7, 14]), np.array([16.0, 19, 28]), np.array([22.0, 24, 30]))
    if scene.light == "dusk":
        return Skies(np.array([58.0, 78, 128]), np.array([206.0, 148, 118]), np.array([255.0, 170, 90]))
    low = np.clip((25 - scene.sun_elevation_deg) / 20, 0, 1)
    top = np.array([92.0, 140, 206]) * (1 - low) + np.array([112.0, 146, 196]) * low
    horizon = np.array([196.0, 216, 234]) * (1 - low) + np.array([236.0, 218, 190]) * low
    grey = np.array([172.0, 178, 186])
    share = scene.overcast
    return Skies(
        top * (1 - share) + grey * share,
        horizon * (1 - share) + (grey + 28) * share,
        np.array([255.0, 248, 226]) * (1 - share) + grey * share,
    )


def _haze(scene: SceneParameters) -> float:
    return float(2500 * (90 / 2500) ** scene.haze)
