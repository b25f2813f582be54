"""Check of steering labels against the turning of the car that the images show.

The turning is measured as horizontal optical flow around the horizon (dense inverse search: Kroeger et al.
2016, arXiv:1603.03590), separately in the left and right half of the image. If the halves disagree, the images
do not show the turning (night, reflections on the windscreen, frames seconds apart), and there is no verdict on
the labels. If they agree, correct labels correlate with the turning. A block bootstrap over time gives the
interval of the correlation, from which wrong labels are recognised.
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
"""Range of rows that shows distant objects, as shares of the height: turning moves them, speed hardly does."""
_SIZE = (160, 80)
"""Width and height [px] that these rows are scaled to; the flow is measured as a share of the width."""
_MIN_CHANGE = 0.5
"""Mean change of brightness below which the car is assumed to stand still."""
_MAX_SHIFT = 0.25
"""Shifts larger than this share of the width are not plausible car motion."""
_GAP_STEPS, _GAP_S = 1.5, 0.5
"""A time step is a gap if it is longer than this many median steps and than this time [s]."""
_WINDOW_S = 0.5
"""Labels and turning are averaged over this window: single frames jitter, and labels may lag by some frames."""
_MIN_FRAMES = 50
_MIN_AGREEMENT = 0.7
"""Minimum correlation of the two halves for the images to show the turning."""
_MAX_LAG_S, _LAG_STEP_S = 1.0, 0.1
"""Correct labels may lead or lag the turning by up to this [s]."""
_MAX_OFFSET_S, _OFFSET_STEP_S, _MIN_OFFSET_S = 30.0, 0.25, 1.5
_MAX_OFFSET_SHARE = 0.25
"""Time offsets that are searched, up to this share of the drive."""
_MISMATCH_BELOW = 0.4
"""Labels do not match if the upper end of the interval is below this; no correct labels were."""
_CONTRADICTION_BELOW = -0.3
_MATCH_ABOVE = 0.3
"""Labels match if the interval lies above `_MATCH_ABOVE`, and contradict the images below the other."""
_MIN_SHIFTED_R, _MIN_GAIN = 0.7, 0.05
"""Minimum correlation of offset labels, and minimum gain over those within the lag (lower interval end)."""
_TIE = 0.02
"""Correlations that differ by less count as equal; of equal offsets the smallest is reported."""
_RESAMPLES, _SEED = 500, 0


@dataclass(frozen=True, slots=True)
class Fit:
    """Result of the label check: `correlation` of angle and turning over `frames` time steps.

    Both are left positive and averaged over half a second. `interval` is the 95 % interval of the correlation,
    `agreement` the correlation of the turning in the two image halves; all three are None if too little moves.
    `warning` is set only if the labels are certainly wrong; `sure` is True if they certainly match or certainly
    do not. `late_s` is the delay of labels with a time offset [s], negative if they are early, None if the
    warning is not about an offset.
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
        """Whether the labels are certainly wrong with a negative correlation."""
        return self.warning is not None and self.correlation is not None and self.correlation < 0

    @property
    def sentence(self) -> str:
        """The correlation with its interval, or the reason why there is none, in words."""
        if self.correlation is None or self.interval is None:
            return f"too few moving frames ({self.frames})"
        low, high = self.interval
        result = f"r = {self.correlation:.2f} ({low:.2f} to {high:.2f}) over {self.frames} moving frames"
        if self.sure:
            return result
        if self.agreement is not None and self.agreement < _MIN_AGREEMENT:
            return f"{result}; cannot tell: the images hardly show the car's turning"
        return f"{result}; cannot tell: too little turning"


class Shifts:
    """Horizontal shift of each image relative to the previous one, as a share of the width, right positive."""

    def __init__(self) -> None:
        self._previous: Image | None = None
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def add(self, image: Image) -> tuple[float, float]:
        """The shift of the left and the right half; NaN for the first image and if nothing moves."""
        height = image.shape[0]
        top = int(_ROWS[0] * height)
        rows = image[top : max(int(_ROWS[1] * height), top + 1)]
        gray = cv2.cvtColor(cv2.resize(rows, _SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        previous, self._previous = self._previous, gray.astype(np.uint8)
        if previous is None or np.abs(gray.astype(np.float32) - previous).mean() < _MIN_CHANGE:
            return np.nan, np.nan
        flow = self._flow.calc(previous, self._previous, None)[..., 0]
        gradient = np.abs(cv2.Sobel(previous, cv2.CV_32F, 1, 0))
        textured = gradient > np.median(gradient)  # horizontal flow is only measurable at vertical edges
        left, right = (_median(flow[:, half], textured[:, half]) for half in (_LEFT, _RIGHT))
        return left, right


_LEFT, _RIGHT = slice(None, _SIZE[0] // 2), slice(_SIZE[0] // 2, None)
_MIN_PIXELS = 50


def _median(flow: NDArray[np.float32], textured: NDArray[np.bool_]) -> float:
    return float(np.median(flow[textured])) / _SIZE[0] if textured.sum() >= _MIN_PIXELS else np.nan


def check_fit(angles: Doubles, shifts: Doubles, times_s: Doubles) -> Fit:
    """Compare angles (N,), left positive, with the image shifts (N, 2) measured by `Shifts`; NaN is unknown.

    `times_s` (N,) ascend. A left turn moves the image to the right, so correct labels have a positive
    correlation. The result has a warning for labels that do not match the images, contradict them, or match
    those of another time.
    """
    valid = np.isfinite(angles) & (np.abs(np.nan_to_num(shifts, nan=np.inf)) < _MAX_SHIFT).all(axis=1)
    count = int(valid.sum())
    if count < _MIN_FRAMES or np.ptp(angles[valid]) == 0 or (np.ptp(shifts[valid], axis=0) == 0).any():
        return Fit(None, count, None)
    motion = _LabelledMotion(angles, np.where(valid[:, None], shifts, np.nan), times_s)
    agreement = _correlation(motion.left, motion.right, motion.valid)
    unshifted = motion.at(0.0)
    correlation, interval = unshifted.r, unshifted.interval
    warning, late_s = _warning(motion, unshifted) if agreement >= _MIN_AGREEMENT else (None, None)
    sure = warning is not None or interval[0] > _MATCH_ABOVE
    return Fit(correlation, count, warning, interval, agreement, sure, late_s)


def _warning(motion: _LabelledMotion, unshifted: _LagResult) -> tuple[str | None, float | None]:
    """The warning about labels that are certainly wrong, and their delay [s].

    On a periodically winding road, labels that are late by half a period contradict the images: left and right
    are reported as swapped only if no offset matches equally well.
    """
    nearby = [motion.at(lag) for lag in _lags(_MAX_LAG_S, max(_LAG_STEP_S, motion.step_s))]
    best, worst = max(nearby, key=lambda result: result.r), min(nearby, key=lambda result: result.r)
    against = best.r < 0 and worst.interval[1] < _CONTRADICTION_BELOW
    offset = _best_offset(motion, best)
    shifted = offset.r >= _MIN_SHIFTED_R and bool(np.quantile(offset.draws - best.draws, 0.025) > _MIN_GAIN)
    if against and not (shifted and offset.r > -worst.r - _TIE):
        return "the labels contradict the images: left and right are likely swapped", None
    if shifted:
        by = f"{abs(offset.lag_s):.1f} s too {'late' if offset.lag_s > 0 else 'early'}"
        if against and np.quantile(offset.draws + worst.draws, 0.025) <= _MIN_GAIN:
            return (
                f"the labels contradict the images: they are about {by} (r = {offset.r:.2f} after shifting), "
                f"or left and right are swapped (r = {-worst.r:.2f} after swapping); "
                f"unchanged, r = {unshifted.r:.2f}"
            ), offset.lag_s
        return (
            f"the labels are about {by}: r = {offset.r:.2f} with the images after shifting; "
            f"unchanged, r = {unshifted.r:.2f}"
        ), offset.lag_s
    if best.interval[1] < _MISMATCH_BELOW:
        causes = "they may belong to another drive, be shifted in time, or be noise"
        return f"the labels hardly match the images: {causes}", None
    return None, None


def _best_offset(motion: _LabelledMotion, best: _LagResult) -> _LagResult:
    """The time offset at which the labels match best, the smallest of equally good ones; `best` if none."""
    limit_s = min(_MAX_OFFSET_S, _MAX_OFFSET_SHARE * motion.length_s)
    results = [motion.at(lag) for lag in _lags(limit_s, _OFFSET_STEP_S)]
    r = np.array([-np.inf, *(result.r for result in results), -np.inf])
    peaks = (r[1:-1] >= r[:-2]) & (r[1:-1] >= r[2:])
    distant = [
        result
        for result, peak in zip(results, peaks, strict=True)
        if peak and abs(result.lag_s) >= _MIN_OFFSET_S
    ]
    highest = max((result.r for result in distant), default=0.0)
    return min(
        (result for result in distant if result.r >= highest - _TIE),
        key=lambda result: abs(result.lag_s),
        default=best,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _LagResult:
    """Correlation `r` of the turning with the labels `lag_s` later, and that of each bootstrap draw."""

    lag_s: float
    r: float
    draws: Doubles

    @property
    def interval(self) -> tuple[float, float]:
        low, high = np.quantile(self.draws, (0.025, 0.975))
        return float(low), float(high)


class _LabelledMotion:
    """Labels and turning (N,) of a drive, averaged over half a second; `valid` where both are known."""

    def __init__(self, angles: Doubles, shifts: Doubles, times_s: Doubles) -> None:
        self._times = times_s
        self.step_s = float(np.median(np.diff(times_s)))
        self._gap_s = max(_GAP_STEPS * self.step_s, _GAP_S)
        self._angles = averaged(times_s, angles, _WINDOW_S)
        self.left, self.right = (averaged(times_s, shifts[:, half], _WINDOW_S) for half in (0, 1))
        turning = averaged(times_s, shifts.mean(1), _WINDOW_S)
        self.valid = np.isfinite(shifts).all(1) & np.isfinite(self._angles)
        self._turning = turning
        self.length_s = float(np.ptp(times_s[self.valid]))
        length = block_length(self.length_s)
        self._block = ((times_s - times_s[self.valid][0]) / length).astype(np.int64).clip(0)
        blocks = int(self._block.max()) + 1
        filled = np.unique(self._block[self.valid])
        drawn = np.random.default_rng(_SEED).choice(filled, (_RESAMPLES, len(filled)))
        self._draws = np.stack([np.bincount(draw, minlength=blocks) for draw in drawn]).astype(np.float64)

    def at(self, lag_s: float) -> _LagResult:
        """Correlation of the turning with the label `lag_s` later; 0 if too little of the drive remains."""
        times = self._times + lag_s
        after = np.searchsorted(self._times, times).clip(1, len(self._times) - 1)
        no_gap = self._times[after] - self._times[after - 1] <= self._gap_s
        inside = (times >= self._times[0]) & (times <= self._times[-1])
        label = np.where(no_gap & inside, np.interp(times, self._times, self._angles), np.nan)
        if lag_s == 0:
            label = self._angles
        good = self.valid & np.isfinite(label)
        if good.sum() < max(_MIN_FRAMES // 2, (1 - 2 * _MAX_OFFSET_SHARE) * self.valid.sum()):
            return _LagResult(lag_s, 0.0, np.zeros(_RESAMPLES))
        a, m = _standardized(label[good]), _standardized(self._turning[good])
        draws = drawn_correlations(self._draws, self._block[good], a, m)
        return _LagResult(lag_s, float((a * m).mean()), draws)


def _standardized(values: Doubles) -> Doubles:
    deviation = values.std()
    result: Doubles = (values - values.mean()) / (deviation if deviation > 0 else 1.0)
    return result


def _correlation(a: Doubles, b: Doubles, valid: NDArray[np.bool_]) -> float:
    return float((_standardized(a[valid]) * _standardized(b[valid])).mean())


def _lags(limit_s: float, step_s: float) -> list[float]:
    """Lags from about -limit to limit, including 0."""
    count = int(limit_s / step_s)
    return [step_s * number for number in range(-count, count + 1)]
