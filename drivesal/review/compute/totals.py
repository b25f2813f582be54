"""Frame by frame how much attribution a drive has under one view, and how much of it moves."""

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
    from drivesal.review.compute.desk import Desk, View
    from drivesal.types import Explained, Floats, Image

FOLLOWED_PASSES = 64
"""Most passes of the network a frame for which a whole drive is explained beside what is looked at."""
WANTED_S = 3.0
"""How long totals are computed on after the page asked for them last; it asks every second."""
BLUR = 2.0
"""Blur [model px] under which maps and pictures of neighbouring frames are compared."""


def columns() -> tuple[str, ...]:
    """The columns of a drive's totals: the cases that have a line on the timeline, and `moved`."""
    return (*(case.name for case in cases().values() if case.lane is not None), "moved")


class Totals:
    """The totals of a drive under one view, for each model.

    A model has the `columns`: the total heat of each case in its own unit, where the method has it, and
    `moved`, the share of the attribution (0..1) that lies elsewhere than in the frame before. Where the view
    costs too much they stay empty, and their `error` says so, as where a model refuses the method. Raises
    OptionError for a view that cannot be asked.
    """

    def __init__(self, desk: Desk, view: View) -> None:
        self.view = replace(view, model=0, cases=())
        self.columns = [Columns(columns()) for _ in desk.models]
        self.readers: list[Reader] = []
        """What reads the rows of each model, made when they are first computed."""
        self.begun_s = self._asked_s = 0.0
        try:
            passes = max(desk.passes(view, number) for number in range(len(desk.models)))
        except ModelError as error:
            self.end(str(error))
        else:
            if passes > FOLLOWED_PASSES:
                self.end(f"{passes:,} passes of the network a frame are too many for the whole drive")

    @staticmethod
    def key(view: View) -> Hashable:
        """What tells the totals of two views apart: neither the model nor how the heat is drawn."""
        return view.explain

    def ask(self) -> None:
        """A page waits for more; `begun_s` is when it began to."""
        if not self.wanted:
            self.begun_s = time.monotonic()
        self._asked_s = time.monotonic()

    @property
    def wanted(self) -> bool:
        """Whether a page waits for more."""
        return not self.ended and time.monotonic() - self._asked_s < WANTED_S

    @property
    def rows(self) -> int:
        """How many frames are known under every model."""
        return min(map(len, self.columns))

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return all(one.ended for one in self.columns)

    def end(self, error: str | None = None) -> None:
        """Nothing more comes; what ended it first stays."""
        for one in self.columns:
            if not one.ended:
                one.error, one.ended = error, True
        self.readers = []


class Reader:
    """The rows of one model's frames, in order."""

    def __init__(self, study: Study) -> None:
        self.explainer, self._clip = study.explainer, study.clip  # its probe may be let go of
        self._last: tuple[int, Floats] | None = None

    def row(self, one: Explained) -> Row:
        """What `columns` hold of the frame."""
        row: Row = {
            case.name: float(case.heat(one, self._clip).sum())
            for case in self.explainer.cases
            if case.lane is not None
        }
        heat = smooth(np.abs(one.push), BLUR)
        total = float(heat.sum())
        shares = heat / total if total > 0 else heat
        index = one.frame.index
        last, self._last = self._last, (index, shares)
        if last is not None and last[0] == index - 1:
            row["moved"] = float(np.abs(shares - last[1]).sum()) / 2
        return row


class Pictures:
    """How bright the pictures are that a model sees, and how much they change, in order."""

    def __init__(self) -> None:
        self._last: tuple[int, Floats] | None = None

    def row(self, index: int, picture: Image) -> Row:
        """`brightness`, the mean of the picture (h, w, 3) uint8 RGB [0..255], and `changed`, the mean change of
        its brightness since the frame before [0..255].
        """
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        row: Row = {"brightness": float(grey.mean())}
        blurred = smooth(grey, BLUR)
        last, self._last = self._last, (index, blurred)
        if last is not None and last[0] == index - 1:
            row["changed"] = float(np.abs(blurred - last[1]).mean())
        return row
