"""A review as the server knows it: frames at once, answers as soon as the models are there, or why not."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from drivesal.errors import DrivesalError, InputError
from drivesal.review.compute.analysis import Analysis
from drivesal.review.compute.desk import Desk, View
from drivesal.review.compute.frames import FrameStore
from drivesal.review.compute.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drivesal.model.steering_model import SteeringModel
    from drivesal.review.notes import Notes
    from drivesal.types import Recording


USUAL = View()


class NotReadyError(Exception):
    """The models are still being loaded."""


class Session:
    """One drive under review. Raises InputError where its frames cannot be counted.

    `desk` and `analysis` are there once `begin` was called with the models, never after `refuse`. `say` gets
    what the person at the terminal should know, in lines. The recording stays the caller's.
    """

    def __init__(
        self,
        recording: Recording,
        notes: Notes,
        start: View = USUAL,
        say: Callable[[str], object] = lambda line: None,
    ) -> None:
        length = recording.info.length
        if length is None:
            came = f"how many {recording.info.path} has is not known"
            raise InputError("a recording whose frames can be counted", came, "convert it to a video file")
        self.recording, self.notes, self.start, self.count = recording, notes, start, length
        self.name = os.path.basename(os.path.abspath(recording.info.path))  # "." has a name too
        self._stack = ExitStack()
        self.frames = self._stack.enter_context(FrameStore(recording))
        self.work = self._stack.enter_context(Work())
        self._say = say
        self.refusal: DrivesalError | None = None
        """Why there are no models, where there never will be."""
        self._desk: Desk | None = None
        self._analysis: Analysis | None = None

    def begin(self, models: Sequence[SteeringModel], steering_ratio: float | None = None) -> None:
        """Takes the models and begins to analyse the drive. Raises OptionError, InputError, LabelError."""
        desk = Desk(self.recording, self.frames, models, steering_ratio)
        self._analysis = self._stack.enter_context(Analysis(desk, self.work, self.start, self._say))
        self._desk = desk  # last: from now on it is ready

    def refuse(self, error: DrivesalError) -> None:
        """Goes on without models: frames and notes stay, and who asks for more is told why."""
        self.refusal = error
        self._say(str(error))

    @property
    def ready(self) -> bool:
        """Whether the models are there."""
        return self._desk is not None

    @property
    def desk(self) -> Desk:
        """The drive with its models. Raises NotReadyError, or what refused them."""
        if self._desk is None:
            raise self.refusal or NotReadyError
        return self._desk

    @property
    def analysis(self) -> Analysis:
        """What is read of the whole drive. Raises NotReadyError, or what refused the models."""
        if self._analysis is None:
            raise self.refusal or NotReadyError
        return self._analysis

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.work.close()  # the analysis may wait for a view's study
        self._stack.close()
