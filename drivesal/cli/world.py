"""`drivesal world`: a drawn drive whose steering and evidence are known exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from drivesal.cli import _options as options
from drivesal.cli._progress import progress as bar
from drivesal.errors import OptionError


def _list_parameters(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Prints the table of parameters and ends."""
    if wanted:
        from drivesal.synthetic.scene_parameters import table

        for name, default, values, means in table():
            click.echo(f"{name}  {means}  [{values}; {default}]")
        ctx.exit()


@click.command(
    epilog="""\b
Examples:
  drivesal world --seed 7 --seconds 60 --out drive/
  drivesal world --seed 7 --seconds 60 --size 320x160 --rate 12 --set light=night --out night/
  drivesal world --seed 7 --seconds 20 --evidence --out known/
  drivesal world --seed 7 --frames 5000 --size 320x240 --out training/
  drivesal world --seed 7 --frames 5000 --set shortcut=lamp --set shortcut_strength=0.9 --out cheat/
"""
)
@click.option("--out", type=options.FILE, required=True, help="A new folder for what is drawn.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Another seed, another world."
)
@click.option("--seconds", type=float, help="Length of the drive.  [default: 20]")
@click.option(
    "--frames", type=int, help="Single shuffled frames of many scenes in place of a drive, for training."
)
@click.option("--size", default="640x480", show_default=True, metavar="WIDTHxHEIGHT", help="Of the frames.")
@click.option("--rate", type=float, help="Frames a second of the drive.  [default: 20]")
@click.option("--evidence", is_flag=True, help="Keep for every frame what its label depends on, as 16-bit PNG.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Hold a parameter of the scene that is drawn otherwise.",
)
@click.option(
    "--parameters",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_parameters,
    help="List what --set takes, and draw nothing.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    out: Path,
    *,
    seed: int,
    seconds: float | None,
    frames: int | None,
    size: str,
    rate: float | None,
    evidence: bool,
    settings: tuple[str, ...],
    quiet: bool,
) -> None:
    """Draw a road with known steering: run.mp4, run.csv and scene.json, or single frames for training."""
    from drivesal.io.outputs import check_new_folder

    if frames is not None and (seconds is not None or rate is not None):
        raise click.UsageError("--seconds and --rate go with a drive, --frames with single frames.")
    pixels, held = _size(size), _held(settings)
    check_new_folder(out)
    if frames is not None:
        from drivesal.synthetic.writing import write_stills

        with bar(frames, out.name, quiet) as progress:
            write_stills(seed, frames, pixels, held, out, evidence=evidence, progress=progress)
        click.echo(f"{frames} frames of {pixels[0]}x{pixels[1]}\n{out}")
        return
    import numpy as np

    from drivesal.synthetic.scene_parameters import SceneParameters
    from drivesal.synthetic.world import SyntheticDrive
    from drivesal.synthetic.writing import write_drive

    scene = SceneParameters.drawn(np.random.default_rng([seed, 0]), **held)
    length, pace = 20.0 if seconds is None else seconds, 20.0 if rate is None else rate
    drive = SyntheticDrive(seed, length, pace, pixels, scene)
    with bar(drive.frames, out.name, quiet) as progress:
        write_drive(drive, out, evidence=evidence, progress=progress)
    angles = [round(moment.steering_deg, 1) + 0.0 for moment in drive.moments]  # no minus before zero
    click.echo(
        f"{drive.frames} frames, {scene.light}, {scene.ground}; steering from {min(angles):+.1f}° to "
        f"{max(angles):+.1f}° at the wheel (left +)\n{out}"
    )


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if found is None:
        raise OptionError("--size as WIDTHxHEIGHT like 640x480", f"it is {text!r}", "mend it")
    return int(found[1]), int(found[2])


def _held(settings: tuple[str, ...]) -> dict[str, Any]:
    """The parameters that are held, by name."""
    from drivesal.synthetic.scene_parameters import parse

    held = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise OptionError("--set as NAME=VALUE like light=night", f"it is {setting!r}", "mend it")
        held[name.strip()] = parse(name.strip(), value.strip())
    return held
