"""What lies open in a review: a drive, models, and what was computed of them."""

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
from drivesal.explanation.frame_batches import nothing_decoded
from drivesal.explanation.registry import without_asking
from drivesal.explanation.study import Study, probe_size, study_of
from drivesal.recordings.labels.comparing import apart, fitted
from drivesal.recordings.labels.converted import ConvertedRecording
from drivesal.rendering.painter import Painter
from drivesal.rendering.render_request import USUAL_LOOK, GivenScale, Request
from drivesal.review.compute.freeing import give_back
from drivesal.review.compute.whatif import NOTHING, Edit
from drivesal.settings import ExplainSettings, LookSettings
from drivesal.types import Explained, Frame

if TYPE_CHECKING:
    from collections.abc import Hashable

    from drivesal.explanation.scale import Scale
    from drivesal.model.steering_model import SteeringModel
    from drivesal.review.compute.frames import FrameStore
    from drivesal.review.compute.work import Tick
    from drivesal.types import Floats, Image, Recording

HELD_BYTES = 64 << 20
"""Bytes of maps that are kept of frames that were looked at."""
STUDY_BYTES = 128 << 20
"""Bytes of probes that are kept, each of a model under a method; of PilotNet 10 to 20 MB."""
HELD_PAINTERS = 32
USUAL_EXPLAIN = ExplainSettings()
_NO_MAP = np.zeros((0, 0, 1), np.float32)


@dataclass(frozen=True, slots=True)
class View:
    """How a frame is looked at: what is explained, how it is drawn, and of which model, counted from 0.

    `cases` are wanted beside those that every view has: what they read is computed only for them.
    """

    explain: ExplainSettings = USUAL_EXPLAIN
    look: LookSettings = USUAL_LOOK
    model: int = 0
    cases: tuple[str, ...] = ()

    @property
    def asked(self) -> ExplainSettings:
        """What the model is asked: the cases that the method has without asking, and those wanted.

        Raises OptionError.
        """
        chosen = method(self.explain.method)
        chosen.settings(self.explain.options)
        names = (*without_asking(chosen.signed), *self.cases)
        return with_cases(self.explain.but(method=chosen.name, cases=names))


@dataclass(frozen=True, slots=True)
class Told:
    """One frame explained: its numbers, each case's heat (h, w) float32 unsmoothed, and the model's picture.

    `before` is the angle of the frame as it was where it has been edited.
    """

    explained: Explained
    heats: Mapping[str, Floats]
    before: float | None

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        return _nbytes(self.explained) + sum(heat.nbytes for heat in self.heats.values())


def _slim(one: Explained) -> Explained:
    """Without the map of every channel, the largest of it, which no view shows."""
    return dataclasses.replace(one, raw=_NO_MAP)


def _nbytes(one: Explained) -> int:
    maps = (one.picture, one.raw, one.push, one.pull, one.gradient, one.contribution)
    return sum(each.nbytes for each in maps if each is not None)


class Held:
    """The results used last, by key, up to a number of bytes. For any thread."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._results: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """What was put under the key, None where it is not held any more."""
        with self._lock:
            if key not in self._results:
                return None
            self._results.move_to_end(key)
            return self._results[key][0]

    def put(self, key: Hashable, result: Any, size: int) -> None:
        """Holds a result of about `size` bytes and lets go of the oldest."""
        with self._lock:
            self._size += size - self._results.pop(key, (None, 0))[1]
            self._results[key] = result, size
            while self._size > self._most and len(self._results) > 1:
                self._size -= self._results.popitem(last=False)[1][1]


@dataclass(frozen=True, slots=True)
class Probe:
    """Frames spread over a drive: for each model as it sees them, and their mean (H, W, 3) uint8 RGB."""

    frames: list[list[Frame]]
    mean: Image


def _probe(recording: Recording, models: Sequence[SteeringModel]) -> Probe:
    counts = [probe_size(model) for model in models]
    seen: list[list[Frame]] = [[] for _ in models]
    total, count = np.zeros(1, np.float32), 0
    for frame in recording.sample(max(counts)):
        total, count = total + frame.image, count + 1
        for model, frames, most in zip(models, seen, counts, strict=True):
            if len(frames) < most:
                frames.append(dataclasses.replace(frame, image=model.prepare(frame.image)))
    if not count:
        raise nothing_decoded()
    return Probe(seen, (total / count).round().astype(np.uint8))


class Desk:
    """A drive and the models it is reviewed with, all of one kind of answer.

    Everything that asks a network takes a `tick` and belongs into the thread of `Work`; frames come from any
    thread. `recording` has its labels in the models' kind of angle where that can be (`steering_ratio` as for
    `comparing.fitted`); else `labels` is their kind. Raises OptionError where the models' answers cannot be
    compared, InputError where the frames do not hold a model's crop, LabelError for labels that the user named.
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
            came = " and ".join(
                f"{model.name} answers {model.kind.unit} at {model.kind.turns}" for model in models
            )
            raise OptionError("models of one kind of angle", came, "review them one by one")
        answer = min((model.kind for model in self.models), key=lambda kind: kind.turns == "unknown")
        self.recording = fitted(recording, answer, steering_ratio)
        self.labels = apart(self.recording, answer)
        for model in self.models:
            model.preprocess.crop.box(recording.info.width, recording.info.height)  # refuses too small frames
        self._studies = Held(STUDY_BYTES)
        self._painters = Held(HELD_PAINTERS)
        self._told = Held(HELD_BYTES)
        self._probe: Probe | None = None
        self._probing = threading.Lock()

    def frame(self, index: int, edit: Edit = NOTHING) -> Frame:
        """The frame, as the edit leaves it. Raises InputError where there is none."""
        frame = self.frames.at(index)
        if isinstance(self.recording, ConvertedRecording):
            frame = self.recording.converted(frame)
        if edit.nothing:
            return frame
        return dataclasses.replace(frame, image=edit.apply(frame.image, self.mean_frame()))

    def mean_frame(self) -> Image:
        """(H, W, 3) uint8 RGB: the mean of frames spread over the drive."""
        return self._probed().mean

    def _probed(self) -> Probe:
        """Frames spread over the drive, read when they are first needed. Raises InputError."""
        with self._probing:
            if self._probe is None:
                self._probe = _probe(self.recording, self.models)
            return self._probe

    def passes(self, view: View, number: int) -> int:
        """How many passes of a model a frame takes under a view's method. Raises OptionError, ModelError."""
        model, chosen = self.models[number], method(view.explain.method)
        return chosen.passes_of(chosen.settings(view.explain.options), model.preprocess.size, model)

    def studied(self, view: View, tick: Tick) -> Study:
        """The clip's statistics under this view, from a probe."""
        asked = view.asked
        key = (view.model, asked)
        found: Study | None = self._studies.get(key)
        if found is None:
            title = method(view.explain.method).title

            def measuring(share: float, frames: int) -> None:
                tick(share, f"measuring the scale of {title} over {frames} frames")

            frames = self._probed().frames[view.model]
            found = study_of(frames, self.models[view.model], asked, measuring)
            found = dataclasses.replace(found, probe=[_slim(one) for one in found.probe])
            self._studies.put(key, found, sum(_nbytes(one) for one in found.probe))
            give_back()
        return found

    def painter(self, view: View, tick: Tick) -> Painter:
        """What draws this view; of two models on the scale of both, where that has the same unit."""
        painter: Painter | None = self._painters.get(view)
        if painter is None:
            scale = None
            if len(self.models) > 1:
                views = [dataclasses.replace(view, model=number) for number in range(len(self.models))]
                widest, whose = _widest([self._painted(one, None, tick).scale for one in views])
                scale = GivenScale({"scale": widest}, whose)
            painter = self._painted(view, scale, tick)
            self._painters.put(view, painter, 1)
        return painter

    def _painted(self, view: View, scale: GivenScale | None, tick: Tick) -> Painter:
        studied = self.studied(view, tick)
        request = Request(view.asked, view.look, scale=scale)
        return Painter(self.recording, self.models[view.model], studied, request, trace=False)

    def told(self, view: View, index: int, edit: Edit, tick: Tick) -> Told:
        """The frame explained. Raises InputError where there is no such frame."""
        key = (view.model, view.asked, index, edit)
        found: Told | None = self._told.get(key)
        if found is not None:
            return found
        studied = self.studied(view, tick)
        with studied.explainer.watched(1, tick):
            explained = next(studied.explainer.explain([self.frame(index, edit)]))
        heats = {case.name: case.heat(explained, studied.clip) for case in studied.explainer.cases}
        before = None if edit.nothing else self.angle(view.model, self.frame(index))
        # the frame itself is kept elsewhere
        bare = dataclasses.replace(explained.frame, image=explained.picture)
        found = Told(_slim(dataclasses.replace(explained, frame=bare)), heats, before)
        self._told.put(key, found, found.nbytes)
        return found

    def angle(self, number: int, frame: Frame) -> float:
        """What a model answers to a frame."""
        model = self.models[number]
        return float(model.predict(model.prepare(frame.image)[None], model.others_of([frame]))[0])


def _widest(scales: Sequence[Scale]) -> tuple[dict[str, Any], dict[str, str]]:
    """One scale for several models as facts have it, each case's largest; and the model that it comes from."""
    facts = [scale.as_json() for scale in scales]
    widest = {case: max(range(len(facts)), key=lambda n: facts[n][case]["full"]) for case in facts[0]}
    return {case: facts[n][case] for case, n in widest.items()}, {case: "AB"[n] for case, n in widest.items()}
