"""The whole drive, read and explained in the background: what the timeline shows."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Self

from drivesal.errors import DrivesalError
from drivesal.explanation.frame_batches import batches
from drivesal.review.compute.columns import Columns
from drivesal.review.compute.freeing import give_back
from drivesal.review.compute.totals import Pictures, Reader, Totals
from drivesal.review.compute.work import AHEAD, VIEW
from drivesal.types import Span

if TYPE_CHECKING:
    from collections.abc import Hashable

    from drivesal.explanation.study import Study
    from drivesal.model.steering_model import SteeringModel
    from drivesal.review.compute.columns import Row
    from drivesal.review.compute.desk import Desk, View
    from drivesal.review.compute.work import Work
    from drivesal.types import Explained, Frame

NUMBERS = ("time_s", "angle", "truth", "changed", "brightness")
"""What is known of a frame whatever the method."""
HELD_TOTALS = 8
"""Views whose totals are kept, of an hour at 30 frames/s 4 MB a model each."""
_BATCH = 8
"""Frames explained at once: a view waits for no more than these."""
_IDLE_S = 10.0
_PATIENCE_S = 1.0
"""How long it stands back for views before it explains some frames nevertheless."""

_log = logging.getLogger(__name__)


class _EndedError(Exception):
    """The review ends."""


class Analysis:
    """Reads the drive in a thread: first what every model answers, with the totals of the view to begin with,
    then the totals of the views that pages ask for.

    `numbers` has NUMBERS for each model: times [s], angle and truth in the model's unit, left positive (labels
    that cannot be compared are left out), and see `Pictures`. It stands back while a view is computed. An error
    of the drive's or a model's ends what it concerns, is told in its columns' `error`, and `say` gets it as one
    line. Where the view to begin with costs too much for a whole drive, the gradient stands in.
    """

    def __init__(self, desk: Desk, work: Work, view: View, say: Callable[[str], object]) -> None:
        self._desk, self._work, self._say = desk, work, say
        self.numbers = [Columns(NUMBERS) for _ in desk.models]
        self._pictures = [Pictures() for _ in desk.models]
        self._totals: OrderedDict[Hashable, Totals] = OrderedDict()
        self._change = threading.Condition()
        self._stop = False
        self.first: Totals = self.totals(view)
        """The totals that are read together with `numbers`."""
        if self.first.ended:
            self.first = self.totals(
                dataclasses.replace(view, explain=view.explain.but(method="gradient", options={}))
            )
        self._thread = threading.Thread(target=self._run, name="review-analysis", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._change:
            self._stop = True
            self._change.notify_all()
        self._thread.join()

    def wait(self) -> None:
        """Returns when the whole drive has been read once, or an error has ended it."""
        with self._change:
            self._change.wait_for(lambda: all(one.ended for one in self.numbers))

    def totals(self, view: View) -> Totals:
        """The totals of the drive under this view, which are computed from now on. Raises OptionError."""
        key = Totals.key(view)
        with self._change:
            found = self._totals.get(key)
            if found is None:
                found = self._totals[key] = Totals(self._desk, view)
                for old in list(self._totals)[: len(self._totals) - HELD_TOTALS]:
                    del self._totals[old]
            self._totals.move_to_end(key)
            found.ask()
            self._change.notify_all()
            return found

    # ---- in the thread ----

    def _run(self) -> None:
        with contextlib.suppress(_EndedError):
            self._read(self.first, self.numbers)
        for one in self.numbers:
            one.ended = True
        self.first.end()
        with self._change:
            self._change.notify_all()
        with contextlib.suppress(_EndedError):
            while True:
                self._read(self._next(), None)

    def _next(self) -> Totals:
        """What pages wait for, that which they began to ask for last; waits until there is some."""
        while True:
            with self._change:
                if self._stop:
                    raise _EndedError
                wanted = [one for one in self._totals.values() if one.wanted]
                if wanted:
                    return max(wanted, key=lambda one: one.begun_s)
                rested = not self._change.wait(_IDLE_S)
            if rested:  # what drawing pictures left behind
                give_back()

    def _read(self, totals: Totals, numbers: list[Columns] | None) -> None:
        """Reads on until the drive ends or, where the numbers are there already, another view is wanted."""
        try:
            self._studied(totals)
            if totals.ended and numbers is None:
                return
            for frames in self._batches(totals.rows):
                for number in range(len(self._desk.models)):
                    self._work.wait_for_views(_PATIENCE_S)
                    self._enter(number, frames, totals, numbers)
                    if self._stop:
                        raise _EndedError
                if numbers is None and (totals.ended or not totals.wanted or self._next() is not totals):
                    return
            totals.end()
            give_back()
        except DrivesalError as error:
            self._tell(str(error), totals, numbers)
        except _EndedError:
            raise
        except Exception as error:
            _log.exception("the analysis failed")
            self._tell(f"it failed ({type(error).__name__}); the terminal says more", totals, numbers)

    def _studied(self, totals: Totals) -> None:
        """Makes what explains the frames. A method that a model refuses has no totals."""
        if totals.readers or totals.ended:
            return
        try:
            views = [dataclasses.replace(totals.view, model=n) for n in range(len(self._desk.models))]
            totals.readers = [Reader(self._study(view, totals is self.first)) for view in views]
        except DrivesalError as error:
            self._tell(str(error), totals, None)

    def _study(self, view: View, first: bool) -> Study:
        """The clip's statistics, computed where views are: the first at once, as a view waits for it anyway."""
        key = ("study", view.model, Totals.key(view))
        while not self._stop:
            job = self._work.ask(key, "", functools.partial(self._desk.studied, view), VIEW if first else AHEAD)
            try:
                found: Study = job.future.result()
                return found
            except CancelledError:  # for a view, or the work has ended
                with self._change:
                    self._change.wait_for(lambda: self._stop, 0.05)
                self._work.wait_for_views(_PATIENCE_S)
        raise _EndedError

    def _enter(self, number: int, frames: list[Frame], totals: Totals, numbers: list[Columns] | None) -> None:
        """Enters the rows of frames under one model."""
        model = self._desk.models[number]
        rows: dict[int, Row] = {}
        try:
            for one in () if totals.ended else self._explained(totals.readers[number], frames, model):
                rows[one.frame.index] = {"angle": one.angle}
                totals.columns[number].put(one.frame.index, totals.readers[number].row(one))
        except DrivesalError as error:
            self._tell(str(error), totals, None)
        if numbers is None:
            return
        compared = model.kind.sided and self._desk.labels is None
        for frame in frames:
            picture = model.prepare(frame.image)
            row = rows.get(frame.index) or {"angle": self._desk.angle(number, frame)}
            row |= {"time_s": frame.time_s, "truth": frame.steering if compared else None}
            numbers[number].put(frame.index, row | self._pictures[number].row(frame.index, picture))

    def _explained(self, reader: Reader, frames: list[Frame], model: SteeringModel) -> Iterator[Explained]:
        explainer = reader.explainer
        for batch in batches(frames, model, min(_BATCH, explainer.limit)):
            with explainer.watched(len(batch.frames), self._tick):
                explained = explainer.explain_batch(batch)
            yield from explained

    def _tick(self, share: float) -> None:
        if self._stop:
            raise _EndedError
        if share > 0:  # within what takes long, too
            self._work.wait_for_views(_PATIENCE_S)

    def _tell(self, error: str, totals: Totals, numbers: list[Columns] | None) -> None:
        for one in numbers or []:
            one.error = error
        totals.end(error)
        self._say(f"the analysis of the drive: {error}")

    def _batches(self, start: int) -> Iterator[list[Frame]]:
        """The drive's frames from one on, a few at a time."""
        waiting: list[Frame] = []
        frames = self._desk.recording.frames(Span(start=start))
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
