"""Overlay videos and figures."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.api.drive import Recording
from drivesal.api.files import files_read, video_paths
from drivesal.api.inputs import adapted_settings, model_of, recording_of
from drivesal.api.keywords import explain_settings, takes
from drivesal.errors import OptionError
from drivesal.export.exporter import video_exporter, video_suffixes
from drivesal.io.outputs import Outputs, encode_image, writing
from drivesal.model.steering_model import SteeringModel
from drivesal.rendering.render_request import request_of
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
    """Render the overlay video or figure of `drivesal video` and `drivesal image`.

    With `at` (seconds as float, frame index as int), or for a single image, returns the canvas (H, W, 3) uint8
    RGB, and writes it to `out` if given (.png or .jpg). Otherwise writes an overlay video to `out` (.mp4; .gif
    or .webp for a short clip), with its table (.csv) and facts (.json) next to it, and returns the facts.
    `every` takes every Nth frame; None takes all, but at most 12.5 per second for .gif and .webp.
    `steering_ratio` is the degrees at the steering wheel per degree at the road wheels; it converts labels that
    refer to other wheels than the model. The other keywords are `SpanSettings`, `ExplainSettings`,
    `LookSettings` and the method's own options. Raises DrivesalError.
    """
    from drivesal.rendering.image_figure import render_image
    from drivesal.rendering.pipeline import render_video

    span = taken(SpanSettings, given)
    frame_position = None if at is None else position(at, "at")
    ratio = taken(ComparisonSettings, given).steering_ratio
    request = request_of(explain_settings(given), taken(LookSettings, given), Span(*span.bounds), ratio)
    with ExitStack() as stack:
        recording = recording_of(frames, stack)
        steering = model_of(model)
        opened_with = recording.settings if isinstance(recording, Recording) else RecordingSettings()
        path = recording.info.path
        read = files_read([path], [recording], opened_with, steering.path, request=request)
        if frame_position is not None or recording.info.length == 1:
            request = replace(request, explain=adapted_settings(recording, steering, request.explain))
            figure = render_image(recording, steering, request, frame_position or 0)
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
    """Write (H, W, 3) uint8 RGB as .png or .jpg, never over an input. Raises OptionError, OutputError."""
    data = encode_image(path, canvas)
    with Outputs([path], overwrite=overwrite, inputs=inputs) as outputs, writing(path):
        outputs.part(path).write_bytes(data)
