"""Batches to learn from: labelled pictures, mirrored, moved and in another light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivesal.training.augment import balanced, change_look, move_camera
from drivesal.training.fit import Batch, Draw

if TYPE_CHECKING:
    from drivesal.preprocess import Preprocess
    from drivesal.training.examples import Examples

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

MOVED_SHARE, LOOK_SHARE = 0.5, 0.8
"""The shares of pictures whose camera is moved a little, and whose look is changed."""
_USUAL_DEG = 12.0
RECIPE = (
    "frames drawn by one over the root of how common their angle is; half of them mirrored, the angle negated; "
    "half seen by a slightly moved camera; most in another light, with shadows, blur or noise; dropout, weight "
    "decay, cosine schedule, running average of the weights, taken where the validation error was smallest"
)


def network_input(pictures: Image, preprocess: Preprocess) -> Floats:
    """(N, h, w, 3) uint8 RGB to the (N, h, w, C) float32 that the network is fed, by drivesal's colour map."""
    matrix, shift = preprocess.colour_map()
    values: Floats = pictures.astype(np.float32) @ matrix + shift
    return values


def usual_angle(angles: Floats) -> float:
    """The root mean square of angles (N,), in their unit; 1 where all are 0."""
    return float(np.sqrt(np.mean(np.square(angles, dtype=np.float64)))) or 1.0


def batches(examples: Examples, preprocess: Preprocess, scale: float, size: int, seed: int) -> Draw:
    """What draws a step's batch of `size` (network input, angle / scale), which follows from seed and step."""
    often = balanced(
        examples.angles * (_USUAL_DEG / usual_angle(examples.angles))
    )  # whose bins are made for degrees at the wheel

    def draw(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        chosen = rng.choice(len(examples), size, p=often)
        pictures = examples.take(chosen)
        targets = examples.angles[chosen, None] / np.float32(scale)
        for i in range(size):
            pictures[i], side = _changed(pictures[i], rng)
            targets[i] *= side
        return Batch(network_input(pictures, preprocess), targets)

    return draw


def _changed(picture: Image, rng: np.random.Generator) -> tuple[Image, int]:
    """The picture as it might have been, and -1 where it is mirrored."""
    side = -1 if rng.random() < 0.5 else 1
    picture = np.ascontiguousarray(picture[:, ::side])
    if rng.random() < MOVED_SHARE:
        picture = move_camera(picture, rng)
    return (change_look(picture, rng) if rng.random() < LOOK_SHARE else picture), side
