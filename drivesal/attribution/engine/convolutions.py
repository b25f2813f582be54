"""Which convolution's feature maps are shown, how many it gives, and where they lie in the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.engine.chain import leaves
from drivesal.attribution.registry import Context, Scorable
from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.network import Call, find_layer, layers

if TYPE_CHECKING:
    from drivesal.attribution.engine.placement import Placement

SMALLEST = 3
"""Rows and columns that a layer's maps must have to be the default: PilotNet's last are 1 x 18."""


def convolution(model: Scorable, context: Context, name: str) -> Any:
    """The layer of this name, or the last convolution whose maps have SMALLEST rows and columns or more.

    Raises ModelError where the network has none.
    """
    if name:
        return find_layer(model.network, name)
    return model.compiled("default convolution", lambda: _last_convolution(model, context))


def _last_convolution(model: Scorable, context: Context) -> Any:
    kinds = (keras().layers.Conv2D, keras().layers.DepthwiseConv2D, keras().layers.SeparableConv2D)
    every = [layer for layer in layers(model.network).values() if isinstance(layer, kinds)]
    found = _looked(model, context, every, lambda x, score, calls: _feeding(score, calls))
    if not found:
        raise ModelError(
            "a network with a convolution, whose feature maps are shown",
            "it has none",
            "use gradient, integrated-gradients, smoothgrad, occlusion or rise",
        )
    large = [layer for layer, shape in found if min(shape[1:3]) >= SMALLEST]
    return large[-1] if large else found[-1][0]


def maps_of(model: Scorable, name: str, size: tuple[int, int]) -> int:
    """How many maps the layer of `convolution` gives of a picture of `size` (h, w). Raises ModelError."""
    import numpy as np

    context = Context(np.zeros((*size, 3), np.float32), np.zeros((0, *size, 3), np.uint8))
    layer = convolution(model, context, name)

    def make() -> int:
        return int(_looked(model, context, [layer], lambda x, score, calls: maps_in(calls, layer).shape[3]))

    found: int = model.compiled(f"number of maps of {id(layer)}", make)
    return found


def placed(model: Scorable, context: Context, layer: Any, how: str = "centres") -> Placement:
    """Where the layer's maps lie in the picture. Raises ModelError where it gives none, or several."""
    from drivesal.attribution.engine.placement import place, stretch

    def see(x: Any, score: Any, calls: list[Call]) -> Placement:
        maps = maps_in(calls, layer)
        if not _feeding(score, [call for call in calls if call.layer is layer]):
            raise ModelError(
                "a convolution that what is explained depends on",
                f"it does not depend on {layer.name}",
                "choose an earlier one with --conv",
            )
        return place(maps, x, calls) if how == "centres" else stretch(maps, x)

    def make() -> Placement:
        placement: Placement = _looked(model, context, [layer, *leaves(model.network)], see)
        return placement

    found: Placement = model.compiled(f"placement {id(layer)}, {how}", make)
    return found


def maps_in(calls: list[Any], layer: Any) -> Any:
    """The layer's one output in a forward pass. Raises ModelError where there are several or none."""
    own = [call for call in calls if call.layer is layer]
    if len(own) != 1 or len(own[0].output.shape) != 4:
        raise ModelError(
            "a convolution that is called once, on a picture",
            f"{layer.name} is called {len(own)} times" if len(own) != 1 else f"{layer.name} gives no maps",
            "choose another with --conv",
        )
    return own[0].output


def _feeding(score: Any, calls: list[Call]) -> list[tuple[Any, Any]]:
    """Layer and shape of those calls that the score depends on, in order."""
    found = [(call, tensorflow().gradients(score, call.output)[0]) for call in calls]
    return [(call.layer, call.output.shape) for call, slope in found if slope is not None]


def _looked(
    model: Scorable, context: Context, layers: list[Any], see: Callable[[Any, Any, list[Call]], Any]
) -> Any:
    """What `see` makes of the network's input, the score and these calls, in a trace that is not kept."""
    tf = tensorflow()
    found: list[Any] = []

    def look(x: Any, others: Any) -> Any:
        score, calls = model.inside(model.given(x), others, layers)
        found.append(see(x, score, calls))
        return score

    height, width, _ = context.mean.shape
    tf.function(look, autograph=False).get_concrete_function(
        tf.TensorSpec([None, height, width, len(model.to_rgb)], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
    )
    return found[0]
