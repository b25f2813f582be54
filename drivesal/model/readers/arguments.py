"""What an argument in a model's file may be: its type and its bounds.

A kind is a function that gives the plain Python value of an argument, or raises ValueError with what it
expected.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Kind = Callable[[Any], Any]

MOST = 2**20
"""The largest whole number that a layer is asked for: units, filters, sides."""
MOST_NUMBERS = 2**20
"""Numbers that stand in a configuration itself."""
_LONGEST_NAME = 200
_LARGEST = 1e30


def bare(value: Any) -> Any:
    """The value itself where it was kept as an array: `{"value": 0.3, ...}`, in `config` or not."""
    if isinstance(value, dict):
        inner = value.get("config") if value.get("class_name") in ("__numpy__", "__tensor__") else value
        if isinstance(inner, dict) and "value" in inner:
            return inner["value"]
    return value


def whole(least: int = 0, most: int = MOST) -> Kind:
    """A whole number within bounds; a float that is one counts."""

    def kind(value: Any) -> int:
        value = bare(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return kind


def number(value: Any) -> float | int:
    """A finite number."""
    value = bare(value)
    if type(value) not in (int, float) or not abs(value) <= _LARGEST:
        raise ValueError("a finite number")
    return value  # type: ignore[no-any-return]


def numbers(value: Any) -> Any:
    """A number, or numbers in lists, as tuples."""
    value = bare(value)
    left = MOST_NUMBERS

    def plain(part: Any, depth: int) -> Any:
        nonlocal left
        if isinstance(part, list) and depth < 8:
            return tuple(plain(one, depth + 1) for one in part)
        left -= 1
        if left < 0:
            raise ValueError(f"at most {MOST_NUMBERS} numbers")
        return number(part)

    return plain(value, 0)


def flag(value: Any) -> bool:
    """True or false, also as 1 and 0."""
    if value not in (True, False) or not isinstance(value, bool | int):
        raise ValueError("true or false")
    return bool(value)


def word(*choices: str) -> Kind:
    """One of some words."""

    def kind(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return kind


def name(value: Any) -> str:
    """A name of at most 200 characters in one line."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME or not value.isprintable():
        raise ValueError(f"a name of 1 to {_LONGEST_NAME} characters")
    return value


def optional(kind: Kind) -> Kind:
    """The kind, or None."""
    return lambda value: None if value is None else kind(value)


def several(kind: Kind, most: int = 8) -> Kind:
    """A list of values of the kind, as a tuple."""

    def listed(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or len(value) > most:
            raise ValueError(f"a list of at most {most}")
        return tuple(kind(one) for one in value)

    return listed


def one_or_several(kind: Kind, most: int = 8) -> Kind:
    """A value of the kind, or a list of such."""
    listed = several(kind, most)
    return lambda value: listed(value) if isinstance(value, list | tuple) else kind(value)


def shape(value: Any) -> tuple[int | None, ...]:
    """A shape with the batch: None or 1 to 2^20 each."""
    found: tuple[int | None, ...] = several(optional(whole(1)), 6)(value)
    if math.prod(side or 1 for side in found[1:]) > 2**27:
        raise ValueError("a shape of at most 2^27 numbers")
    return found


def anything(value: Any) -> Any:
    """What is checked where it is used: an activation, a layer inside another one."""
    return value
