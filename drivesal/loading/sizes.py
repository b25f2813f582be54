"""A model that is not trusted gets no more memory than what its file can fill."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drivesal.backend import keras, tensorflow
from drivesal.errors import ModelError
from drivesal.network import layers

_NUMBERS_A_BYTE = 4
"""A weight takes four bytes of a file; compressed, or as half floats, fewer."""
_FREE = 1_000_000
_MOST_OF_A_LAYER = 2**27
"""Numbers that one layer may give of one picture: half a gigabyte."""
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
    """Raises ModelError where one layer gives more numbers of one picture than memory is meant for."""
    for path, layer in layers(network).items():
        try:
            outputs = tensorflow().nest.flatten(layer.output)
        except (AttributeError, ValueError):  # used several times, or never
            continue
        for shape in (tuple(one.shape[1:]) for one in outputs):
            if math.prod(side or 1 for side in shape) > _MOST_OF_A_LAYER:
                raise ModelError(
                    f"layers that give at most {_MOST_OF_A_LAYER} numbers a picture",
                    f"layer {path} gives {shape}",
                    "give a smaller model",
                )
