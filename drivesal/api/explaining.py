"""Attributions of frames as arrays."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal import types
from drivesal.api.inputs import adapted_settings, model_of, recording_of
from drivesal.api.keywords import explain_settings, takes
from drivesal.explanation.explainer import check_cases, with_cases
from drivesal.explanation.study import Study, study
from drivesal.model.preprocess import Crop
from drivesal.model.steering_model import SteeringModel
from drivesal.settings import ExplainSettings
from drivesal.types import Frame

if TYPE_CHECKING:
    from drivesal.api.inputs import Frames
    from drivesal.types import Explained, Floats


_log = logging.getLogger(__name__)


@takes(ExplainSettings, without=("cases",))
def attribute(
    model: SteeringModel | str | Path | Any,
    frames: Frames,
    method: str = "gradient",
    case: str | None = None,
    **given: Any,
) -> Floats:
    """Attribute the model's predictions to the pixels of frames of one size.

    `frames`: a recording or its path, (N, H, W, 3) or (H, W, 3) uint8 RGB, a `Frame`, or an iterable of images
    or of `Frame`. They must be whole frames: each is cropped and resized, even one of the model's input size,
    which `predict` would treat as prepared (a warning reports this). Without `case`, returns the signed maps
    (N, h, w, C) float32 at the model's input size, positive for a larger score (further left); C is 3,
    for RGB, or 1. With `case` ("increase", "decrease", "maintain", "support", "magnitude"), returns its heat
    (N, h, w) ≥ 0, neither smoothed nor scaled. The other keywords are `ExplainSettings` and the method's own
    options, see `methods()`; `reduce` "sum-abs" or "max-abs" returns (N, h, w) without sign. All maps are held
    in memory: use `explain` for a long drive. Raises DrivesalError.
    """
    names = None if case is None else (case,)
    settings = explain_settings({**given, "method": method, "cases": names})
    with ExitStack() as stack:
        recording, studied = _study(stack, model, frames, settings)
        explained = studied.explainer.explain(recording.frames())
        if case is None:
            maps = [one.signed if settings.reduce == "sum" else one.attribution for one in explained]
        else:
            chosen = studied.explainer.cases[0]
            maps = [chosen.heat(one, studied.clip) for one in explained]
    return np.stack(maps)


@takes(ExplainSettings)
def explain(
    model: SteeringModel | str | Path | Any,
    frames: Frames,
    method: str = "gradient",
    cases: Sequence[str] = (),
    **given: Any,
) -> Iterator[Explained]:
    """Like `attribute`, but yields one frame at a time, with its angle, its explained score and its maps.

    Only one batch is held in memory.

    `cases` are those that will be drawn; they decide what else is computed (the gradient for maintain).
    """
    settings = explain_settings({**given, "method": method, "cases": tuple(cases) or None})
    with ExitStack() as stack:
        recording, studied = _study(stack, model, frames, settings)
        yield from studied.explainer.explain(recording.frames())


def _study(
    stack: ExitStack, model: SteeringModel | str | Path | Any, frames: Frames, settings: ExplainSettings
) -> tuple[types.Recording, Study]:
    """The frames as a recording, open until the stack is closed, and the study of a probe of it."""
    settings = with_cases(settings) if settings.cases else settings
    check_cases(settings)
    recording = recording_of(frames, stack)
    steering = model_of(model)
    _warn_cropped(frames, recording, steering)
    return recording, study(recording, steering, adapted_settings(recording, steering, settings))


def _warn_cropped(frames: Frames, recording: types.Recording, model: SteeringModel) -> None:
    """Warn if images in memory seem to be the output of `prepare`, already cropped."""
    if isinstance(frames, types.Recording | str | Path | Frame) or model.preprocess.crop == Crop():
        return
    if (recording.info.height, recording.info.width) == model.preprocess.size:
        _log.warning(
            "the images have the model's input size and are cropped once more: give whole frames, not the "
            "output of prepare()"
        )
