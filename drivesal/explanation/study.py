"""The study of a clip: frames spread over it, explained beforehand, for its mean image and its statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drivesal.explanation.explainer import Explainer
from drivesal.explanation.frame_batches import nothing_decoded, prepared
from drivesal.explanation.patches import patch_sensitivity
from drivesal.explanation.reference import mean_picture
from drivesal.types import WHOLE, ClipStatistics, Explained, Frame, Recording, Span

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.settings import ExplainSettings
    from drivesal.types import Floats

PROBE = 64
"""Frames looked at beforehand for the clip's mean picture, sensitivity and scale; fewer of a large network."""
LEAST_PROBE = 8
PROBE_PASSES = 4096
"""Most passes of a costly method for the probe, though LEAST_PROBE frames are explained whatever they cost."""
PROBE_BYTES = 128 * 2**20
PROBE_PIXEL = 40
"""Bytes that a probe keeps for a model pixel: picture, map, sums, heats."""


@dataclass(frozen=True, slots=True)
class Spend:
    """How much a probe may cost: `passes` in all, though at least `least` frames are explained."""

    passes: int
    least: int

    def choose(self, frames: Sequence[Frame], passes: int) -> list[Frame]:
        """As many of the frames as may be explained at so many passes each, spread evenly in time."""
        count = max(self.passes // passes, self.least)
        if count >= len(frames):
            return list(frames)
        ordered = sorted(frames, key=lambda frame: frame.time_s)
        times = np.array([frame.time_s for frame in ordered])
        # in the middle of as many equal parts: neither the first nor the last frame stands for many
        wanted = times[0] + (times[-1] - times[0]) * (np.arange(count) + 0.5) / count
        return [ordered[place] for place in dict.fromkeys(np.abs(times - wanted[:, None]).argmin(axis=1))]


@dataclass(frozen=True, slots=True)
class Study:
    """What a probe of a recording found: the clip's statistics and the probe's frames explained.

    `frames` are all of the probe's, their images the model's pictures; of a costly method fewer are explained.
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
    spend: Spend | None = None,
    watch: Callable[[list[Frame]], object] = lambda whole: None,
) -> Study:
    """Looks at PROBE frames of the recording and makes the explainer for the rest; see `study_of`.

    `watch` is given each of them as it was read.
    """
    frames = []
    for frame in recording.sample(probe_size(model), span):
        watch([frame])
        frames.append(dataclasses.replace(frame, image=model.prepare(frame.image)))
    return study_of(frames, model, settings, tick, spend)


def probe_size(model: SteeringModel) -> int:
    """How many frames a probe for this model takes."""
    height, width = model.preprocess.size
    return max(min(PROBE, PROBE_BYTES // (height * width * PROBE_PIXEL)), LEAST_PROBE)


def study_of(
    frames: Sequence[Frame],
    model: SteeringModel,
    settings: ExplainSettings,
    tick: Callable[[float, int], object] = lambda share, frames: None,
    spend: Spend | None = None,
) -> Study:
    """What a probe tells, of frames whose images are the model's pictures already.

    The mean picture is theirs; for one picture alone it is the card's. Of a costly method fewer of the frames
    are explained, with a `spend` those that it chooses. `tick` is told the share done of how many frames and
    may raise to end it. Raises InputError without frames, OptionError where a mean picture is needed and
    neither is there.
    """
    if not frames:
        raise nothing_decoded()
    pictures = np.stack([frame.image for frame in frames])
    mean, mean_of = mean_picture(model, pictures, settings)
    explainer = Explainer(model, settings, mean, pictures, mean_of)
    every = -(-len(frames) // max(PROBE_PASSES // explainer.passes, LEAST_PROBE))
    chosen = frames[::every] if spend is None else spend.choose(frames, explainer.passes)
    probe = []
    with explainer.watched(len(chosen), lambda share: tick(share, len(chosen))):
        for at in range(0, len(chosen), explainer.limit):
            probe += explainer.explain_batch(prepared(chosen[at : at + explainer.limit], model))
    return Study(_statistics(mean, probe), explainer, probe, list(frames))


def _statistics(mean: Floats, probe: list[Explained]) -> ClipStatistics:
    gradients = [one.gradient for one in probe if one.gradient is not None]
    if not gradients:
        return ClipStatistics(mean)
    reach = np.any([one != 0 for one in gradients], axis=0)
    levels = np.stack([patch_sensitivity(one) for one in gradients])[:, reach]
    return ClipStatistics(mean, float(np.median(levels)) if levels.size else 0.0, reach)
