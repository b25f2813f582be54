"""Training batches of the default model: real and synthetic frames, distillation, evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.model.backend import tensorflow
from drivesal.synthetic.car import STEERING_RATIO, WHEELBASE_M
from drivesal.training.augment import (
    Geometry,
    ViewChange,
    ViewChanges,
    balancing_weights,
    change_look,
    change_view,
    move_camera,
)
from drivesal.training.batches import network_input
from drivesal.training.fit import Draw, TrainingBatch

if TYPE_CHECKING:
    from drivesal.types import Image


from default_frames import PREPROCESS, SEEN, Frames

# The real drive's camera, estimated from its frames: lane width and horizon give height over focal length; the
# optical flow against the steering angle, and that of the ground, give the focal length.
GEOMETRY = Geometry((2.7, 3.6), 0.443, 1.18, WHEELBASE_M, STEERING_RATIO)
VIEWS = ViewChanges(bend_deg=6.0, yaw_deg=0.4, shift_m=0.2)
EVIDENCE_FRAMES = 16
"""Synthetic frames with evidence per batch, when training with the evidence penalty."""
BATCH = 64
WORLD_SHARE, WORLD_LOOK_SHARE, VIEW_SHARE, LABEL_SHARE = 0.7, 0.4, 0.6, 0.25


def real_example(real: Frames, index: int, rng: np.random.Generator) -> tuple[Image, float]:
    """A real frame, often from another view, and its angle [deg]."""
    image, angle = real.pictures[index], float(real.angles[index])
    if real.wholes is not None and rng.random() < VIEW_SHARE:
        filler = real.pictures[rng.integers(len(real.pictures))]
        change, decoy = ViewChange.drawn(VIEWS, rng), ViewChange.drawn(VIEWS, rng)
        image = change_view(real.wholes[index], SEEN, filler, GEOMETRY, change, decoy)
        angle += change.label_deg(GEOMETRY, VIEWS)
    elif rng.random() < 0.5:
        image = move_camera(image, rng)
    return image, angle


def batches(real: Frames, world: Frames, scale: float, seed: int) -> Draw:
    """A function from step to a batch of (network input, angle / scale), determined by seed and step."""
    real_weights, world_weights = balancing_weights(real.angles), balancing_weights(world.angles)
    drawn = round(BATCH * WORLD_SHARE)

    def draw(step: int) -> TrainingBatch:
        rng = np.random.default_rng([seed, step])
        chosen = rng.choice(len(world.angles), drawn, p=world_weights)
        examples = [(world.pictures[i], float(world.angles[i]), WORLD_LOOK_SHARE) for i in chosen]
        chosen = rng.choice(len(real.angles), BATCH - drawn, p=real_weights)
        examples += [(*real_example(real, i, rng), 1.0) for i in chosen]
        pictures, angles = [], []
        for image, angle, look in examples:
            if rng.random() < 0.5:
                image, angle = np.ascontiguousarray(image[:, ::-1]), -angle
            pictures.append(change_look(image, rng) if rng.random() < look else image)
            angles.append(angle / scale)
        return TrainingBatch(
            network_input(np.stack(pictures), PREPROCESS), np.array(angles, np.float32)[:, None]
        )

    return draw


def distilled(draw: Draw, teachers: list[Any], scale: float) -> Draw:
    """The same batches with targets that are mostly the teachers' mean prediction [scale deg].

    Each teacher's prediction is made antisymmetric: it is averaged with the negated one of the mirrored image.
    """
    tf = tensorflow()
    height, width = PREPROCESS.size

    @tf.function(input_signature=[tf.TensorSpec([None, height, width, 3], tf.float32)])  # type: ignore[untyped-decorator]
    def predict(inputs: Any) -> Any:
        mirrored = tf.reverse(inputs, [2])
        both = [teacher(inputs, training=False) - teacher(mirrored, training=False) for teacher in teachers]
        return tf.add_n(both) / (2 * len(both) * scale)

    def draw_distilled(step: int) -> TrainingBatch:
        inputs, targets, _ = draw(step)
        return TrainingBatch(inputs, LABEL_SHARE * targets + (1 - LABEL_SHARE) * predict(inputs).numpy())

    return draw_distilled


def with_evidence(draw: Draw, known: Frames, scale: float) -> Draw:
    """The same batches, preceded by `EVIDENCE_FRAMES` synthetic frames with evidence, mirrored or not."""
    if known.evidence is None:
        raise ValueError("frames with evidence are needed")
    evidence = known.evidence

    def draw_with_evidence(step: int) -> TrainingBatch:
        rng = np.random.default_rng([step, 17])
        pictures, angles, masks = [], [], []
        for index in rng.integers(len(known.angles), size=EVIDENCE_FRAMES):
            sign = -1 if rng.random() < 0.5 else 1
            image = np.ascontiguousarray(known.pictures[index][:, ::sign])
            pictures.append(change_look(image, rng) if rng.random() < WORLD_LOOK_SHARE else image)
            angles.append(sign * known.angles[index] / scale)
            masks.append(evidence[index][:, ::sign])
        rest = draw(step)
        inputs = np.concatenate([network_input(np.stack(pictures), PREPROCESS), rest.inputs])
        targets = np.concatenate([np.array(angles, np.float32)[:, None], rest.targets])
        return TrainingBatch(inputs, targets, np.stack(masks))

    return draw_with_evidence
