"""Training batches: labelled images, mirrored, moved and in other light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivesal.series.pulses import pulses
from drivesal.series.smoothing import smoothed
from drivesal.training.augment import balancing_weights, change_look, move_camera
from drivesal.training.fit import Draw, TrainingBatch

if TYPE_CHECKING:
    from drivesal.model.preprocess import Preprocess
    from drivesal.training.examples import Examples
    from drivesal.types import Floats, Image

MOVED_SHARE, LOOK_SHARE = 0.5, 0.8
"""The shares of images whose camera is moved slightly and whose look is changed."""
_USUAL_DEG = 12.0
PULSES_OVER_S = 1.0
RECIPE = (
    "frames sampled by one over the root of their angle's frequency, keyboard labels averaged over a "
    "second; half of them mirrored with the angle negated; half with a slightly moved camera; most in "
    "other light, with shadows, blur or noise; dropout, weight decay, cosine schedule, running average of "
    "the weights, taken at the smallest validation error"
)


def network_input(images: Image, preprocess: Preprocess) -> Floats:
    """Convert images (N, h, w, 3) uint8 RGB to network input (N, h, w, C) float32 with drivesal's colour
    map."""
    matrix, shift = preprocess.colour_map()
    values: Floats = preprocess.coloured(images).astype(np.float32) @ matrix + shift
    return values


def usual_angle(angles: NDArray[np.floating]) -> float:
    """The root mean square of angles (N,), in their unit; 1 if all are 0."""
    return float(np.sqrt(np.mean(np.square(angles, dtype=np.float64)))) or 1.0


def sampling_weights(examples: Examples) -> NDArray[np.float64]:
    """(n,) sampling probabilities of the images, summing to 1; see `balancing_weights`.

    A single keyboard pulse says little about the road, and sampling nonzero ones more often would teach too
    large angles. For keyboard labels the frequency of their mean over a second counts.
    """
    angles = examples.angles.astype(np.float64)
    centre = examples.where(~examples.from_side_camera)
    if pulses(centre.times, centre.angles.astype(np.float64)) is not None:
        angles = smoothed(examples.times, angles, PULSES_OVER_S)
    # scaled because the bins are made for degrees at the steering wheel
    return balancing_weights(angles * (_USUAL_DEG / usual_angle(angles)))


def batches(examples: Examples, preprocess: Preprocess, scale: float, size: int, seed: int) -> Draw:
    """A function from step to a batch of `size` (network input, angle / scale), determined by seed and step."""
    weights = sampling_weights(examples)

    def draw(step: int) -> TrainingBatch:
        rng = np.random.default_rng([seed, step])
        chosen = rng.choice(len(examples), size, p=weights)
        images = examples.take(chosen)
        targets = examples.angles[chosen, None] / np.float32(scale)
        for i in range(size):
            images[i], sign = _augmented(images[i], rng)
            targets[i] *= sign
        return TrainingBatch(network_input(images, preprocess), targets)

    return draw


def _augmented(image: Image, rng: np.random.Generator) -> tuple[Image, int]:
    """The augmented image, and the sign of its label: -1 if it is mirrored."""
    sign = -1 if rng.random() < 0.5 else 1
    image = np.ascontiguousarray(image[:, ::sign])
    if rng.random() < MOVED_SHARE:
        image = move_camera(image, rng)
    return (change_look(image, rng) if rng.random() < LOOK_SHARE else image), sign
