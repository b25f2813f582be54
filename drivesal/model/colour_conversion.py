"""Colours of a network's input, as differentiable TensorFlow expressions.

Those that are no linear map of RGB are OpenCV's conversions of uint8 pictures without the rounding of their
result: a hue is half its degrees, of HSV -0.5 to 179.5 (OpenCV's 0 is all that rounds to it), of HLS 0 to 180,
everything else 0..255. What they are divided by is at least one grey level, which changes nothing of a picture
of whole numbers and keeps gradients bounded between them. A grey has no hue: it is 0 there, and so is its
gradient.
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
"""Linear RGB to X, Y, Z over those of white (D65)."""
_DARK = 0.008856
"""Below this share of white Lab's cube root is a line."""


def converted(pictures: Any, colour: Colour) -> Any:
    """(N, h, w, 3) float tensor, RGB 0..255, in HSV, HLS or Lab; as it came for any other colour.

    What lies beyond 0..255, as a noisy copy may, has the colour of the nearest that does not.
    """
    tf = tensorflow()
    make = {"HSV": _hsv, "HLS": _hls, "Lab": _lab}.get(colour)
    if make is None:
        return pictures
    # tf.where and reductions, not tf.maximum: methods that look for rectifiers by hand must find none here
    within = tf.where(pictures < 0.0, tf.zeros_like(pictures), pictures)
    return make(tf.where(within > 255.0, 255.0 * tf.ones_like(within), within))


def _extremes(pictures: Any, lowest: float) -> tuple[Any, Any, Any]:
    """Hue `lowest`..180+`lowest`, the largest channel and the smallest, (N, h, w) each."""
    tf = tensorflow()
    red, green, blue = tf.unstack(pictures, axis=-1)
    most, least = tf.reduce_max(pictures, axis=-1), tf.reduce_min(pictures, axis=-1)
    span = _at_least_one(most - least)
    sixth = tf.where(
        most == red,
        (green - blue) / span,
        tf.where(most == green, 2.0 + (blue - red) / span, 4.0 + (red - green) / span),
    )
    sixth = tf.where(most == least, tf.zeros_like(sixth), sixth)
    hue = 30.0 * sixth
    hue = tf.where(hue < lowest, hue + 180.0, hue)
    return hue, most, least


def _hsv(pictures: Any) -> Any:
    tf = tensorflow()
    hue, most, least = _extremes(pictures, -0.5)
    return tf.stack([hue, 255.0 * (most - least) / _at_least_one(most), most], axis=-1)


def _hls(pictures: Any) -> Any:
    tf = tensorflow()
    hue, most, least = _extremes(pictures, 0.0)
    both = most + least
    room = tf.where(both < 255.0, both, 510.0 - both)
    return tf.stack([hue, both / 2.0, 255.0 * (most - least) / _at_least_one(room)], axis=-1)


def _lab(pictures: Any) -> Any:
    tf = tensorflow()
    share = pictures / 255.0
    bright = share > 0.04045
    # each branch is asked only where it holds: the other's gradient may be infinite
    curve = (tf.where(bright, share, tf.ones_like(share)) + 0.055) / 1.055
    linear = tf.where(bright, curve**2.4, share / 12.92)
    xyz = tf.tensordot(linear, tf.constant(_XYZ, tf.float32), 1)
    light = xyz > _DARK
    roots = tf.where(light, tf.where(light, xyz, tf.ones_like(xyz)) ** (1 / 3), 7.787 * xyz + 16.0 / 116.0)
    x, y, z = tf.unstack(roots, axis=-1)
    return tf.stack(
        [(116.0 * y - 16.0) * 2.55, 500.0 * (x - y) + 128.0, 200.0 * (y - z) + 128.0],
        axis=-1,
    )


def _at_least_one(values: Any) -> Any:
    tf = tensorflow()
    return tf.where(values > 1.0, values, tf.ones_like(values))


def mapped(pictures: Any, preprocess: Preprocess) -> Any:
    """(N, h, w, 3) float tensor, RGB 0..255 or what was made of it, to the network's input (N, h, w, C)."""
    matrix, shift = preprocess.colour_map()
    if preprocess.colour == "RGB" or not preprocess.linear:  # each channel its own
        return pictures * matrix.diagonal() + shift
    # a 1x1 convolution costs half of what a matrix product costs
    return tensorflow().nn.conv2d(pictures, matrix[None, None], 1, "VALID") + shift
