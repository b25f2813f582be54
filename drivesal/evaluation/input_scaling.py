"""Check of the declared input scaling: compares the predictions under it with those under other scalings.

A network that is fed 0..255 instead of 0..1 still predicts, and its predictions often still correlate with the
labels. The mistake shows in comparison with the predictions under the other usual scalings.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.evaluation.scaling_warning import (
    Bounds,
    Reason,
    ScalingResult,
    ScalingWarning,
    bounds,
    with_labels,
)
from drivesal.model.batching import BATCH
from drivesal.model.scaling import USUAL, Scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Floats, Frame, Image

LEAST = 8
"""The least number of images."""
LEAST_LABELS = 16
"""The least number of labels."""
LEAST_MOMENTS = 20
"""The least number of moments: fewer may all show the same bend."""
APART_S = 0.5
"""Frames closer than this [s] count as one moment: their errors are the same error."""
TIMES = 1.4
"""The least ratio of the declared scaling's RMSE to the better one's, over LEAST_MOMENTS or more. In segments
of 10 s of a real drive on which the network steers well, a wrong scaling was better by chance up to 1.33
times."""
TIMES_SHORT = 3.0
"""The same over fewer moments. In segments of 1.6 to 8 s it was up to 2.02 times."""
TIMES_CENTRED = 1.2
"""The same without both mean errors: a better mean alone may be chance."""
OF_CONSTANT = 0.75
"""The largest ratio of the better scaling's RMSE to the best constant prediction's: on a straight road, hardly
varying predictions are close to the labels too."""
CORRELATION = 0.5
"""The least correlation of the better scaling's predictions with the labels."""

SATURATED, BEYOND, FEW = 0.75, 0.25, 0.1
"""Shares of frames that make the declared scaling suspicious: SATURATED with a saturated head (a turn at full
lock has some), BEYOND with an impossible prediction (no drive has any); a better scaling has at most FEW of
either."""
FLAT = 1 / 3
"""A tanh or atan head is saturated if its output is below this share of its input: tanh from 0.994 on, 2·atan
from about 150° on."""
VARIED = 20.0
"""The least variation of the images: standard deviation of a pixel over the frames, mean over the image, in
grey levels. Less may be a parked car, whose constant prediction is right."""
STILL_TIMES = 25.0
"""The least ratio of the standard deviations of varying and of constant predictions."""


def check_scaling(
    model: SteeringModel,
    images: Image,
    labels: Sequence[float | None] | Floats | None = None,
    auxiliary_inputs: Floats | None = None,
    times_s: Sequence[float] | None = None,
    batch: int = BATCH,
) -> ScalingWarning | None:
    """Check whether the model's declared input scaling looks wrong on these images; None without evidence.

    images: (N, h, w, 3) uint8 RGB at the model's input size (`SteeringModel.prepare`), spread over a drive.
    labels: (N,) of the model's kind of angle, None or NaN if missing. auxiliary_inputs: (N, numbers), from
    `auxiliary_inputs_of`. times_s: (N,) capture times; frames closer than APART_S are dropped if LEAST_MOMENTS
    remain, and without times each frame counts as a moment. batch: the most images per forward pass. The check
    uses the steering output, whatever is explained; a model without one gives None. docs/models.md lists what
    is reported.
    """
    if model.steering is None or len(images) < LEAST:
        return None
    given = [None] * len(images) if labels is None else list(labels)
    truth = np.array([math.nan if label is None else label for label in given], np.float64)
    numbers = np.zeros((len(images), 0), np.float32) if auxiliary_inputs is None else auxiliary_inputs
    times = TIMES
    if times_s is not None:
        kept = _moments(times_s)
        if len(kept) >= LEAST_MOMENTS:
            images, truth, numbers = images[kept], truth[kept], numbers[kept]
        else:
            times = TIMES_SHORT
    # an assumed unit may be wrong, so that no prediction is impossible
    limits = bounds(model.kind)
    if any(assumption.startswith("unit") for assumption in model.assumed):
        limits = dataclasses.replace(limits, most=math.inf)
    own = model.preprocess.scaling
    results = []
    for scaling in (own, *(usual for usual in USUAL if not usual.same(own))):
        angles, before_head = _predict(model, images, numbers, scaling, batch)
        if np.isfinite(angles).all() and np.isfinite(before_head).all():
            results.append(_result(scaling, angles, before_head, truth, limits.most))
        elif not results:
            return None  # not finite under the declared scaling: reported elsewhere
    varied = float(images[:256].std(axis=0, dtype=np.float32).mean()) >= VARIED
    known = truth[np.isfinite(truth)]
    constant = float(known.std()) if len(known) >= LEAST_LABELS else None
    verdict = _judge(results[0], results[1:], limits, constant, varied, times)
    if verdict is None:
        return None
    reason, better = verdict
    assumed = any(assumption.startswith("input scaling") for assumption in model.assumed)
    return ScalingWarning(reason, results[0], better, model.kind, assumed, len(images), len(known), constant)


def check_scaling_of_frames(
    model: SteeringModel, frames: Sequence[Frame], batch: int = BATCH
) -> ScalingWarning | None:
    """`check_scaling` of frames whose images are model inputs already, with their labels and other values."""
    if model.steering is None or len(frames) < LEAST:
        return None
    images = np.stack([frame.image for frame in frames])
    labels = [frame.steering for frame in frames]
    times_s = [frame.time_s for frame in frames]
    return check_scaling(model, images, labels, model.auxiliary_inputs_of(frames), times_s, batch)


def _moments(times_s: Sequence[float]) -> NDArray[np.int64]:
    """Positions of frames to keep, in order, so that all are at least APART_S apart."""
    kept: list[int] = []
    last = -math.inf
    for i in np.argsort(times_s, kind="stable"):
        if times_s[i] - last >= APART_S - 1e-6:
            kept.append(int(i))
            last = times_s[i]
    return np.array(sorted(kept), np.int64)


def _judge(
    declared: ScalingResult,
    others: Sequence[ScalingResult],
    limits: Bounds,
    constant: float | None,
    varied: bool,
    times: float,
) -> tuple[Reason, tuple[ScalingResult, ...]] | None:
    """The first reason that holds, and the scalings that fit better, the best first."""
    if constant is not None and constant >= limits.moving / 2:
        following = [other for other in others if _follows(other, declared, constant, times)]
        following = sorted(following, key=lambda result: with_labels(result.rmse))
        if following:  # a scaling that is not clearly worse than the best may be the right one too
            least = with_labels(following[0].rmse)
            return "labels", tuple(other for other in following if with_labels(other.rmse) < times * least)
    plausible = [other for other in others if _plausible(other, limits)]
    if constant is not None:  # with labels, a better scaling must be closer to them
        plausible = [other for other in plausible if with_labels(other.rmse) < with_labels(declared.rmse)]
        plausible = sorted(plausible, key=lambda result: with_labels(result.rmse))[:1]
    moving = [
        other
        for other in plausible
        if other.deviation >= limits.moving and other.deviation >= STILL_TIMES * declared.deviation
    ]
    if plausible and declared.saturated >= SATURATED:
        return "saturated", tuple(plausible)
    if plausible and declared.beyond >= BEYOND:
        return "beyond", tuple(plausible)
    if moving and varied and declared.deviation < limits.still:
        return "still", tuple(moving)
    return None


def _follows(other: ScalingResult, declared: ScalingResult, constant: float, times: float) -> bool:
    """Whether the other scaling's predictions are closer to the labels by more than chance."""
    rmse, centred = with_labels(other.rmse), with_labels(other.centred)
    return (
        rmse <= OF_CONSTANT * constant
        and with_labels(other.correlation) >= CORRELATION
        and with_labels(declared.rmse) >= times * rmse
        and with_labels(declared.centred) >= TIMES_CENTRED * centred
    )


def _plausible(result: ScalingResult, limits: Bounds) -> bool:
    """Whether the network may steer like this: predictions vary, and hardly any is impossible or saturated."""
    return result.deviation >= limits.still and result.saturated <= FEW and result.beyond <= FEW


def _predict(
    model: SteeringModel, images: Image, auxiliary_inputs: Floats, scaling: Scaling, batch: int
) -> tuple[Floats, Floats]:
    """(N,) angles under this scaling, and (N,) values before the head's activation, in the same unit."""
    preprocess = dataclasses.replace(model.preprocess, scale=scaling.scale, offset=scaling.offset)
    batches = [
        model.predict_as(images[start : start + batch], auxiliary_inputs[start : start + batch], preprocess)
        for start in range(0, len(images), batch)
    ]
    angles, before_head = zip(*batches, strict=True)
    return np.concatenate(angles), np.concatenate(before_head)


def _result(scaling: Scaling, angles: Floats, before_head: Floats, truth: Any, most: float) -> ScalingResult:
    size = np.abs(angles)
    result = ScalingResult(
        scaling,
        float(np.median(size)),
        float(angles.std(dtype=np.float64)),
        float((size < FLAT * np.abs(before_head)).mean()),
        float((size > most).mean()),
    )
    labelled = np.isfinite(truth)
    if not labelled.any():
        return result
    predictions, labels = angles[labelled].astype(np.float64), truth[labelled]
    errors = predictions - labels
    deviations = predictions.std() * labels.std()
    covariance = ((predictions - predictions.mean()) * (labels - labels.mean())).mean()
    return dataclasses.replace(
        result,
        rmse=math.sqrt((errors**2).mean()),
        centred=float(errors.std()),
        correlation=float(covariance / deviations) if deviations > 0 else 0.0,
    )
