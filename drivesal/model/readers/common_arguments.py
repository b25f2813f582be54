"""Argument kinds that many layers and operations share."""

from __future__ import annotations

from collections.abc import Mapping

from drivesal.model.readers.arguments import (
    Kind,
    integer,
    one_of,
    one_or_several,
    optional,
)

Arguments = Mapping[str, Kind]


def words(text: str) -> frozenset[str]:
    """The whitespace-separated words of the text."""
    return frozenset(text.split())


COUNT = integer(1)
SIDES = one_or_several(integer(1, 4096), 3)
AXIS = integer(-8, 8)
AXES = optional(one_or_several(AXIS))
PAD = one_or_several(one_or_several(integer(0, 4096), 2), 8)
PADDING = one_of("valid", "same", "causal")
INTERPOLATION = one_of("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")
CHANNELS_LAST = optional(one_of("channels_last"))
DTYPE = optional(
    one_of("bool", "float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64")
)
SHIFT = integer(-4096, 4096)
FILL = one_of("constant", "reflect", "wrap", "nearest")
POOL: Arguments = {"pool_size": SIDES, "strides": optional(SIDES), "padding": PADDING}
NONE: Arguments = {}
