#!/usr/bin/env python3
"""Write docs/images/world.jpg: 24 synthetic frames with their labels, each above its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cv2
import numpy as np

from drivesal.synthetic.still_frames import scene_stills

if TYPE_CHECKING:
    from drivesal.types import Image

SEED, TILE = 21, (304, 228)
HELD: tuple[dict[str, Any], ...] = (
    {
        "light": "day",
        "ground": "grass",
        "overcast": 0.0,
        "trees": 0.9,
        "shadow": 0.75,
        "sun_elevation_deg": 30.0,
    },
    {"light": "day", "ground": "dry", "overcast": 0.1},
    {"light": "day", "ground": "grass", "overcast": 0.9},
    {"light": "day", "ground": "sand", "overcast": 0.2},
    {"light": "day", "ground": "snow", "overcast": 0.3},
    {"light": "day", "ground": "dry", "sun_elevation_deg": 6.0, "sun_azimuth_deg": 8.0, "overcast": 0.0},
    {"light": "dusk", "ground": "grass"},
    {"light": "night", "ground": "grass", "vehicles": 0.8},
    {"light": "day", "ground": "grass", "field_of_view_deg": 60.0},
    {"light": "day", "ground": "grass", "haze": 0.9},
    {"light": "day", "ground": "dry", "trees": 1.0, "conifers": 0.8, "exposure_ev": -0.6},
    {"light": "day", "ground": "grass", "lanes_beyond": 2, "lanes_outside": 1, "vehicles": 0.9},
)


def tile(number: int) -> Image:
    """One frame over its evidence (below the horizon), (1.6·height, width, 3) BGR."""
    held = {"noise": 3.0} | HELD[number % len(HELD)]
    world, moment = list(scene_stills(SEED + number, 0, (640, 480), **held))[number % 12]
    frame = cv2.resize(world.image(moment)[..., ::-1], TILE, interpolation=cv2.INTER_AREA)
    evidence = cv2.resize(world.evidence(moment), TILE, interpolation=cv2.INTER_AREA)
    heat = cv2.applyColorMap(np.clip(evidence * 5, 0, 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    angle = moment.steering_deg
    text = f"{abs(angle):.0f} deg {'left' if angle > 0 else 'right'}"
    cv2.rectangle(frame, (0, 0), (118, 28), (0, 0, 0), -1)
    cv2.putText(frame, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    both = np.vstack([frame, heat[round(0.4 * TILE[1]) :]])
    return cv2.copyMakeBorder(both, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(255, 255, 255))  # type: ignore[no-any-return]


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("docs/images/world.jpg"), show_default=True
)
def main(out: Path) -> None:
    """Write the contact sheet."""
    tiles = [tile(number) for number in range(24)]
    sheet = np.vstack([np.hstack(tiles[start : start + 6]) for start in range(0, 24, 6)])
    cv2.imwrite(str(out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 82])
    click.echo(f"{out}: {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
