#!/usr/bin/env python3
"""Render the sample drive, data/run.mp4 and its labels data/run.csv, with the same pixels every time.

A synthetic country road: a bend each way, shadows of trees, oncoming cars and one ahead, a cloud.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from drivesal.synthetic.road import Road
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.world import SyntheticDrive
from drivesal.synthetic.writing import write_drive

SEED, SECONDS = 10, 20
SCENE = SceneParameters(
    trees=0.75,
    vehicles=0.6,
    hills=0.55,
    posts=0.5,
    signs=0.5,
    patches=0.4,
    passing_clouds=0.5,
    sun_azimuth_deg=-78,
    sun_elevation_deg=32,
    shadow=0.62,
    exposure_ev=0.25,
    speed_m_s=15,
    wander=0.4,
)
PIECES = [
    *((25.0, 0.0), (22.0, 1 / 115), (38.0, 1 / 115), (22.0, 0.0), (20.0, 0.0)),
    *((25.0, -1 / 95), (36.0, -1 / 95), (25.0, 0.0), (30.0, 0.0)),
    *((30.0, 1 / 260), (60.0, 1 / 260), (30.0, 0.0), (400.0, 0.0), (300.0, -1 / 400)),
]


def sample() -> SyntheticDrive:
    """The sample drive."""
    return SyntheticDrive(SEED, SECONDS, scene=SCENE, road=Road.from_pieces(PIECES))


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("data"), show_default=True)
def main(out: Path) -> None:
    """Write run.mp4 and run.csv to the folder OUT."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        drive = sample()
        write_drive(drive, Path(folder) / "drive", crf=26, preset="slow")
        for name in ("run.mp4", "run.csv"):
            shutil.move(Path(folder) / "drive" / name, out / name)
    size = (out / "run.mp4").stat().st_size
    click.echo(f"{out / 'run.mp4'}: {drive.frames} frames, {size / 1e6:.2f} MB; labels in {out / 'run.csv'}")


if __name__ == "__main__":
    main()
