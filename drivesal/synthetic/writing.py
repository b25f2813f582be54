"""Synthetic drives as files: a video with labels or single frames, and optionally their evidence."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesal import __version__
from drivesal.errors import InputError, OptionError
from drivesal.export.mp4 import VideoWriter
from drivesal.io.outputs import new_folder, writing
from drivesal.io.stages import in_order
from drivesal.synthetic.car import LOOK_AHEAD_M, STEERING_RATIO, WHEELBASE_M
from drivesal.synthetic.still_frames import stills
from drivesal.synthetic.world import DELTA_DEG, SyntheticDrive, SyntheticMoment, World

if TYPE_CHECKING:
    from drivesal.types import Floats

Item = TypeVar("Item")
Result = TypeVar("Result")

EVIDENCE_SCALE = 256
"""Evidence is stored as 16-bit grey with this many steps per level of 0..255."""


def write_drive(
    drive: SyntheticDrive,
    out: Path,
    *,
    evidence: bool = False,
    crf: int = 18,
    preset: str = "medium",
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Write run.mp4, run.csv, scene.json and, with `evidence`, evidence/000000.png … into a new folder.

    run.csv has one row per frame: frame, time_s, steering_angle_deg (at the steering wheel, left positive).
    `progress` is called with 1 for every frame. Raises `OutputError` if `out` exists or cannot be written,
    `OptionError` for an odd size.
    """
    width, height = drive.world.size
    if width % 2 or height % 2:
        raise OptionError("an even width and height for a video", f"{width}x{height}", "add or take a pixel")
    rate = Fraction(drive.rate).limit_denominator(1001)
    with new_folder(out) as folder:
        if evidence:
            (folder / "evidence").mkdir()

        def draw(moment: SyntheticMoment) -> tuple[SyntheticMoment, Any]:
            if evidence:
                _write_evidence(folder, moment.index, drive.world.evidence(moment))
            return moment, drive.world.image(moment)

        name = out / "run.mp4"
        with (
            _drawing(draw, drive.moments) as drawn,
            VideoWriter(
                folder / "run.mp4", drive.world.size, rate, 1 / rate, crf=crf, preset=preset, name=name
            ) as video,
        ):
            for moment, image in drawn:
                video.write(image, float(moment.index / rate))
                progress(1)
        rows = (f"{m.index},{m.time_s:.4f},{round(m.steering_deg, 4) + 0.0:.4f}" for m in drive.moments)
        _write_lines(folder / "run.csv", "frame,time_s,steering_angle_deg", rows)
        facts = _facts(drive.world.seed, drive.world.size, evidence)
        facts |= {"rate": drive.rate, "frames": drive.frames, "road": "given" if drive.given_road else "drawn"}
        facts["scene"] = dataclasses.asdict(drive.world.scene)
        _write_json(folder / "scene.json", facts)


def write_stills(
    seed: int,
    count: int,
    size: tuple[int, int],
    held: dict[str, Any],
    out: Path,
    *,
    evidence: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Write frames/000000.jpg …, labels.csv, scene.json and, with `evidence`, evidence/ into a new folder.

    labels.csv has one row per frame: image, steering_angle_deg (at the steering wheel, left positive), scene
    (the seed that the frames of one scene share, to keep them together in a split; scene.json describes it).

    Raises like `write_drive` and `stills`.
    """
    with new_folder(out) as folder:
        (folder / "frames").mkdir()
        if evidence:
            (folder / "evidence").mkdir()

        def draw(still: tuple[World, SyntheticMoment]) -> tuple[int, str]:
            world, moment = still
            name = f"frames/{moment.index:06d}.jpg"
            _write_image(folder / name, world.image(moment)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
            if evidence:
                _write_evidence(folder, moment.index, world.evidence(moment))
            return moment.index, f"{name},{round(moment.steering_deg, 4) + 0.0:.4f},{world.seed}"

        rows: list[tuple[int, str]] = []
        scenes: dict[str, Any] = {}

        def recorded() -> Iterator[tuple[World, SyntheticMoment]]:
            for world, moment in stills(seed, count, size, **held):
                scenes[str(world.seed)] = dataclasses.asdict(world.scene)
                yield world, moment

        with _drawing(draw, recorded()) as drawn:
            for row in drawn:
                rows.append(row)
                progress(1)
        _write_lines(folder / "labels.csv", "image,steering_angle_deg,scene", (row for _, row in sorted(rows)))
        facts = _facts(seed, size, evidence) | {"frames": count, "held": held, "scenes": scenes}
        _write_json(folder / "scene.json", facts)


@contextmanager
def _drawing(draw: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Iterator[Result]]:
    """The results of `draw` for the items, computed on all cores; OpenCV's own threads are disabled
    meanwhile."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with closing(in_order(draw, items)) as drawn:
            yield drawn
    finally:
        cv2.setNumThreads(threads)


def read_evidence(path: Path) -> Floats:
    """Read evidence from a PNG file as (height, width) float32 0..255. Raises `InputError`."""
    packed = np.fromfile(path, np.uint8) if path.is_file() else np.zeros(0, np.uint8)
    levels = cv2.imdecode(packed, cv2.IMREAD_UNCHANGED) if packed.size else None
    if levels is None or levels.dtype != np.uint16 or levels.ndim != 2:
        raise InputError("evidence as 16-bit grey PNG", f"{path} is none", "write it again with --evidence")
    return levels.astype(np.float32) / EVIDENCE_SCALE  # type: ignore[no-any-return]


def _facts(seed: int, size: tuple[int, int], evidence: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "made_by": f"drivesal {__version__}, drawn",
        "seed": seed,
        "size": list(size),
        "label": {
            "unit": "deg",
            "turns": "steering-wheel",
            "positive": "left",
            "wheelbase_m": WHEELBASE_M,
            "steering_ratio": STEERING_RATIO,
            "look_ahead_m": LOOK_AHEAD_M,
        },
    }
    if evidence:
        facts["evidence"] = {"reading": "road", "delta_deg": DELTA_DEG, "grey_a_level": EVIDENCE_SCALE}
    return facts


def _write_evidence(folder: Path, index: int, evidence: Floats) -> None:
    levels = np.clip(np.round(evidence * EVIDENCE_SCALE), 0, 65535).astype(np.uint16)
    _write_image(folder / "evidence" / f"{index:06d}.png", levels, [])


def _write_image(path: Path, image: NDArray[Any], options: list[int]) -> None:
    _, packed = cv2.imencode(path.suffix, image, options)
    with writing(path):
        path.write_bytes(packed.tobytes())


def _write_lines(path: Path, header: str, rows: Iterable[str]) -> None:
    with writing(path):
        path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")


def _write_json(path: Path, facts: dict[str, Any]) -> None:
    with writing(path):
        path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
