"""Scaling of pixel values 0..255 to a network's input range, for all channels or per channel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from drivesal.errors import OptionError

Numbers = float | tuple[float, ...]
"""One number for all channels, or one per channel."""
LARGEST = 1e6
"""Largest magnitude of a scaled value: no network takes more, and float32 loses precision soon after."""
SMALLEST = 1e-6
"""Smallest difference between scaled black and white."""
SAME = 0.02
"""Two scalings whose ends differ by less than this fraction of the range are equal: x/127.5-1 and x/128-1."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Affine input scaling: the network's input is value · `scale` + `offset` for values in 0..255.

    Raises ValueError for values that no network takes, and if the two differ in their number of channels.
    """

    scale: Numbers
    offset: Numbers = 0.0

    def __post_init__(self) -> None:
        for name in ("scale", "offset"):
            object.__setattr__(self, name, _collapsed(getattr(self, name)))
        counts = {len(values) for values in (self.scale, self.offset) if isinstance(values, tuple)}
        if len(counts) > 1:
            raise ValueError("scale and offset must have the same number of channels")
        for scale, offset in zip(*self.by_channel(self.channels or 1), strict=True):
            _check(scale, offset)

    @classmethod
    def to_range(cls, low: float, high: float) -> Self:
        """Map black to `low` and white to `high`, in all channels."""
        return cls((high - low) / 255, low)

    @classmethod
    def standardised(cls, mean: Numbers = 0.0, std: Numbers = 1.0, low: float = 0.0, high: float = 1.0) -> Self:
        """(value - mean) / std per channel, for values scaled to `low`..`high` before. Raises ValueError."""
        count = max((len(values) for values in (mean, std) if isinstance(values, tuple)), default=1)
        means, stds = _per_channel(mean, count), _per_channel(std, count)
        if len(means) != len(stds):
            raise ValueError(f"means and deviations must match in number, not be {len(means)} and {len(stds)}")
        if not all(value > 0 and math.isfinite(value) for value in stds):
            raise ValueError("deviations must be positive numbers")
        scale = tuple((high - low) / 255 / value for value in stds)
        return cls(scale, tuple((low - m) / s for m, s in zip(means, stds, strict=True)))

    @property
    def channels(self) -> int | None:
        """Number of channels if scale or offset is per channel, else None."""
        return next((len(values) for values in (self.scale, self.offset) if isinstance(values, tuple)), None)

    def by_channel(self, count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Scale and offset of each of `count` channels."""
        return _per_channel(self.scale, count), _per_channel(self.offset, count)

    @property
    def text(self) -> str:
        """Human-readable form: "-1..1"; "0..1 less 0.485, 0.456, 0.406, over 0.229, 0.224, 0.225"."""
        if not isinstance(self.scale, tuple) and not isinstance(self.offset, tuple):
            return f"{_short(self.offset)}..{_short(255 * self.scale + self.offset)}"
        high, means, stds = self._standardisation()
        text = f"0..{high:g} less {', '.join(f'{value:.4g}' for value in means)}"
        return text if stds is None else f"{text}, over {', '.join(f'{value:.4g}' for value in stds)}"

    @property
    def options(self) -> tuple[str, ...]:
        """Command-line options for this scaling, alternating option and value.

        Empty if no options express it: a deviation would have to be negative.
        """
        if not isinstance(self.scale, tuple) and not isinstance(self.offset, tuple):
            return "--input-scale", f"{self.offset:.6g}..{255 * self.scale + self.offset:.6g}"
        high, means, stds = self._standardisation()
        if stds is not None and min(stds) <= 0:
            return ()
        options: tuple[str, ...] = () if high == 1 else ("--input-scale", f"0..{high:g}")
        options += ("--input-mean", ",".join(f"{value:.6g}" for value in means))
        return (
            options if stds is None else (*options, "--input-std", ",".join(f"{value:.6g}" for value in stds))
        )

    def same(self, other: Scaling) -> bool:
        """Whether both map black and white to the same values, within SAME of the range, in every channel."""
        count = self.channels or other.channels or 1
        if count != (other.channels or count):
            return False
        ours, theirs = self._ends(count), other._ends(count)
        tolerance = SAME * max(abs(high - low) for low, high in theirs)
        return all(
            abs(a - b) <= tolerance
            for own_ends, other_ends in zip(ours, theirs, strict=True)
            for a, b in zip(own_ends, other_ends, strict=True)
        )

    def _ends(self, count: int) -> list[tuple[float, float]]:
        """The scaled values of black and white in each channel."""
        return [(b, 255 * a + b) for a, b in zip(*self.by_channel(count), strict=True)]

    def _standardisation(self) -> tuple[float, tuple[float, ...], tuple[float, ...] | None]:
        """(upper end of the values before, means, deviations), the deviations None if all are 1."""
        scales, offsets = self.by_channel(self.channels or 1)
        if all(scale == 1 for scale in scales):
            return 255.0, tuple(-offset for offset in offsets), None
        stds = tuple(1 / (255 * scale) for scale in scales)
        means = tuple(-offset * std + 0.0 for offset, std in zip(offsets, stds, strict=True))
        return 1.0, means, None if all(abs(std - 1) < 1e-9 for std in stds) else stds


def _collapsed(value: float | Sequence[float]) -> Numbers:
    """A single number if all values are equal, else a tuple."""
    if not isinstance(value, list | tuple):
        return value  # type: ignore[return-value]
    if not value:
        raise ValueError("scale and offset need one number, or one per channel")
    return value[0] if len(set(value)) == 1 else tuple(value)


def _per_channel(value: Numbers, count: int) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,) * count


def _short(value: float) -> str:
    return f"{value:.4g}"


def _check(scale: float, offset: float) -> None:
    """Raise ValueError if value · scale + offset is not a plausible network input for values in 0..255."""
    if not (math.isfinite(scale) and math.isfinite(offset)):
        raise ValueError(f"scale and offset must be finite numbers, not {scale:g} and {offset:g}")
    if max(abs(offset), abs(255 * scale + offset)) > LARGEST:
        raise ValueError(
            f"0..255 must be scaled to within {LARGEST:g} of 0, not to {offset:.6g}..{255 * scale + offset:.6g}"
        )
    if abs(255 * scale) < SMALLEST:
        raise ValueError(f"scale must keep black and white distinct, and {scale:g} does not")


def scaling_from_text(
    in_range: str | None = None, mean: str | None = None, std: str | None = None
) -> Scaling | None:
    """Combine `--input-scale`, `--input-mean` and `--input-std`; None if none is given.

    The range is 0..1 if only means or deviations are given. Raises OptionError.
    """
    low, high = 0.0, 1.0
    if in_range is not None:
        expected, do = (
            "an input scale LOW..HIGH like 0..1 or -1..1",
            "give the scaled values of black and white",
        )
        low, high = numbers_from_range(in_range, expected, do)
        scaling = _or_option_error(expected, in_range, do, lambda: Scaling.to_range(low, high))
        if mean is None and std is None:
            return scaling
    if mean is None and std is None:
        return None
    expected = "means and deviations per channel, like 0.485,0.456,0.406 and 0.229,0.224,0.225"
    do = "give them in the range of --input-scale, which is 0..1 by default"
    means, stds = _numbers(mean, 0.0, expected, do), _numbers(std, 1.0, expected, do)
    came = " and ".join(text for text in (mean, std) if text is not None)
    return _or_option_error(expected, came, do, lambda: Scaling.standardised(means, stds, low, high))


def _or_option_error(expected: str, came: str, do: str, make: Callable[[], Scaling]) -> Scaling:
    try:
        return make()
    except ValueError as error:
        raise OptionError(expected, f"it is {came!r} ({error})", do) from None


def _numbers(text: str | None, default: float, expected: str, do: str) -> Numbers:
    if text is None:
        return default
    try:
        values = tuple(float(part) for part in text.split(","))
        if not all(math.isfinite(value) for value in values):
            raise ValueError
    except ValueError:
        raise OptionError(expected, f"it is {text!r}", do) from None
    return values[0] if len(values) == 1 else values


def numbers_from_range(text: str, expected: str, do: str) -> tuple[float, float]:
    """Parse "LOW..HIGH" into two different numbers. Raises OptionError with `expected` and `do`."""
    low, _, high = text.partition("..")
    try:
        start, stop = float(low), float(high)
        if not (math.isfinite(start) and math.isfinite(stop)) or start == stop:
            raise ValueError
    except ValueError:
        raise OptionError(expected, f"it is {text!r}", do) from None
    return start, stop


USUAL = (Scaling.to_range(0, 255), Scaling.to_range(0, 1), Scaling.to_range(-1, 1))
"""The common input ranges."""
STANDARDISED = (
    Scaling.standardised((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    Scaling.standardised((123.68, 116.779, 103.939), low=0, high=255),
)
"""ImageNet's means and deviations, channels in the order red, green, blue."""
