"""An evaluation as one picture: the angles over time, the answer against the truth, the errors' histogram."""

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
from drivesal.evaluation.measure import Errors, joined, measured, steering_limits
from drivesal.evaluation.report import clock

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from drivesal.angle import AngleKind
    from drivesal.evaluation.answers import Answers
    from drivesal.evaluation.stretches import Stretch
    from drivesal.types import Doubles

DPI = 110
ANGLES = ("predicted", "truth")
_WIDTH_IN = 11.0
_HEAD_IN, _BELOW_IN = 1.05, 4.4
_ONE_ROW_IN, _ROW_IN, _LEAST_ROW_IN, _MOST_IN = 3.0, 1.9, 0.9, 60.0
"""Heights of a recording's row, alone and among others, and about that of all rows."""
_LEFT_IN, _RIGHT_IN, _GAP_IN = 0.8, 0.3, 0.5
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
TRUTH, PREDICTED, WORST, FAINT = "#1f2a36", "#d55e00", "#f0e442", "#8b949e"
_LABEL = Line2D([], [], color=TRUTH, lw=1.3, label="label")
_ANSWER = Line2D([], [], color=PREDICTED, lw=1.0, label="predicted")
_STRETCH = Patch(color=WORST, alpha=0.45, lw=0, label="worst stretches")
_SETTINGS: Any = {
    "agg.path.chunksize": 20_000,
    "axes.edgecolor": "#57606a",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,
}


def picture(
    answers: Sequence[Answers],
    kind: AngleKind,
    model_name: str,
    stretches: Sequence[Stretch],
    labels: AngleKind | None = None,
) -> bytes:
    """The figure as PNG; each recording has a row of its own, and the worst stretches marked and numbered.

    `labels` is the kind of the labels where they cannot be compared with the answers: they then have an axis of
    their own, at the right, and there is no histogram of errors.
    """
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a file's name may be in any script
        figure = _drawn(answers, kind, model_name, stretches, labels)
        data = BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(data, format="png", metadata={"Software": "drivesal"})
    return data.getvalue()


def _drawn(
    answers: Sequence[Answers],
    kind: AngleKind,
    model_name: str,
    stretches: Sequence[Stretch],
    labels: AngleKind | None = None,
) -> Figure:
    count = len(answers)
    row_in = max(min(_ROW_IN if count > 1 else _ONE_ROW_IN, _MOST_IN / count), _LEAST_ROW_IN)
    height_in = _HEAD_IN + count * row_in + _BELOW_IN
    figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=DPI)

    def place(left_in: float, top_in: float, width_in: float, tall_in: float) -> Axes:
        """Axes by their sizes in inches: a layout that is solved for takes minutes with many recordings."""
        bottom_in = height_in - top_in - tall_in
        return figure.add_axes(
            (left_in / _WIDTH_IN, bottom_in / height_in, width_in / _WIDTH_IN, tall_in / height_in)
        )

    figure.text(
        0.5, 1 - 0.1 / height_in, _title(answers, kind, model_name, labels), fontsize=11, ha="center", va="top"
    )
    size, true_size = (max(float(np.abs(getattr(one, name)).max()) for one in answers) for name in ANGLES)
    size, true_size = (max(size, true_size, 1e-6),) * 2 if labels is None else (size or 1e-6, true_size or 1e-6)
    right_in = _RIGHT_IN if labels is None else _LEFT_IN
    for number, one in enumerate(answers):
        axis = place(_LEFT_IN, _HEAD_IN + number * row_in, _WIDTH_IN - _LEFT_IN - right_in, row_in - _GAP_IN)
        right = _own_axis(axis, labels, true_size) if labels else axis
        _over_time(
            (axis, right), one, kind, [pair for pair in enumerate(stretches, 1) if pair[1].recording == number]
        )
        axis.set_ylim(-1.05 * size, 1.3 * size)  # room for the numbers of the stretches
        if count > 1:
            axis.set_title(_short(one.name, 80), loc="left", fontsize=9)
        if number == 0:
            _legend(axis, [_LABEL, _ANSWER, _STRETCH] if stretches else [_LABEL, _ANSWER])
    axis.set_xlabel("time in the recording [m:ss]")
    truth, predicted = joined(answers, "truth"), joined(answers, "predicted")
    top_in, tall_in = height_in - _BELOW_IN + 0.35, _BELOW_IN - 0.85
    square = place(_LEFT_IN, top_in, tall_in, tall_in)
    _against(square, truth, predicted, (labels or kind, kind), (true_size, size))
    if labels is not None:
        text = f"No errors: answers in {kind.unit} and labels in {labels.unit}\nhave no common scale here."
        if kind.unit == labels.unit:
            text = "No errors: nothing says how far the steering wheel\nturns for the road wheels."
        figure.text(0.72, 1 - (top_in + tall_in / 2) / height_in, text, ha="center", va="center", color=FAINT)
        return figure
    left_in = _LEFT_IN + tall_in + 1.0
    _errors(place(left_in, top_in, _WIDTH_IN - left_in - _RIGHT_IN, tall_in), predicted - truth, kind)
    return figure


def _legend(axis: Axes, handles: list[Artist]) -> None:
    """Above the axes on the right, where it covers nothing."""
    axis.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(handles),
        frameon=False,
        borderpad=0,
    )


def _own_axis(axis: Axes, labels: AngleKind, size: float) -> Axes:
    """An axis at the right edge for labels of this kind, which the zero lines share."""
    right = axis.twinx()
    right.set_ylim(-1.05 * size, 1.3 * size)
    right.set_ylabel(f"label {_unit(labels)}, left +")
    right.spines.right.set_visible(True)
    return right


def _title(answers: Sequence[Answers], kind: AngleKind, model_name: str, labels: AngleKind | None) -> str:
    found = measured(answers)

    def rmse(one: Errors) -> str:
        return "unknown" if one.rmse is None else f"{one.rmse:.{_digits(kind)}f}{kind.symbol}"

    model = found.model
    correlation = "" if model.correlation is None else f"   r = {digits(model.correlation, '.3f')}"
    frames = f"{model.frames:,} frame{'s'[: model.frames != 1]}"
    name = os.path.basename(answers[0].name) if len(answers) == 1 else f"{len(answers)} recordings"
    head = f"{_short(model_name, 40)} on {_short(name, 60)}\n"
    if labels is not None:
        r = "unknown" if model.correlation is None else digits(model.correlation, ".3f")
        kinds = f"answers in {kind.phrase}, labels in {labels.phrase}"
        return f"{head}r = {r}   {frames}\n{kinds}: their sizes are not compared"
    return (
        f"{head}"
        f"RMSE {rmse(model)}   MAE {model.mean_absolute:.{_digits(kind)}f}{kind.symbol}   "
        f"bias {_signed(model.bias, kind)}{correlation}   {frames}\n"
        f"always 0: RMSE {rmse(found.always_0)};   the label {found.step_s:.2g} s before: "
        f"RMSE {rmse(found.last_label)}"
    )


def _over_time(
    axes: tuple[Axes, Axes], answers: Answers, kind: AngleKind, stretches: Sequence[tuple[int, Stretch]]
) -> None:
    """Both angles of one recording, on axes for answers and labels; lines end at gaps in time."""
    axis, right = axes
    for rank, one in stretches:
        axis.axvspan(one.start_s, one.end_s, fc=WORST, ec="white", alpha=0.45, lw=2)
        axis.annotate(
            str(rank),
            ((one.start_s + one.end_s) / 2, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, -3),
            textcoords="offset points",
            ha="center",
            va="top",
            fontweight="bold",
        )
    axis.axhline(0, color=FAINT, lw=0.6, zorder=1)
    places = [first for first, _ in answers.runs[1:]]
    single = [first for first, end in answers.runs if end - first == 1]
    times = np.insert(answers.time_s, places, np.nan)
    for where, values, colour, width in (
        (axis, answers.predicted, PREDICTED, 1.0),
        (right, answers.truth, TRUTH, 1.3),
    ):
        where.plot(times, np.insert(values, places, np.nan), color=colour, lw=width)
        where.plot(answers.time_s[single], values[single], ".", color=colour, ms=4)
    axis.set_ylabel(f"{'angle' if axis is right else 'predicted'} {_unit(kind)}, left +")
    first_s, seconds = answers.time_s[0], max(np.ptp(answers.time_s) + answers.step_s, 1.0)
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
    """Answer over truth (their kinds and largest sizes: labels', answers'), and the limits of the bands.

    With the diagonal where both are of one kind.
    """
    wide, high = (1.05 * one for one in largest)
    for limit in steering_limits(kinds[0]):
        for side in (-limit, limit):
            if abs(side) < wide:
                axis.axvline(side, color=FAINT, lw=0.7, ls=":", zorder=1)
    alpha = float(np.clip(20 / np.sqrt(len(truth)), 0.05, 0.8))
    axis.scatter(truth, predicted, s=7, color=PREDICTED, alpha=alpha, lw=0, zorder=2)
    axis.set(xlim=(-wide, wide), ylim=(-high, high), box_aspect=1)
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    axis.set_xlabel(f"label {_unit(kinds[0])}, left +   (dotted: limits of the steering bands)")
    axis.set_ylabel(f"predicted {_unit(kinds[1])}, left +")
    if kinds[0] != kinds[1]:
        return
    axis.plot([-wide, wide], [-wide, wide], color=TRUTH, lw=0.9, ls="--", zorder=3)
    _legend(axis, [Line2D([], [], color=TRUTH, lw=0.9, ls="--", label="predicted = label")])


def _errors(axis: Axes, error: Doubles, kind: AngleKind) -> None:
    """How often each error occurs; a few that are far larger than the rest are counted at the ends."""
    size = np.abs(error)
    reach = max(min(float(size.max()), 2 * float(np.percentile(size, 99.5))), 1e-6)
    beyond = int(np.count_nonzero(size > reach))
    bins = 2 * int(np.clip(np.sqrt(len(error)) / 2, 7, 30)) + 1  # odd: one bar stands around 0
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
    """A name that fits and can be drawn, its end kept."""
    name = os.fsencode(name).decode("utf-8", "replace")
    return name if len(name) <= most else f"…{name[1 - most :]}"
