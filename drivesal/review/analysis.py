"""The whole drive, read and explained in the background: what the timeline shows."""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from drivesal.errors import DrivesalError
from drivesal.explainer import batches
from drivesal.scale import smooth

if TYPE_CHECKING:
    from drivesal.review.desk import Desk, View
    from drivesal.review.work import Tick, Work
    from drivesal.types import ClipStatistics, Explained, Floats, Frame

CASES = ("increase", "decrease", "maintain")
"""Whose totals the timeline shows."""
_BATCH = 8
"""Frames explained at once: a view waits for no more than these."""
_BLUR = 2.0
"""Blur [model px] under which maps and pictures of neighbouring frames are compared."""

_log = logging.getLogger(__name__)


class _EndedError(Exception):
    """The review ends."""


class Timeline:
    """The numbers of a drive under one model, filled frame by frame. For any thread.

    Columns are lists of floats, one a frame, None where there is no number: `time_s`; `angle` and `truth` in
    the model's unit, left positive (labels that cannot be compared are left out); the total heat of each of
    CASES, in its own unit; `moved`, the share of the attribution (0..1) that lies elsewhere than in the frame
    before; `changed`, the mean change of the picture's brightness since then [0..255]; `brightness`, the mean
    of the picture that the model sees [0..255].
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._columns: dict[str, list[float | None]] = {
            name: [] for name in ("time_s", "angle", "truth", *CASES, "moved", "changed", "brightness")
        }
        self.ended = False
        self.error: str | None = None

    def __len__(self) -> int:
        with self._lock:
            return len(self._columns["time_s"])

    def put(self, index: int, row: dict[str, float | None]) -> None:
        """Adds the row of frame `index`; frames before it that could not be decoded get none."""
        with self._lock:
            for name, column in self._columns.items():
                column.extend([None] * (index - len(column)))
                value = row.get(name)
                column.append(value if value is not None and math.isfinite(value) else None)

    def since(self, start: int, most: int) -> dict[str, list[float | None]]:
        """The columns from row `start` on, at most so many rows."""
        with self._lock:
            return {name: column[start : start + most] for name, column in self._columns.items()}


class Analysis:
    """Reads the drive once in a thread and fills a timeline for each model.

    It stands back while a view is computed. An error of the drive's or a model's ends it, and is told in the
    timelines' `error`.
    """

    def __init__(self, desk: Desk, work: Work, view: View) -> None:
        self._desk, self._work = desk, work
        self._view = view
        self.timelines = [Timeline() for _ in desk.models]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="review-analysis", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self) -> None:
        """Returns when the whole drive has been read, or an error has ended it."""
        self._thread.join()

    def _run(self) -> None:
        try:
            views = [dataclasses.replace(self._view, model=n) for n in range(len(self._desk.models))]
            readers = [_Rows(self._desk, view, self._tick) for view in views]
            for frames in self._batches():
                for rows, timeline in zip(readers, self.timelines, strict=True):
                    self._work.wait_for_views(1.0)
                    for index, row in rows.of(frames):
                        timeline.put(index, row)
                if self._stop.is_set():
                    return
        except _EndedError:
            pass
        except DrivesalError as error:
            self._tell(str(error))
        except Exception as error:
            _log.exception("the analysis failed")
            self._tell(f"the analysis failed ({type(error).__name__}); the terminal says more")
        finally:
            for timeline in self.timelines:
                timeline.ended = True

    def _tick(self, share: float) -> None:
        if self._stop.is_set():
            raise _EndedError

    def _tell(self, error: str) -> None:
        for timeline in self.timelines:
            timeline.error = error

    def _batches(self) -> Iterator[list[Frame]]:
        """The drive's frames, a few at a time."""
        waiting: list[Frame] = []
        frames = self._desk.recording.frames()
        try:
            for frame in frames:
                waiting.append(frame)
                if len(waiting) == _BATCH:
                    yield waiting
                    waiting = []
        except DrivesalError:
            yield waiting
            raise
        finally:
            if isinstance(frames, Generator):
                frames.close()
        yield waiting


class _Rows:
    """The timeline's rows of frames in order, under one model."""

    def __init__(self, desk: Desk, view: View, tick: Tick) -> None:
        self._model, self._tick = desk.models[view.model], tick
        studied = desk.studied(view, tick)
        self._explainer, self._clip = studied.explainer, studied.clip
        self._compared = desk.labels is None
        self._last: tuple[int, Floats, Floats] | None = None

    def of(self, frames: list[Frame]) -> Iterator[tuple[int, dict[str, float | None]]]:
        """(index, row) of each frame."""
        for batch in batches(frames, self._model, min(_BATCH, self._explainer.limit)):
            with self._explainer.watched(len(batch.frames), self._tick):
                explained = self._explainer.explain_batch(batch)
            for one in explained:
                yield one.frame.index, self._row(one, self._clip)

    def _row(self, one: Explained, clip: ClipStatistics) -> dict[str, float | None]:
        grey = cv2.cvtColor(one.picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        row: dict[str, float | None] = {
            "time_s": one.frame.time_s,
            "angle": one.angle,
            "truth": one.frame.steering if self._compared else None,
            "brightness": float(grey.mean()),
        }
        for case in self._explainer.cases:
            if case.name in CASES:
                row[case.name] = float(case.heat(one, clip).sum())
        return row | self._change(one.frame.index, one.push, grey)

    def _change(self, index: int, push: Floats, grey: Floats) -> dict[str, float | None]:
        """How far the attribution and the picture are from those of the frame before, where that is there."""
        heat = smooth(np.abs(push), _BLUR)
        total = float(heat.sum())
        shares = heat / total if total > 0 else heat
        picture = smooth(grey, _BLUR)
        last, self._last = self._last, (index, shares, picture)
        if last is None or last[0] != index - 1:
            return {}
        return {
            "moved": float(np.abs(shares - last[1]).sum()) / 2,
            "changed": float(np.abs(picture - last[2]).mean()),
        }
