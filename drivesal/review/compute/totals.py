"""Total attribution of each frame of a drive in one view, and how much of it moves between frames."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.errors import ModelError
from drivesal.explanation.registry import cases
from drivesal.explanation.scale import smooth
from drivesal.review.compute.columns import Columns, Row

if TYPE_CHECKING:
    from collections.abc import Hashable

    from drivesal.explanation.study import Study
    from drivesal.review.compute.drive_explainer import DriveExplainer, View
    from drivesal.types import Explained, Floats, Image

MAX_PASSES = 64
"""Maximum passes of the network per frame for which a whole drive is explained in the background."""
REQUEST_TIMEOUT_S = 3.0
"""Time after the page's last request in which totals are still computed; it requests them every second."""
BLUR = 2.0
"""Blur [model px] before maps and images of neighbouring frames are compared."""


def columns() -> tuple[str, ...]:
    """The columns of a drive's totals: the cases with a line on the timeline, and `moved`."""
    return (*(case.name for case in cases().values() if case.lane is not None), "moved")


class Totals:
    """The totals of a drive in one view, for each model.

    Each model has the `columns`: the total heat of each case in its unit, if the method has the case, and
    `moved`, the share of the attribution (0..1) that has moved since the previous frame. If the view is too
    expensive or a model rejects the method, the columns stay empty and have an `error`. Raises OptionError for
    an invalid view.
    """

    def __init__(self, explainer: DriveExplainer, view: View) -> None:
        self.view = replace(view, model=0, cases=())
        self.columns = [Columns(columns()) for _ in explainer.models]
        self.row_builders: list[RowBuilder] = []
        """One per model, created when the first rows are computed."""
        self.requested_since_s = self._last_request_s = 0.0
        try:
            passes = max(explainer.passes(view, number) for number in range(len(explainer.models)))
        except ModelError as error:
            self.end(str(error))
        else:
            if passes > MAX_PASSES:
                self.end(f"{passes:,} passes of the network per frame are too many for the whole drive")

    @staticmethod
    def key(view: View) -> Hashable:
        """The key of the totals of a view, which depend neither on the model nor on how heat is drawn."""
        return view.explain

    def request(self) -> None:
        """Record that a page waits for more rows; `requested_since_s` is when it started to."""
        if not self.requested:
            self.requested_since_s = time.monotonic()
        self._last_request_s = time.monotonic()

    @property
    def requested(self) -> bool:
        """Whether a page waits for more rows."""
        return not self.ended and time.monotonic() - self._last_request_s < REQUEST_TIMEOUT_S

    @property
    def rows(self) -> int:
        """Number of frames that are complete for every model."""
        return min(map(len, self.columns))

    @property
    def ended(self) -> bool:
        """Whether no more rows follow."""
        return all(column.ended for column in self.columns)

    def end(self, error: str | None = None) -> None:
        """Mark the end of the rows; the first error is kept."""
        for column in self.columns:
            if not column.ended:
                column.error, column.ended = error, True
        self.row_builders = []


class RowBuilder:
    """Computes the rows of one model's frames, in order."""

    def __init__(self, study: Study) -> None:
        self.explainer, self._clip = study.explainer, study.clip  # without the probe, whose memory can be freed
        self._last: tuple[int, Floats] | None = None

    def row(self, explained: Explained) -> Row:
        """The frame's values for `columns`."""
        row: Row = {
            case.name: float(case.heat(explained, self._clip).sum())
            for case in self.explainer.cases
            if case.lane is not None
        }
        heat = smooth(np.abs(explained.attribution), BLUR)
        total = float(heat.sum())
        shares = heat / total if total > 0 else heat
        index = explained.frame.index
        last, self._last = self._last, (index, shares)
        if last is not None and last[0] == index - 1:
            row["moved"] = float(np.abs(shares - last[1]).sum()) / 2
        return row


class ImageStatistics:
    """Brightness of a model's input images and its change between frames, in order."""

    def __init__(self) -> None:
        self._last: tuple[int, Floats] | None = None

    def row(self, index: int, image: Image) -> Row:
        """`brightness`, the mean of the image (h, w, 3) uint8 RGB [0..255], and `changed`, the mean absolute
        change of brightness since the previous frame [0..255].
        """
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        row: Row = {"brightness": float(grey.mean())}
        blurred = smooth(grey, BLUR)
        last, self._last = self._last, (index, blurred)
        if last is not None and last[0] == index - 1:
            row["changed"] = float(np.abs(blurred - last[1]).mean())
        return row
