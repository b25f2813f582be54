"""The training frames of the default model: one real drive, and synthetic scenes."""

from __future__ import annotations

import hashlib
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

import drivesal.synthetic
from drivesal.errors import InputError, LabelError
from drivesal.model.preprocess import Crop, Preprocess
from drivesal.recordings import open_recording, read_labels
from drivesal.synthetic.evidence import evident
from drivesal.synthetic.still_frames import STILLS_PER_SCENE, scene_stills

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

# From just above the horizon to well in front of the car; the sky would only reveal the sun's position.
SEEN = (0.42, 0.92)
PREPROCESS = Preprocess((66, 200), Crop("fraction", rows=SEEN), "area", "YUV", 2 / 255, -1.0)
FRAME = (320, 240)  # the size of the full real frames, which are kept for other views
TRAIN_END_S, VALIDATION_START_S = 110.0, 130.0
WORLD_SIZE = (400, 300)


def say(line: str) -> None:
    """Print progress to stderr."""
    click.echo(line, err=True)


@dataclass(frozen=True, slots=True)
class Frames:
    """Labelled frames at the model's size.

    `pictures` (N, h, w, 3) uint8 RGB; `angles` (N,) [deg at the steering wheel, left positive]. Only of the
    real drive: `times` (N,) [s] and the full frames `wholes` (N, 240, 320, 3). Only of synthetic frames: the
    rendering time `seconds` and, if requested, `evidence` (N, h, w).
    """

    pictures: Image
    angles: Floats
    times: Floats | None = None
    wholes: Image | None = None
    seconds: float = 0.0
    evidence: NDArray[np.bool_] | None = None

    def where(self, mask: NDArray[np.bool_]) -> Frames:
        """The frames for which `mask` (N,) is True."""
        times = None if self.times is None else self.times[mask]
        wholes = None if self.wholes is None else self.wholes[mask]
        return Frames(self.pictures[mask], self.angles[mask], times, wholes)

    def part(self, start_s: float, end_s: float) -> Frames:
        """The frames from `start_s` inclusive to `end_s` exclusive."""
        return self.where(self.between(start_s, end_s))

    def between(self, start_s: float, end_s: float) -> NDArray[np.bool_]:
        """(N,) bool: frames from `start_s` inclusive to `end_s` exclusive."""
        if self.times is None:
            raise ValueError("single frames have no times")
        return (self.times >= start_s) & (self.times < end_s)


def read_drive(folder: Path) -> Frames:
    """Read run.mp4 and run.csv. Raises InputError or LabelError."""
    pictures, angles, times, wholes = [], [], [], []
    labels = read_labels(folder / "run.csv")
    if labels.kind.unit != "deg" or labels.kind.turns == "road-wheels":
        came = f"they are {labels.kind.unit} at the {labels.kind.turns}"
        raise LabelError("angles at the steering wheel in degrees or radians", came, "convert them")
    with open_recording(folder / "run.mp4", labels=labels) as recording:
        for frame in recording.frames():
            if frame.steering is None:
                continue
            pictures.append(PREPROCESS.prepare(frame.image))
            wholes.append(cv2.resize(frame.image, FRAME, interpolation=cv2.INTER_AREA))
            angles.append(frame.steering)
            times.append(frame.time_s)
    if not times:
        raise LabelError("a label for a frame or more", f"{folder / 'run.csv'} has none", "add labels")
    truth = np.array(angles, np.float32)
    drive = Frames(np.stack(pictures), truth, np.array(times, np.float32), np.stack(wholes))
    if not drive.between(0, TRAIN_END_S).any() or not drive.between(VALIDATION_START_S, math.inf).any():
        raise InputError(
            f"a drive longer than {VALIDATION_START_S:g} s",
            f"it ends at {times[-1]:.1f} s",
            "give a longer one, or change where training ends and validation starts in this script",
        )
    return drive


def draw_scene(seed: int, number: int, evidence: bool) -> dict[str, NDArray[Any]]:
    """Images and angles of one synthetic scene and, if requested, the masks of its evidence."""
    cv2.setNumThreads(1)  # one process per core
    pictures, angles, masks = [], [], []
    for world, moment in scene_stills(seed, number, WORLD_SIZE):
        pictures.append(PREPROCESS.prepare(world.image(moment)))
        angles.append(moment.steering_deg)
        if evidence:
            masks.append(evident(world.evidence(moment), PREPROCESS))
    drawn: dict[str, NDArray[Any]] = {"pictures": np.stack(pictures), "angles": np.array(angles, np.float32)}
    return drawn | ({"evidence": np.stack(masks)} if evidence else {})


def draw_world(seed: int, scenes: int, work: Path, evidence: bool = False) -> Frames:
    """Synthetic frames of this many scenes, cached in the folder `work` for this version of the code."""
    digest = hashlib.sha256(repr((WORLD_SIZE, PREPROCESS)).encode())
    for source in sorted(Path(drivesal.synthetic.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    cache = work / f"world-{seed}-{scenes}-{digest.hexdigest()[:12]}.npz"
    if not cache.is_file():
        start, drawn = time.perf_counter(), []
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            arguments = ([seed] * scenes, range(scenes), [evidence] * scenes)
            for done, scene in enumerate(pool.map(draw_scene, *arguments, chunksize=4), 1):
                drawn.append(scene)
                if done % 100 == 0 or done == scenes:
                    say(f"rendered {done * STILLS_PER_SCENE} frames of {done} scenes")
        partial = cache.with_suffix(".part.npz")
        arrays = {name: np.concatenate([scene[name] for scene in drawn]) for name in drawn[0]}
        np.savez(partial, seconds=np.array(time.perf_counter() - start), **arrays)  # type: ignore[arg-type]
        os.replace(partial, cache)
    with np.load(cache) as arrays:
        masks = arrays["evidence"] if evidence else None
        return Frames(arrays["pictures"], arrays["angles"], seconds=float(arrays["seconds"]), evidence=masks)
