"""A model that is not trusted gets no more memory than what its file can fill."""

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

_NUMBERS_A_BYTE = 4
"""A weight takes four bytes of a file; compressed, or as half floats, fewer."""
_FREE = 1_000_000
_MOST_OF_A_LAYER = 2**27
"""Numbers that one layer may give of one picture: half a gigabyte."""
MOST_CALLS = 5_000
"""Calls of layers in one network: a model that is called many times inside another counts as often."""
MOST_NUMBERS = 2**29
"""Numbers that all layers of a network may give of one picture."""
_MOST_MEANS = 4096
_MOST_TENSORS = 4096
_ENLARGING = {"UpSampling1D", "UpSampling2D", "Conv1DTranspose", "Conv2DTranspose", "Tile", "Repeat"}
_patching = threading.RLock()


@contextlib.contextmanager
def weights_within(path: Path) -> Iterator[None]:
    """While the block builds a network, layers that ask for more weights than the file can hold are refused.

    They are counted before memory is taken. Raises ModelError, whatever the block made of it.
    """
    most = _FREE + _NUMBERS_A_BYTE * path.stat().st_size
    me, asked = threading.get_ident(), 0
    refused: ModelError | None = None
    base = keras().layers.Layer

    def counted(layer: Any, shape: Any = None, *arguments: Any, **keywords: Any) -> Any:
        nonlocal asked, refused
        if threading.get_ident() == me:
            asked += math.prod(shape if isinstance(shape, list | tuple) else (shape or 1,))
            if asked > most:
                refused = ModelError(
                    f"layers of no more weights than {path.name} can hold",
                    f"layer {layer.name} asks for weights of shape {shape}",
                    "the file is damaged or made up: take it from where it was written",
                )
                raise refused
        if "initializer" in keywords and type(layer).__module__.startswith("keras."):
            keywords["initializer"] = "zeros"  # the file's weights come; some that are drawn take long
        return own(layer, shape, *arguments, **keywords)

    with _patching:
        own = base.add_weight
        base.add_weight = counted
        try:
            yield
        except Exception as error:
            if refused is not None:
                raise refused from error
            raise
        finally:
            base.add_weight = own


def check_layers(network: Any) -> None:
    """Raises ModelError where a layer makes more numbers of one picture than memory is meant for."""
    for path, layer in layers(network).items():
        try:
            inputs, outputs = layer.input, layer.output
        except (AttributeError, ValueError):  # used several times, or never
            continue
        check_call(layer, keras().tree.flatten(inputs))
        check_outputs(path, outputs)


def check_outputs(name: str, outputs: Any) -> list[Any]:
    """The tensors that a layer gives, as a list. Raises ModelError where one has too many numbers a picture."""
    flat: list[Any] = keras().tree.flatten(outputs)
    for one in flat:
        _check(numbers([one]), f"layer {name[:80]} gives {tuple(one.shape[1:])}")
    return flat


def numbers(tensors: Sequence[Any]) -> int:
    """How many numbers there are in tensors of one picture; an open side counts as one."""
    return sum(math.prod(side or 1 for side in one.shape[1:]) for one in tensors)


def check_call(layer: Any, values: Sequence[Any]) -> None:
    """Raises ModelError where a layer makes much more of its input inside than what it gives."""
    kind, name = type(layer).__name__, layer.name
    shape = tuple(side or 1 for side in values[0].shape[1:])
    if kind in _ENLARGING and None in values[0].shape[1:]:
        raise ModelError(
            "a model whose input has a size", f"layer {name} enlarges one of {shape}", "rebuild it with a size"
        )
    if kind.startswith(("SeparableConv", "DepthwiseConv")):
        _check(math.prod(shape) * layer.depth_multiplier, f"layer {name} multiplies {shape}")
    elif kind == "MultiHeadAttention":
        _check_heads(layer, [tuple(side or 1 for side in one.shape[1:]) for one in values])
    elif kind in ("Attention", "AdditiveAttention"):
        keys = max(one.shape[1] or 1 for one in values)
        depth = shape[-1] if kind == "AdditiveAttention" or layer.score_mode == "concat" else 1
        _check(shape[0] * keys * depth, f"layer {name} relates {shape[0]} positions to {keys}")
    elif kind == "Normalization" and layer.input_mean is not None:
        axes = (layer.axis,) if isinstance(layer.axis, int) else layer.axis or ()
        kept = math.prod(values[0].shape[axis] or 1 for axis in axes)
        if kept > _MOST_MEANS:  # they are spread over all of these before anything asks for memory
            raise ModelError(
                f"at most {_MOST_MEANS} means in a configuration",
                f"layer {name} has {kept}",
                "adapt it to data",
            )
    elif kind == "Unstack" and (values[0].shape[layer.axis] or 0) > _MOST_TENSORS:
        raise ModelError(
            f"layers that give at most {_MOST_TENSORS} tensors", f"{name} would more", "give a smaller model"
        )


def count(made: Rebuilt, calls: int, given: int) -> None:
    """Adds calls of layers and the numbers that they give. Raises ModelError where they are too many."""
    made.calls += calls
    made.numbers += given
    if made.numbers > MOST_NUMBERS:
        raise ModelError(
            f"a network whose layers give at most {MOST_NUMBERS} numbers a picture together",
            "they give more",
            "give a smaller model",
        )
    if made.calls > MOST_CALLS:
        raise ModelError(
            f"a network of at most {MOST_CALLS} calls of layers",
            "it has more, those of models inside it counted as often as they are called",
            "the file is damaged or made up: take it from where it was written",
        )


def _check_heads(layer: Any, shapes: Sequence[tuple[int, ...]]) -> None:
    """The scores and the projections of an attention with several heads."""
    axes = layer._attention_axes or tuple(range(1, len(shapes[0])))
    positions = [math.prod(shape[axis - 1] for axis in axes if axis <= len(shape)) for shape in shapes]
    others = max(math.prod(shape[:-1]) // max(count, 1) for shape, count in zip(shapes, positions, strict=True))
    most = max(positions)
    scores = others * layer.num_heads * positions[0] * most
    deepest = max(layer.key_dim, layer.value_dim or layer.key_dim)
    projected = others * layer.num_heads * most * deepest
    _check(max(scores, projected), f"layer {layer.name} relates {positions[0]} positions to {most}")


def _check(numbers: int, came: str) -> None:
    if numbers > _MOST_OF_A_LAYER:
        raise ModelError(
            f"layers that give at most {_MOST_OF_A_LAYER} numbers a picture", came, "give a smaller model"
        )
