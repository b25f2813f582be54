"""What a batch of the default model's training is made of: real and drawn frames, teachers, evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.model.backend import tensorflow
from drivesal.synthetic.car import STEERING_RATIO, WHEELBASE_M
from drivesal.training.augment import (
    Geometry,
    ViewChange,
    ViewChanges,
    balanced,
    change_look,
    change_view,
    move_camera,
)
from drivesal.training.batches import network_input
from drivesal.training.fit import Draw, TrainingBatch

if TYPE_CHECKING:
    from drivesal.types import Image


from default_frames import PREPROCESS, SEEN, Frames

# The real drive's camera, measured on its frames: the lane's width and the horizon give height over focal
# length; the picture's flow against the wheel's angle, and the ground's, give the focal length.
GEOMETRY = Geometry((2.7, 3.6), 0.443, 1.18, WHEELBASE_M, STEERING_RATIO)
VIEWS = ViewChanges(bend_deg=6.0, yaw_deg=0.4, shift_m=0.2)
REASONED = 16
"""Drawn frames of a batch whose evidence is known, where a network is held to it."""
BATCH = 64
WORLD_SHARE, WORLD_LOOK_SHARE, VIEW_SHARE, TRUTH_SHARE = 0.7, 0.4, 0.6, 0.25


def real_example(real: Frames, index: int, rng: np.random.Generator) -> tuple[Image, float]:
    """A real frame, often from another view, with its angle [deg]."""
    picture, angle = real.pictures[index], float(real.angles[index])
    if real.wholes is not None and rng.random() < VIEW_SHARE:
        filler = real.pictures[rng.integers(len(real.pictures))]
        change, decoy = ViewChange.drawn(VIEWS, rng), ViewChange.drawn(VIEWS, rng)
        picture = change_view(real.wholes[index], SEEN, filler, GEOMETRY, change, decoy)
        angle += change.label_deg(GEOMETRY, VIEWS)
    elif rng.random() < 0.5:
        picture = move_camera(picture, rng)
    return picture, angle


def batches(real: Frames, world: Frames, scale: float, seed: int) -> Draw:
    """What draws a step's batch of (network input, angle / scale); it follows from the seed and the step."""
    often_real, often_world = balanced(real.angles), balanced(world.angles)
    drawn = round(BATCH * WORLD_SHARE)

    def draw(step: int) -> TrainingBatch:
        rng = np.random.default_rng([seed, step])
        chosen = rng.choice(len(world.angles), drawn, p=often_world)
        made = [(world.pictures[i], float(world.angles[i]), WORLD_LOOK_SHARE) for i in chosen]
        chosen = rng.choice(len(real.angles), BATCH - drawn, p=often_real)
        made += [(*real_example(real, i, rng), 1.0) for i in chosen]
        pictures, angles = [], []
        for picture, angle, look in made:
            if rng.random() < 0.5:
                picture, angle = np.ascontiguousarray(picture[:, ::-1]), -angle
            pictures.append(change_look(picture, rng) if rng.random() < look else picture)
            angles.append(angle / scale)
        return TrainingBatch(
            network_input(np.stack(pictures), PREPROCESS), np.array(angles, np.float32)[:, None]
        )

    return draw


def taught(draw: Draw, teachers: list[Any], scale: float) -> Draw:
    """The same batches, their targets for the most part what the teachers answer [scale deg], on average.

    Each answers to the picture and to its mirror image, which must negate the angle.
    """
    tf = tensorflow()
    height, width = PREPROCESS.size

    @tf.function(input_signature=[tf.TensorSpec([None, height, width, 3], tf.float32)])  # type: ignore[untyped-decorator]
    def answer(inputs: Any) -> Any:
        mirrored = tf.reverse(inputs, [2])
        both = [teacher(inputs, training=False) - teacher(mirrored, training=False) for teacher in teachers]
        return tf.add_n(both) / (2 * len(both) * scale)

    def draw_taught(step: int) -> TrainingBatch:
        inputs, targets, _ = draw(step)
        return TrainingBatch(inputs, TRUTH_SHARE * targets + (1 - TRUTH_SHARE) * answer(inputs).numpy())

    return draw_taught


def with_reasons(draw: Draw, known: Frames, scale: float) -> Draw:
    """The same batches, before them `REASONED` drawn frames whose evidence is known, mirrored or not."""
    if known.evidence is None:
        raise ValueError("frames with evidence are needed")
    evidence = known.evidence

    def draw_reasoned(step: int) -> TrainingBatch:
        rng = np.random.default_rng([step, 17])
        pictures, angles, masks = [], [], []
        for index in rng.integers(len(known.angles), size=REASONED):
            side = -1 if rng.random() < 0.5 else 1
            picture = np.ascontiguousarray(known.pictures[index][:, ::side])
            pictures.append(change_look(picture, rng) if rng.random() < WORLD_LOOK_SHARE else picture)
            angles.append(side * known.angles[index] / scale)
            masks.append(evidence[index][:, ::side])
        rest = draw(step)
        inputs = np.concatenate([network_input(np.stack(pictures), PREPROCESS), rest.inputs])
        targets = np.concatenate([np.array(angles, np.float32)[:, None], rest.targets])
        return TrainingBatch(inputs, targets, np.stack(masks))

    return draw_reasoned
