"""Batches to learn from: labelled pictures, mirrored, moved and in another light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivesal.series.pulses import pulses
from drivesal.series.smoothing import smoothed
from drivesal.training.augment import balanced, change_look, move_camera
from drivesal.training.fit import Draw, TrainingBatch

if TYPE_CHECKING:
    from drivesal.model.preprocess import Preprocess
    from drivesal.training.examples import Examples
    from drivesal.types import Floats, Image

MOVED_SHARE, LOOK_SHARE = 0.5, 0.8
"""The shares of pictures whose camera is moved a little, and whose look is changed."""
_USUAL_DEG = 12.0
PULSES_OVER_S = 1.0
RECIPE = (
    "frames drawn by one over the root of how common their angle is, that of keys over a second; half of them "
    "mirrored, the angle negated; half seen by a slightly moved camera; most in another light, with shadows, "
    "blur or noise; dropout, weight decay, cosine schedule, running average of the weights, taken where the "
    "validation error was smallest"
)


def network_input(pictures: Image, preprocess: Preprocess) -> Floats:
    """(N, h, w, 3) uint8 RGB to the (N, h, w, C) float32 that the network is fed, by drivesal's colour map."""
    matrix, shift = preprocess.colour_map()
    values: Floats = preprocess.coloured(pictures).astype(np.float32) @ matrix + shift
    return values


def usual_angle(angles: NDArray[np.floating]) -> float:
    """The root mean square of angles (N,), in their unit; 1 where all are 0."""
    return float(np.sqrt(np.mean(np.square(angles, dtype=np.float64)))) or 1.0


def drawn_as_often(examples: Examples) -> NDArray[np.float64]:
    """(n,) how often each picture is drawn, summing to 1: see `balanced`.

    Pulses of keys say little of the road apart: drawing those that are not 0 more often would teach too large
    angles. How common their mean over a second is decides.
    """
    angles = examples.angles.astype(np.float64)
    straight = examples.where(~examples.aside)
    if pulses(straight.times, straight.angles.astype(np.float64)) is not None:
        angles = smoothed(examples.times, angles, PULSES_OVER_S)
    return balanced(angles * (_USUAL_DEG / usual_angle(angles)))  # whose bins are made for degrees at the wheel


def batches(examples: Examples, preprocess: Preprocess, scale: float, size: int, seed: int) -> Draw:
    """What draws a step's batch of `size` (network input, angle / scale), which follows from seed and step."""
    often = drawn_as_often(examples)

    def draw(step: int) -> TrainingBatch:
        rng = np.random.default_rng([seed, step])
        chosen = rng.choice(len(examples), size, p=often)
        pictures = examples.take(chosen)
        targets = examples.angles[chosen, None] / np.float32(scale)
        for i in range(size):
            pictures[i], side = _changed(pictures[i], rng)
            targets[i] *= side
        return TrainingBatch(network_input(pictures, preprocess), targets)

    return draw


def _changed(picture: Image, rng: np.random.Generator) -> tuple[Image, int]:
    """The picture as it might have been, and -1 where it is mirrored."""
    side = -1 if rng.random() < 0.5 else 1
    picture = np.ascontiguousarray(picture[:, ::side])
    if rng.random() < MOVED_SHARE:
        picture = move_camera(picture, rng)
    return (change_look(picture, rng) if rng.random() < LOOK_SHARE else picture), side
