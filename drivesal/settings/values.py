"""Values as the settings keep them, converted from what Python and the command line give."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import isfinite
from typing import Any

from pydantic import ValidationInfo

from drivesal.errors import OptionError


def as_text(value: Any) -> Any:
    """A number, or a `Crop`, as the text that a user would write; 29.97002997 as 30000/1001."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and isfinite(value):
        return str(Fraction(value).limit_denominator(1001))
    return getattr(value, "text", None) or str(value)


def as_known(value: Any) -> Any:
    """None for the word unknown, which a card or a recording may say."""
    return None if value == "unknown" else value


def _pairs(given: Any, expected: str) -> Any:
    """A mapping; texts like NAME=VALUE, as the command line gives them, as one. Raises OptionError."""
    if given is None or isinstance(given, Mapping):
        return given or {}
    found = {}
    for text in given:
        name, _, value = (part.strip() for part in str(text).partition("="))
        if not (name and value):
            raise OptionError(expected, f"it is {text!r}", "write a name, =, and a value")
        found[name] = value
    return found


def as_feed(given: Any) -> Any:
    """Names of inputs with numbers or column names; text that is a number counts as one."""
    found = _pairs(given, "--feed as INPUT=NUMBER or INPUT=COLUMN")
    return found if isinstance(given, Mapping) else {name: _number(value) for name, value in found.items()}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def as_formulas(given: Any) -> Any:
    """Names of Lambda layers with what they compute."""
    return _pairs(given, "--lambda as LAYER=FORMULA like lambda_1=x/127.5-1")


def as_joined(between: str) -> Callable[[Any], Any]:
    """What makes the text that a user would write of several numbers, or of one."""

    def text(value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        several = value.tolist() if hasattr(value, "tolist") else value
        return between.join(str(one) for one in (several if isinstance(several, Iterable) else [several]))

    return text


def position(at: Any, name: str) -> float | int:
    """A time [s] as a float, an index as an int, also where NumPy gave it. Raises OptionError for the rest."""
    if not isinstance(at, bool):
        if isinstance(at, numbers.Integral):
            return int(at)
        if isinstance(at, numbers.Real) and isfinite(at):
            return float(at)
    raise OptionError(
        f"{name} as a float in seconds or an int, a frame's number",
        f"it is {at!r}",
        "write 4 for frame #4, 73.0 for 1:13",
    )


def as_position(at: Any, field: ValidationInfo) -> float | int | None:
    """A position, or None."""
    return None if at is None else position(at, str(field.field_name))
