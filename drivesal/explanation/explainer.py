"""The core: frames in, `Explained` out. Video, image and whatever comes later share it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args

import cv2
import numpy as np

from drivesal.attribution.methods.integrated import EXACT
from drivesal.attribution.registry import Attributed, Attributor, Context, Method, Reduction, method
from drivesal.errors import DrivesalError, OptionError, nearest
from drivesal.explanation.frame_batches import Batch, batches
from drivesal.explanation.reference import in_words
from drivesal.explanation.registry import choose, chosen, usual
from drivesal.types import Explained, Frame

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.overlay.content import Layout
    from drivesal.settings import ExplainSettings
    from drivesal.types import Floats, Image

PASSES = 256
"""Most gradient or forward passes in one batch, so that a stop is heeded within a second or two."""


class NotFiniteError(DrivesalError):
    """An attribution holds NaN or infinity: never a picture."""


class Explainer:
    """A model, a method and what the cases need, compiled once.

    `mean` (h, w, 3) float32 is the clip's mean picture, the baseline "mean" of contributions, `mean_of` says
    whose it is, and `pictures` (M, h, w, 3) uint8 are spread over the clip. Raises OptionError for a method or
    option that does not exist, and for cases that need a sign where the map has none.
    """

    def __init__(
        self,
        model: SteeringModel,
        settings: ExplainSettings,
        mean: Floats,
        pictures: Image,
        mean_of: str = "the mean picture that was given",
    ) -> None:
        self.model, self.mean_of = model, mean_of
        self.settings = settings
        self.cases = chosen(settings)
        self.method: Method = method(settings.method)
        self.options = self.method.settings(settings.options)
        self._watch = threading.local()
        self.context = Context(mean, pictures, settings.batch_size, settings.seed, self._tick)
        self._passes = 0
        check_cases(settings)
        self._main = self._built(model, self.method, self.options)
        pulls = any(case.reads == "pull" for case in self.cases) and not self.method.odd
        self._negated = self._built(model.negated, self.method, self.options) if pulls else None
        reads = {case.reads for case in self.cases}
        self._gradient = self._other("gradient", {}) if "gradient" in reads else None
        # cases are against the clip's mean whatever --baseline says: see "Cases" in docs/how-it-works.md
        against = {"baseline": "mean", "steps": settings.options.get("steps", EXACT)}
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
    def contribution_reference(self) -> str | None:
        """What the contributions that cases read are measured against, in words; None where none reads them."""
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
        reduce = self.settings.reduce
        push, pull = main.reduced(reduce), negated.reduced(reduce) if negated else None
        angles = main.scores
        if not self.model.explains_its_answer:
            angles = self.model.predict(batch.seen.pictures, batch.seen.others)
        sided = self.model.kind.sided  # a number that is no angle is not compared with labels
        return [
            Explained(
                frame=frame if sided else dataclasses.replace(frame, steering=None),
                picture=batch.seen.pictures[i],
                angle=float(angles[i]),
                score=float(main.scores[i]),
                raw=main.raw[i],
                to_rgb=main.to_rgb,
                push=push[i],
                pull=None if pull is None else pull[i],
                gradient=gradient.summed[i] if gradient else None,
                contribution=contribution.summed[i] if contribution else None,
                baseline_score=_item(measured.baseline_scores if measured else None, i),
                completeness_error=_item(measured.completeness_errors if measured else None, i),
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


def with_cases(settings: ExplainSettings, layout: Layout = "grid") -> ExplainSettings:
    """The settings with the method's own name and, where no cases are named, the usual ones of the layout.

    Raises OptionError for a method, option or case that does not exist or does not go with the others.
    """
    asked = method(settings.method)
    asked.settings(settings.options)
    names = (
        usual(asked.signed and settings.reduce == "sum", layout) if settings.cases is None else settings.cases
    )
    cases = tuple(case.name for case in choose(names, settings.maintain))
    settings = settings.but(method=asked.name, cases=cases)
    check_cases(settings)
    return settings


def check_cases(settings: ExplainSettings) -> None:
    """Raises OptionError where a case needs a sign that the method, or the reduction, does not give."""
    asked = method(settings.method)
    known = get_args(Reduction)
    if settings.reduce not in known:
        do = nearest(str(settings.reduce), known, "choose one of them")
        raise OptionError(f"reduce among {', '.join(known)}", f"it is {settings.reduce!r}", do)
    signed = [case.name for case in chosen(settings) if case.signed]
    if signed and not (asked.signed and settings.reduce == "sum"):
        why = f"--reduce {settings.reduce} takes the sign away" if asked.signed else f"{asked.name} is unsigned"
        raise OptionError(
            f"a map whose sign says which way, for {' and '.join(signed)}",
            why,
            f"use --cases {','.join(usual(False))}, or choose a signed method, see `drivesal methods`",
        )


def _item(values: Floats | None, i: int) -> float | None:
    return None if values is None else float(values[i])
