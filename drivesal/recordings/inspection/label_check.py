"""Whether steering labels go with the picture: the turning that the picture shows, and the labels against it.

The turning is the sideways optical flow around the horizon (dense inverse search: Kroeger et al. 2016,
arXiv:1603.03590), taken in the left and in the right half apart. Where the two halves do not agree, the picture
does not show the car's turning (night, a windscreen that mirrors, frames seconds apart), and nothing is said of
the labels. Where they do, true labels go with it; what false ones do is told by blocks of time drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.series.resampling import block_length, drawn_correlations
from drivesal.series.smoothing import averaged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.types import Doubles, Image

_ROWS = (0.2, 0.65)
"""The share of the rows that holds what is far: the car's turning moves it, its speed hardly does."""
_SIZE = (160, 80)
"""Width and height [px] that these rows are brought to; the flow is told in shares of the width."""
_STILL = 0.5
"""Mean change of brightness below which the car is taken to stand."""
_FARTHEST = 0.25
"""Shifts of more than this share of the width are no movement of a car."""
_GAP, _GAP_S = 1.5, 0.5
"""A step is a gap where it is longer than this many usual ones, and than this [s]."""
_SMOOTHED_S = 0.5
"""Labels and turning are averaged over this: single frames jitter, labels come some frames early or late."""
_LEAST_FRAMES = 50
_LEAST_AGREEMENT = 0.7
"""The correlation of the halves from which on the picture shows the turning."""
_LAG_S, _LAG_STEP_S = 1.0, 0.1
"""A label may be so much ahead of the car's turning, or behind it, and be true."""
_SHIFTS_S, _SHIFT_STEP_S, _LEAST_SHIFT_S = 30.0, 0.25, 1.5
_SHIFT_SHARE = 0.25
"""Shifts in time that are looked for, up to a share of the drive."""
_TRUE = 0.4
"""Below this, at the upper end of its interval, no true label was seen."""
_AGAINST = -0.3
_FITS = 0.3
"""Labels fit where their interval lies above this, and are against the picture where it lies below that."""
_SHIFTED, _MORE = 0.7, 0.05
"""The correlation of shifted labels, and by how much it is above the unshifted ones' at the lower end."""
_TIE = 0.02
"""Correlations that differ by less are as good: of shifts the smaller one is told then."""
_RESAMPLED, _SEED = 500, 0


@dataclass(frozen=True, slots=True)
class Fit:
    """How the labels go with the picture: `correlation` of angle and turning over `frames` steps.

    Both left positive, averaged over half a second. `interval` is its 95 % interval and `agreement` the
    correlation of the turning in the two halves of the picture; all three None where too little moves.
    `warning` is set only where the labels are surely wrong; `sure` tells that they surely fit or do not.
    `late_s` is how late labels of another time come [s], below 0 early, None where the warning tells no time.
    """

    correlation: float | None
    frames: int
    warning: str | None
    interval: tuple[float, float] | None = None
    agreement: float | None = None
    sure: bool = False
    late_s: float | None = None

    @property
    def against(self) -> bool:
        """Whether the labels are surely wrong, and go against the picture rather than with it."""
        return self.warning is not None and self.correlation is not None and self.correlation < 0

    @property
    def sentence(self) -> str:
        """The figure with its interval, or why there is none, in words."""
        if self.correlation is None or self.interval is None:
            return f"too few moving frames ({self.frames})"
        low, high = self.interval
        found = f"r = {self.correlation:.2f} ({low:.2f} to {high:.2f}) over {self.frames} moving frames"
        if self.sure:
            return found
        if self.agreement is not None and self.agreement < _LEAST_AGREEMENT:
            return f"{found}; cannot tell: the picture hardly shows the car's turning"
        return f"{found}; cannot tell: too little turning"


class Shifts:
    """The sideways shift of each picture to the one before it, share of the width, right positive."""

    def __init__(self) -> None:
        self._last: Image | None = None
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def add(self, image: Image) -> tuple[float, float]:
        """The shift of the left and of the right half; NaN for the first picture and where nothing moves."""
        height = image.shape[0]
        top = int(_ROWS[0] * height)
        rows = image[top : max(int(_ROWS[1] * height), top + 1)]
        gray = cv2.cvtColor(cv2.resize(rows, _SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        last, self._last = self._last, gray.astype(np.uint8)
        if last is None or np.abs(gray.astype(np.float32) - last).mean() < _STILL:
            return np.nan, np.nan
        flow = self._flow.calc(last, self._last, None)[..., 0]
        edges = np.abs(cv2.Sobel(last, cv2.CV_32F, 1, 0))
        seen = edges > np.median(edges)  # flow is known where there is something upright
        left, right = (_median(flow[:, half], seen[:, half]) for half in (_LEFT, _RIGHT))
        return left, right


_LEFT, _RIGHT = slice(None, _SIZE[0] // 2), slice(_SIZE[0] // 2, None)
_LEAST_SEEN = 50


def _median(flow: NDArray[np.float32], seen: NDArray[np.bool_]) -> float:
    return float(np.median(flow[seen])) / _SIZE[0] if seen.sum() >= _LEAST_SEEN else np.nan


def check_fit(angles: Doubles, moves: Doubles, times_s: Doubles) -> Fit:
    """Compares angles (N,), left positive, with the pictures' `moves` (N, 2) of `Shifts`; NaN: unknown.

    `times_s` (N,) ascend. A turn to the left moves the picture to the right, so true labels give a positive
    correlation. It is warned of labels that go with the picture nowhere, against it, or with that of another
    time.
    """
    known = np.isfinite(angles) & (np.abs(np.nan_to_num(moves, nan=np.inf)) < _FARTHEST).all(axis=1)
    count = int(known.sum())
    if count < _LEAST_FRAMES or np.ptp(angles[known]) == 0 or (np.ptp(moves[known], axis=0) == 0).any():
        return Fit(None, count, None)
    drive = _Drive(angles, np.where(known[:, None], moves, np.nan), times_s)
    agreement = _correlation(drive.left, drive.right, drive.known)
    now = drive.at(0.0)
    correlation, interval = now.r, now.interval
    warning, late_s = _warning(drive, now) if agreement >= _LEAST_AGREEMENT else (None, None)
    sure = warning is not None or interval[0] > _FITS
    return Fit(correlation, count, warning, interval, agreement, sure, late_s)


def _warning(drive: _Drive, now: _Lagged) -> tuple[str | None, float | None]:
    """What is surely wrong with labels, and how late they come [s].

    The picture shows the turning; `now` are the labels as they are. Where the road winds like a wave,
    labels half a wave late go against the picture: they are called exchanged only where no shift fits as well.
    """
    near = [drive.at(lag) for lag in _steps(_LAG_S, max(_LAG_STEP_S, drive.step_s))]
    best, worst = max(near, key=lambda one: one.r), min(near, key=lambda one: one.r)
    against = best.r < 0 and worst.interval[1] < _AGAINST
    other = _farther(drive, best)
    shifted = other.r >= _SHIFTED and bool(np.quantile(other.draws - best.draws, 0.025) > _MORE)
    if against and not (shifted and other.r > -worst.r - _TIE):
        return "the labels go against the picture: left and right are likely exchanged", None
    if shifted:
        by = f"{abs(other.lag_s):.1f} s too {'late' if other.lag_s > 0 else 'early'}"
        if against and np.quantile(other.draws + worst.draws, 0.025) <= _MORE:
            return (
                f"the labels go against the picture: they come about {by} (shifted by that, "
                f"r = {other.r:.2f}), or left and right are exchanged (exchanged, r = {-worst.r:.2f}); "
                f"as they are {now.r:.2f}"
            ), other.lag_s
        return (
            f"the labels come about {by}: shifted by that, r = {other.r:.2f} with the picture, "
            f"as they are {now.r:.2f}"
        ), other.lag_s
    if best.interval[1] < _TRUE:
        maybe = "they may be another drive's, shifted in time, or noise"
        return f"the labels hardly go with the picture: {maybe}", None
    return None, None


def _farther(drive: _Drive, best: _Lagged) -> _Lagged:
    """The labels of another time that fit the picture best, the nearest of equally good ones; else `best`."""
    farthest = min(_SHIFTS_S, _SHIFT_SHARE * drive.length_s)
    all_of_them = [drive.at(lag) for lag in _steps(farthest, _SHIFT_STEP_S)]
    r = np.array([-np.inf, *(one.r for one in all_of_them), -np.inf])
    peaks = (r[1:-1] >= r[:-2]) & (r[1:-1] >= r[2:])
    far = [
        one for one, peak in zip(all_of_them, peaks, strict=True) if peak and abs(one.lag_s) >= _LEAST_SHIFT_S
    ]
    highest = max((one.r for one in far), default=0.0)
    return min((one for one in far if one.r >= highest - _TIE), key=lambda one: abs(one.lag_s), default=best)


@dataclass(frozen=True, slots=True, eq=False)
class _Lagged:
    """Labels of `lag_s` later against the turning: the correlation, and that of `draws` of blocks of time."""

    lag_s: float
    r: float
    draws: Doubles

    @property
    def interval(self) -> tuple[float, float]:
        low, high = np.quantile(self.draws, (0.025, 0.975))
        return float(low), float(high)


class _Drive:
    """Labels and turning (N,) of a drive, averaged over half a second; `known` where both are."""

    def __init__(self, angles: Doubles, moves: Doubles, times_s: Doubles) -> None:
        self._times = times_s
        self.step_s = float(np.median(np.diff(times_s)))
        self._gap_s = max(_GAP * self.step_s, _GAP_S)
        self._angles = averaged(times_s, angles, _SMOOTHED_S)
        self.left, self.right = (averaged(times_s, moves[:, half], _SMOOTHED_S) for half in (0, 1))
        turning = averaged(times_s, moves.mean(1), _SMOOTHED_S)
        self.known = np.isfinite(moves).all(1) & np.isfinite(self._angles)
        self._turning = turning
        self.length_s = float(np.ptp(times_s[self.known]))
        length = block_length(self.length_s)
        self._block = ((times_s - times_s[self.known][0]) / length).astype(np.int64).clip(0)
        blocks = int(self._block.max()) + 1
        filled = np.unique(self._block[self.known])
        drawn = np.random.default_rng(_SEED).choice(filled, (_RESAMPLED, len(filled)))
        self._draws = np.stack([np.bincount(one, minlength=blocks) for one in drawn]).astype(np.float64)

    def at(self, lag_s: float) -> _Lagged:
        """The turning against the label of `lag_s` later; 0 where too little is left of the drive."""
        wanted = self._times + lag_s
        after = np.searchsorted(self._times, wanted).clip(1, len(self._times) - 1)
        near = self._times[after] - self._times[after - 1] <= self._gap_s
        inside = (wanted >= self._times[0]) & (wanted <= self._times[-1])
        label = np.where(near & inside, np.interp(wanted, self._times, self._angles), np.nan)
        if lag_s == 0:
            label = self._angles
        good = self.known & np.isfinite(label)
        if good.sum() < max(_LEAST_FRAMES // 2, (1 - 2 * _SHIFT_SHARE) * self.known.sum()):
            return _Lagged(lag_s, 0.0, np.zeros(_RESAMPLED))
        a, m = _standard(label[good]), _standard(self._turning[good])
        draws = drawn_correlations(self._draws, self._block[good], a, m)
        return _Lagged(lag_s, float((a * m).mean()), draws)


def _standard(values: Doubles) -> Doubles:
    deviation = values.std()
    found: Doubles = (values - values.mean()) / (deviation if deviation > 0 else 1.0)
    return found


def _correlation(one: Doubles, other: Doubles, known: NDArray[np.bool_]) -> float:
    return float((_standard(one[known]) * _standard(other[known])).mean())


def _steps(farthest_s: float, step_s: float) -> list[float]:
    """Lags either way, 0 among them."""
    count = int(farthest_s / step_s)
    return [step_s * number for number in range(-count, count + 1)]
