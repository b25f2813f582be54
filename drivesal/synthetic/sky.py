"""The distant panorama, which only turns with the car: sky, clouds, sun, hills and woods."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.synthetic.camera import Camera
from drivesal.synthetic.light import skies
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.textures import fractal

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

_TURNS_DEG = 82.0
"""The most that the car turns from the road's general direction; the road itself turns by 75 degrees at
most."""
_BELOW_DEG = 3.0
_NOISE = (512, 4096)
_HILLS_DEG = 16.0
"""The largest elevation of a hill."""


class Panorama:
    """Sky and distant land all around the road, drawn once; `view` cuts out the visible part."""

    def __init__(self, scene: SceneParameters, camera: Camera, seed: int) -> None:
        self._camera = camera
        top_deg = float(np.degrees(np.arctan(max(camera.horizon_px, 1.0) / camera.focal_px))) + 3
        around_deg = min(_TURNS_DEG + camera.field_of_view_deg / 2, 180.0)
        # half the camera's resolution, but no larger than the noise
        self._per_deg = min(0.55 * np.radians(camera.focal_px), _NOISE[1] / (2 * around_deg))
        self._per_deg = min(self._per_deg, _NOISE[0] / (top_deg + _BELOW_DEG))
        rows, columns = int((top_deg + _BELOW_DEG) * self._per_deg), int(2 * around_deg * self._per_deg)
        self._top_deg, self._around_deg = top_deg, around_deg
        elevation = (top_deg - (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / self._per_deg).astype(
            np.float32
        )
        azimuth = around_deg - (np.arange(columns, dtype=np.float32)[None] + 0.5) / np.float32(self._per_deg)
        image = _sky(scene, elevation, azimuth, seed)
        self._land = _land(scene, image, elevation, self._per_deg, seed)
        self._picture = np.clip(image * 2.0**scene.exposure_ev, 0, 255).astype(np.uint8)

    def view(self, heading: float, *, land: bool = False) -> Image:
        """(rows, width, 3) uint8 RGB above the horizon for a car with this heading [rad].

        With `land`, the (rows, width) mask of hills and woods, 255 inside.
        """
        across, rows = self._rays
        columns = across + np.float32((self._around_deg - np.degrees(heading)) * self._per_deg)
        source = self._land if land else self._picture
        return cv2.remap(source, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]

    @functools.cached_property
    def _rays(self) -> tuple[Floats, Floats]:
        """(rows, width) each: the panorama's columns, relative to straight ahead, and rows for each pixel."""
        camera = self._camera
        v, u = np.mgrid[: camera.first_row, : camera.size[0]] + 0.5
        turn = np.linalg.inv(camera.matrix[:, :3])
        x, y, z = np.moveaxis(np.stack([u, v, np.ones_like(u)], axis=-1) @ turn.T, -1, 0)
        across = -np.degrees(np.arctan2(y, x)) * self._per_deg - 0.5
        rows = (self._top_deg - np.degrees(np.arctan2(z, np.hypot(x, y)))) * self._per_deg - 0.5
        return across.astype(np.float32), rows.astype(np.float32)


def _sky(scene: SceneParameters, elevation: Floats, azimuth: Floats, seed: int) -> Floats:
    """(rows, columns, 3) sky, clouds and sun."""
    top, low, glow = (colour.astype(np.float32) for colour in skies(scene))
    size = len(elevation), azimuth.shape[1]
    share = np.clip(elevation / 35, 0, 1)[..., None] ** 0.6
    clouds = fractal(seed % 4, 1.5, _NOISE, 0.35)[: size[0], : size[1]]
    cover = np.clip((clouds - 1.1 + 2.2 * scene.overcast) * 0.8, 0, 1) * np.clip(elevation / 8, 0.25, 1)
    bright = glow * np.float32(0.45) + low * np.float32(0.55) - np.float32(14 * scene.overcast)
    image = np.empty((*size, 3), np.float32)
    image[...] = low + (top - low) * share
    texture = (1 + np.float32(0.05 * scene.overcast) * clouds)[..., None]
    image += (bright * texture - image) * (np.float32(0.75) * cover)[..., None]
    if scene.light == "night":
        return image
    off = np.abs((azimuth - scene.sun_azimuth_deg + 180) % 360 - 180)
    sun_deg = scene.sun_elevation_deg if scene.light == "day" else 1.0
    away = np.hypot(off, elevation - sun_deg)
    clear = 1 - scene.overcast
    halo = 0.75 * clear * np.exp(-away / 9) + clear**2 * np.clip(1.6 - away, 0, 1)
    image += (glow * np.float32(1.1) - image) * np.clip(halo, 0, 1).astype(np.float32)[..., None]
    return image


def _land(scene: SceneParameters, image: Floats, elevation: Floats, per_deg: float, seed: int) -> Image:
    """Draw ridges and woods into the panorama, from far to near; the result is their (rows, columns) uint8
    mask."""
    land = np.zeros(image.shape[:2], np.uint8)
    low = int(np.count_nonzero(elevation >= _HILLS_DEG))
    part, elevation = image[low:], elevation[low:]
    columns = part.shape[1]
    air = skies(scene).low.astype(np.float32)
    brightness = {"day": 1.0 - 0.3 * scene.overcast, "dusk": 0.35, "night": 0.05}[scene.light]
    far, near = {
        "grass": ((104, 112, 84), (52, 66, 38)),
        "dry": ((142, 126, 92), (84, 82, 52)),
        "sand": ((168, 146, 112), (128, 112, 80)),
        "snow": ((196, 202, 210), (120, 130, 138)),
    }[scene.ground]
    leaves = fractal(seed % 4 + 9, 0.55, _NOISE)[: len(part), :columns]
    for layer in range(4):
        share = layer / 3  # 0 the farthest
        ridge = fractal(seed % 16 * 4 + layer, 1.9 - 0.5 * share, (4, _NOISE[1]))[0, :columns]
        rough = fractal(seed % 16 * 4 + layer, 0.6, (4, _NOISE[1]))[1, :columns]
        height = scene.hills * (9 - 6 * share) * (0.55 + 0.3 * ridge) + scene.trees * share * (
            1.6 + 0.5 * ridge
        )
        height = np.maximum(height + (0.1 + 0.35 * share * scene.trees) * rough, 0.25 * share)
        colour = (np.array(far) * (1 - share) + np.array(near) * share) * brightness
        kept = np.exp(-(1 - share) * (0.5 + 2.2 * scene.haze) - 0.1)
        flat = (colour * kept + air * (1 - kept)).astype(np.float32)
        grain = (colour * kept * (0.06 + 0.2 * share * (0.3 + scene.trees))).astype(np.float32)
        first = int(np.count_nonzero(elevation >= height.max() + 1 / per_deg))
        cover = np.clip((height - elevation[first:]) * per_deg, 0, 1).astype(np.float32)
        below = part[first:]
        below += (flat + grain * leaves[first:, :, None] - below) * cover[..., None]
        whole = land[low + first :]
        np.maximum(whole, (cover * 255).astype(np.uint8), out=whole)
    return land
