"""An evaluation as one figure: angles over time, prediction against label, and the error histogram."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from drivesal.angle import digits
from drivesal.evaluation.metrics import Errors, compare_with_baselines, joined, steering_limits
from drivesal.evaluation.report import clock

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from drivesal.angle import AngleKind
    from drivesal.evaluation.predictions import Predictions
    from drivesal.evaluation.segments import Segment
    from drivesal.types import Doubles

DPI = 110
ANGLES = ("predicted", "truth")
_WIDTH_IN = 11.0
_HEAD_IN, _BELOW_IN = 1.05, 4.4
_ONE_ROW_IN, _ROW_IN, _LEAST_ROW_IN, _MOST_IN = 3.0, 1.9, 0.9, 60.0
"""Height of a recording's row if it is alone and if there are several, its minimum, and the most for all
rows."""
_LEFT_IN, _RIGHT_IN, _GAP_IN = 0.8, 0.3, 0.5
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
TRUTH, PREDICTED, WORST, FAINT = "#1f2a36", "#d55e00", "#f0e442", "#8b949e"
_LABEL = Line2D([], [], color=TRUTH, lw=1.3, label="label")
_PREDICTION = Line2D([], [], color=PREDICTED, lw=1.0, label="predicted")
_SEGMENT = Patch(color=WORST, alpha=0.45, lw=0, label="worst segments")
_SETTINGS: Any = {
    "agg.path.chunksize": 20_000,
    "axes.edgecolor": "#57606a",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,
}


def render_png(
    predictions: Sequence[Predictions],
    kind: AngleKind,
    model_name: str,
    segments: Sequence[Segment],
    labels: AngleKind | None = None,
) -> bytes:
    """The figure as PNG: one row per recording, with the worst segments marked and numbered.

    `labels` is the kind of the labels where they cannot be compared with the predictions: they then have their
    own axis on the right, and there is no error histogram.
    """
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a file name may be in any script
        figure = _draw(predictions, kind, model_name, segments, labels)
        data = BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(data, format="png", metadata={"Software": "drivesal"})
    return data.getvalue()


def _draw(
    predictions: Sequence[Predictions],
    kind: AngleKind,
    model_name: str,
    segments: Sequence[Segment],
    labels: AngleKind | None = None,
) -> Figure:
    count = len(predictions)
    row_in = max(min(_ROW_IN if count > 1 else _ONE_ROW_IN, _MOST_IN / count), _LEAST_ROW_IN)
    height_in = _HEAD_IN + count * row_in + _BELOW_IN
    figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=DPI)

    def place(left_in: float, top_in: float, width_in: float, tall_in: float) -> Axes:
        """Axes at a position in inches: an automatic layout takes minutes with many recordings."""
        bottom_in = height_in - top_in - tall_in
        return figure.add_axes(
            (left_in / _WIDTH_IN, bottom_in / height_in, width_in / _WIDTH_IN, tall_in / height_in)
        )

    figure.text(
        0.5,
        1 - 0.1 / height_in,
        _title(predictions, kind, model_name, labels),
        fontsize=11,
        ha="center",
        va="top",
    )
    size, true_size = (
        max(float(np.abs(getattr(of_drive, name)).max()) for of_drive in predictions) for name in ANGLES
    )
    size, true_size = (max(size, true_size, 1e-6),) * 2 if labels is None else (size or 1e-6, true_size or 1e-6)
    right_in = _RIGHT_IN if labels is None else _LEFT_IN
    for number, of_drive in enumerate(predictions):
        axis = place(_LEFT_IN, _HEAD_IN + number * row_in, _WIDTH_IN - _LEFT_IN - right_in, row_in - _GAP_IN)
        right = _own_axis(axis, labels, true_size) if labels else axis
        ranked = [(rank, segment) for rank, segment in enumerate(segments, 1) if segment.recording == number]
        _over_time((axis, right), of_drive, kind, ranked)
        axis.set_ylim(-1.05 * size, 1.3 * size)  # room for the numbers of the segments
        if count > 1:
            axis.set_title(_short(of_drive.name, 80), loc="left", fontsize=9)
        if number == 0:
            _legend(axis, [_LABEL, _PREDICTION, _SEGMENT] if segments else [_LABEL, _PREDICTION])
    axis.set_xlabel("time in the recording [m:ss]")
    truth, predicted = joined(predictions, "truth"), joined(predictions, "predicted")
    top_in, tall_in = height_in - _BELOW_IN + 0.35, _BELOW_IN - 0.85
    square = place(_LEFT_IN, top_in, tall_in, tall_in)
    _against(square, truth, predicted, (labels or kind, kind), (true_size, size))
    if labels is not None:
        text = f"No errors: predictions in {kind.unit} and labels\nin {labels.unit} have no common scale."
        if kind.unit == labels.unit:
            text = "No errors: the ratio of steering-wheel to\nroad-wheel angle is unknown."
        figure.text(0.72, 1 - (top_in + tall_in / 2) / height_in, text, ha="center", va="center", color=FAINT)
        return figure
    left_in = _LEFT_IN + tall_in + 1.0
    _errors(place(left_in, top_in, _WIDTH_IN - left_in - _RIGHT_IN, tall_in), predicted - truth, kind)
    return figure


def _legend(axis: Axes, handles: list[Artist]) -> None:
    """Add a legend above the axes on the right, where it covers nothing."""
    axis.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(handles),
        frameon=False,
        borderpad=0,
    )


def _own_axis(axis: Axes, labels: AngleKind, size: float) -> Axes:
    """A second y axis at the right for labels of this kind, with its zero at the same height."""
    right = axis.twinx()
    right.set_ylim(-1.05 * size, 1.3 * size)
    right.set_ylabel(f"label {_unit(labels)}, left +")
    right.spines.right.set_visible(True)
    return right


def _title(
    predictions: Sequence[Predictions], kind: AngleKind, model_name: str, labels: AngleKind | None
) -> str:
    comparison = compare_with_baselines(predictions)

    def rmse(errors: Errors) -> str:
        return "unknown" if errors.rmse is None else f"{errors.rmse:.{_digits(kind)}f}{kind.symbol}"

    model = comparison.model
    correlation = "" if model.correlation is None else f"   r = {digits(model.correlation, '.3f')}"
    frames = f"{model.frames:,} frame{'s'[: model.frames != 1]}"
    count = len(predictions)
    name = os.path.basename(predictions[0].name) if count == 1 else f"{count} recordings"
    head = f"{_short(model_name, 40)} on {_short(name, 60)}\n"
    if labels is not None:
        r = "unknown" if model.correlation is None else digits(model.correlation, ".3f")
        kinds = f"predictions in {kind.phrase}, labels in {labels.phrase}"
        return f"{head}r = {r}   {frames}\n{kinds}: their magnitudes are not compared"
    return (
        f"{head}"
        f"RMSE {rmse(model)}   MAE {model.mean_absolute:.{_digits(kind)}f}{kind.symbol}   "
        f"bias {_signed(model.bias, kind)}{correlation}   {frames}\n"
        f"always 0: RMSE {rmse(comparison.always_0)};   the label {comparison.step_s:.2g} s before: "
        f"RMSE {rmse(comparison.last_label)}"
    )


def _over_time(
    axes: tuple[Axes, Axes],
    predictions: Predictions,
    kind: AngleKind,
    segments: Sequence[tuple[int, Segment]],
) -> None:
    """Plot both angles of one recording, on axes for predictions and labels; lines end at gaps in time."""
    axis, right = axes
    for rank, segment in segments:
        axis.axvspan(segment.start_s, segment.end_s, fc=WORST, ec="white", alpha=0.45, lw=2)
        axis.annotate(
            str(rank),
            ((segment.start_s + segment.end_s) / 2, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, -3),
            textcoords="offset points",
            ha="center",
            va="top",
            fontweight="bold",
        )
    axis.axhline(0, color=FAINT, lw=0.6, zorder=1)
    gaps = [first for first, _ in predictions.runs[1:]]
    single = [first for first, end in predictions.runs if end - first == 1]
    times = np.insert(predictions.time_s, gaps, np.nan)
    for target, values, colour, width in (
        (axis, predictions.predicted, PREDICTED, 1.0),
        (right, predictions.truth, TRUTH, 1.3),
    ):
        target.plot(times, np.insert(values, gaps, np.nan), color=colour, lw=width)
        target.plot(predictions.time_s[single], values[single], ".", color=colour, ms=4)
    axis.set_ylabel(f"{'angle' if axis is right else 'predicted'} {_unit(kind)}, left +")
    first_s = predictions.time_s[0]
    seconds = max(np.ptp(predictions.time_s) + predictions.step_s, 1.0)
    axis.set_xlim(first_s - 0.002 * seconds, first_s + seconds)
    step_s = next((step for step in _STEPS_S if seconds / step <= 12), seconds / 6)
    axis.xaxis.set_major_locator(MultipleLocator(step_s))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, 0 if step_s >= 1 else 1)))
    axis.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axis.grid(axis="y", alpha=0.25, lw=0.6)


def _against(
    axis: Axes,
    truth: Doubles,
    predicted: Doubles,
    kinds: tuple[AngleKind, AngleKind],
    largest: tuple[float, float],
) -> None:
    """Plot prediction over label, the band limits, and the diagonal if both are of one kind.

    `kinds` and `largest` (absolute values) are given as (labels', predictions').
    """
    wide, high = (1.05 * size for size in largest)
    for limit in steering_limits(kinds[0]):
        for signed in (-limit, limit):
            if abs(signed) < wide:
                axis.axvline(signed, color=FAINT, lw=0.7, ls=":", zorder=1)
    alpha = float(np.clip(20 / np.sqrt(len(truth)), 0.05, 0.8))
    axis.scatter(truth, predicted, s=7, color=PREDICTED, alpha=alpha, lw=0, zorder=2)
    axis.set(xlim=(-wide, wide), ylim=(-high, high), box_aspect=1)
    for direction in (axis.xaxis, axis.yaxis):
        direction.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    axis.set_xlabel(f"label {_unit(kinds[0])}, left +   (dotted: limits of the steering bands)")
    axis.set_ylabel(f"predicted {_unit(kinds[1])}, left +")
    if kinds[0] != kinds[1]:
        return
    axis.plot([-wide, wide], [-wide, wide], color=TRUTH, lw=0.9, ls="--", zorder=3)
    _legend(axis, [Line2D([], [], color=TRUTH, lw=0.9, ls="--", label="predicted = label")])


def _errors(axis: Axes, error: Doubles, kind: AngleKind) -> None:
    """Plot the error histogram; a few errors far larger than the rest are counted in the outermost bars."""
    size = np.abs(error)
    reach = max(min(float(size.max()), 2 * float(np.percentile(size, 99.5))), 1e-6)
    beyond = int(np.count_nonzero(size > reach))
    bins = 2 * int(np.clip(np.sqrt(len(error)) / 2, 7, 30)) + 1  # an odd number: one bar is centred on 0
    axis.hist(np.clip(error, -reach, reach), bins=bins, range=(-reach, reach), color=PREDICTED, alpha=0.85)
    bias = float(error.mean())
    axis.axvline(0, color=TRUTH, lw=0.9, ls="--")
    text = f"bias {_signed(bias, kind)}"
    _legend(axis, [axis.axvline(bias, color=TRUTH, lw=1.6, label=text)])
    more = f"   (outermost bars: {beyond:,} larger)" if beyond else ""
    axis.set_xlabel(f"error: predicted − label {_unit(kind)}, left +{more}")
    axis.set_ylabel("frames")
    axis.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))
    axis.grid(axis="y", alpha=0.25, lw=0.6)


def _tick(value: float, digits: int) -> str:
    return clock(value, digits) if value >= 0 else ""


def _digits(kind: AngleKind) -> int:
    return 2 if kind.unit == "deg" else 4


def _signed(value: float | None, kind: AngleKind) -> str:
    if value is None:
        return "unknown"
    return f"{digits(value, f'+.{_digits(kind)}f')}{kind.symbol}".replace("-", "−")


def _unit(kind: AngleKind) -> str:
    return "[°]" if kind.unit == "deg" else "[norm]"


def _short(name: str, most: int) -> str:
    """A drawable name of at most `most` characters, cut at the start."""
    name = os.fsencode(name).decode("utf-8", "replace")
    return name if len(name) <= most else f"…{name[1 - most :]}"
