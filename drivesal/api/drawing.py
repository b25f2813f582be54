"""Overlay videos and figures."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.api.drive import Recording
from drivesal.api.files import files_read, video_paths
from drivesal.api.inputs import answerable_by, model_of, recording_of
from drivesal.api.keywords import explain_settings, takes
from drivesal.errors import OptionError
from drivesal.export.exporter import video_exporter, video_suffixes
from drivesal.io.outputs import Outputs, encode_picture, writing
from drivesal.model.steering_model import SteeringModel
from drivesal.rendering.request import request_of
from drivesal.settings import (
    ComparisonSettings,
    ExplainSettings,
    LookSettings,
    RecordingSettings,
    SpanSettings,
    position,
    taken,
)
from drivesal.types import Span

if TYPE_CHECKING:
    from drivesal.api.inputs import Frames
    from drivesal.types import Image


@takes(SpanSettings, ComparisonSettings, ExplainSettings, LookSettings)
def render(
    frames: Frames,
    model: SteeringModel | str | Path | Any = None,
    out: str | Path | None = None,
    *,
    at: float | int | None = None,
    overwrite: bool = False,
    **given: Any,
) -> Any:
    """Draws what `drivesal video` and `drivesal image` draw.

    With `at` (seconds as float, an index as int), or of one picture alone: the canvas (H, W, 3) uint8 RGB,
    also written where `out` is given (.png or .jpg). Otherwise an overlay video to `out` (.mp4; .gif or .webp
    of a short clip) with its table (.csv) and facts (.json) beside it; gives the facts. `every` Nth frame: all
    where it is None, of a .gif or .webp at most 12.5 a second. `steering_ratio` is the degrees of the steering
    wheel for one of the road wheels, where labels and model differ. The rest are `SpanSettings`,
    `ExplainSettings`, `LookSettings` and the method's own options. Raises DrivesalError.
    """
    from drivesal.rendering.one_frame import render_image
    from drivesal.rendering.pipeline import render_video

    span = taken(SpanSettings, given)
    where = None if at is None else position(at, "at")
    ratio = taken(ComparisonSettings, given).steering_ratio
    request = request_of(explain_settings(given), taken(LookSettings, given), Span(*span.bounds), ratio)
    with ExitStack() as stack:
        recording = recording_of(frames, stack)
        steering = model_of(model)
        opened_with = recording.settings if isinstance(recording, Recording) else RecordingSettings()
        path = recording.info.path
        read = files_read([path], [recording], opened_with, steering.path, request=request)
        if where is not None or recording.info.length == 1:
            request = replace(request, explain=answerable_by(recording, steering, request.explain))
            figure = render_image(recording, steering, request, where or 0)
            if out is not None:
                write_picture(Path(out), figure.canvas, overwrite, read)
            return figure.canvas.copy()
        if out is None:
            *first, last_suffix = video_suffixes()
            names = f"{', '.join(first)} or {last_suffix}"
            expected = f"out as the name of an {names}, or at for one frame"
            raise OptionError(expected, "neither was given", "give one of them")
        paths = video_paths(Path(out))
        video = video_exporter(paths["video"])
        assert video is not None
        look, chosen = video.suited(paths["video"], request.look, request.span, recording.info, span.every)
        request = replace(request, look=look, span=chosen)
        outputs = stack.enter_context(Outputs(list(paths.values()), overwrite=overwrite, inputs=read))
        return render_video(recording, steering, request, outputs, paths)


def write_picture(path: Path, canvas: Image, overwrite: bool, inputs: list[Path]) -> None:
    """Writes (H, W, 3) uint8 RGB as .png or .jpg, never over an input. Raises OptionError, OutputError."""
    data = encode_picture(path, canvas)
    with Outputs([path], overwrite=overwrite, inputs=inputs) as outputs, writing(path):
        outputs.part(path).write_bytes(data)
