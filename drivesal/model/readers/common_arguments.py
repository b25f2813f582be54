"""Kinds of arguments that many layers and operations share."""

from __future__ import annotations

from collections.abc import Mapping

from drivesal.model.readers.arguments import (
    Kind,
    one_or_several,
    optional,
    whole,
    word,
)

Arguments = Mapping[str, Kind]


def words(text: str) -> frozenset[str]:
    """The words of the text."""
    return frozenset(text.split())


COUNT = whole(1)
SIDES = one_or_several(whole(1, 4096), 3)
AXIS = whole(-8, 8)
AXES = optional(one_or_several(AXIS))
PAD = one_or_several(one_or_several(whole(0, 4096), 2), 8)
PADDING = word("valid", "same", "causal")
INTERPOLATION = word("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")
CHANNELS_LAST = optional(word("channels_last"))
DTYPE = optional(
    word("bool", "float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64")
)
SHIFT = whole(-4096, 4096)
FILL = word("constant", "reflect", "wrap", "nearest")
POOL: Arguments = {"pool_size": SIDES, "strides": optional(SIDES), "padding": PADDING}
NONE: Arguments = {}
