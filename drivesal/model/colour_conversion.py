"""Conversion of RGB to a network's input colour space, as differentiable TensorFlow expressions.

The nonlinear colour spaces follow OpenCV's conversions of uint8 images without rounding the result: hue is in
half degrees, -0.5 to 179.5 for HSV (OpenCV's 0 is everything that rounds to it) and 0 to 180 for HLS; all other
channels are 0..255. Denominators are clamped to at least one grey level, which leaves integer images unchanged
and bounds the gradients in between. The hue of a grey pixel is undefined; it and its gradient are set to 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivesal.model.backend import tensorflow

if TYPE_CHECKING:
    from drivesal.model.colours import Colour
    from drivesal.model.preprocess import Preprocess

_XYZ = (
    (0.412453 / 0.950456, 0.212671, 0.019334 / 1.088754),
    (0.357580 / 0.950456, 0.715160, 0.119193 / 1.088754),
    (0.180423 / 0.950456, 0.072169, 0.950227 / 1.088754),
)
"""Linear RGB to X, Y, Z relative to the white point (D65)."""
_LAB_THRESHOLD = 0.008856
"""Below this fraction of white, Lab replaces the cube root by a line."""


def converted(images: Any, colour: Colour) -> Any:
    """(N, h, w, 3) float tensor, RGB 0..255, in HSV, HLS or Lab; unchanged for any other colour space.

    Values outside 0..255 (noisy copies have them) are clipped first.
    """
    tf = tensorflow()
    make = {"HSV": _hsv, "HLS": _hls, "Lab": _lab}.get(colour)
    if make is None:
        return images
    # tf.where and reductions, not tf.maximum: methods that search the graph for rectifiers must find none here
    clipped = tf.where(images < 0.0, tf.zeros_like(images), images)
    return make(tf.where(clipped > 255.0, 255.0 * tf.ones_like(clipped), clipped))


def _hue_and_extremes(images: Any, lowest: float) -> tuple[Any, Any, Any]:
    """Hue in `lowest`..180+`lowest`, and the largest and the smallest channel, (N, h, w) each."""
    tf = tensorflow()
    red, green, blue = tf.unstack(images, axis=-1)
    largest, smallest = tf.reduce_max(images, axis=-1), tf.reduce_min(images, axis=-1)
    span = _at_least_one(largest - smallest)
    sixth = tf.where(
        largest == red,
        (green - blue) / span,
        tf.where(largest == green, 2.0 + (blue - red) / span, 4.0 + (red - green) / span),
    )
    sixth = tf.where(largest == smallest, tf.zeros_like(sixth), sixth)
    hue = 30.0 * sixth
    hue = tf.where(hue < lowest, hue + 180.0, hue)
    return hue, largest, smallest


def _hsv(images: Any) -> Any:
    tf = tensorflow()
    hue, largest, smallest = _hue_and_extremes(images, -0.5)
    return tf.stack([hue, 255.0 * (largest - smallest) / _at_least_one(largest), largest], axis=-1)


def _hls(images: Any) -> Any:
    tf = tensorflow()
    hue, largest, smallest = _hue_and_extremes(images, 0.0)
    total = largest + smallest
    denominator = tf.where(total < 255.0, total, 510.0 - total)
    return tf.stack([hue, total / 2.0, 255.0 * (largest - smallest) / _at_least_one(denominator)], axis=-1)


def _lab(images: Any) -> Any:
    tf = tensorflow()
    encoded = images / 255.0
    bright = encoded > 0.04045
    # each branch is evaluated only where it applies: the other's gradient may be infinite
    curve = (tf.where(bright, encoded, tf.ones_like(encoded)) + 0.055) / 1.055
    linear = tf.where(bright, curve**2.4, encoded / 12.92)
    xyz = tf.tensordot(linear, tf.constant(_XYZ, tf.float32), 1)
    light = xyz > _LAB_THRESHOLD
    roots = tf.where(light, tf.where(light, xyz, tf.ones_like(xyz)) ** (1 / 3), 7.787 * xyz + 16.0 / 116.0)
    x, y, z = tf.unstack(roots, axis=-1)
    return tf.stack(
        [(116.0 * y - 16.0) * 2.55, 500.0 * (x - y) + 128.0, 200.0 * (y - z) + 128.0],
        axis=-1,
    )


def _at_least_one(values: Any) -> Any:
    tf = tensorflow()
    return tf.where(values > 1.0, values, tf.ones_like(values))


def mapped(images: Any, preprocess: Preprocess) -> Any:
    """(N, h, w, 3) float tensor, RGB 0..255 or `converted`'s result, to the network's input (N, h, w, C)."""
    matrix, shift = preprocess.colour_map()
    if preprocess.colour == "RGB" or not preprocess.linear:  # the matrix is diagonal
        return images * matrix.diagonal() + shift
    # a 1x1 convolution takes half the time of a matrix product
    return tensorflow().nn.conv2d(images, matrix[None, None], 1, "VALID") + shift
