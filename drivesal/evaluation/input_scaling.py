"""Whether the declared input scaling can be true: the answers of a drive's pictures under it and under others.

A network that is fed 0..255 in place of 0..1 still answers, and often still correlates with the labels. What
gives the mistake away is how its answers compare with those under the other scalings in use.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.evaluation.scaling_findings import Bounds, Doubt, Reason, Tried, bounds, measured
from drivesal.model.batching import BATCH
from drivesal.model.scaling import USUAL, Scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Floats, Frame, Image

LEAST = 8
"""Fewer pictures say nothing."""
LEAST_LABELS = 16
"""Fewer labels say nothing."""
LEAST_MOMENTS = 20
"""Fewer moments of a drive may all show the same bend."""
APART_S = 0.5
"""Frames closer than this [s] are one moment: their errors are the same error."""
TIMES = 1.4
"""The declared scaling's RMSE over the better one's, over LEAST_MOMENTS or more. In pieces of 10 s of a
real drive on which the network steers well, a wrong scaling was better by chance up to 1.33 times."""
TIMES_SHORT = 3.0
"""The same over fewer moments. In pieces of 1.6 to 8 s it was up to 2.02 times."""
TIMES_CENTRED = 1.2
"""The least of both without their mean errors: a better mean alone is chance."""
OF_CONSTANT = 0.75
"""The better scaling's RMSE over that of the best constant answer: a network that hardly moves is close to the
labels of a straight road too."""
CORRELATION = 0.5
"""The better scaling's answers follow the labels at least so far."""

SATURATED, BEYOND, FEW = 0.75, 0.25, 0.1
"""Shares of the frames under the declared scaling that are too many with a saturated head (a turn at full lock
has some) and with an impossible answer (no drive has any), and of either under a better one the most."""
FLAT = 1 / 3
"""A head of tanh or atan is saturated where it lets through less than this of what goes into it: tanh from
0.994 on, 2·atan from about 150° on."""
VARIED = 20.0
"""Grey levels that a pixel varies by over the frames (standard deviation, the mean over the picture): less may
be a car that stands, whose answer rightly stays."""
STILL_TIMES = 25.0
"""The standard deviation of answers that move over that of answers that do not."""


def scaling_doubt(
    model: SteeringModel,
    pictures: Image,
    labels: Sequence[float | None] | Floats | None = None,
    others: Floats | None = None,
    times_s: Sequence[float] | None = None,
    batch: int = BATCH,
) -> Doubt | None:
    """Whether the model's declared input scaling looks wrong on these pictures; None where nothing says so.

    pictures: (N, h, w, 3) uint8 RGB of the model's size (`SteeringModel.prepare`), spread over a drive;
    labels (N,), of the model's kind of angle, None or NaN where there is none; others (N, numbers), as
    `others_of` gives them; times_s (N,) when they were taken: frames closer than APART_S are left out where
    LEAST_MOMENTS stay, and without times all count as moments of their own. `batch` is the most pictures in one
    call of the network. The steering answer is looked at, whatever is explained; a model without one gives
    None. See docs/models.md for what is said and what not.
    """
    if model.steering is None or len(pictures) < LEAST:
        return None
    given = [None] * len(pictures) if labels is None else list(labels)
    truth = np.array([math.nan if one is None else one for one in given], np.float64)
    beside = np.zeros((len(pictures), 0), np.float32) if others is None else others
    times = TIMES
    if times_s is not None:
        kept = _moments(times_s)
        if len(kept) >= LEAST_MOMENTS:
            pictures, truth, beside = pictures[kept], truth[kept], beside[kept]
        else:
            times = TIMES_SHORT
    # an assumed unit may be the wrong one, and no answer is then too much
    limits = bounds(model.kind)
    if any(one.startswith("unit") for one in model.assumed):
        limits = dataclasses.replace(limits, most=math.inf)
    own = model.preprocess.scaling
    tried = []
    for scaling in (own, *(one for one in USUAL if not one.same(own))):
        angles, headless = _answers(model, pictures, beside, scaling, batch)
        if np.isfinite(angles).all() and np.isfinite(headless).all():
            tried.append(_figures(scaling, angles, headless, truth, limits.most))
        elif not tried:
            return None  # what the declared one gives is said elsewhere
    varied = float(pictures[:256].std(axis=0, dtype=np.float32).mean()) >= VARIED
    known = truth[np.isfinite(truth)]
    constant = float(known.std()) if len(known) >= LEAST_LABELS else None
    found = _judged(tried[0], tried[1:], limits, constant, varied, times)
    if found is None:
        return None
    reason, better = found
    assumed = any(one.startswith("input scaling") for one in model.assumed)
    return Doubt(reason, tried[0], better, model.kind, assumed, len(pictures), len(known), constant)


def doubt_of_frames(model: SteeringModel, frames: Sequence[Frame], batch: int = BATCH) -> Doubt | None:
    """`scaling_doubt` of frames whose images are the model's pictures already, with what they carry."""
    if model.steering is None or len(frames) < LEAST:
        return None
    pictures = np.stack([frame.image for frame in frames])
    labels = [frame.steering for frame in frames]
    times_s = [frame.time_s for frame in frames]
    return scaling_doubt(model, pictures, labels, model.others_of(frames), times_s, batch)


def _moments(times_s: Sequence[float]) -> NDArray[np.int64]:
    """Which frames to keep, in their order, so that all are APART_S from one another."""
    kept: list[int] = []
    last = -math.inf
    for i in np.argsort(times_s, kind="stable"):
        if times_s[i] - last >= APART_S - 1e-6:
            kept.append(int(i))
            last = times_s[i]
    return np.array(sorted(kept), np.int64)


def _judged(
    declared: Tried, others: Sequence[Tried], limits: Bounds, constant: float | None, varied: bool, times: float
) -> tuple[Reason, tuple[Tried, ...]] | None:
    """The first reason that holds, and the scalings that fit better, the best first."""
    if constant is not None and constant >= limits.moving / 2:
        following = [one for one in others if _follows(one, declared, constant, times)]
        following = sorted(following, key=lambda one: measured(one.rmse))
        if following:  # what is not clearly worse than the best may be the right one too
            least = measured(following[0].rmse)
            return "labels", tuple(one for one in following if measured(one.rmse) < times * least)
    fair = [one for one in others if _fair(one, limits)]
    if constant is not None:  # with labels, nothing is better that is further from them
        fair = [one for one in fair if measured(one.rmse) < measured(declared.rmse)]
        fair = sorted(fair, key=lambda one: measured(one.rmse))[:1]
    moving = [
        one
        for one in fair
        if one.deviation >= limits.moving and one.deviation >= STILL_TIMES * declared.deviation
    ]
    if fair and declared.saturated >= SATURATED:
        return "saturated", tuple(fair)
    if fair and declared.beyond >= BEYOND:
        return "beyond", tuple(fair)
    if moving and varied and declared.deviation < limits.still:
        return "still", tuple(moving)
    return None


def _follows(other: Tried, declared: Tried, constant: float, times: float) -> bool:
    """Whether the other scaling's answers are so much closer to the labels that it is no chance."""
    rmse, centred = measured(other.rmse), measured(other.centred)
    return (
        rmse <= OF_CONSTANT * constant
        and measured(other.correlation) >= CORRELATION
        and measured(declared.rmse) >= times * rmse
        and measured(declared.centred) >= TIMES_CENTRED * centred
    )


def _fair(one: Tried, limits: Bounds) -> bool:
    """Whether these are the answers of a network that steers: they move, and hardly any is impossible."""
    return one.deviation >= limits.still and one.saturated <= FEW and one.beyond <= FEW


def _answers(
    model: SteeringModel, pictures: Image, others: Floats, scaling: Scaling, batch: int
) -> tuple[Floats, Floats]:
    other = dataclasses.replace(model.preprocess, scale=scaling.scale, offset=scaling.offset)
    parts = [
        model.predict_as(pictures[at : at + batch], others[at : at + batch], other)
        for at in range(0, len(pictures), batch)
    ]
    angles, headless = zip(*parts, strict=True)
    return np.concatenate(angles), np.concatenate(headless)


def _figures(scaling: Scaling, angles: Floats, headless: Floats, truth: Any, most: float) -> Tried:
    size = np.abs(angles)
    tried = Tried(
        scaling,
        float(np.median(size)),
        float(angles.std(dtype=np.float64)),
        float((size < FLAT * np.abs(headless)).mean()),
        float((size > most).mean()),
    )
    labelled = np.isfinite(truth)
    if not labelled.any():
        return tried
    answers, known = angles[labelled].astype(np.float64), truth[labelled]
    errors = answers - known
    spread = answers.std() * known.std()
    both = ((answers - answers.mean()) * (known - known.mean())).mean()
    return dataclasses.replace(
        tried,
        rmse=math.sqrt((errors**2).mean()),
        centred=float(errors.std()),
        correlation=float(both / spread) if spread > 0 else 0.0,
    )
