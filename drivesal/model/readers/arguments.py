"""Argument kinds: the type and the bounds of an argument in a model file.

A kind is a function that returns the plain Python value of an argument, or raises ValueError with the
expectation as its message.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Kind = Callable[[Any], Any]

MOST = 2**20
"""The largest integer argument of a layer: units, filters, sides."""
MOST_NUMBERS = 2**20
"""The most numbers in one argument of a configuration."""
_LONGEST_NAME = 200
_LARGEST = 1e30


def unwrapped(value: Any) -> Any:
    """Unwrap a value that was serialised as an array: `{"value": 0.3, ...}`, inside `config` or not."""
    if isinstance(value, dict):
        inner = value.get("config") if value.get("class_name") in ("__numpy__", "__tensor__") else value
        if isinstance(inner, dict) and "value" in inner:
            return inner["value"]
    return value


def integer(least: int = 0, most: int = MOST) -> Kind:
    """An integer within bounds; a float with an integer value is accepted."""

    def kind(value: Any) -> int:
        value = unwrapped(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"an integer from {least} to {most}")
        return value

    return kind


def number(value: Any) -> float | int:
    """A finite number."""
    value = unwrapped(value)
    if type(value) not in (int, float) or not abs(value) <= _LARGEST:
        raise ValueError("a finite number")
    return value  # type: ignore[no-any-return]


def numbers(value: Any) -> Any:
    """A number, or nested lists of numbers as tuples."""
    value = unwrapped(value)
    remaining = MOST_NUMBERS

    def checked(node: Any, depth: int) -> Any:
        nonlocal remaining
        if isinstance(node, list) and depth < 8:
            return tuple(checked(item, depth + 1) for item in node)
        remaining -= 1
        if remaining < 0:
            raise ValueError(f"at most {MOST_NUMBERS} numbers")
        return number(node)

    return checked(value, 0)


def flag(value: Any) -> bool:
    """A boolean, or 1 or 0."""
    if value not in (True, False) or not isinstance(value, bool | int):
        raise ValueError("true or false")
    return bool(value)


def one_of(*choices: str) -> Kind:
    """One of these words."""

    def kind(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return kind


def name(value: Any) -> str:
    """A printable name of 1 to 200 characters."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME or not value.isprintable():
        raise ValueError(f"a name of 1 to {_LONGEST_NAME} characters")
    return value


def optional(kind: Kind) -> Kind:
    """This kind, or None."""
    return lambda value: None if value is None else kind(value)


def several(kind: Kind, most: int = 8) -> Kind:
    """A list of values of this kind, as a tuple."""

    def listed(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or len(value) > most:
            raise ValueError(f"a list of at most {most}")
        return tuple(kind(item) for item in value)

    return listed


def one_or_several(kind: Kind, most: int = 8) -> Kind:
    """A value of this kind, or a list of them as a tuple."""
    listed = several(kind, most)
    return lambda value: listed(value) if isinstance(value, list | tuple) else kind(value)


def shape(value: Any) -> tuple[int | None, ...]:
    """A shape with its batch dimension; each dimension is None or 1 to 2^20."""
    sides: tuple[int | None, ...] = several(optional(integer(1)), 6)(value)
    if math.prod(side or 1 for side in sides[1:]) > 2**27:
        raise ValueError("a shape of at most 2^27 numbers")
    return sides


def unchecked(value: Any) -> Any:
    """A value that is checked where it is used: an activation, a layer inside a wrapper."""
    return value
