"""`drivesal image`: one frame as a figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from drivesal.cli import _given
from drivesal.cli import _options as options
from drivesal.errors import OptionError


@click.command(
    epilog="""\b
Examples:
  drivesal image frame.jpg --out frame.png
  drivesal image run.mp4 --at 1:13 --out frame.png
  drivesal image run.mp4 --at '#1460' --cases increase,support
"""
)
@click.argument("source", type=options.FILE)
@click.option("--at", type=options.Position(), help="Which frame of a video: seconds, m:ss or #frame.")
@click.option("--out", type=options.FILE, help="A .png or .jpg.  [default: ./NAME.saliency.png]")
@click.option("--overwrite", is_flag=True, help="Write over an existing file.")
@options.model_options
@options.preset_option
@options.explain_options
@options.label_options
@options.steering_ratio_option
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def command(source: Path, **given: Any) -> None:
    """Draw one frame of a video, or a picture, like a frame of the overlay video.

    The scale is the whole video's; of a picture alone, its own.
    """
    from drivesal.outputs import Outputs, check_picture_name, encode_picture, writing
    from drivesal.pipeline import render_image
    from drivesal.target import describe
    from drivesal.types import WHOLE

    out = given["out"] or Path(f"{_given.name_of(source)}.saliency.png")
    check_picture_name(out)
    request = _given.request(given, WHOLE)
    with (
        _given.open_drive(source, given) as recording,
        Outputs(
            [out], overwrite=given["overwrite"], inputs=_given.files_read([recording], [source], given)
        ) as outputs,
    ):
        if recording.info.length != 1 and given["at"] is None:
            raise OptionError(
                "--at for a video", "it was not given", "say which frame: --at 1:13 or --at '#1460'"
            )
        model = _given.load(given, recording)
        _given.say_enlarged([recording], model)
        figure = render_image(recording, model, request, given["at"] if given["at"] is not None else 0)
        data = encode_picture(out, figure.canvas)
        with writing(out):
            outputs.part(out).write_bytes(data)
    explained, kind = figure.explained, model.kind
    truth = explained.frame.steering
    if given["as_json"]:
        numbers = {
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
    said = "" if truth is None else f", truth {kind.text(truth)}"
    if truth is not None and figure.labels is not None:
        said = f", label {figure.labels.text(truth)}"
    click.echo(
        f"frame {explained.frame.index} at {explained.frame.time_s:.2f} s: {kind.text(explained.angle)}{said}"
    )
    if not model.explains_its_answer:
        click.echo(f"explained, {describe(model.target)}: {model.target.kind.text(explained.score)}")
    for who, what in zip(("", "support "), figure.against, strict=True):
        if what is not None:
            click.echo(f"{who}measured against {what}")
    if explained.baseline_score is not None and explained.completeness_error is not None:
        of = model.target.kind
        missed = f"{explained.completeness_error:.3g}{of.symbol}"
        click.echo(f"baseline {of.text(explained.baseline_score)}, completeness error {missed}")
    assumed = (f"assumed of the model: {one}" for one in model.assumed)
    for line in (*recording.info.notes, *assumed, *figure.notes):
        click.echo(line)
    click.echo(str(out))
