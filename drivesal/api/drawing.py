"""Overlay videos and figures."""

from __future__ import annotations

import numbers
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal import types
from drivesal.api.drive import place
from drivesal.api.inputs import answerable_by, model_of, recording_of
from drivesal.api.keywords import explain_settings, takes
from drivesal.errors import OptionError
from drivesal.export.exporter import result_paths, video_exporter, video_suffixes
from drivesal.io.outputs import Outputs, encode_picture, writing
from drivesal.model.card import card_path
from drivesal.model.steering_model import SteeringModel
from drivesal.recordings import beside
from drivesal.rendering.request import request_of
from drivesal.settings import ExplainSettings, LookSettings, taken
from drivesal.types import Span

if TYPE_CHECKING:
    from drivesal.api.inputs import Frames
    from drivesal.rendering.request import Request
    from drivesal.types import Image


@takes(ExplainSettings, LookSettings)
def render(
    frames: Frames,
    model: SteeringModel | str | Path | Any = None,
    out: str | Path | None = None,
    *,
    at: float | int | None = None,
    start: float | int | None = None,
    end: float | int | None = None,
    every: int | None = None,
    overwrite: bool = False,
    steering_ratio: float | None = None,
    **given: Any,
) -> Any:
    """Draws what `drivesal video` and `drivesal image` draw.

    With `at` (seconds as float, an index as int), or of one picture alone: the canvas (H, W, 3) uint8 RGB,
    also written where `out` is given (.png or .jpg). Otherwise an overlay video to `out` (.mp4; .gif or .webp
    of a short clip) with its table (.csv) and facts (.json) beside it; gives the facts. `every` Nth frame: all
    where it is None, of a .gif or .webp at most 12.5 a second. `steering_ratio` is the degrees of the steering
    wheel for one of the road wheels, where labels and model differ. The rest are `ExplainSettings`,
    `LookSettings` and the method's own options. Raises DrivesalError.
    """
    from drivesal.rendering.one_frame import render_image
    from drivesal.rendering.pipeline import render_video

    whole: Any = numbers.Integral
    if every is not None and (not isinstance(every, whole) or every < 1):
        raise OptionError("every Nth frame with N of at least 1", f"N is {every!r}", "use 1 for all")
    first, last = (None if one is None else place(one, name) for one, name in ((start, "start"), (end, "end")))
    where = None if at is None else place(at, "at")
    settings = explain_settings(given)
    request = request_of(
        settings, taken(LookSettings, given), Span(first, last, int(every or 1)), steering_ratio
    )
    with ExitStack() as stack:
        recording = recording_of(frames, stack)
        steering = model_of(model)
        read = _read(recording, steering, request)
        if where is not None or recording.info.length == 1:
            request = replace(request, explain=answerable_by(recording, steering, request.explain))
            figure = render_image(recording, steering, request, where or 0)
            if out is not None:
                write_picture(Path(out), figure.canvas, overwrite, read)
            return figure.canvas.copy()
        paths = _video_paths(out)
        video = video_exporter(paths["video"])
        assert video is not None
        look, span = video.suited(paths["video"], request.look, request.span, recording.info, every)
        request = replace(request, look=look, span=span)
        outputs = stack.enter_context(Outputs(list(paths.values()), overwrite=overwrite, inputs=read))
        return render_video(recording, steering, request, outputs, paths)


def _read(recording: types.Recording, model: SteeringModel, request: Request) -> list[Path]:
    """Every file that a run may have read, so that no output replaces one."""
    path = recording.info.path
    others = [beside(path), *([model.path, card_path(model.path)] if model.path else ())]
    others += [Path(one) for one in (request.explain.options.get("baseline"),) if isinstance(one, str)]
    others.append(request.look.scale_from)
    return [path, *recording.info.files, *(one for one in others if one is not None)]


def _video_paths(out: str | Path | None) -> dict[str, Path]:
    if out is None or video_exporter(Path(out)) is None:
        *first, last = video_suffixes()
        raise OptionError(
            f"out as the name of an {', '.join(first)} or {last}, or at for one frame",
            f"out is {out}",
            "give one of them",
        )
    return result_paths(Path(out), {})


def write_picture(path: Path, canvas: Image, overwrite: bool, inputs: list[Path]) -> None:
    """Writes (H, W, 3) uint8 RGB as .png or .jpg, never over an input. Raises OptionError, OutputError."""
    data = encode_picture(path, canvas)
    with Outputs([path], overwrite=overwrite, inputs=inputs) as outputs, writing(path):
        outputs.part(path).write_bytes(data)
