"""Predictions of a model under another colour space or input scaling, with one compiled function for all."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from drivesal.errors import ModelError
from drivesal.model.backend import tensorflow
from drivesal.model.network import forward
from drivesal.model.preprocess import Preprocess
from drivesal.model.score import express
from drivesal.model.target import Target

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Floats, Image


def predict_with_preprocess(
    model: SteeringModel, images: Image, auxiliary: Floats, preprocess: Preprocess
) -> tuple[Floats, Floats]:
    """Angles (N,), and the same before a tanh or atan head (N,); see `SteeringModel.predict_as`."""
    tf = tensorflow()
    height, width = model.preprocess.size
    channels = model.preprocess.channels
    signature = [
        tf.TensorSpec([None, height, width, 3], tf.float32),
        tf.TensorSpec([None, sum(size for _, size in model.signature.auxiliary)], tf.float32),
        tf.TensorSpec([3, channels], tf.float32),
        tf.TensorSpec([channels], tf.float32),
    ]

    def predict(coloured: Any, auxiliary: Any, matrix: Any, shift: Any) -> tuple[Any, Any]:
        return _angles(model, coloured, auxiliary, matrix, shift)

    function = model.compiled(
        "predict as", lambda: tf.function(predict, input_signature=signature, autograph=False)
    )
    coloured = tf.constant(preprocess.coloured(images), tf.float32)
    angles, headless = function(coloured, auxiliary, *preprocess.colour_map())
    return angles.numpy(), headless.numpy()


def _angles(model: SteeringModel, coloured: Any, auxiliary: Any, matrix: Any, shift: Any) -> tuple[Any, Any]:
    """The angle under this linear colour map, and the same before a tanh or atan head."""
    tf = tensorflow()
    values = tf.nn.conv2d(coloured, matrix[None, None], 1, "VALID") + shift
    outputs, _ = forward(model.network, model.arguments(values, auxiliary))
    assert model.steering is not None
    plain = Target(model.steering.angle, model.steering.output, model.steering.bins)
    angles = express(plain, model.signature, outputs, (), model.network)
    if plain.bins is not None:
        return angles, angles
    try:
        headless = dataclasses.replace(plain, pre_activation=True)
        return angles, express(headless, model.signature, outputs, (), model.network)
    except ModelError:  # the network does not end in such a head
        return angles, angles
