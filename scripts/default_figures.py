"""Figures of a training: its curves, and the frames with the largest errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.model.steering_model import SteeringModel
from drivesal.synthetic.still_frames import STILLS_PER_SCENE, scene_stills
from drivesal.training.curves import draw_curves

if TYPE_CHECKING:
    from drivesal.types import Floats, Image


from default_frames import FRAME, WORLD_SIZE, Frames
from default_training import Curves

UNSEEN_SEED = 900_001


def draw_learning(curves: Curves, out: Path) -> None:
    """Draw loss and errors over the steps, one line per network."""
    names = [name for name in next(iter(curves.values()))[0] if name == "loss" or name.endswith("[deg]")]
    panels = {}
    for name in names:
        title = name if name != "loss" else "loss (training)"
        panels[title] = {
            network: ([row["step"] for row in rows], [row[name] for row in rows])
            for network, rows in curves.items()
        }
    draw_curves(panels, "step", out)


def worst(predicted: Floats, frames: Frames, count: int = 10, apart_s: float = 1.0) -> list[int]:
    """Indices of the frames with the largest errors; in a drive at least `apart_s` apart."""
    chosen: list[int] = []
    for index in np.argsort(-np.abs(predicted - frames.angles)).tolist():
        times = frames.times
        if times is None or all(abs(times[index] - times[other]) >= apart_s for other in chosen):
            chosen.append(index)
        if len(chosen) == count:
            break
    return chosen


def draw_frames(frames: list[tuple[Image, str]], out: Path) -> None:
    """Write images (h, w, 3) uint8 RGB in rows of five, each below a line of text."""
    tiles = []
    for picture, text in frames:
        tile = cv2.resize(picture[..., ::-1], FRAME, interpolation=cv2.INTER_AREA)
        tile = cv2.copyMakeBorder(tile, 24, 2, 1, 1, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        cv2.putText(tile, text, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
    rows = [np.hstack(tiles[start : start + 5]) for start in range(0, len(tiles), 5)]
    cv2.imwrite(str(out), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_worst(model: SteeringModel, validation: Frames, unseen: Frames, work: Path) -> None:
    """Write the ten worst frames of each as worst-real.jpg and worst-drawn.jpg, with both angles."""

    def text(frames: Frames, predicted: Floats, index: int) -> str:
        return f"true {frames.angles[index]:+.0f} deg, predicted {predicted[index]:+.0f} deg"

    predicted = model.predict(validation.pictures)
    if validation.wholes is not None:
        chosen = worst(predicted, validation)
        pictures = [(validation.wholes[i], text(validation, predicted, i)) for i in chosen]
        draw_frames(pictures, work / "worst-real.jpg")
    predicted, pictures = model.predict(unseen.pictures), []
    for index in worst(predicted, unseen):
        scene, number = divmod(index, STILLS_PER_SCENE)
        world, moment = list(scene_stills(UNSEEN_SEED, scene, WORLD_SIZE))[number]
        pictures.append((world.image(moment), text(unseen, predicted, index)))
    draw_frames(pictures, work / "worst-drawn.jpg")
