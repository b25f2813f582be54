"""Which convolution's feature maps are used, how many it has, and where they lie in the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drivesal.attribution.engine.chain import leaf_layers
from drivesal.attribution.registry import Context, Scorable
from drivesal.errors import ModelError
from drivesal.model.backend import keras, tensorflow
from drivesal.model.network import Call, find_layer, layers

if TYPE_CHECKING:
    from drivesal.attribution.engine.placement import Placement

MIN_MAP_SIDE = 3
"""A convolution is the default only with this many rows and columns: PilotNet's last maps are 1 x 18."""


def select_convolution(model: Scorable, context: Context, name: str) -> Any:
    """The layer called `name`, or the last convolution whose maps have at least MIN_MAP_SIDE rows and columns.

    The last convolution of all where every one is smaller. Raises ModelError where the network has none.
    """
    if name:
        return find_layer(model.network, name)
    return model.compiled("default convolution", lambda: _last_convolution(model, context))


def _last_convolution(model: Scorable, context: Context) -> Any:
    kinds = (keras().layers.Conv2D, keras().layers.DepthwiseConv2D, keras().layers.SeparableConv2D)
    convolutions = [layer for layer in layers(model.network).values() if isinstance(layer, kinds)]
    used = _trace(model, context, convolutions, lambda x, score, calls: _influential(score, calls))
    if not used:
        raise ModelError(
            "a network with a convolution, whose feature maps are shown",
            "it has none",
            "use gradient, integrated-gradients, smoothgrad, occlusion or rise",
        )
    large = [layer for layer, shape in used if min(shape[1:3]) >= MIN_MAP_SIDE]
    return large[-1] if large else used[-1][0]


def count_feature_maps(model: Scorable, name: str, size: tuple[int, int]) -> int:
    """Number of feature maps of the layer that `select_convolution` picks, for images of `size` (h, w).

    Raises ModelError.
    """
    import numpy as np

    context = Context(np.zeros((*size, 3), np.float32), np.zeros((0, *size, 3), np.uint8))
    layer = select_convolution(model, context, name)

    def make() -> int:
        return int(_trace(model, context, [layer], lambda x, score, calls: feature_maps(calls, layer).shape[3]))

    count: int = model.compiled(f"number of maps of {id(layer)}", make)
    return count


def locate_maps(model: Scorable, context: Context, layer: Any, alignment: str = "centres") -> Placement:
    """Where the layer's feature maps lie in the image.

    Raises ModelError where the layer has no single output of feature maps, or the score does not depend on it.
    """
    from drivesal.attribution.engine.placement import place_at_receptive_fields, stretch_over_image

    def inspect(x: Any, score: Any, calls: list[Call]) -> Placement:
        maps = feature_maps(calls, layer)
        if not _influential(score, [call for call in calls if call.layer is layer]):
            raise ModelError(
                "a convolution that the explained number depends on",
                f"it does not depend on {layer.name}",
                "choose an earlier one with --conv",
            )
        if alignment == "centres":
            return place_at_receptive_fields(maps, x, calls)
        return stretch_over_image(maps, x)

    def make() -> Placement:
        placement: Placement = _trace(model, context, [layer, *leaf_layers(model.network)], inspect)
        return placement

    placement: Placement = model.compiled(f"placement {id(layer)}, {alignment}", make)
    return placement


def feature_maps(calls: list[Any], layer: Any) -> Any:
    """The layer's single output (N, h', w', K) in a forward pass. Raises ModelError for none or several."""
    own = [call for call in calls if call.layer is layer]
    if len(own) != 1 or len(own[0].output.shape) != 4:
        raise ModelError(
            "a convolution that is called once and outputs feature maps",
            f"{layer.name} is called {len(own)} times"
            if len(own) != 1
            else f"{layer.name} outputs no feature maps",
            "choose another with --conv",
        )
    return own[0].output


def _influential(score: Any, calls: list[Call]) -> list[tuple[Any, Any]]:
    """Layer and output shape of the calls that the score depends on, in order."""
    gradients = [(call, tensorflow().gradients(score, call.output)[0]) for call in calls]
    return [(call.layer, call.output.shape) for call, gradient in gradients if gradient is not None]


def _trace(
    model: Scorable, context: Context, layers: list[Any], inspect: Callable[[Any, Any, list[Call]], Any]
) -> Any:
    """Trace a forward pass, discard the graph, and return `inspect(network input, score, calls of layers)`."""
    tf = tensorflow()
    results: list[Any] = []

    def forward(x: Any, auxiliary: Any) -> Any:
        score, calls = model.score_and_calls(model.to_network_input(x), auxiliary, layers)
        results.append(inspect(x, score, calls))
        return score

    height, width, _ = context.mean.shape
    tf.function(forward, autograph=False).get_concrete_function(
        tf.TensorSpec([None, height, width, len(model.to_rgb)], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
    )
    return results[0]
