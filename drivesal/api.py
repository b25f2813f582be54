"""The Python API, what `import drivesal` gives."""

from __future__ import annotations

import logging
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from drivesal import types
from drivesal.attribution import method as method_named
from drivesal.attribution import methods
from drivesal.card import card_path
from drivesal.cases import SIGNED, UNSIGNED, choose
from drivesal.comparing import with_full_lock
from drivesal.errors import InputError, LabelError, OptionError
from drivesal.explainer import BATCH, Question, Study, check_cases, study
from drivesal.loading import Declared, join
from drivesal.loading import load_model as read_model
from drivesal.model import SteeringModel
from drivesal.outputs import Outputs, encode_picture, writing
from drivesal.painter import Look, Request
from drivesal.preprocess import Crop, scale_from_range
from drivesal.recordings import LabelTrack, beside, open_recording, read_labels
from drivesal.recordings.memory import MemoryRecording
from drivesal.types import WHOLE, Frame, RecordingInfo, Span

if TYPE_CHECKING:
    from drivesal.attribution.registry import Reduction
    from drivesal.card import Card
    from drivesal.overlay.scene import Layout
    from drivesal.preprocess import Colour, Interpolation
    from drivesal.recordings.registry import Camera
    from drivesal.steering import Side, Turns, Unit
    from drivesal.target import Explainable
    from drivesal.types import Explained, Floats, Image

    Frames = types.Recording | str | Path | Frame | Image | Iterable[Image] | Iterable[Frame]

_log = logging.getLogger(__name__)

__all__ = ["Recording", "attribute", "explain", "load_model", "methods", "render"]


def load_model(
    model: str | Path | Any = None,
    *,
    card: Card | None = None,
    target: Explainable | None = None,
    feed: Mapping[str, float | str] | None = None,
    size: tuple[int, int] | None = None,
    crop: str | Crop | None = None,
    color: Colour | None = None,
    interpolation: Interpolation | None = None,
    input_scale: str | tuple[float, float] | None = None,
    output: str | int | None = None,
    bins: tuple[float, float] | None = None,
    pre_activation: bool = False,
    angle_unit: Unit | None = None,
    turns: Turns | None = None,
    positive: Side | None = None,
    full_lock_deg: float | None = None,
    unsafe: bool = False,
    lambdas: Mapping[str, str] | None = None,
    preset: str | None = None,
) -> SteeringModel:
    """A steering model from a `.keras` or HDF5 file with its card, a Keras model in memory, or the shipped one.

    None and the text "default" are the shipped one; a file of that name is Path("default") or "./default".
    What is given here goes before the card, as on the command line: `size` (height, width) of the input,
    `crop` "60:-25", `color` "YUV", `input_scale` "-1..1" or (-1, 1), what black and white become, `output` what
    steers, `angle_unit`, `positive` side.
    `target` is what is explained in place of the steering answer (see `drivesal.target`), `lambdas` what Lambda
    layers compute ({"lambda_1": "x/127.5-1"}), `preset` a family as with `--preset`.
    Raises ModelError, OptionError.
    """
    from drivesal.assets import SHIPPED, default_model

    declared = Declared(
        crop=Crop.parse(crop) if isinstance(crop, str) else crop,
        interpolation=interpolation,
        colour=color,
        input_scale=None if input_scale is None else scale_from_range(_range(input_scale)),
        output=None if output is None else str(output),
        bins=bins,
        pre_activation=pre_activation,
        unit=angle_unit,
        turns=turns,
        positive=positive,
        full_lock_deg=full_lock_deg,
        size=size,
    )
    if model is None or isinstance(model, str | Path):
        path = default_model() if model in (None, SHIPPED) else Path(model)
        return read_model(
            path, declared, unsafe=unsafe, target=target, feed=feed, lambdas=lambdas, preset=preset
        )
    if lambdas or preset is not None or unsafe:
        raise OptionError(
            "lambdas, preset and unsafe for a model in a file", "the model is in memory", "leave them out"
        )
    return join(model, card, declared, target=target, feed=feed)


def _range(given: str | tuple[float, float]) -> str:
    return given if isinstance(given, str) else "..".join(str(float(bound)) for bound in given)


def _place(at: float | int) -> float | int:
    """A time [s] as a float, an index as an int, also where NumPy gave it."""
    whole: Any = numbers.Integral
    return int(at) if isinstance(at, whole) else float(at)


class Recording(types.Recording):
    """A drive opened for reading: `with Recording("run.mp4") as run: for frame in run.frames(): ...`.

    `path` is a video, a picture or any recording of docs/recordings.md, its format told by its content or by
    `format`; `camera` is which of several. `labels` is the path of a CSV with steering angles, None for the one
    of the video's name beside it or the recording's own, False for none; `unit`, `positive`, `full_lock_deg`,
    `turns` and `angle_column` say what a CSV does not, `full_lock_deg` also of a drive's own labels. `rate` is
    frames a second of images, or of a stream without timestamps. Raises InputError, LabelError, OptionError.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        labels: str | Path | Literal[False] | None = None,
        rate: float | Fraction | None = None,
        strict: bool = False,
        angle_column: str | None = None,
        unit: Unit | None = None,
        positive: Side | None = None,
        full_lock_deg: float | None = None,
        turns: Turns = "unknown",
        offset_s: float = 0.0,
        format: str | None = None,
        camera: Camera | None = None,
    ) -> None:
        found = beside(path) if labels is None else (labels or None)
        exact = None if rate is None else Fraction(rate).limit_denominator(1001)

        def opened(track: LabelTrack | Literal[False] | None) -> types.Recording:
            said: dict[str, Any] = {"format": format, "camera": camera, "named": labels is not None}
            return open_recording(path, rate=exact, strict=strict, labels=track, **said)

        if found is None:
            self._inner = with_full_lock(opened(False if labels is False else None), full_lock_deg)
        else:
            said: dict[str, Any] = {"angle_column": angle_column, "unit": unit, "positive": positive}
            said |= {"full_lock_deg": full_lock_deg, "turns": turns, "offset_s": offset_s}
            try:
                self._inner = opened(read_labels(found, **said))
            except LabelError as error:
                if labels is not None:
                    raise
                _log.warning("%s beside the video is not used: %s", found, error)
                self._inner = with_full_lock(opened(None), full_lock_deg)
        self.losses = self._inner.losses

    @property
    def info(self) -> RecordingInfo:  # type: ignore[override]
        """Size, rate, length and kind of labels."""
        return self._inner.info

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """The frames of the span in order, decoded as they are asked for; may be called again."""
        return self._inner.frames(span)

    def at(self, where: float | int) -> Frame:
        """The frame with this index (int), or the one on screen at this time in seconds (float)."""
        return self._inner.at(_place(where))

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` frames spread over the span."""
        return self._inner.sample(count, span)

    def close(self) -> None:
        """Releases the file."""
        self._inner.close()


def attribute(
    model: SteeringModel | str | Path | Any,
    frames: Frames,
    method: str = "gradient",
    case: str | None = None,
    *,
    reduce: Reduction = "sum",
    batch_size: int = BATCH,
    seed: int = 0,
    **options: Any,
) -> Floats:
    """Attributes what the model answers to the pixels of the frames, all of one size.

    `frames`: a recording or its path, (N, H, W, 3) or (H, W, 3) uint8 RGB, a `Frame`, or an iterable of
    pictures or of `Frame`. Without `case` gives the signed maps (N, h, w, C) float32 at the model's size,
    positive for more (to the left); C is 3, at the RGB picture, or 1. With `case` ("increase", "decrease",
    "maintain", "support", "magnitude") gives its heat (N, h, w) ≥ 0, neither smoothed nor scaled. `options` are
    the method's own, see `methods()`; `reduce` "sum-abs" or "max-abs" gives (N, h, w) without a sign. All maps
    are kept in memory: for a long drive use `explain`. Raises DrivesalError.
    """
    names = () if case is None else (case,)
    with ExitStack() as stack:
        recording, studied = _study(stack, model, frames, names, method, reduce, batch_size, seed, options)
        explained = studied.explainer.explain(recording.frames())
        if case is None:
            maps = [one.signed if reduce == "sum" else one.push for one in explained]
        else:
            chosen = studied.explainer.cases[0]
            maps = [chosen.heat(one, studied.clip) for one in explained]
    return np.stack(maps)


def explain(
    model: SteeringModel | str | Path | Any,
    frames: Frames,
    method: str = "gradient",
    cases: Sequence[str] = (),
    *,
    batch_size: int = BATCH,
    seed: int = 0,
    **options: Any,
) -> Iterator[Explained]:
    """Like `attribute`, a frame at a time: its angle, what is explained and its maps, in memory one batch.

    `cases` are those that will be drawn, which decides what else is computed (the gradient for maintain).
    """
    with ExitStack() as stack:
        recording, studied = _study(stack, model, frames, cases, method, "sum", batch_size, seed, options)
        yield from studied.explainer.explain(recording.frames())


def render(
    frames: Frames,
    model: SteeringModel | str | Path | Any = None,
    out: str | Path | None = None,
    *,
    at: float | int | None = None,
    method: str = "gradient",
    cases: Sequence[str] | None = None,
    maintain: str = "product",
    reduce: Reduction = "sum",
    layout: Layout = "grid",
    width: int | None = None,
    opacity: float = 0.8,
    colormap: str | None = None,
    smooth: float = 2.0,
    scale: Literal["clip", "frame"] = "clip",
    start: float | int | None = None,
    end: float | int | None = None,
    every: int = 1,
    overwrite: bool = False,
    batch_size: int = BATCH,
    seed: int = 0,
    steering_ratio: float | None = None,
    **options: Any,
) -> Any:
    """Draws what `drivesal video` and `drivesal image` draw.

    With `at` (seconds as float, an index as int), or of one picture alone: the canvas (H, W, 3) uint8 RGB,
    also written where `out` is given (.png or .jpg). Otherwise an overlay video to `out` (.mp4) with its table
    (.csv) and facts (.json) beside it; gives the facts. `steering_ratio` is the degrees of the steering wheel
    for one of the road wheels, where labels and model differ. Raises DrivesalError.
    """
    from drivesal.pipeline import render_image, render_video

    if scale not in ("clip", "frame"):
        raise OptionError("scale clip or frame", f"it is {scale!r}", "choose one of them")
    if every < 1:
        raise OptionError("every Nth frame with N of at least 1", f"N is {every}", "use 1 for all")
    _check_batch(batch_size)
    chosen = method_named(method)
    if cases is None:
        cases = SIGNED if chosen.signed and reduce == "sum" else UNSIGNED
    question = Question(
        choose(cases, maintain), chosen.name, chosen.settings(options), reduce, batch_size, seed
    )
    check_cases(question)
    look = Look(layout, width, opacity, colormap, smooth, scale == "frame")
    request = Request(question, look, Span(start, end, every), steering_ratio)
    with ExitStack() as stack:
        recording = _recording(frames, stack)
        steering = _model(model)
        if at is not None or recording.info.length == 1:
            figure = render_image(recording, steering, request, 0 if at is None else _place(at))
            if out is not None:
                write_picture(Path(out), figure.canvas, overwrite, _read(recording, steering, options))
            return figure.canvas.copy()
        paths = _video_paths(out)
        read = _read(recording, steering, options)
        outputs = stack.enter_context(Outputs(list(paths.values()), overwrite=overwrite, inputs=read))
        return render_video(recording, steering, request, outputs, paths)


def _read(recording: types.Recording, model: SteeringModel, options: Mapping[str, Any]) -> list[Path]:
    """Every file that a run may have read, so that no output replaces one."""
    path = recording.info.path
    others = [beside(path), *([model.path, card_path(model.path)] if model.path else ())]
    others += [Path(one) for one in (options.get("baseline"),) if isinstance(one, str)]
    return [path, *recording.info.files, *(one for one in others if one is not None)]


def _video_paths(out: str | Path | None) -> dict[str, Path]:
    if out is None or Path(out).suffix.lower() != ".mp4":
        raise OptionError(
            "out as the name of an .mp4, or at for one frame", f"out is {out}", "give one of them"
        )
    video = Path(out)
    return {"video": video, "table": video.with_suffix(".csv"), "facts": video.with_suffix(".json")}


def write_picture(path: Path, canvas: Image, overwrite: bool, inputs: list[Path]) -> None:
    """Writes (H, W, 3) uint8 RGB as .png or .jpg, never over an input. Raises OptionError, OutputError."""
    data = encode_picture(path, canvas)
    with Outputs([path], overwrite=overwrite, inputs=inputs) as outputs, writing(path):
        outputs.part(path).write_bytes(data)


def _study(
    stack: ExitStack,
    model: SteeringModel | str | Path | Any,
    frames: Frames,
    cases: Sequence[str],
    method: str,
    reduce: Reduction,
    batch_size: int,
    seed: int,
    options: Mapping[str, Any],
) -> tuple[types.Recording, Study]:
    """The frames as a recording, open until the stack is left, and what a probe of it found."""
    _check_batch(batch_size)
    question = Question(choose(cases) if cases else (), method, dict(options), reduce, batch_size, seed)
    check_cases(question)
    recording = _recording(frames, stack)
    return recording, study(recording, _model(model), question)


def _check_batch(batch_size: int) -> None:
    if batch_size < 1:
        raise OptionError("a batch_size of at least 1", f"it is {batch_size}", f"{BATCH} is the default")


def _model(model: SteeringModel | str | Path | Any) -> SteeringModel:
    return model if isinstance(model, SteeringModel) else load_model(model)


def _recording(frames: Frames, stack: ExitStack) -> types.Recording:
    """What was given as a recording; one that is opened here is closed with the stack."""
    if isinstance(frames, types.Recording):
        return frames
    if isinstance(frames, str | Path):
        return stack.enter_context(Recording(frames))
    if isinstance(frames, SteeringModel) or hasattr(frames, "predict"):
        raise InputError("frames or a recording", "a model came in their place", "change the order")
    pictures: Any = [frames] if isinstance(frames, Frame) else frames
    if hasattr(frames, "__array__"):
        array = np.asarray(frames)
        pictures = [array] if array.ndim == 3 and array.shape[2] == 3 else array
    given = [one if isinstance(one, Frame) else Frame(i, i / 20, one) for i, one in enumerate(pictures)]
    return MemoryRecording([replace(one, image=_picture(one)) for one in given])


def _picture(frame: Frame) -> Image:
    """The frame's image as an array. Raises InputError where it is no picture."""
    image = np.asarray(frame.image)
    if image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8:
        return image
    do = "convert them, for floats in 0..1 with (255 * x).astype('uint8')"
    if image.dtype == np.uint8:
        do = "repeat a grey channel with np.repeat(x[..., None], 3, -1), drop an alpha channel"
    raise InputError("frames as (H, W, 3) uint8 RGB", f"frame {frame.index} is {image.shape} {image.dtype}", do)
