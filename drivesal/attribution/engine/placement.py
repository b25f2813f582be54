"""Where the units of a layer's feature maps lie in the image: at the centres of their receptive fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivesal.model.network import Call
    from drivesal.types import Floats


@dataclass(frozen=True, slots=True)
class Axis:
    """Unit i of a map lies at image pixel `first` + i · `step`, where 0 is the centre of the first pixel.

    Beyond the outermost units a map fades to 0 within one step; where `held`, their values continue instead.
    """

    first: float
    step: float
    held: bool = False

    def spread(self, units: int, pixels: int) -> Floats:
        """Bilinear weight of each unit at each pixel, (pixels, units) float32."""
        import numpy as np

        positions = (np.arange(pixels) - self.first) / self.step
        if self.held:
            positions = np.clip(positions, 0, units - 1)
        distances = np.abs(positions[:, None] - np.arange(units)[None])
        weights: Floats = np.maximum(1 - distances, 0).astype(np.float32)
        return weights


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a layer's maps of `units` (h', w') lie in the image."""

    units: tuple[int, int]
    rows: Axis
    columns: Axis

    def enlarge(self, maps: Any, size: tuple[int, int]) -> Any:
        """Maps (N, h', w') to a tensor (N, h, w) of `size`: every unit at its position, bilinear between."""
        from drivesal.model.backend import tensorflow

        tf = tensorflow()
        down = self.rows.spread(self.units[0], size[0])
        across = self.columns.spread(self.units[1], size[1])
        return tf.einsum("hi,nij,wj->nhw", down, maps, across)


def stretch_over_image(maps: Any, start: Any) -> Placement:
    """Stretch the maps over the whole image, as most tools do: an ordinary resize."""

    def axis(which: int) -> Axis:
        step = start.shape[which] / maps.shape[which]
        return Axis((step - 1) / 2, step, held=True)

    return Placement((int(maps.shape[1]), int(maps.shape[2])), axis(1), axis(2))


def place_at_receptive_fields(maps: Any, start: Any, calls: Sequence[Call]) -> Placement:
    """Where the units of `maps` (N, h', w', K) lie in the image `start` (N, h, w, C).

    `calls` are all calls of that forward pass; where branches join, the first one is followed. A unit lies at
    the centre of its receptive field. The usual stretching over the whole image would move a map by 13 pixels
    in PilotNet's third convolution; it is used only where the path to the image cannot be followed.
    """
    path = _path_to_image(maps, start, calls)
    if path is None:
        return stretch_over_image(maps, start)
    rows, columns = Axis(0.0, 1.0), Axis(0.0, 1.0)
    for call in path:
        rows, columns = _after_layer(rows, call, 0), _after_layer(columns, call, 1)
    return Placement((int(maps.shape[1]), int(maps.shape[2])), rows, columns)


def _path_to_image(tensor: Any, start: Any, calls: Sequence[Call]) -> list[Call] | None:
    """The layer calls from the image `start` to the tensor, in order; None where the path is lost."""
    producers = {id(call.output): call for call in reversed(calls) if hasattr(call.output, "op")}
    path: list[Call] = []
    while tensor is not start:
        call = producers.pop(id(tensor), None)
        if call is not None:
            source = call.input[0] if isinstance(call.input, (list, tuple)) else call.input
            if len(source.shape) != 4 or not _has_known_geometry(call):
                return None
            path.append(call)
            tensor = source
            continue
        same_size = [
            source
            for source in tensor.op.inputs
            if source.shape.rank == 4 and source.shape[1:3] == tensor.shape[1:3]
        ]
        if not same_size:
            return None
        tensor = same_size[0]
    return path[::-1]


def _has_known_geometry(call: Call) -> bool:
    """Whether the layer's effect on positions is known: a strided window, cropping, padding, or none."""
    layer = call.layer
    if getattr(layer, "data_format", "") == "channels_first":
        return False
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if window is not None:
        return (
            len(window) == 2 and layer.padding in ("valid", "same") and "Transpose" not in type(layer).__name__
        )
    if type(layer).__name__ in ("Cropping2D", "ZeroPadding2D"):
        return True
    return bool(call.input.shape[1:3] == call.output.shape[1:3])


def _after_layer(axis: Axis, call: Call, which: int) -> Axis:
    """Where a layer's output units lie along one axis, given where its input units do."""
    layer = call.layer
    kind = type(layer).__name__
    if kind in ("Cropping2D", "ZeroPadding2D"):
        offset = layer.cropping[which][0] if kind == "Cropping2D" else -layer.padding[which][0]
        return Axis(axis.first + offset * axis.step, axis.step)
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if window is None:
        return axis
    stride = layer.strides[which]
    extent = (window[which] - 1) * (getattr(layer, "dilation_rate", None) or (1, 1))[which]
    padding = 0
    if layer.padding == "same":
        size = call.input.shape[1 + which]
        padding = max((math.ceil(size / stride) - 1) * stride + extent + 1 - size, 0) // 2
    return Axis(axis.first + (extent / 2 - padding) * axis.step, axis.step * stride)
