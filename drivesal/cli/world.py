"""`drivesal world`: a synthetic drive whose steering and evidence are known exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from drivesal.cli import _options as options
from drivesal.cli._progress import progress as bar
from drivesal.errors import OptionError


def _list_parameters(ctx: click.Context, _: click.Parameter, requested: bool) -> None:
    """Print the table of scene parameters and exit."""
    if requested:
        from drivesal.synthetic.scene_parameters import table

        for name, default, values, meaning in table():
            click.echo(f"{name}  {meaning}  [{values}; {default}]")
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
@click.option("--out", type=options.FILE, required=True, help="Write the drive to this new folder.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of road and scene."
)
@click.option("--seconds", type=float, help="Length of the drive in seconds.  [default: 20]")
@click.option(
    "--frames",
    type=int,
    metavar="N",
    help="Draw N single, shuffled frames of many scenes instead of a drive, for training.",
)
@click.option(
    "--size", default="640x480", show_default=True, metavar="WIDTHxHEIGHT", help="Size of the frames in px."
)
@click.option("--rate", type=float, help="Frames per second of the drive.  [default: 20]")
@click.option(
    "--evidence",
    is_flag=True,
    help="Write the evidence of each frame, which its label depends on, as 16-bit PNG.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Fix a scene parameter that is random otherwise; repeat for several.",
)
@click.option(
    "--parameters",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_parameters,
    help="List the parameters for --set and exit.",
)
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
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
        raise click.UsageError("--seconds and --rate apply to a drive, --frames to single frames.")
    pixels, fixed = _size(size), _fixed_parameters(settings)
    check_new_folder(out)
    if frames is not None:
        from drivesal.synthetic.writing import write_stills

        with bar(frames, out.name, quiet) as progress:
            write_stills(seed, frames, pixels, fixed, out, evidence=evidence, progress=progress)
        click.echo(f"{frames} frames of {pixels[0]}x{pixels[1]}\n{out}")
        return
    import numpy as np

    from drivesal.synthetic.scene_parameters import SceneParameters
    from drivesal.synthetic.world import SyntheticDrive
    from drivesal.synthetic.writing import write_drive

    scene = SceneParameters.drawn(np.random.default_rng([seed, 0]), **fixed)
    length, pace = 20.0 if seconds is None else seconds, 20.0 if rate is None else rate
    drive = SyntheticDrive(seed, length, pace, pixels, scene)
    with bar(drive.frames, out.name, quiet) as progress:
        write_drive(drive, out, evidence=evidence, progress=progress)
    angles = [round(moment.steering_deg, 1) + 0.0 for moment in drive.moments]  # no negative zero
    click.echo(
        f"{drive.frames} frames, {scene.light}, {scene.ground}; steering from {min(angles):+.1f}° to "
        f"{max(angles):+.1f}° at the wheel (left +)\n{out}"
    )


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None:
        raise OptionError("--size as WIDTHxHEIGHT like 640x480", f"it is {text!r}", "correct it")
    return int(match[1]), int(match[2])


def _fixed_parameters(settings: tuple[str, ...]) -> dict[str, Any]:
    """The values of the fixed scene parameters, by name."""
    from drivesal.synthetic.scene_parameters import parse

    fixed = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise OptionError("--set as NAME=VALUE like light=night", f"it is {setting!r}", "correct it")
        fixed[name.strip()] = parse(name.strip(), value.strip())
    return fixed
