"""The core: frames in, `Explained` out. All commands that show or test attributions use it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args

import cv2
import numpy as np

from drivesal.attribution.methods.integrated import EXACT
from drivesal.attribution.registry import Attributed, Attributor, Context, Method, Reduction, method
from drivesal.errors import DrivesalError, OptionError, nearest
from drivesal.explanation.frame_batches import Batch, batches
from drivesal.explanation.reference import describe_reference
from drivesal.explanation.registry import choose, chosen, usual
from drivesal.types import Explained, Frame

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.overlay.content import Layout
    from drivesal.settings import ExplainSettings
    from drivesal.types import Floats, Image

Progress = Callable[[int], object]
"""Gets the number of passes that follow; may raise to stop them."""
PASSES = 256
"""Maximum gradient or forward passes in one batch, so that a stop takes effect within a second or two."""


class NotFiniteError(DrivesalError):
    """An attribution contains NaN or infinity and must not be drawn."""


class Explainer:
    """A model with a method and the further attributions that the cases need, compiled once.

    `mean` (h, w, 3) float32 is the clip's mean image, used for the baseline "mean" and for the case support;
    `mean_source` describes where it comes from; `images` (M, h, w, 3) uint8 are model inputs spread over the
    clip. Raises OptionError for an unknown method or option, and for signed cases of an unsigned map.
    """

    def __init__(
        self,
        model: SteeringModel,
        settings: ExplainSettings,
        mean: Floats,
        images: Image,
        mean_source: str = "the given mean image",
    ) -> None:
        self.model, self.mean_source = model, mean_source
        self.settings = settings
        self.cases = chosen(settings)
        self.method: Method = method(settings.method)
        self.options = self.method.settings(settings.options)
        self.context = Context(mean, images, settings.batch_size, settings.seed)
        self._passes = 0
        check_cases(settings)
        self._main = self._build(model, self.method, self.options)
        needs_negated = (
            any(case.reads == "negated_attribution" for case in self.cases) and not self.method.antisymmetric
        )
        self._negated = self._build(model.negated, self.method, self.options) if needs_negated else None
        reads = {case.reads for case in self.cases}
        self._gradient = self._additional("gradient", {}) if "gradient" in reads else None
        # the case support uses the clip's mean whatever --baseline is: see "Cases" in docs/how-it-works.md
        options = {"baseline": "mean", "steps": settings.options.get("steps", EXACT)}
        self._contribution = (
            self._additional("integrated-gradients", options) if "contribution" in reads else None
        )

    def _build(self, model: SteeringModel, chosen: Method, options: Mapping[str, Any]) -> Attributor:
        self._passes += chosen.passes_of(options, self.model.preprocess.size, model)
        return chosen.build(model, self.context, **options)

    def _additional(self, name: str, options: Mapping[str, Any]) -> Attributor:
        """The attributor of a further method; the main one if method and options are the same."""
        additional = method(name)
        settings = additional.settings(options)
        if self.method.name == name and self.options == settings:
            return self._main
        return self._build(self.model, additional, settings)

    @property
    def reference(self) -> str | None:
        """Description of the method's baseline or fill; None if it has neither."""
        return describe_reference(self.method, self.options, self.mean_source, len(self.context.images))

    @property
    def contribution_reference(self) -> str | None:
        """Description of the baseline of the contributions that cases read; None if no case reads them."""
        return None if self._contribution is None else self.mean_source

    @property
    def passes(self) -> int:
        """Gradient or forward passes per frame."""
        return self._passes

    @property
    def limit(self) -> int:
        """Maximum number of frames in one batch."""
        return min(self.context.batch, max(1, PASSES // self._passes))

    def progress(self, frames: int, tick: Callable[[float], object]) -> Progress:
        """For `explain` and `explain_batch`: calls `tick` with the share of `frames` frames done, 0..1.

        Methods of many passes report between calls of the network; `tick` may raise to stop them.
        """
        done = 0

        def report(passes: int) -> None:
            nonlocal done
            tick(min(done / (frames * self._passes), 1.0))
            done += passes

        return report

    def explain(self, frames: Iterable[Frame], progress: Progress | None = None) -> Iterator[Explained]:
        """Explain the frames in order. Raises NotFiniteError with the frame and the method."""
        for batch in batches(frames, self.model, self.limit):
            yield from self.explain_batch(batch, progress)

    def explain_batch(self, batch: Batch, progress: Progress | None = None) -> list[Explained]:
        """Explain one batch, with one call for each map that the cases need."""
        if progress is not None:
            batch = Batch(batch.frames, dataclasses.replace(batch.seen, tick=progress))
        main = self._main(batch.seen)
        negated = self._negated(batch.seen) if self._negated else None
        gradient = self._run(self._gradient, batch, main)
        contribution = self._run(self._contribution, batch, main)
        self._check(batch, main, negated, gradient, contribution)
        with_baseline = contribution or (main if main.baseline_scores is not None else None)
        reduce = self.settings.reduce
        attribution, opposite = main.reduced(reduce), negated.reduced(reduce) if negated else None
        angles = main.scores
        if not self.model.explains_prediction:
            angles = self.model.predict(batch.seen.images, batch.seen.auxiliary)
        sided = self.model.kind.sided  # an output that is not an angle is not compared with labels
        return [
            Explained(
                frame=frame if sided else dataclasses.replace(frame, steering=None),
                model_input=batch.seen.images[i],
                angle=float(angles[i]),
                score=float(main.scores[i]),
                raw=main.raw[i],
                to_rgb=main.to_rgb,
                attribution=attribution[i],
                negated_attribution=None if opposite is None else opposite[i],
                gradient=gradient.summed[i] if gradient else None,
                contribution=contribution.summed[i] if contribution else None,
                baseline_score=_item(with_baseline.baseline_scores if with_baseline else None, i),
                completeness_error=_item(with_baseline.completeness_errors if with_baseline else None, i),
            )
            for i, frame in enumerate(batch.frames)
        ]

    def _run(self, attributor: Attributor | None, batch: Batch, main: Attributed) -> Attributed | None:
        if attributor is None:
            return None
        return main if attributor is self._main else attributor(batch.seen)

    def _check(self, batch: Batch, *results: Attributed | None) -> None:
        for result in results:
            if result is None:
                continue
            # a sum is NaN or infinite if any of its terms is, and costs a tenth of testing each
            if math.isfinite(
                cv2.sumElems(result.summed.reshape(len(result.scores), -1))[0] + float(result.scores.sum())
            ):
                continue
            finite = np.isfinite(result.raw).all(axis=(1, 2, 3)) & np.isfinite(result.scores)
            if finite.all():
                continue
            frame = batch.frames[int(np.argmin(finite))]
            raise NotFiniteError(
                "a finite attribution",
                f"frame {frame.index} ({frame.time_s:.2f} s) gives NaN or infinity under {self.method.name}",
                "check the model's input scaling and weights",
            )


def with_cases(settings: ExplainSettings, layout: Layout = "grid") -> ExplainSettings:
    """The settings with the method's canonical name and, if no cases are named, the layout's default cases.

    Raises OptionError for an unknown method, option or case, or a combination that is not valid.
    """
    selected = method(settings.method)
    selected.settings(settings.options)
    signed = selected.signed and settings.reduce == "sum"
    names = usual(signed, layout) if settings.cases is None else settings.cases
    cases = tuple(case.name for case in choose(names, settings.maintain))
    settings = settings.but(method=selected.name, cases=cases)
    check_cases(settings)
    return settings


def check_cases(settings: ExplainSettings) -> None:
    """Raises OptionError if a case needs a sign that the method or the reduction does not provide."""
    selected = method(settings.method)
    known = get_args(Reduction)
    if settings.reduce not in known:
        do = nearest(str(settings.reduce), known, "choose one of them")
        raise OptionError(f"reduce among {', '.join(known)}", f"it is {settings.reduce!r}", do)
    signed = [case.name for case in chosen(settings) if case.signed]
    if signed and not (selected.signed and settings.reduce == "sum"):
        reason = f"{selected.name} is unsigned"
        if selected.signed:
            reason = f"--reduce {settings.reduce} removes the sign"
        raise OptionError(
            f"a signed map for {' and '.join(signed)}",
            reason,
            f"use --cases {','.join(usual(False))}, or choose a signed method, see `drivesal methods`",
        )


def _item(values: Floats | None, i: int) -> float | None:
    return None if values is None else float(values[i])
