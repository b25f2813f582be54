"""What a picture's numbers 0..255 become before a network sees them, in all channels or in each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from drivesal.errors import OptionError

Numbers = float | tuple[float, ...]
"""One number for all channels, or one for each."""
LARGEST = 1e6
"""What 0..255 becomes lies within this of 0: more is no input of a network, and float32 ends soon after."""
SMALLEST = 1e-6
"""Black and white differ by this at least once they are scaled."""
SAME = 0.02
"""Two scalings whose ends differ by less than this share of their range are one: x/127.5-1 and x/128-1."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """The network's input is value · `scale` + `offset` with value in 0..255.

    Raises ValueError for what is no input of a network, and for other numbers of channels in the two.
    """

    scale: Numbers
    offset: Numbers = 0.0

    def __post_init__(self) -> None:
        for name in ("scale", "offset"):
            object.__setattr__(self, name, _settled(getattr(self, name)))
        counts = {len(one) for one in (self.scale, self.offset) if isinstance(one, tuple)}
        if len(counts) > 1:
            raise ValueError("scale and offset must be for as many channels as one another")
        for scale, offset in zip(*self.by_channel(self.channels or 1), strict=True):
            _check(scale, offset)

    @classmethod
    def to_range(cls, low: float, high: float) -> Self:
        """Black becomes `low` and white `high`, in all channels."""
        return cls((high - low) / 255, low)

    @classmethod
    def standardised(cls, mean: Numbers = 0.0, std: Numbers = 1.0, low: float = 0.0, high: float = 1.0) -> Self:
        """(value - mean) / std by channel, of values that are `low`..`high` before. Raises ValueError."""
        count = max((len(one) for one in (mean, std) if isinstance(one, tuple)), default=1)
        means, stds = _spread(mean, count), _spread(std, count)
        if len(means) != len(stds):
            raise ValueError(f"as many means as deviations are needed, not {len(means)} and {len(stds)}")
        if not all(one > 0 and math.isfinite(one) for one in stds):
            raise ValueError("deviations must be positive numbers")
        scale = tuple((high - low) / 255 / one for one in stds)
        return cls(scale, tuple((low - m) / s for m, s in zip(means, stds, strict=True)))

    @property
    def channels(self) -> int | None:
        """For how many channels it says a number each, None where one is for all."""
        return next((len(one) for one in (self.scale, self.offset) if isinstance(one, tuple)), None)

    def by_channel(self, count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Scale and offset of each of so many channels."""
        return _spread(self.scale, count), _spread(self.offset, count)

    @property
    def text(self) -> str:
        """For people: "-1..1"; "0..1 less 0.485, 0.456, 0.406, over 0.229, 0.224, 0.225"."""
        if not isinstance(self.scale, tuple) and not isinstance(self.offset, tuple):
            return f"{_short(self.offset)}..{_short(255 * self.scale + self.offset)}"
        high, means, stds = self._apart()
        said = f"0..{high:g} less {', '.join(f'{one:.4g}' for one in means)}"
        return said if stds is None else f"{said}, over {', '.join(f'{one:.4g}' for one in stds)}"

    @property
    def options(self) -> tuple[str, ...]:
        """The command line's options that say it, an option and its value in turn; () where none do: deviations
        are positive.
        """
        if not isinstance(self.scale, tuple) and not isinstance(self.offset, tuple):
            return "--input-scale", f"{self.offset:.6g}..{255 * self.scale + self.offset:.6g}"
        high, means, stds = self._apart()
        if stds is not None and min(stds) <= 0:
            return ()
        said: tuple[str, ...] = () if high == 1 else ("--input-scale", f"0..{high:g}")
        said += ("--input-mean", ",".join(f"{one:.6g}" for one in means))
        return said if stds is None else (*said, "--input-std", ",".join(f"{one:.6g}" for one in stds))

    def same(self, other: Scaling) -> bool:
        """Whether black and white become the same under both, to SAME of their range, in every channel."""
        count = self.channels or other.channels or 1
        if count != (other.channels or count):
            return False
        ours, theirs = self._ends(count), other._ends(count)
        within = SAME * max(abs(high - low) for low, high in theirs)
        return all(
            abs(a - b) <= within
            for pair, another in zip(ours, theirs, strict=True)
            for a, b in zip(pair, another, strict=True)
        )

    def _ends(self, count: int) -> list[tuple[float, float]]:
        """What black and white become in each channel."""
        return [(b, 255 * a + b) for a, b in zip(*self.by_channel(count), strict=True)]

    def _apart(self) -> tuple[float, tuple[float, ...], tuple[float, ...] | None]:
        """The most of the values before, the means taken off, and the deviations; None where all are 1."""
        scales, offsets = self.by_channel(self.channels or 1)
        if all(one == 1 for one in scales):
            return 255.0, tuple(-one for one in offsets), None
        stds = tuple(1 / (255 * one) for one in scales)
        means = tuple(-offset * std + 0.0 for offset, std in zip(offsets, stds, strict=True))
        return 1.0, means, None if all(abs(one - 1) < 1e-9 for one in stds) else stds


def _settled(value: float | Sequence[float]) -> Numbers:
    """A number; several that are all the same as one."""
    if not isinstance(value, list | tuple):
        return value  # type: ignore[return-value]
    if not value:
        raise ValueError("scale and offset need a number, or one for each channel")
    return value[0] if len(set(value)) == 1 else tuple(value)


def _spread(value: Numbers, count: int) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,) * count


def _short(value: float) -> str:
    return f"{value:.4g}"


def _check(scale: float, offset: float) -> None:
    """Raises ValueError where value · scale + offset is no input of a network for values in 0..255."""
    if not (math.isfinite(scale) and math.isfinite(offset)):
        raise ValueError(f"scale and offset must be finite numbers, not {scale:g} and {offset:g}")
    if max(abs(offset), abs(255 * scale + offset)) > LARGEST:
        raise ValueError(
            f"0..255 must become numbers within {LARGEST:g} of 0, not {offset:.6g}..{255 * scale + offset:.6g}"
        )
    if abs(255 * scale) < SMALLEST:
        raise ValueError(f"scale must tell black from white, and {scale:g} makes them the same")


def scaling_from_text(
    in_range: str | None = None, mean: str | None = None, std: str | None = None
) -> Scaling | None:
    """What `--input-scale`, `--input-mean` and `--input-std` say together; None where none is given.

    The range is 0..1 where only means or deviations are given. Raises OptionError.
    """
    low, high = 0.0, 1.0
    if in_range is not None:
        expected, do = "an input scale LOW..HIGH like 0..1 or -1..1", "say what black and white become"
        low, high = numbers_from_range(in_range, expected, do)
        plain = _said(expected, in_range, do, lambda: Scaling.to_range(low, high))
        if mean is None and std is None:
            return plain
    if mean is None and std is None:
        return None
    expected = "means and deviations by channel, like 0.485,0.456,0.406 and 0.229,0.224,0.225"
    do = "say them in the units that --input-scale gives, 0..1 without it"
    means, stds = _numbers(mean, 0.0, expected, do), _numbers(std, 1.0, expected, do)
    came = " and ".join(one for one in (mean, std) if one is not None)
    return _said(expected, came, do, lambda: Scaling.standardised(means, stds, low, high))


def _said(expected: str, came: str, do: str, make: Callable[[], Scaling]) -> Scaling:
    try:
        return make()
    except ValueError as error:
        raise OptionError(expected, f"it is {came!r} ({error})", do) from None


def _numbers(text: str | None, default: float, expected: str, do: str) -> Numbers:
    if text is None:
        return default
    try:
        found = tuple(float(part) for part in text.split(","))
        if not all(math.isfinite(one) for one in found):
            raise ValueError
    except ValueError:
        raise OptionError(expected, f"it is {text!r}", do) from None
    return found[0] if len(found) == 1 else found


def numbers_from_range(text: str, expected: str, do: str) -> tuple[float, float]:
    """ "LOW..HIGH" to two numbers that differ. Raises OptionError that expects `expected`."""
    low, _, high = text.partition("..")
    try:
        start, stop = float(low), float(high)
        if not (math.isfinite(start) and math.isfinite(stop)) or start == stop:
            raise ValueError
    except ValueError:
        raise OptionError(expected, f"it is {text!r}", do) from None
    return start, stop


USUAL = (Scaling.to_range(0, 255), Scaling.to_range(0, 1), Scaling.to_range(-1, 1))
"""What 0..255 becomes in the networks that people have."""
STANDARDISED = (
    Scaling.standardised((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    Scaling.standardised((123.68, 116.779, 103.939), low=0, high=255),
)
"""Means and deviations of ImageNet, by channels in the order red, green, blue."""
