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
from matplotlib.ticker import FuncFormatter, MaxNLocator

from drivesal.evaluation.measure import Errors, joined, measured, steering_limits
from drivesal.evaluation.report import clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from drivesal.evaluation.answers import Answers, Values
    from drivesal.evaluation.stretches import Stretch
    from drivesal.steering import AngleKind

DPI = 110
_WIDTH_IN = 11.0
_HEAD_IN, _BELOW_IN = 0.8, 4.1
_MOST_IN = 500.0
"""Pictures of many recordings stay below the 65,536 pixels that a PNG may be high here."""
TRUTH, PREDICTED, WORST, FAINT = "#1f2a36", "#d55e00", "#f0e442", "#8b949e"
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
    answers: Sequence[Answers], kind: AngleKind, model_name: str, stretches: Sequence[Stretch]
) -> bytes:
    """The figure as PNG; each recording has a row of its own, and the worst stretches marked and numbered."""
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a file's name may be in any script
        figure = _drawn(answers, kind, model_name, stretches)
        data = BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(data, format="png", metadata={"Software": "drivesal"})
    return data.getvalue()


def _drawn(
    answers: Sequence[Answers], kind: AngleKind, model_name: str, stretches: Sequence[Stretch]
) -> Figure:
    count = len(answers)
    row_in = max(min(3.0 if count == 1 else 2.0, _MOST_IN / count), 0.5)
    figure = Figure(figsize=(_WIDTH_IN, _HEAD_IN + count * row_in + _BELOW_IN), dpi=DPI, layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[count * row_in, _BELOW_IN])
    rows, below = parts
    figure.suptitle(_title(answers, kind, model_name), fontsize=11)
    axes = rows.subplots(count, 1, sharey=True, squeeze=False)[:, 0]
    for number, (axis, one) in enumerate(zip(axes, answers, strict=True)):
        mine = [(rank, part) for rank, part in enumerate(stretches, 1) if part.recording == number]
        _over_time(axis, one, kind, mine)
    handles, labels = axes[0].get_legend_handles_labels()
    axes[0].legend(
        handles, labels, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, borderaxespad=0.2
    )
    axes[-1].set_xlabel("time in the recording [m:ss]")
    scatter, histogram = below.subplots(1, 2, width_ratios=[1, 1.35])
    truth, predicted = joined(answers, "truth"), joined(answers, "predicted")
    _against(scatter, truth, predicted, kind)
    _errors(histogram, predicted - truth, kind)
    return figure


def _title(answers: Sequence[Answers], kind: AngleKind, model_name: str) -> str:
    found = measured(answers)

    def rmse(one: Errors) -> str:
        return "unknown" if one.rmse is None else f"{one.rmse:.{_digits(kind)}f}{kind.symbol}"

    model = found.model
    correlation = "" if model.correlation is None else f"   r = {model.correlation:.3f}"
    name = answers[0].name if len(answers) == 1 else f"{len(answers)} recordings"
    return (
        f"{_short(model_name, 40)} on {_short(name, 60)}\n"
        f"RMSE {rmse(model)}   MAE {model.mean_absolute:.{_digits(kind)}f}{kind.symbol}   "
        f"bias {model.bias:+.{_digits(kind)}f}{kind.symbol}{correlation}   {model.frames:,} frames\n"
        f"always 0: RMSE {rmse(found.always_0)};   the label {found.step_s:.2g} s before: "
        f"RMSE {rmse(found.last_label)}"
    )


def _over_time(axis: Axes, answers: Answers, kind: AngleKind, stretches: Sequence[tuple[int, Stretch]]) -> None:
    """Both angles of one recording; lines end at gaps in time."""
    for rank, one in stretches:
        axis.axvspan(
            one.start_s,
            one.end_s,
            color=WORST,
            alpha=0.45,
            lw=0,
            label="worst stretches" if rank == 1 else None,
        )
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
    times = np.insert(answers.time_s, places, np.nan)
    alone = all(end - first == 1 for first, end in answers.runs)
    style: dict[str, Any] = {"marker": "."} if alone else {}
    for name, values, colour, width in (
        ("label", answers.truth, TRUTH, 1.4),
        ("predicted", answers.predicted, PREDICTED, 1.0),
    ):
        axis.plot(times, np.insert(values, places, np.nan), color=colour, lw=width, label=name, **style)
    axis.set_ylabel(f"angle {_unit(kind)}\nleft +")
    axis.set_title(_short(answers.name, 80), loc="left", fontsize=9)
    axis.set_xlim(answers.time_s[0], answers.time_s[-1] + answers.step_s)
    axis.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 1.5, 2, 3, 5, 6, 10]))
    digits = 0 if np.ptp(answers.time_s) > 12 else 1
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, digits)))
    axis.grid(axis="y", alpha=0.25, lw=0.6)


def _against(axis: Axes, truth: Values, predicted: Values, kind: AngleKind) -> None:
    """Answer over truth, with the diagonal and the limits of the bands."""
    size = 1.05 * max(float(np.abs(truth).max()), float(np.abs(predicted).max()), 1e-6)
    for limit in steering_limits(kind):
        for side in (-limit, limit):
            if abs(side) < size:
                axis.axvline(side, color=FAINT, lw=0.7, ls=":", zorder=1)
    axis.plot([-size, size], [-size, size], color=TRUTH, lw=0.9, ls="--", label="right answer", zorder=3)
    alpha = float(np.clip(40 / np.sqrt(len(truth)), 0.08, 0.8))
    axis.scatter(truth, predicted, s=7, color=PREDICTED, alpha=alpha, lw=0, zorder=2)
    axis.set(xlim=(-size, size), ylim=(-size, size), aspect="equal")
    axis.set_xlabel(f"label {_unit(kind)}, left +   (dotted: limits of the steering bands)")
    axis.set_ylabel(f"predicted {_unit(kind)}, left +")
    axis.legend(loc="upper left", frameon=False)


def _errors(axis: Axes, error: Values, kind: AngleKind) -> None:
    """How often each error occurs; what lies beyond the 99.5th percentile is counted at the ends."""
    reach = float(np.percentile(np.abs(error), 99.5)) or 1e-6
    beyond = int(np.count_nonzero(np.abs(error) > reach))
    axis.hist(np.clip(error, -reach, reach), bins=61, range=(-reach, reach), color=PREDICTED, alpha=0.85)
    bias = float(error.mean())
    axis.axvline(0, color=TRUTH, lw=0.9, ls="--")
    axis.axvline(bias, color=TRUTH, lw=1.6, label=f"bias {bias:+.{_digits(kind)}f}{kind.symbol}")
    more = f"; {beyond:,} larger ones in the outermost bars" if beyond else ""
    axis.set_xlabel(f"error: predicted − label {_unit(kind)}, left +{more}")
    axis.set_ylabel("frames")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(loc="upper right", frameon=False)
    axis.grid(axis="y", alpha=0.25, lw=0.6)


def _tick(value: float, digits: int) -> str:
    return clock(value, digits) if value >= 0 else ""


def _digits(kind: AngleKind) -> int:
    return 2 if kind.unit == "deg" else 4


def _unit(kind: AngleKind) -> str:
    return "[°]" if kind.unit == "deg" else "[norm]"


def _short(name: str, most: int) -> str:
    """A name that fits and can be drawn, its end kept."""
    name = os.fsencode(name).decode("utf-8", "replace")
    return name if len(name) <= most else f"…{name[1 - most :]}"
