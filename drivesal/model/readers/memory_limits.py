"""Limits on the memory of an untrusted model: no more weights than its file can hold, bounded activations."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.errors import ModelError
from drivesal.model.backend import keras
from drivesal.model.network import layers

if TYPE_CHECKING:
    from drivesal.model.readers.layer_factory import Rebuilt

_WEIGHTS_PER_BYTE = 4
"""A weight takes four bytes of a file; compressed, or as half floats, fewer."""
_FREE = 1_000_000
_MOST_PER_LAYER = 2**27
"""Elements that one layer may output for one image: half a gigabyte."""
MOST_CALLS = 5_000
"""Layer calls in one network; those of an inner model count as often as it is called."""
MOST_ELEMENTS = 2**29
"""Elements that all layers of a network together may output for one image."""
_MOST_MEANS = 4096
_MOST_TENSORS = 4096
_ENLARGING = {"UpSampling1D", "UpSampling2D", "Conv1DTranspose", "Conv2DTranspose", "Tile", "Repeat"}
_patching = threading.RLock()


@contextlib.contextmanager
def weights_within(path: Path) -> Iterator[None]:
    """Refuse layers that request more weights than the file can hold, while the block builds a network.

    Weights are counted before memory is allocated. Raises ModelError, even if the block converts the exception.
    """
    most = _FREE + _WEIGHTS_PER_BYTE * path.stat().st_size
    this_thread, requested = threading.get_ident(), 0
    refusal: ModelError | None = None
    base = keras().layers.Layer

    def counted(layer: Any, shape: Any = None, *arguments: Any, **keywords: Any) -> Any:
        nonlocal requested, refusal
        if threading.get_ident() == this_thread:
            requested += math.prod(shape if isinstance(shape, list | tuple) else (shape or 1,))
            if requested > most:
                refusal = ModelError(
                    f"layers with no more weights than {path.name} can hold",
                    f"layer {layer.name} requests weights of shape {shape}",
                    "the file is damaged or was tampered with: get it again from its source",
                )
                raise refusal
        if "initializer" in keywords and type(layer).__module__.startswith("keras."):
            keywords["initializer"] = "zeros"  # the file's weights replace them; some initializers are slow
        return original(layer, shape, *arguments, **keywords)

    with _patching:
        original = base.add_weight
        base.add_weight = counted
        try:
            yield
        except Exception as error:
            if refusal is not None:
                raise refusal from error
            raise
        finally:
            base.add_weight = original


def check_layers(network: Any) -> None:
    """Raise ModelError if a layer of the network exceeds the limits for one image."""
    for path, layer in layers(network).items():
        try:
            inputs, outputs = layer.input, layer.output
        except (AttributeError, ValueError):  # called several times, or never
            continue
        check_call(layer, keras().tree.flatten(inputs))
        check_outputs(path, outputs)


def check_outputs(name: str, outputs: Any) -> list[Any]:
    """A layer's output tensors as a list. Raises ModelError if one has too many elements per image."""
    flat: list[Any] = keras().tree.flatten(outputs)
    for tensor in flat:
        _check(elements([tensor]), f"layer {name[:80]} outputs {tuple(tensor.shape[1:])}")
    return flat


def elements(tensors: Sequence[Any]) -> int:
    """Total number of elements in these tensors for one image; an unspecified side counts as one."""
    return sum(math.prod(side or 1 for side in tensor.shape[1:]) for tensor in tensors)


def check_call(layer: Any, values: Sequence[Any]) -> None:
    """Raise ModelError if a layer's intermediate results for these inputs exceed the limits."""
    kind, name = type(layer).__name__, layer.name
    shape = tuple(side or 1 for side in values[0].shape[1:])
    if kind in _ENLARGING and None in values[0].shape[1:]:
        raise ModelError(
            "a model with a fixed input size",
            f"layer {name} enlarges an input of {shape}",
            "rebuild it with a size",
        )
    if kind.startswith(("SeparableConv", "DepthwiseConv")):
        _check(math.prod(shape) * layer.depth_multiplier, f"layer {name} multiplies {shape}")
    elif kind == "MultiHeadAttention":
        _check_heads(layer, [tuple(side or 1 for side in value.shape[1:]) for value in values])
    elif kind in ("Attention", "AdditiveAttention"):
        keys = max(value.shape[1] or 1 for value in values)
        depth = shape[-1] if kind == "AdditiveAttention" or layer.score_mode == "concat" else 1
        _check(shape[0] * keys * depth, f"layer {name} relates {shape[0]} positions to {keys}")
    elif kind == "Normalization" and layer.input_mean is not None:
        axes = (layer.axis,) if isinstance(layer.axis, int) else layer.axis or ()
        kept = math.prod(values[0].shape[axis] or 1 for axis in axes)
        if kept > _MOST_MEANS:  # Keras broadcasts the means to this many before any weight is requested
            raise ModelError(
                f"at most {_MOST_MEANS} means in a configuration",
                f"layer {name} has {kept}",
                "adapt it to data",
            )
    elif kind == "Unstack" and (values[0].shape[layer.axis] or 0) > _MOST_TENSORS:
        raise ModelError(
            f"layers with at most {_MOST_TENSORS} output tensors",
            f"layer {name} would have more",
            "use a smaller model",
        )


def count(rebuilt: Rebuilt, calls: int, output_elements: int) -> None:
    """Add layer calls and the elements that they output. Raises ModelError if a total exceeds its limit."""
    rebuilt.calls += calls
    rebuilt.elements += output_elements
    if rebuilt.elements > MOST_ELEMENTS:
        raise ModelError(
            f"a network whose layers together output at most {MOST_ELEMENTS} elements per image",
            "they output more",
            "use a smaller model",
        )
    if rebuilt.calls > MOST_CALLS:
        raise ModelError(
            f"a network of at most {MOST_CALLS} layer calls",
            "it has more; those of inner models count as often as the model is called",
            "the file is damaged or was tampered with: get it again from its source",
        )


def _check_heads(layer: Any, shapes: Sequence[tuple[int, ...]]) -> None:
    """Check the scores and the projections of a multi-head attention."""
    axes = layer._attention_axes or tuple(range(1, len(shapes[0])))
    positions = [math.prod(shape[axis - 1] for axis in axes if axis <= len(shape)) for shape in shapes]
    batch = max(math.prod(shape[:-1]) // max(count, 1) for shape, count in zip(shapes, positions, strict=True))
    most = max(positions)
    scores = batch * layer.num_heads * positions[0] * most
    deepest = max(layer.key_dim, layer.value_dim or layer.key_dim)
    projected = batch * layer.num_heads * most * deepest
    _check(max(scores, projected), f"layer {layer.name} relates {positions[0]} positions to {most}")


def _check(size: int, came: str) -> None:
    if size > _MOST_PER_LAYER:
        raise ModelError(
            f"layers that output at most {_MOST_PER_LAYER} elements per image", came, "use a smaller model"
        )
