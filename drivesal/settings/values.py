"""Conversion of values from Python and the command line to the form that settings hold."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import isfinite
from typing import Any

from pydantic import ValidationInfo

from drivesal.errors import OptionError


def as_text(value: Any) -> Any:
    """A number or a `Crop` as a user would write it; 29.97002997 as 30000/1001."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and isfinite(value):
        return str(Fraction(value).limit_denominator(1001))
    return getattr(value, "text", None) or str(value)


def as_known(value: Any) -> Any:
    """The value, but None for "unknown", which a card or a recording may contain."""
    return None if value == "unknown" else value


def _pairs(value: Any, expected: str) -> Any:
    """A mapping, also from the command line's NAME=VALUE texts. Raises OptionError."""
    if value is None or isinstance(value, Mapping):
        return value or {}
    pairs = {}
    for text in value:
        name, _, content = (part.strip() for part in str(text).partition("="))
        if not (name and content):
            raise OptionError(expected, f"it is {text!r}", "write a name, =, and a value")
        pairs[name] = content
    return pairs


def as_feed(value: Any) -> Any:
    """Numbers or column names by input; a number written as text becomes a number."""
    pairs = _pairs(value, "--feed as INPUT=NUMBER or INPUT=COLUMN")
    return pairs if isinstance(value, Mapping) else {name: _number(text) for name, text in pairs.items()}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def as_formulas(value: Any) -> Any:
    """Formulas by Lambda layer."""
    return _pairs(value, "--lambda as LAYER=FORMULA like lambda_1=x/127.5-1")


def as_joined(separator: str) -> Callable[[Any], Any]:
    """A converter of one or several numbers to the text that a user would write."""

    def text(value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        items = value.tolist() if hasattr(value, "tolist") else value
        return separator.join(str(item) for item in (items if isinstance(items, Iterable) else [items]))

    return text


def position(at: Any, name: str) -> float | int:
    """A time [s] as a float or a frame index as an int, NumPy's included. Raises OptionError for others."""
    if not isinstance(at, bool):
        if isinstance(at, numbers.Integral):
            return int(at)
        if isinstance(at, numbers.Real) and isfinite(at):
            return float(at)
    raise OptionError(
        f"{name} as a float (seconds) or an int (frame index)",
        f"it is {at!r}",
        "write 4 for frame #4, 73.0 for 1:13",
    )


def as_position(at: Any, field: ValidationInfo) -> float | int | None:
    """A position (see `position`), or None."""
    return None if at is None else position(at, str(field.field_name))
