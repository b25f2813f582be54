"""Whole canvases against golden images that were inspected by eye.

DRIVESAL_RENEW_GOLDEN=1 writes them again; inspect the result.
"""

import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.overlay.renderer import Renderer

from .scenes import STEERING_WHEEL, make_scene, make_shown

FOLDER = Path(__file__).parent / "golden"
TILE = 16
TOLERANCE = 4.0
"""Largest mean absolute difference [0..255] in any tile: builds of OpenCV smooth edges slightly differently."""

NORM = AngleKind("norm")
SCENES = {
    "grid": {
        "size": (320, 160), "cases": 3, "has_truth": True, "width": 800,
        "caption": "gradient · one scale for the clip", "warnings": ("unit and sign assumed",),
    },
    "single": {"size": (480, 270), "cases": 2, "layout": "single", "kind": NORM, "angle_range": 0.4},
    "apart": {
        "size": (320, 160), "cases": 1, "has_truth": True, "width": 800, "truth_kind": NORM, "truth_range": 0.5,
        "warnings": ("labels: norm, on a scale of their own",),
    },
    "still": {"size": (320, 240), "cases": 1, "trace": False, "colormap": "magma", "width": 640},
}  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
def test_the_canvas_matches_its_golden_image(name):
    scene = make_scene(**SCENES[name])
    renderer = Renderer(scene)
    unit = 15.0 if scene.kind == STEERING_WHEEL else 0.25
    label = unit if scene.truth_kind is None else 0.4
    history = [
        (73.25 + n / 10, unit * math.sin(n / 12), None if 40 < n < 60 else label * math.sin(n / 12 - 0.3))
        for n in range(100)
    ]
    renderer.reset(history)
    truth = 0.6 * label if scene.has_truth else None
    canvas = renderer.draw(make_shown(scene, predicted=0.9 * unit, truth=truth))
    path = FOLDER / f"{name}.png"
    if os.environ.get("DRIVESAL_RENEW_GOLDEN"):
        cv2.imwrite(str(path), canvas[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    golden = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert golden is not None, f"{path} is missing: set DRIVESAL_RENEW_GOLDEN=1 once"
    assert golden.shape == canvas.shape
    difference = np.abs(golden[..., ::-1].astype(int) - canvas).mean(axis=2)
    height, width = (size // TILE * TILE for size in difference.shape)
    tiles = difference[:height, :width].reshape(height // TILE, TILE, width // TILE, TILE).mean(axis=(1, 3))
    assert tiles.max() <= TOLERANCE, f"{path.name}: tile {np.unravel_index(tiles.argmax(), tiles.shape)}"
