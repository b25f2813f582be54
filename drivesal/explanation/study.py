"""The study of a clip: a probe of frames spread over it, explained in advance for mean image and statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.explanation.explainer import Explainer
from drivesal.explanation.frame_batches import batch_of_prepared, no_decodable_frame
from drivesal.explanation.patches import patch_sensitivity
from drivesal.explanation.reference import mean_image
from drivesal.types import WHOLE, ClipStatistics, Explained, Frame, Recording, Span

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.settings import ExplainSettings
    from drivesal.types import Floats

PROBE = 64
"""Frames in the probe for the clip's mean image, sensitivity and scale; fewer for a large network."""
LEAST_PROBE = 8
PROBE_PASSES = 4096
"""Maximum passes for the probe of an expensive method; LEAST_PROBE frames are explained at any cost."""
PROBE_BYTES = 128 * 2**20
PROBE_PIXEL = 40
"""Bytes that the probe keeps per model pixel: image, map, sums, heats."""


@dataclass(frozen=True, slots=True)
class ProbeBudget:
    """Maximum cost of a probe: `passes` in total, but at least `least` frames."""

    passes: int
    least: int

    def choose(self, frames: Sequence[Frame], passes: int) -> list[Frame]:
        """The frames that the budget covers at `passes` per frame, spread evenly in time."""
        count = max(self.passes // passes, self.least)
        if count >= len(frames):
            return list(frames)
        ordered = sorted(frames, key=lambda frame: frame.time_s)
        times = np.array([frame.time_s for frame in ordered])
        # the centers of `count` equal intervals: the first and the last frame represent no more than the others
        targets = times[0] + (times[-1] - times[0]) * (np.arange(count) + 0.5) / count
        return [ordered[i] for i in dict.fromkeys(np.abs(times - targets[:, None]).argmin(axis=1))]


@dataclass(frozen=True, slots=True)
class Study:
    """The result of a probe: the clip's statistics, an explainer, and the explained frames of the probe.

    `frames` are all frames of the probe with the model input as image; an expensive method explains fewer.
    """

    clip: ClipStatistics
    explainer: Explainer
    probe: list[Explained]
    frames: list[Frame]


def study(
    recording: Recording,
    model: SteeringModel,
    settings: ExplainSettings,
    span: Span = WHOLE,
    tick: Callable[[float, int], object] = lambda share, frames: None,
    spend: ProbeBudget | None = None,
    watch: Callable[[list[Frame]], object] = lambda frames: None,
) -> Study:
    """Study a probe of the recording's frames; see `study_of`. `watch` gets each frame as it was read."""
    frames = []
    for frame in recording.sample(probe_size(model), span):
        watch([frame])
        frames.append(dataclasses.replace(frame, image=model.prepare(frame.image)))
    return study_of(frames, model, settings, tick, spend)


def probe_size(model: SteeringModel) -> int:
    """Number of frames in a probe for this model."""
    height, width = model.preprocess.size
    return max(min(PROBE, PROBE_BYTES // (height * width * PROBE_PIXEL)), LEAST_PROBE)


def study_of(
    frames: Sequence[Frame],
    model: SteeringModel,
    settings: ExplainSettings,
    tick: Callable[[float, int], object] = lambda share, frames: None,
    spend: ProbeBudget | None = None,
) -> Study:
    """Study frames whose images are already cropped and resized for the model.

    The mean image is theirs, or the card's if there is only one frame. An expensive method explains only some
    of the frames: those that `spend` chooses, by default every nth. `tick` gets the share done and the number
    of frames, and may raise to stop. Raises InputError without frames, OptionError if a mean image is needed
    and not available.
    """
    if not frames:
        raise no_decodable_frame()
    images = np.stack([frame.image for frame in frames])
    mean, mean_source = mean_image(model, images, settings)
    explainer = Explainer(model, settings, mean, images, mean_source)
    every = -(-len(frames) // max(PROBE_PASSES // explainer.passes, LEAST_PROBE))
    chosen = frames[::every] if spend is None else spend.choose(frames, explainer.passes)
    probe = []
    progress = explainer.progress(len(chosen), lambda share: tick(share, len(chosen)))
    for start in range(0, len(chosen), explainer.limit):
        batch = batch_of_prepared(chosen[start : start + explainer.limit], model)
        probe += explainer.explain_batch(batch, progress)
    return Study(_statistics(mean, probe), explainer, probe, list(frames))


def _statistics(mean: Floats, probe: list[Explained]) -> ClipStatistics:
    gradients = [one.gradient for one in probe if one.gradient is not None]
    if not gradients:
        return ClipStatistics(mean)
    reach = np.any([one != 0 for one in gradients], axis=0)
    levels = np.stack([patch_sensitivity(one) for one in gradients])[:, reach]
    return ClipStatistics(mean, float(np.median(levels)) if levels.size else 0.0, reach)
