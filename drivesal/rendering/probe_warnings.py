"""Warnings about a model on a drive, from the frames of a probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivesal.evaluation.input_scaling import check_scaling_of_frames
from drivesal.evaluation.model_warnings import ModelWarnings, without_duplicates
from drivesal.explanation.study import Study
from drivesal.model.domain_shift import detect_domain_shift
from drivesal.recordings.labels.comparing import truths
from drivesal.rendering.render_request import Request
from drivesal.types import Recording

if TYPE_CHECKING:
    from drivesal.evaluation.quick_check import BetterSetting
    from drivesal.model.steering_model import SteeringModel


def probe_warnings(
    recording: Recording,
    model: SteeringModel,
    probed: Study,
    request: Request,
    better: BetterSetting | None = None,
) -> ModelWarnings:
    """Warnings about input scaling and domain shift; `better` is a setting that fits the labels better."""
    frames = probed.frames
    scaling = check_scaling_of_frames(model, truths(frames, recording, model.kind), request.explain.batch_size)
    images = [frame.image for frame in frames]
    times_s = [frame.time_s for frame in frames]
    return without_duplicates(better, scaling, detect_domain_shift(model.card, images, times_s, recording.info))
