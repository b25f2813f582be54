"""The core: frames in, `Explained` out. Video, image and whatever comes later share it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

import cv2
import numpy as np

from drivesal.attribution import Attributed, Attributor, Context, Method, Seen, method
from drivesal.attribution.registry import Reduction
from drivesal.cases import Case, patch_sensitivity
from drivesal.errors import DrivesalError, InputError, OptionError, nearest
from drivesal.reference import in_words, mean_picture
from drivesal.types import WHOLE, ClipStatistics, Explained, Frame, Recording, Span

if TYPE_CHECKING:
    from drivesal.model import SteeringModel
    from drivesal.types import Floats, Image

BATCH = 32
"""Most frames in one attribution call, and by default the most pictures in one call of the network."""
BATCH_BYTES = 16 * 2**20
"""Most bytes of full-sized frames in one batch: several batches are under way at once."""
PASSES = 256
"""Most gradient or forward passes in one batch, so that a stop is heeded within a second or two."""
PROBE = 64
"""Frames looked at beforehand for the clip's mean picture, sensitivity and scale; fewer of a large network."""
LEAST_PROBE = 8
PROBE_PASSES = 4096
"""Most passes of a costly method for the probe, though LEAST_PROBE frames are explained whatever they cost."""
PROBE_BYTES = 128 * 2**20
PROBE_PIXEL = 40
"""Bytes that a probe keeps for a model pixel: picture, map, sums, heats."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames with what the model is given of them."""

    frames: list[Frame]
    seen: Seen


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
    prepared = [dataclasses.replace(frame, image=model.prepare(frame.image)) for frame in frames]
    return Batch(frames, _prepared(prepared, model).seen)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a model: the method with its options, and the cases of its answer.

    `reduce` makes one number of a map's channels; `batch` is the most pictures in one call of the network,
    which bounds memory; `seed` is that of everything random.
    """

    cases: tuple[Case, ...]
    method: str = "gradient"
    options: Mapping[str, Any] = field(default_factory=dict)
    reduce: Reduction = "sum"
    batch: int = BATCH
    seed: int = 0


class NotFiniteError(DrivesalError):
    """An attribution holds NaN or infinity: never a picture."""


class Explainer:
    """A model, a method and what the cases need, compiled once.

    `mean` (h, w, 3) float32 is the clip's mean picture, the baseline "mean" of contributions, `mean_of` says
    whose it is, and `pictures` (M, h, w, 3) uint8 are spread over the clip. Raises OptionError for a method or
    option that does not exist, and for the cases increase and decrease where the map has no sign.
    """

    def __init__(
        self,
        model: SteeringModel,
        question: Question,
        mean: Floats,
        pictures: Image,
        mean_of: str = "the mean picture that was given",
    ) -> None:
        self.model, self.mean_of = model, mean_of
        self.question = question
        self.cases = question.cases
        self.method: Method = method(question.method)
        self.options = self.method.settings(question.options)
        self._watch = threading.local()
        self.context = Context(mean, pictures, question.batch, question.seed, self._tick)
        self._passes = 0
        check_cases(question)
        self._main = self._built(model, self.method, self.options)
        pulls = any(case.reads == "pull" for case in self.cases) and not self.method.odd
        self._negated = self._built(model.negated, self.method, self.options) if pulls else None
        reads = {case.reads for case in self.cases}
        self._gradient = self._other("gradient", {}) if "gradient" in reads else None
        # support is against the clip's mean whatever --baseline says: see "Cases" in docs/how-it-works.md
        against = {"baseline": "mean"} | {k: v for k, v in self.options.items() if k == "steps"}
        self._contribution = self._other("integrated-gradients", against) if "contribution" in reads else None

    def _built(self, model: SteeringModel, chosen: Method, options: Mapping[str, Any]) -> Attributor:
        self._passes += chosen.passes_of(options, self.model.preprocess.size, model)
        return chosen.build(model, self.context, **options)

    def _other(self, name: str, options: Mapping[str, Any]) -> Attributor:
        """The attributor of another method; the main one where it is the same."""
        wanted = method(name)
        settings = wanted.settings(options)
        if self.method.name == name and self.options == settings:
            return self._main
        return self._built(self.model, wanted, settings)

    @property
    def reference(self) -> str | None:
        """What the method measures against, or hides the picture with, in words; None where it does neither."""
        return in_words(self.method, self.options, self.mean_of, len(self.context.pictures))

    @property
    def support_reference(self) -> str | None:
        """What the case support measures against, in words; None where it is not asked for."""
        return None if self._contribution is None else self.mean_of

    @property
    def passes(self) -> int:
        """How many gradient or forward passes a frame takes."""
        return self._passes

    @property
    def limit(self) -> int:
        """Frames in one batch."""
        return min(self.context.batch, max(1, PASSES // self._passes))

    @contextlib.contextmanager
    def watched(self, frames: int, tick: Callable[[float], object]) -> Iterator[None]:
        """While so many frames are explained inside the block, `tick` is told the share done, 0..1.

        It is told between calls of the network, by methods of many passes, and may raise to end them. What
        other threads explain meanwhile is not watched.
        """
        done = 0

        def told(passes: int) -> None:
            nonlocal done
            tick(min(done / (frames * self._passes), 1.0))
            done += passes

        self._watch.told = told
        try:
            yield
        finally:
            del self._watch.told

    def _tick(self, passes: int) -> None:
        told: Callable[[int], None] | None = getattr(self._watch, "told", None)
        if told is not None:
            told(passes)

    def explain(self, frames: Iterable[Frame]) -> Iterator[Explained]:
        """The frames explained, in order. Raises NotFiniteError that names frame and method."""
        for batch in batches(frames, self.model, self.limit):
            yield from self.explain_batch(batch)

    def explain_batch(self, batch: Batch) -> list[Explained]:
        """One batch explained: one call for each map that the cases need."""
        main = self._main(batch.seen)
        negated = self._negated(batch.seen) if self._negated else None
        gradient = self._run(self._gradient, batch, main)
        contribution = self._run(self._contribution, batch, main)
        self._check(batch, main, negated, gradient, contribution)
        measured = contribution or (main if main.baseline_scores is not None else None)
        reduce = self.question.reduce
        push, pull = main.reduced(reduce), negated.reduced(reduce) if negated else None
        angles = main.scores
        if not self.model.explains_its_answer:
            angles = self.model.predict(batch.seen.pictures, batch.seen.others)
        sided = self.model.kind.sided  # a number that is no angle is not compared with labels
        return [
            Explained(
                frame if sided else dataclasses.replace(frame, steering=None),
                batch.seen.pictures[i],
                float(angles[i]),
                float(main.scores[i]),
                main.raw[i],
                main.to_rgb,
                push[i],
                None if pull is None else pull[i],
                gradient.summed[i] if gradient else None,
                contribution.summed[i] if contribution else None,
                _item(measured.baseline_scores if measured else None, i),
                _item(measured.completeness_errors if measured else None, i),
            )
            for i, frame in enumerate(batch.frames)
        ]

    def _run(self, attributor: Attributor | None, batch: Batch, main: Attributed) -> Attributed | None:
        if attributor is None:
            return None
        return main if attributor is self._main else attributor(batch.seen)

    def _check(self, batch: Batch, *all_of: Attributed | None) -> None:
        for one in all_of:
            if one is None:
                continue
            # a sum is NaN or infinite where any of its terms is, and costs a tenth of looking at each
            if math.isfinite(
                cv2.sumElems(one.summed.reshape(len(one.scores), -1))[0] + float(one.scores.sum())
            ):
                continue
            finite = np.isfinite(one.raw).all(axis=(1, 2, 3)) & np.isfinite(one.scores)
            if finite.all():
                continue
            frame = batch.frames[int(np.argmin(finite))]
            raise NotFiniteError(
                "a finite attribution",
                f"frame {frame.index} ({frame.time_s:.2f} s) gives NaN or infinity under {self.method.name}",
                "check the model's input scaling and weights",
            )


def check_cases(question: Question) -> None:
    """Raises OptionError where a case needs a sign that the method, or the reduction, does not give."""
    asked = method(question.method)
    known = get_args(Reduction)
    if question.reduce not in known:
        do = nearest(str(question.reduce), known, "choose one of them")
        raise OptionError(f"reduce among {', '.join(known)}", f"it is {question.reduce!r}", do)
    signed = [case.name for case in question.cases if case.reads in ("push", "pull")]
    if signed and not (asked.signed and question.reduce == "sum"):
        why = f"--reduce {question.reduce} takes the sign away" if asked.signed else f"{asked.name} is unsigned"
        raise OptionError(
            f"a map whose sign says which way, for {' and '.join(signed)}",
            why,
            "use --cases magnitude, or choose a signed method, see `drivesal methods`",
        )


def _item(values: Floats | None, i: int) -> float | None:
    return None if values is None else float(values[i])


@dataclass(frozen=True, slots=True)
class Study:
    """What a probe of a recording found: the clip's statistics and the probe's frames explained.

    `frames` are all of the probe's, their images the model's pictures; of a costly method fewer are explained.
    """

    clip: ClipStatistics
    explainer: Explainer
    probe: list[Explained]
    frames: list[Frame]


def study(recording: Recording, model: SteeringModel, question: Question, span: Span = WHOLE) -> Study:
    """Looks at PROBE frames of the recording and makes the explainer for the rest; see `study_of`."""
    frames = [
        dataclasses.replace(frame, image=model.prepare(frame.image))
        for frame in recording.sample(probe_size(model), span)
    ]
    return study_of(frames, model, question)


def probe_size(model: SteeringModel) -> int:
    """How many frames a probe for this model takes."""
    height, width = model.preprocess.size
    return max(min(PROBE, PROBE_BYTES // (height * width * PROBE_PIXEL)), LEAST_PROBE)


def study_of(
    frames: Sequence[Frame],
    model: SteeringModel,
    question: Question,
    tick: Callable[[float, int], object] = lambda share, frames: None,
) -> Study:
    """What a probe tells, of frames whose images are the model's pictures already.

    The mean picture is theirs; for one picture alone it is the card's. Of a costly method fewer of the frames
    are explained. `tick` is told the share done of how many frames and may raise to end it. Raises InputError
    without frames, OptionError where a mean picture is needed and neither is there.
    """
    if not frames:
        raise nothing_decoded()
    pictures = np.stack([frame.image for frame in frames])
    mean, mean_of = mean_picture(model, pictures, question)
    explainer = Explainer(model, question, mean, pictures, mean_of)
    every = -(-len(frames) // max(PROBE_PASSES // explainer.passes, LEAST_PROBE))
    chosen = frames[::every]
    probe = []
    with explainer.watched(len(chosen), lambda share: tick(share, len(chosen))):
        for at in range(0, len(chosen), explainer.limit):
            probe += explainer.explain_batch(_prepared(chosen[at : at + explainer.limit], model))
    return Study(_statistics(mean, probe), explainer, probe, list(frames))


def nothing_decoded() -> InputError:
    """What is said where a range has no frame that can be decoded."""
    return InputError(
        "a range with a frame that can be decoded", "none of it can be", "choose another range or file"
    )


def _prepared(frames: Sequence[Frame], model: SteeringModel) -> Batch:
    """A batch of frames whose images are the model's pictures already."""
    pictures = np.stack([frame.image for frame in frames])
    indices = np.array([frame.index for frame in frames], np.int64)
    return Batch(list(frames), Seen(pictures, indices, model.others_of(frames)))


def _statistics(mean: Floats, probe: list[Explained]) -> ClipStatistics:
    gradients = [one.gradient for one in probe if one.gradient is not None]
    if not gradients:
        return ClipStatistics(mean)
    reach = np.any([one != 0 for one in gradients], axis=0)
    levels = np.stack([patch_sensitivity(one) for one in gradients])[:, reach]
    return ClipStatistics(mean, float(np.median(levels)) if levels.size else 0.0, reach)
