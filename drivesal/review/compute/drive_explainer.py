"""Explains frames of a drive under review with one or more models, with caches of results and statistics."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesal.attribution.registry import method
from drivesal.errors import OptionError
from drivesal.explanation.explainer import with_cases
from drivesal.explanation.frame_batches import no_decodable_frame
from drivesal.explanation.registry import standard_cases
from drivesal.explanation.study import Study, probe_size, study_of
from drivesal.recordings.labels.comparing import apart, fitted
from drivesal.recordings.labels.converted import ConvertedRecording
from drivesal.rendering.painter import Painter
from drivesal.rendering.render_request import USUAL_LOOK, GivenScale, Request
from drivesal.review.compute.memory import release_memory
from drivesal.review.compute.whatif import NO_EDIT, Edit
from drivesal.settings import ExplainSettings, LookSettings
from drivesal.types import Explained, Frame

if TYPE_CHECKING:
    from collections.abc import Hashable

    from drivesal.explanation.scale import Scale
    from drivesal.model.steering_model import SteeringModel
    from drivesal.review.compute.frame_store import FrameStore
    from drivesal.review.compute.job_queue import Tick
    from drivesal.types import Floats, Image, Recording

RESULT_CACHE_BYTES = 64 << 20
"""Bytes of cached maps of frames."""
STUDY_CACHE_BYTES = 128 << 20
"""Bytes of cached probes, one per model and method; a probe of PilotNet takes 10 to 20 MB."""
PAINTER_CACHE_SIZE = 32
DEFAULT_EXPLAIN = ExplainSettings()
_NO_MAP = np.zeros((0, 0, 1), np.float32)


@dataclass(frozen=True, slots=True)
class View:
    """How a frame is shown: what is explained, how it is drawn, and the index of the model.

    `cases` are additional to those that every view has; the maps that they read are computed on request only.
    """

    explain: ExplainSettings = DEFAULT_EXPLAIN
    look: LookSettings = USUAL_LOOK
    model: int = 0
    cases: tuple[str, ...] = ()

    @property
    def settings(self) -> ExplainSettings:
        """The complete settings, with the standard cases of the method and the additional ones.

        Raises OptionError.
        """
        selected = method(self.explain.method)
        selected.settings(self.explain.options)
        names = (*standard_cases(selected.signed), *self.cases)
        return with_cases(self.explain.but(method=selected.name, cases=names))


@dataclass(frozen=True, slots=True)
class ExplainedFrame:
    """The result for one frame: its numbers, the model input, and each case's unsmoothed heat (h, w) float32.

    `before` is the prediction for the original frame, None if the frame is not edited.
    """

    explained: Explained
    heats: Mapping[str, Floats]
    before: float | None

    @property
    def nbytes(self) -> int:
        """Approximate memory [bytes]."""
        return _nbytes(self.explained) + sum(heat.nbytes for heat in self.heats.values())


def _without_raw(explained: Explained) -> Explained:
    """Remove the map with all channels, the largest array, which no view shows."""
    return dataclasses.replace(explained, raw=_NO_MAP)


def _nbytes(explained: Explained) -> int:
    arrays = (
        explained.model_input,
        explained.raw,
        explained.attribution,
        explained.negated_attribution,
        explained.gradient,
        explained.contribution,
    )
    return sum(array.nbytes for array in arrays if array is not None)


class ResultCache:
    """The most recently used results by key, up to a total size. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._size = capacity, 0
        self._results: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """The result with this key, None if it is not in the cache."""
        with self._lock:
            if key not in self._results:
                return None
            self._results.move_to_end(key)
            return self._results[key][0]

    def put(self, key: Hashable, result: Any, size: int) -> None:
        """Add a result of this size and evict the least recently used ones."""
        with self._lock:
            self._size += size - self._results.pop(key, (None, 0))[1]
            self._results[key] = result, size
            while self._size > self._capacity and len(self._results) > 1:
                self._size -= self._results.popitem(last=False)[1][1]


@dataclass(frozen=True, slots=True)
class Probe:
    """Frames spread over a drive: for each model with its input as image; and their mean (H, W, 3) uint8."""

    frames: list[list[Frame]]
    mean: Image


def _probe(recording: Recording, models: Sequence[SteeringModel]) -> Probe:
    sizes = [probe_size(model) for model in models]
    frames_by_model: list[list[Frame]] = [[] for _ in models]
    total, count = np.zeros(1, np.float32), 0
    for frame in recording.sample(max(sizes)):
        total, count = total + frame.image, count + 1
        for model, frames, size in zip(models, frames_by_model, sizes, strict=True):
            if len(frames) < size:
                frames.append(dataclasses.replace(frame, image=model.prepare(frame.image)))
    if not count:
        raise no_decodable_frame()
    return Probe(frames_by_model, (total / count).round().astype(np.uint8))


class DriveExplainer:
    """A drive and the models under review, whose predictions are all of one kind.

    Methods that run a network take a `tick` and must be called in the thread of the `JobQueue`; frames can be
    read in any thread. The labels of `recording` are converted to the models' kind of angle if possible
    (`steering_ratio` as for `comparing.fitted`); otherwise `labels` is their kind. Raises OptionError if the
    models' predictions are not comparable, InputError if a model's crop does not fit into the frames,
    LabelError for labels that the user named.
    """

    def __init__(
        self,
        recording: Recording,
        frames: FrameStore,
        models: Sequence[SteeringModel],
        steering_ratio: float | None = None,
    ) -> None:
        self.frames, self.models = frames, list(models)
        kinds = {model.kind for model in models}
        if len({kind.unit for kind in kinds}) > 1 or any(not a.comparable(b) for a in kinds for b in kinds):
            actual = " and ".join(
                f"{model.name} predicts {model.kind.unit} at {model.kind.turns}" for model in models
            )
            raise OptionError("models of one kind of angle", actual, "review them one by one")
        kind = min((model.kind for model in self.models), key=lambda kind: kind.turns == "unknown")
        self.recording = fitted(recording, kind, steering_ratio)
        self.labels = apart(self.recording, kind)
        for model in self.models:
            model.preprocess.crop.box(recording.info.width, recording.info.height)  # raises for small frames
        self._studies = ResultCache(STUDY_CACHE_BYTES)
        self._painters = ResultCache(PAINTER_CACHE_SIZE)
        self._results = ResultCache(RESULT_CACHE_BYTES)
        self._probe: Probe | None = None
        self._probe_lock = threading.Lock()

    def frame(self, index: int, edit: Edit = NO_EDIT) -> Frame:
        """The edited frame. Raises InputError if there is no such frame."""
        frame = self.frames.at(index)
        if isinstance(self.recording, ConvertedRecording):
            frame = self.recording.converted(frame)
        if edit.empty:
            return frame
        return dataclasses.replace(frame, image=edit.apply(frame.image, self.mean_frame()))

    def mean_frame(self) -> Image:
        """Mean of frames spread over the drive, (H, W, 3) uint8 RGB."""
        return self._get_probe().mean

    def _get_probe(self) -> Probe:
        """Frames spread over the drive, read on first use. Raises InputError."""
        with self._probe_lock:
            if self._probe is None:
                self._probe = _probe(self.recording, self.models)
            return self._probe

    def passes(self, view: View, number: int) -> int:
        """Passes of a model per frame with a view's method. Raises OptionError, ModelError."""
        model, selected = self.models[number], method(view.explain.method)
        return selected.passes_of(selected.settings(view.explain.options), model.preprocess.size, model)

    def study(self, view: View, tick: Tick) -> Study:
        """The clip's statistics for this view, from a probe."""
        settings = view.settings
        key = (view.model, settings)
        study: Study | None = self._studies.get(key)
        if study is None:
            title = method(view.explain.method).title

            def report(share: float, frames: int) -> None:
                tick(share, f"measuring the scale of {title} over {frames} frames")

            frames = self._get_probe().frames[view.model]
            study = study_of(frames, self.models[view.model], settings, report)
            study = dataclasses.replace(study, probe=[_without_raw(explained) for explained in study.probe])
            self._studies.put(key, study, sum(_nbytes(explained) for explained in study.probe))
            release_memory()
        return study

    def painter(self, view: View, tick: Tick) -> Painter:
        """The painter of this view; two models share one scale."""
        painter: Painter | None = self._painters.get(view)
        if painter is None:
            scale = None
            if len(self.models) > 1:
                views = [dataclasses.replace(view, model=number) for number in range(len(self.models))]
                shared, sources = _shared_scale([self._painter(one, None, tick).scale for one in views])
                scale = GivenScale({"scale": shared}, sources)
            painter = self._painter(view, scale, tick)
            self._painters.put(view, painter, 1)
        return painter

    def _painter(self, view: View, scale: GivenScale | None, tick: Tick) -> Painter:
        study = self.study(view, tick)
        request = Request(view.settings, view.look, scale=scale)
        return Painter(self.recording, self.models[view.model], study, request, trace=False)

    def explain(self, view: View, index: int, edit: Edit, tick: Tick) -> ExplainedFrame:
        """Explain one frame. Raises InputError if there is no such frame."""
        key = (view.model, view.settings, index, edit)
        result: ExplainedFrame | None = self._results.get(key)
        if result is not None:
            return result
        study = self.study(view, tick)
        progress = study.explainer.progress(1, tick)
        explained = next(study.explainer.explain([self.frame(index, edit)], progress))
        heats = {case.name: case.heat(explained, study.clip) for case in study.explainer.cases}
        before = None if edit.empty else self.angle(view.model, self.frame(index))
        # the full-size image is in the frame store
        frame = dataclasses.replace(explained.frame, image=explained.model_input)
        result = ExplainedFrame(_without_raw(dataclasses.replace(explained, frame=frame)), heats, before)
        self._results.put(key, result, result.nbytes)
        return result

    def angle(self, number: int, frame: Frame) -> float:
        """A model's prediction for a frame."""
        model = self.models[number]
        return float(model.predict(model.prepare(frame.image)[None], model.auxiliary_inputs_of([frame]))[0])


def _shared_scale(scales: Sequence[Scale]) -> tuple[dict[str, Any], dict[str, str]]:
    """One scale for several models, the largest for each case, in the form of the facts; and its model."""
    facts = [scale.as_json() for scale in scales]
    largest = {case: max(range(len(facts)), key=lambda n: facts[n][case]["full"]) for case in facts[0]}
    return {case: facts[n][case] for case, n in largest.items()}, {case: "AB"[n] for case, n in largest.items()}
