"""Learning curves as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

Line = tuple[Sequence[float], Sequence[float]]


def draw_curves(
    panels: Mapping[str, Mapping[str, Line]], x: str, out: Path, marked: float | None = None
) -> None:
    """Write the panels, by title, side by side to `out`; each has lines by name, as (x values, y values).

    `x` is the label of the x axis, `marked` the x value of the best result.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(4.6 * len(panels), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for number, (title, lines) in enumerate(panels.items(), 1):
        axis = figure.add_subplot(1, len(panels), number)
        for name, (positions, values) in lines.items():
            axis.plot(positions, values, label=name, marker="." if len(positions) < 3 else None)
        if marked is not None:
            axis.axvline(marked, color="0.5", linewidth=1, linestyle=":", label=f"best, {x} {marked:g}")
        axis.set(title=title, xlabel=x, ylim=(0, None))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(out, dpi=110)
