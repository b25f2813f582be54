"""Learning curves as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

Line = tuple[Sequence[float], Sequence[float]]


def draw_curves(
    panels: Mapping[str, Mapping[str, Line]], x: str, out: Path, marked: float | None = None
) -> None:
    """Writes one panel a title side by side; each has lines by name, (x values, figures).

    `x` names the x axis, `marked` is a place on it: where the best was.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(4.6 * len(panels), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for number, (title, lines) in enumerate(panels.items(), 1):
        axis = figure.add_subplot(1, len(panels), number)
        for name, (places, figures) in lines.items():
            axis.plot(places, figures, label=name, marker="." if len(places) < 3 else None)
        if marked is not None:
            axis.axvline(marked, color="0.5", linewidth=1, linestyle=":", label=f"best, {x} {marked:g}")
        axis.set(title=title, xlabel=x, ylim=(0, None))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(out, dpi=110)
