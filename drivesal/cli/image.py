"""`drivesal image`: one frame as a figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from drivesal.angle import digits
from drivesal.cli import _model_loading, _recordings, _warnings
from drivesal.cli import _options as options
from drivesal.cli._output_paths import OUT, OutFolder, folders_to_create, output_name, output_path
from drivesal.cli._progress import progress as bar
from drivesal.errors import OptionError
from drivesal.explanation.registry import choose, contributors
from drivesal.model.shipped import default_model
from drivesal.settings import (
    ComparisonSettings,
    ExplainSettings,
    LookSettings,
    ModelSettings,
    RecordingSettings,
)


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The options of the command."""

    recording: RecordingSettings
    model: ModelSettings
    explain: ExplainSettings
    look: LookSettings
    comparison: ComparisonSettings
    model_path: Path | None
    layer: str | None
    filters: tuple[int, ...]
    classes: tuple[int, ...]
    at: float | int | None
    out: Path | OutFolder | None
    overwrite: bool
    quiet: bool
    as_json: bool


@click.command(
    epilog="""\b
Examples:
  drivesal image frame.jpg --out frame.png
  drivesal image run.mp4 --at 1:13 --out frame.png
  drivesal image run.mp4 --at '#1460' --cases increase,support
"""
)
@click.argument("source", metavar="RECORDING", type=options.RECORDING)
@click.option("--at", type=options.Position(), help="Draw this frame of a video: seconds, m:ss or #frame.")
@click.option(
    "--out", type=OUT, help="Write to this .png or .jpg, or into this folder.  [default: ./NAME.saliency.png]"
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@options.model_options
@options.preset_option
@options.explain_options
@options.label_options
@options.steering_ratio_option
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@options.typed(ImageConfig)
def command(source: Path, config: ImageConfig) -> None:
    """Draw one frame of a video, or a single image, like a frame of the overlay video.

    The scale is that of the whole video, for a costly method that of a few frames; a single image has its own.
    """
    from drivesal.api.files import files_read
    from drivesal.io.outputs import Outputs, check_image_path, encode_image, writing
    from drivesal.io.schema import FACTS
    from drivesal.model.target import describe
    from drivesal.rendering.image_figure import render_image
    from drivesal.rendering.render_request import request_of

    out = output_path(config.out, f"{output_name(source)}.saliency.png")
    check_image_path(out)
    request = request_of(config.explain, config.look, steering_ratio=config.comparison.steering_ratio)
    file, imports = config.model_path or default_model(), config.model.imports
    target = _model_loading.target(config.layer, config.filters, config.classes, config.model.output)
    with (
        _recordings.open_drive(source, config.recording, file) as recording,
        Outputs(
            [out],
            overwrite=config.overwrite,
            inputs=files_read([source], [recording], config.recording, file, request=request, imports=imports),
            make=folders_to_create(config.out),
        ) as outputs,
    ):
        if recording.info.length != 1 and config.at is None:
            raise OptionError(
                "--at for a video", "it was not given", "choose a frame: --at 1:13 or --at '#1460'"
            )
        model = _model_loading.load(file, config.model, config.recording, recording, target)
        _warnings.warn_enlarged([recording], model)
        with bar(100, source.name, config.quiet, unit=" %") as progress:
            position = config.at if config.at is not None else 0
            figure = render_image(recording, model, request, position, _percent(progress))
        data = encode_image(out, figure.canvas)
        with writing(out):
            outputs.part(out).write_bytes(data)
    _warnings.warn_uninformative(source.name, figure.uninformative)
    explained, kind = figure.explained, model.kind
    truth = explained.frame.steering
    if config.as_json:
        numbers = {
            "schema": FACTS,
            "frame": explained.frame.index,
            "time_s": explained.frame.time_s,
            "unit": kind.unit,
            "predicted": explained.angle,
            "truth": truth,
            "truth_unit": None if truth is None else (figure.labels or kind).unit,
            "explained": explained.score,
            "against": figure.against[0],
            "support_against": figure.against[1],
            "baseline": explained.baseline_score,
            "completeness_error": explained.completeness_error,
            "totals": dict(figure.totals),
            "notes": [*recording.info.notes, *figure.notes],
            "output": str(out),
        }
        click.echo(json.dumps(numbers))
        return
    label = "" if truth is None else f", label {(figure.labels or kind).text(truth)}"
    title = f"frame {explained.frame.index} at {digits(explained.frame.time_s, '.2f')} s"
    title = source.name if recording.info.format == "picture" else title
    click.echo(f"{title}: {kind.text(explained.angle)}{label}")
    if not model.explains_prediction:
        click.echo(f"explained, {describe(model.target)}: {model.target.kind.text(explained.score)}")
    subject = f"{' and '.join(contributors(choose(figure.totals)))} "
    for prefix, reference in zip(("", subject), figure.against, strict=True):
        if reference is not None:
            click.echo(f"{prefix}measured against {reference}")
    if explained.baseline_score is not None and explained.completeness_error is not None:
        target_kind = model.target.kind
        error = f"{explained.completeness_error:.3g}{target_kind.symbol}"
        change = f"{abs(explained.score - explained.baseline_score):.3g}{target_kind.symbol}"
        baseline = target_kind.text(explained.baseline_score)
        click.echo(f"baseline {baseline}, completeness error {error} of a change of {change}")
    assumed = (f"assumed of the model: {assumption}" for assumption in model.assumed)
    notes = (note for note in figure.notes if note not in figure.uninformative)  # those are on stderr
    for line in (*recording.info.notes, *assumed, *notes):
        click.echo(line)
    click.echo(str(out))


def _percent(progress: Callable[[int], object]) -> Callable[[float, int], None]:
    """A callback that turns the finished share of a costly method into steps of a bar of 100."""
    done = 0

    def tick(share: float, _frames: int) -> None:
        nonlocal done
        if int(100 * share) > done:
            progress(int(100 * share) - done)
            done = int(100 * share)

    return tick
