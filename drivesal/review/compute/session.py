"""The state of a review: frames at once; predictions after the models have loaded, or the reason why not."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from drivesal.errors import DrivesalError, InputError
from drivesal.review.compute.analysis import Analysis
from drivesal.review.compute.drive_explainer import DriveExplainer, View
from drivesal.review.compute.frame_store import FrameStore
from drivesal.review.compute.job_queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drivesal.model.steering_model import SteeringModel
    from drivesal.review.notes import Notes
    from drivesal.types import Recording


DEFAULT_VIEW = View()


class NotReadyError(Exception):
    """The models are still loading."""


class Session:
    """One drive under review. Raises InputError if the number of frames is unknown.

    `explainer` and `analysis` are available after `begin` was called with the models, never after `refuse`.
    `say` gets messages for the terminal, one line each. The caller closes the recording.
    """

    def __init__(
        self,
        recording: Recording,
        notes: Notes,
        start: View = DEFAULT_VIEW,
        say: Callable[[str], object] = lambda line: None,
    ) -> None:
        length = recording.info.length
        if length is None:
            actual = f"that of {recording.info.path} is unknown"
            raise InputError("a recording with a known number of frames", actual, "convert it to a video file")
        self.recording, self.notes, self.start, self.count = recording, notes, start, length
        self.name = os.path.basename(os.path.abspath(recording.info.path))  # "." has a name too
        self._stack = ExitStack()
        self.frames = self._stack.enter_context(FrameStore(recording))
        self.jobs = self._stack.enter_context(JobQueue())
        self._say = say
        self.refusal: DrivesalError | None = None
        """The error because of which the review has no models."""
        self._explainer: DriveExplainer | None = None
        self._analysis: Analysis | None = None

    def begin(self, models: Sequence[SteeringModel], steering_ratio: float | None = None) -> None:
        """Set the models and start to analyse the drive. Raises OptionError, InputError, LabelError."""
        explainer = DriveExplainer(self.recording, self.frames, models, steering_ratio)
        self._analysis = self._stack.enter_context(Analysis(explainer, self.jobs, self.start, self._say))
        self._explainer = explainer  # last, because it makes the session ready

    def refuse(self, error: DrivesalError) -> None:
        """Continue without models: frames and notes stay available, everything else raises this error."""
        self.refusal = error
        self._say(str(error))

    @property
    def ready(self) -> bool:
        """Whether the models are loaded."""
        return self._explainer is not None

    @property
    def explainer(self) -> DriveExplainer:
        """The drive with its models. Raises NotReadyError, or the error of `refuse`."""
        if self._explainer is None:
            raise self.refusal or NotReadyError
        return self._explainer

    @property
    def analysis(self) -> Analysis:
        """The analysis of the whole drive. Raises NotReadyError, or the error of `refuse`."""
        if self._analysis is None:
            raise self.refusal or NotReadyError
        return self._analysis

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.jobs.close()  # the analysis may be waiting for a study
        self._stack.close()
