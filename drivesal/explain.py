"""The core: frames in, `Explained` out. Video, image and whatever comes later share it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from drivesal.attribution import Attributed, Attributor, Method, method
from drivesal.cases import Case, patch_sensitivity
from drivesal.errors import DrivesalError, InputError, OptionError
from drivesal.types import WHOLE, ClipStatistics, Explained, Frame, Recording, Span

if TYPE_CHECKING:
    from drivesal.model import SteeringModel
    from drivesal.types import Floats, Image

BATCH = 32
"""Most frames in one attribution call."""
BATCH_BYTES = 16 * 2**20
"""Most bytes of full-sized frames in one batch: several batches are under way at once."""
CALLS = 256
"""Most gradient calls in one batch, so that a stop is heeded within a second or two."""
PROBE = 64
"""Frames looked at beforehand for the clip's mean picture, sensitivity and scale; fewer of a large network."""
PROBE_BYTES = 128 * 2**20
PROBE_PIXEL = 40
"""Bytes that a probe keeps for a model pixel: picture, map, sums, heats."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames with the pictures (N, h, w, 3) uint8 RGB that the model sees of them."""

    frames: list[Frame]
    pictures: Image


def batches(frames: Iterable[Frame], model: SteeringModel, limit: int = BATCH) -> Iterator[Batch]:
    """Frames grouped up to `limit` and BATCH_BYTES, cropped and resized for the model."""
    waiting: list[Frame] = []
    for frame in frames:
        waiting.append(frame)
        if len(waiting) >= limit or (len(waiting) + 1) * frame.image.nbytes > BATCH_BYTES:
            yield _batch(waiting, model)
            waiting = []
    if waiting:
        yield _batch(waiting, model)


def _batch(frames: list[Frame], model: SteeringModel) -> Batch:
    return Batch(frames, np.stack([model.preprocess.prepare(frame.image) for frame in frames]))


class NotFiniteError(DrivesalError):
    """An attribution holds NaN or infinity: never a picture."""


class Explainer:
    """A model, a method and what the cases need, compiled once.

    `mean` is the clip's mean picture (h, w, 3) float32, the baseline "mean" of contributions. Raises
    OptionError for a method or option that does not exist, and for the cases increase and decrease where one
    pass of the method does not give both.
    """

    def __init__(
        self,
        model: SteeringModel,
        cases: Iterable[Case],
        mean: Floats,
        name: str = "gradient",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.cases = tuple(cases)
        self.method: Method = method(name)
        self.options = self.method.settings(options or {})
        self._main = self.method.build(model, mean, **self.options)
        self._calls = _calls(self.method, self.options)
        reads = {case.reads for case in self.cases}
        if "signed" in reads and not (self.method.signed and self.method.odd):
            raise OptionError(
                "a method whose sign says left or right, in one pass, for the cases increase and decrease",
                f"{name} is {'not odd in the angle' if self.method.signed else 'unsigned'}",
                "choose another method, see `drivesal methods`, or other cases",
            )
        self._gradient = self._other("gradient", {}, mean) if "gradient" in reads else None
        # support is against the clip's mean whatever --baseline says: see "Cases" in docs/how-it-works.md
        steps = {"steps": self.options["steps"]} if "steps" in self.options else {}
        against = {"baseline": "mean"} | steps
        contributes = "contribution" in reads
        self._contribution = self._other("integrated-gradients", against, mean) if contributes else None

    def _other(self, name: str, options: Mapping[str, Any], mean: Floats) -> Attributor:
        """The attributor of another method; the main one where it is the same."""
        wanted = method(name)
        settings = wanted.settings(options)
        if self.method.name == name and self.options == settings:
            return self._main
        self._calls += _calls(wanted, settings)
        return wanted.build(self.model, mean, **settings)

    @property
    def limit(self) -> int:
        """Frames in one batch."""
        return min(BATCH, max(1, CALLS // self._calls))

    def explain(self, frames: Iterable[Frame]) -> Iterator[Explained]:
        """The frames explained, in order. Raises NotFiniteError that names frame and method."""
        for batch in batches(frames, self.model, self.limit):
            yield from self.explain_batch(batch)

    def explain_batch(self, batch: Batch) -> list[Explained]:
        """One batch explained: one call for each map that the cases need."""
        main = self._main(batch.pictures)
        gradient = self._run(self._gradient, batch, main)
        contribution = self._run(self._contribution, batch, main)
        self._check(batch, main, gradient, contribution)
        measured = contribution or (main if main.baseline_angles is not None else None)
        return [
            Explained(
                frame,
                batch.pictures[i],
                float(main.angles[i]),
                main.raw[i],
                main.to_rgb,
                main.summed[i],
                gradient.summed[i] if gradient else None,
                contribution.summed[i] if contribution else None,
                _item(measured.baseline_angles if measured else None, i),
                _item(measured.completeness_errors if measured else None, i),
            )
            for i, frame in enumerate(batch.frames)
        ]

    def _run(self, attributor: Attributor | None, batch: Batch, main: Attributed) -> Attributed | None:
        if attributor is None:
            return None
        return main if attributor is self._main else attributor(batch.pictures)

    def _check(self, batch: Batch, *all_of: Attributed | None) -> None:
        for one in all_of:
            if one is None:
                continue
            # a sum is NaN or infinite where any of its terms is, and costs a tenth of looking at each
            if math.isfinite(
                cv2.sumElems(one.summed.reshape(len(one.angles), -1))[0] + float(one.angles.sum())
            ):
                continue
            finite = np.isfinite(one.raw).all(axis=(1, 2, 3)) & np.isfinite(one.angles)
            if finite.all():
                continue
            frame = batch.frames[int(np.argmin(finite))]
            raise NotFiniteError(
                "a finite attribution",
                f"frame {frame.index} ({frame.time_s:.2f} s) gives NaN or infinity under {self.method.name}",
                "check the model's input scaling and weights",
            )


def _calls(method: Method, options: Mapping[str, Any]) -> int:
    """How many gradient calls one frame takes."""
    return max(int(options[method.samples]), 1) if method.samples else 1


def _item(values: Floats | None, i: int) -> float | None:
    return None if values is None else float(values[i])


@dataclass(frozen=True, slots=True)
class Study:
    """What a probe of a recording found: the clip's statistics and the probe's frames explained."""

    clip: ClipStatistics
    explainer: Explainer
    probe: list[Explained]


def study(
    recording: Recording,
    model: SteeringModel,
    cases: Iterable[Case],
    name: str = "gradient",
    options: Mapping[str, Any] | None = None,
    span: Span = WHOLE,
) -> Study:
    """Looks at PROBE frames of the recording and makes the explainer for the rest.

    The mean picture is the clip's; for one picture alone it is the card's. Raises OptionError where a mean
    picture is needed and neither is there.
    """
    cases = tuple(cases)
    height, width = model.preprocess.size
    count = max(min(PROBE, PROBE_BYTES // (height * width * PROBE_PIXEL)), 8)
    small = [_small(batch) for batch in batches(recording.sample(count, span), model)]
    if not small:
        raise nothing_decoded()
    frames = list(itertools.chain.from_iterable(part.frames for part in small))
    pictures = np.concatenate([part.pictures for part in small])
    mean = _mean_picture(model, pictures, _needs_mean(cases, name, options or {}))
    explainer = Explainer(model, cases, mean, name, options)
    probe: list[Explained] = []
    for at in range(0, len(frames), explainer.limit):
        part = slice(at, at + explainer.limit)
        probe += explainer.explain_batch(Batch(frames[part], pictures[part]))
    return Study(_statistics(mean, probe), explainer, probe)


def nothing_decoded() -> InputError:
    """What is said where a range has no frame that can be decoded."""
    return InputError(
        "a range with a frame that can be decoded", "none of it can be", "choose another range or file"
    )


def _small(batch: Batch) -> Batch:
    """The batch without its full-sized images, which a probe does not need to keep."""
    frames = [
        Frame(f.index, f.time_s, p, f.steering, f.extras)
        for f, p in zip(batch.frames, batch.pictures, strict=True)
    ]
    return Batch(frames, batch.pictures)


def _needs_mean(cases: tuple[Case, ...], name: str, options: Mapping[str, Any]) -> bool:
    settings = method(name).settings(options)
    return settings.get("baseline") == "mean" or any(case.reads == "contribution" for case in cases)


def _mean_picture(model: SteeringModel, pictures: Image, needed: bool) -> Floats:
    if len(pictures) > 1:
        return np.asarray(pictures.mean(axis=0, dtype=np.float64), np.float32)
    known = model.card.mean()
    if known is not None:
        return np.asarray(known, np.float32)
    if needed:
        raise OptionError(
            "a mean picture as baseline: a clip, or a card with mean_picture",
            f"one picture came, and the card of {model.name} has none",
            "use another --baseline and leave the case support out, or give a video with --at",
        )
    return np.asarray(pictures[0], np.float32)


def _statistics(mean: Floats, probe: list[Explained]) -> ClipStatistics:
    gradients = [one.gradient for one in probe if one.gradient is not None]
    if not gradients:
        return ClipStatistics(mean)
    reach = np.any([one != 0 for one in gradients], axis=0)
    levels = np.stack([patch_sensitivity(one) for one in gradients])[:, reach]
    return ClipStatistics(mean, float(np.median(levels)) if levels.size else 0.0, reach)
