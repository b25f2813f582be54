"""Reads and explains the whole drive in the background, for the timeline."""

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
from drivesal.review.compute.job_queue import AHEAD, VIEW
from drivesal.review.compute.memory import release_memory
from drivesal.review.compute.totals import ImageStatistics, RowBuilder, Totals
from drivesal.types import Span

if TYPE_CHECKING:
    from collections.abc import Hashable

    from drivesal.explanation.explainer import Explainer
    from drivesal.explanation.study import Study
    from drivesal.model.steering_model import SteeringModel
    from drivesal.review.compute.columns import Row
    from drivesal.review.compute.drive_explainer import DriveExplainer, View
    from drivesal.review.compute.job_queue import JobQueue
    from drivesal.types import Explained, Frame

NUMBERS = ("time_s", "angle", "truth", "changed", "brightness")
"""The columns that do not depend on the method."""
CACHED_TOTALS = 8
"""Number of views whose totals are cached; an hour at 30 frames/s takes 4 MB per view and model."""
_BATCH = 8
"""Frames explained at once, which is the most that a view has to wait for."""
_IDLE_S = 10.0
_VIEW_WAIT_S = 1.0
"""Maximum time to wait for views before the next frames are explained."""

_log = logging.getLogger(__name__)


class _StoppedError(Exception):
    """The review is being closed."""


class Analysis:
    """Reads the drive in a thread: first the predictions of all models, together with the totals of the initial
    view, then the totals of the views that pages request.

    `numbers` has NUMBERS for each model: time [s]; angle and truth in the model's unit, left positive, without
    labels that are not comparable; and the columns of `ImageStatistics`. The thread pauses while a view is
    computed. An error of the drive or a model ends the columns concerned, is stored in their `error`, and goes
    to `say` as one line. If the initial view is too expensive for a whole drive, the gradient replaces it.
    """

    def __init__(
        self, explainer: DriveExplainer, jobs: JobQueue, view: View, say: Callable[[str], object]
    ) -> None:
        self._explainer, self._jobs, self._say = explainer, jobs, say
        self.numbers = [Columns(NUMBERS) for _ in explainer.models]
        self._statistics = [ImageStatistics() for _ in explainer.models]
        self._totals: OrderedDict[Hashable, Totals] = OrderedDict()
        self._change = threading.Condition()
        self._stop = False
        self.first: Totals = self.totals(view)
        """The totals that are computed together with `numbers`."""
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
        """Wait until the whole drive has been read once or an error has ended it."""
        with self._change:
            self._change.wait_for(lambda: all(columns.ended for columns in self.numbers))

    def totals(self, view: View) -> Totals:
        """Request the totals of the drive in this view. Raises OptionError."""
        key = Totals.key(view)
        with self._change:
            totals = self._totals.get(key)
            if totals is None:
                totals = self._totals[key] = Totals(self._explainer, view)
                for old in list(self._totals)[: len(self._totals) - CACHED_TOTALS]:
                    del self._totals[old]
            self._totals.move_to_end(key)
            totals.request()
            self._change.notify_all()
            return totals

    # ---- in the thread ----

    def _run(self) -> None:
        with contextlib.suppress(_StoppedError):
            self._read(self.first, self.numbers)
        for columns in self.numbers:
            columns.ended = True
        self.first.end()
        with self._change:
            self._change.notify_all()
        with contextlib.suppress(_StoppedError):
            while True:
                self._read(self._next(), None)

    def _next(self) -> Totals:
        """Wait for requested totals; of several, those requested most recently."""
        while True:
            with self._change:
                if self._stop:
                    raise _StoppedError
                requested = [totals for totals in self._totals.values() if totals.requested]
                if requested:
                    return max(requested, key=lambda totals: totals.requested_since_s)
                idle = not self._change.wait(_IDLE_S)
            if idle:  # drawing images leaves freed memory behind
                release_memory()

    def _read(self, totals: Totals, numbers: list[Columns] | None) -> None:
        """Read to the end of the drive or, if `numbers` is None, until another view is requested."""
        try:
            self._prepare(totals)
            if totals.ended and numbers is None:
                return
            for frames in self._batches(totals.rows):
                for number in range(len(self._explainer.models)):
                    self._jobs.wait_for_views(_VIEW_WAIT_S)
                    self._add_rows(number, frames, totals, numbers)
                    if self._stop:
                        raise _StoppedError
                if numbers is None and (totals.ended or not totals.requested or self._next() is not totals):
                    return
            totals.end()
            release_memory()
        except DrivesalError as error:
            self._report(str(error), totals, numbers)
        except _StoppedError:
            raise
        except Exception as error:
            _log.exception("the analysis failed")
            self._report(f"it failed ({type(error).__name__}); see the terminal", totals, numbers)

    def _prepare(self, totals: Totals) -> None:
        """Create the row builders; end the totals if a model rejects the method."""
        if totals.row_builders or totals.ended:
            return
        try:
            views = [dataclasses.replace(totals.view, model=n) for n in range(len(self._explainer.models))]
            totals.row_builders = [RowBuilder(self._study(view, totals is self.first)) for view in views]
        except DrivesalError as error:
            self._report(str(error), totals, None)

    def _study(self, view: View, first: bool) -> Study:
        """The clip's statistics from the job queue: at once for the first view, which the page shows anyway."""
        key = ("study", view.model, Totals.key(view))
        compute = functools.partial(self._explainer.study, view)
        while not self._stop:
            job = self._jobs.submit(key, "", compute, VIEW if first else AHEAD)
            try:
                study: Study = job.future.result()
                return study
            except CancelledError:  # preempted by a view, or the queue is closed
                with self._change:
                    self._change.wait_for(lambda: self._stop, 0.05)
                self._jobs.wait_for_views(_VIEW_WAIT_S)
        raise _StoppedError

    def _add_rows(
        self, number: int, frames: list[Frame], totals: Totals, numbers: list[Columns] | None
    ) -> None:
        """Add the rows of frames for one model."""
        model = self._explainer.models[number]
        rows: dict[int, Row] = {}
        try:
            if not totals.ended:
                builder = totals.row_builders[number]
                for explained in self._explain(builder.explainer, frames, model):
                    rows[explained.frame.index] = {"angle": explained.angle}
                    totals.columns[number].put(explained.frame.index, builder.row(explained))
        except DrivesalError as error:
            self._report(str(error), totals, None)
        if numbers is None:
            return
        comparable = model.kind.sided and self._explainer.labels is None
        for frame in frames:
            image = model.prepare(frame.image)
            row = rows.get(frame.index) or {"angle": self._explainer.angle(number, frame)}
            row |= {"time_s": frame.time_s, "truth": frame.steering if comparable else None}
            numbers[number].put(frame.index, row | self._statistics[number].row(frame.index, image))

    def _explain(self, explainer: Explainer, frames: list[Frame], model: SteeringModel) -> Iterator[Explained]:
        for batch in batches(frames, model, min(_BATCH, explainer.limit)):
            yield from explainer.explain_batch(batch, explainer.progress(len(batch.frames), self._tick))

    def _tick(self, share: float) -> None:
        if self._stop:
            raise _StoppedError
        if share > 0:  # views come first also within a long computation
            self._jobs.wait_for_views(_VIEW_WAIT_S)

    def _report(self, error: str, totals: Totals, numbers: list[Columns] | None) -> None:
        for columns in numbers or []:
            columns.error = error
        totals.end(error)
        self._say(f"the analysis of the drive: {error}")

    def _batches(self, start: int) -> Iterator[list[Frame]]:
        """The drive's frames from index `start` on, in small batches."""
        batch: list[Frame] = []
        frames = self._explainer.recording.frames(Span(start=start))
        try:
            for frame in frames:
                batch.append(frame)
                if len(batch) == _BATCH:
                    yield batch
                    batch = []
        except DrivesalError:
            yield batch
            raise
        finally:
            if isinstance(frames, Generator):
                frames.close()
        yield batch
