"""Where the units of a layer's maps lie in the picture: at the centres of what they see."""

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
    """Unit i of a map lies at picture pixel `first` + i · `step` (0 the centre of the first pixel).

    Beyond the outer units a map fades to 0 within a step; where it is `held`, their values go on.
    """

    first: float
    step: float
    held: bool = False

    def spread(self, units: int, pixels: int) -> Floats:
        """(pixels, units) float32: what each pixel takes of each unit, bilinear."""
        import numpy as np

        at = (np.arange(pixels) - self.first) / self.step
        if self.held:
            at = np.clip(at, 0, units - 1)
        away = at[:, None] - np.arange(units)[None]
        taken: Floats = np.maximum(1 - np.abs(away), 0).astype(np.float32)
        return taken


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a layer's maps of so many `units` (h', w') lie in a picture (h, w)."""

    units: tuple[int, int]
    rows: Axis
    columns: Axis

    def enlarge(self, maps: Any, size: tuple[int, int]) -> Any:
        """(N, h', w') tensor to (N, h, w): every unit at its place, bilinear between."""
        from drivesal.model.backend import tensorflow

        tf = tensorflow()
        down = self.rows.spread(self.units[0], size[0])
        across = self.columns.spread(self.units[1], size[1])
        return tf.einsum("hi,nij,wj->nhw", down, maps, across)


def stretch(tensor: Any, start: Any) -> Placement:
    """The maps stretched over the whole picture, as most tools do, like an image that is resized."""

    def axis(which: int) -> Axis:
        step = start.shape[which] / tensor.shape[which]
        return Axis((step - 1) / 2, step, held=True)

    return Placement((int(tensor.shape[1]), int(tensor.shape[2])), axis(1), axis(2))


def place(tensor: Any, start: Any, calls: Sequence[Call]) -> Placement:
    """Where the units of `tensor` (N, h', w', K) lie in the picture `start` (N, h, w, C).

    `calls` are all of the network's in that forward pass; where branches meet, the first is followed. A unit
    lies at the centre of its receptive field: stretching a map over the whole picture, as is usual, moves it,
    by 13 pixels in PilotNet's third convolution. Where the way to the picture cannot be followed the map is
    stretched.
    """
    found = _way(tensor, start, calls)
    if found is None:
        return stretch(tensor, start)
    rows, columns = Axis(0.0, 1.0), Axis(0.0, 1.0)
    for call in found:
        rows, columns = _behind(rows, call, 0), _behind(columns, call, 1)
    return Placement((int(tensor.shape[1]), int(tensor.shape[2])), rows, columns)


def _way(tensor: Any, start: Any, calls: Sequence[Call]) -> list[Call] | None:
    """The calls that change height and width between the picture and the tensor, in order; None if lost."""
    makers = {id(call.output): call for call in reversed(calls) if hasattr(call.output, "op")}
    found: list[Call] = []
    while tensor is not start:
        call = makers.pop(id(tensor), None)
        if call is not None:
            given = call.input[0] if isinstance(call.input, (list, tuple)) else call.input
            if len(given.shape) != 4 or not _known(call):
                return None
            found.append(call)
            tensor = given
            continue
        same = [one for one in tensor.op.inputs if one.shape.rank == 4 and one.shape[1:3] == tensor.shape[1:3]]
        if not same:
            return None
        tensor = same[0]
    return found[::-1]


def _known(call: Call) -> bool:
    """Whether what the layer does to places is known: a window with a stride, a frame, or nothing."""
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


def _behind(axis: Axis, call: Call, which: int) -> Axis:
    """Where the units behind a layer lie along one axis, given where those before it do."""
    layer = call.layer
    kind = type(layer).__name__
    if kind in ("Cropping2D", "ZeroPadding2D"):
        off = layer.cropping[which][0] if kind == "Cropping2D" else -layer.padding[which][0]
        return Axis(axis.first + off * axis.step, axis.step)
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if window is None:
        return axis
    stride = layer.strides[which]
    reach = (window[which] - 1) * (getattr(layer, "dilation_rate", None) or (1, 1))[which]
    before = 0
    if layer.padding == "same":
        size = call.input.shape[1 + which]
        before = max((math.ceil(size / stride) - 1) * stride + reach + 1 - size, 0) // 2
    return Axis(axis.first + (reach / 2 - before) * axis.step, axis.step * stride)
