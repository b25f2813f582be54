"""Plants and signs as flat sprites that face the camera, drawn once from noise.

A sprite is (rows, columns, 4) uint8, premultiplied RGB and alpha, at several sizes, with its bottom edge on the
ground.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.synthetic.textures import fractal

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

_TALL = 256
VARIANTS = 6


@dataclass(frozen=True, slots=True)
class Sprite:
    """`levels[i]` is 2^i times smaller than the first; `aspect` is width over height; `plant` means
    vegetation."""

    levels: tuple[Image, ...]
    aspect: float
    plant: bool

    def near(self, height_px: float) -> Image:
        """The smallest level at or above this height."""
        index = int(np.clip(np.floor(np.log2(max(_TALL / max(height_px, 1), 1))), 0, len(self.levels) - 1))
        return self.levels[index]


@functools.cache
def sprite(kind: str, variant: int) -> Sprite:
    """The sprite of a kind (see `KINDS`) and a variant 0..`VARIANTS` - 1."""
    draw, plant = KINDS[kind]
    colour, alpha = draw(np.random.default_rng([variant, sum(kind.encode())]))
    alpha = np.clip(alpha, 0, 1)
    if plant:  # plants have no straight lower edge
        rough = 5 + 4 * np.interp(
            np.arange(alpha.shape[1]), np.arange(256) * 3, fractal(variant, 0.3, (4, 256))[0]
        )
        alpha = alpha * np.clip(_TALL - np.arange(_TALL)[:, None] - rough, 0, 1)
    whole = np.dstack([np.clip(colour, 0, 255) * alpha[..., None], 255 * alpha])
    levels = [whole]
    while min(levels[-1].shape[:2]) > 8:
        rows, columns = levels[-1].shape[:2]
        levels.append(
            cv2.resize(levels[-1], (max(columns // 2, 1), max(rows // 2, 1)), interpolation=cv2.INTER_AREA)
        )
    return Sprite(tuple(level.round().astype(np.uint8) for level in levels), whole.shape[1] / _TALL, plant)


def _leaves(
    rng: np.random.Generator, centres: Floats, sizes: Floats, colour: tuple[float, float, float], width: int
) -> tuple[Floats, Floats]:
    """Clumps of leaves: a ragged disc at each centre (n, 2), lit from above; later ones cover earlier ones."""
    image = np.zeros((_TALL, width, 3), np.float32)
    alpha = np.zeros((_TALL, width), np.float32)
    top, bottom = centres[:, 1].min(), centres[:, 1].max() + 1
    for (x, y), size in zip(centres, sizes, strict=True):
        angles = np.linspace(0, 2 * np.pi, 9, endpoint=False) + rng.uniform(0, 1)
        reach = size * rng.uniform(0.6, 1.25, 9)
        corners = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
        outline = [np.round(corners * 16).astype(np.int32)]
        lit = 0.55 + 0.55 * (1 - (y - top) / (bottom - top)) + rng.normal(0, 0.16)
        shade = np.array(colour) * max(lit, 0.15) * (1 + rng.normal(0, 0.05, 3))
        cv2.fillPoly(image, outline, shade.tolist(), cv2.LINE_AA, shift=4)
        cv2.fillPoly(alpha, outline, 1.0, cv2.LINE_AA, shift=4)
    return image, alpha


def _trunk(image: Floats, alpha: Floats, top: float, width_px: float, colour: tuple[float, ...]) -> None:
    """Draw a trunk from the ground to the row `top`, behind what is already drawn."""
    trunk = np.zeros_like(alpha)
    middle = alpha.shape[1] / 2
    corners = [[middle - width_px, _TALL], [middle + width_px, _TALL], [middle + width_px / 3, top]]
    corners.append([middle - width_px / 3, top])
    cv2.fillPoly(trunk, [np.round(np.array(corners) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
    bare = trunk * (1 - alpha)
    image += bare[..., None] * np.array(colour, np.float32)
    alpha += bare


def _broadleaf(rng: np.random.Generator) -> tuple[Floats, Floats]:
    width = int(rng.uniform(170, 240))
    count = 1100
    angle, reach = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.random(count))
    lumps = 1 + 0.22 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.14 * np.sin(5 * angle + rng.uniform(0, 6))
    x = width / 2 + reach * lumps * np.cos(angle) * width * 0.37
    y = _TALL * 0.42 + reach * lumps * np.sin(angle) * _TALL * 0.31
    order = np.argsort(reach + rng.normal(0, 0.2, count))[::-1]
    centres = np.stack([x, np.clip(y, 12, None)], axis=1)[order].astype(np.float32)
    green = rng.uniform(0, 1)
    colour = (58 + 34 * green, 78 + 14 * green, 36 + 6 * green)
    image, alpha = _leaves(rng, centres, rng.uniform(2.5, 8, count).astype(np.float32), colour, width)
    _trunk(image, alpha, _TALL * 0.4, rng.uniform(5, 9), (62, 52, 42))
    return image, alpha


def _conifer(rng: np.random.Generator) -> tuple[Floats, Floats]:
    width = int(rng.uniform(90, 140))
    count = 900
    down = np.sort(rng.random(count) ** 0.7)
    whorl = 0.75 + 0.25 * np.abs(np.sin(down * 22 + rng.uniform(0, 3)))
    side = rng.uniform(-1, 1, count) * whorl
    x = width / 2 + side * (0.02 + 0.44 * down) * width
    y = 8 + down * _TALL * 0.86 + np.abs(side) * 8
    green = rng.uniform(0, 1)
    colour = (36 + 18 * green, 54 + 18 * green, 36 + 8 * green)
    sizes = (1.5 + 4.5 * down * rng.uniform(0.5, 1.2, count)).astype(np.float32)
    image, alpha = _leaves(rng, np.stack([x, y], axis=1).astype(np.float32), sizes, colour, width)
    _trunk(image, alpha, _TALL * 0.7, rng.uniform(3, 5), (52, 44, 38))
    return image, alpha


def _bush(rng: np.random.Generator) -> tuple[Floats, Floats]:
    width = int(rng.uniform(260, 420))
    count = 900
    x = rng.normal(width / 2, width * 0.17, count)
    roof = 1 - ((x - width / 2) / (width * 0.5)) ** 2
    y = _TALL - rng.random(count) * np.clip(roof, 0.05, 1) * _TALL * 0.85
    order = np.argsort(y)
    dry = rng.uniform(0, 1)
    colour = (64 + 60 * dry, 80 + 22 * dry, 42 + 18 * dry)
    centres = np.stack([x, y], axis=1)[order].astype(np.float32)
    return _leaves(rng, centres, rng.uniform(4, 11, count).astype(np.float32), colour, width)


def _thicket(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A dense wall of trees and undergrowth."""
    width = int(rng.uniform(480, 620))
    count = 2600
    x = rng.uniform(0.02, 0.98, count) * width
    crowns = 0.5 + 0.5 * np.interp(x, np.linspace(0, width, 9), rng.random(9))
    crowns *= np.clip(4 * np.minimum(x, width - x) / width, 0.2, 1) ** 0.5
    y = _TALL - rng.random(count) ** 0.8 * crowns * _TALL * 0.95
    order = np.argsort(y + rng.normal(0, 25, count))
    dry = rng.uniform(0, 1)
    colour = (50 + 42 * dry, 64 + 16 * dry, 36 + 14 * dry)
    centres = np.stack([x, np.maximum(y, 8)], axis=1)[order].astype(np.float32)
    return _leaves(rng, centres, rng.uniform(3, 10, count).astype(np.float32), colour, width)


def _board(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A road sign without text: a disc, a triangle, a diamond or a plate on a post."""
    width = 96
    image, alpha = np.zeros((_TALL, width, 3), np.float32), np.zeros((_TALL, width), np.float32)
    faces = [
        ("disc", (188, 30, 34), (232, 232, 230)),
        ("triangle", (188, 30, 34), (232, 230, 224)),
        ("diamond", (30, 28, 24), (222, 178, 40)),
        ("plate", (30, 30, 30), (232, 232, 232)),
        ("plate", (236, 236, 236), (28, 84, 160)),
        ("plate", (236, 236, 236), (24, 104, 66)),
    ]
    shape, rim, face = faces[int(rng.integers(len(faces)))]
    angles = {"disc": 32, "triangle": 3, "diamond": 4, "plate": 4}[shape]
    first = np.pi / 4 if shape == "plate" else np.pi / 2
    turn = first + np.arange(angles) * 2 * np.pi / angles
    for size, colour in ((44.0, rim), (35.0, face), (12.0, rim)):
        corners = np.stack([48 + size * np.cos(turn), 52 - size * np.sin(turn)], axis=1)
        outline = [np.round(corners * 16).astype(np.int32)]
        cv2.fillPoly(image, outline, colour, cv2.LINE_AA, shift=4)
        cv2.fillPoly(alpha, outline, 1.0, cv2.LINE_AA, shift=4)
    _trunk(image, alpha, 50, 4, (138, 140, 142))
    return image, alpha


def _pole(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A wooden pole with a cross-arm."""
    width = 56
    image, alpha = np.zeros((_TALL, width, 3), np.float32), np.zeros((_TALL, width), np.float32)
    wood = np.array([96, 84, 72]) * rng.uniform(0.6, 1.2)
    if rng.random() < 0.8:
        image[16:20, 6:50], alpha[16:20, 6:50] = wood * 0.8, 1.0
    _trunk(image, alpha, 0, 3.4, tuple(wood))
    return image, alpha


def _post(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A white marker post with a dark band."""
    width = 34
    image, alpha = np.zeros((_TALL, width, 3), np.float32), np.zeros((_TALL, width), np.float32)
    image[4:, 3:31], alpha[4:, 3:31] = (226, 226, 222), 1.0
    image[44:96, 3:31] = (30, 30, 32)
    if rng.random() < 0.5:
        image[54:86, 9:25] = (240, 120, 40)
    return image, alpha


KINDS: dict[str, tuple[Callable[[np.random.Generator], tuple[Floats, Floats]], bool]] = {
    "broadleaf": (_broadleaf, True),
    "conifer": (_conifer, True),
    "bush": (_bush, True),
    "thicket": (_thicket, True),
    "sign": (_board, False),
    "pole": (_pole, False),
    "post": (_post, False),
}
"""All kinds of sprites: the drawing function, and whether it is a plant."""
