"""Udacity Challenge 2: a folder of images named by their time in nanoseconds, and a CSV with steering angles.

The CSV is either the one of the challenge (frame_id,steering_angle: the center camera) or one exported from the
ROS bags (interpolated.csv: rows of three cameras, interleaved, with torque, speed and position).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from drivesal.angle import AngleSpec
from drivesal.errors import InputError, OptionError
from drivesal.recordings.formats.images import images_in
from drivesal.recordings.labels.csv_columns import (
    CsvTable,
    csv_files,
    first_cells,
    normalized_name,
    read_table,
    split_image_name,
)
from drivesal.recordings.registry import CAMERAS, Camera, OpenOptions, from_the_side, register
from drivesal.recordings.sources import VIDEOS
from drivesal.recordings.stills import Listing, Still, StillsRecording
from drivesal.types import Recording

_SPEC = AngleSpec("rad", "steering-wheel", "left")
_CHALLENGE, _EXPORT = {"frame_id", "steering_angle"}, {"timestamp", "filename", "angle"}
_EXTRAS = ("torque", "speed", "lat", "long", "alt")


def _find(path: Path, columns: tuple[set[str], ...] = (_CHALLENGE, _EXPORT)) -> Path | None:
    """The CSV in a folder, or at `path`, that has one of these sets of columns; earlier sets are preferred."""
    tables = csv_files(path, "final_example.csv") if path.is_dir() else [path]
    tables = [table for table in tables if table.suffix.lower() == ".csv"]
    for required in columns:
        for table in tables:
            if required <= {normalized_name(cell) for cell in first_cells(table)} and _has_images(table):
                return table
    return None


def _has_images(table: Path) -> bool:
    """Whether a camera folder exists beside the CSV or at the path given by its first row."""
    if any((table.parent / camera).is_dir() for camera in CAMERAS):
        return True
    names, cells = [normalized_name(name) for name in first_cells(table)], first_cells(table, 1)
    return "frame_id" in names and _center_folder(table, cells[names.index("frame_id") :][:1]).is_dir()


def _center_folder(table: Path, ids: Iterable[str]) -> Path:
    """The folder of the center images: center/ beside the CSV, or the folder in the frame ids."""
    folder = table.parent / "center"
    if folder.is_dir():
        return folder
    folders_of_id = next((folders for folders, name in map(split_image_name, ids) if folders and name), ())
    return table.parent.joinpath(*folders_of_id) if folders_of_id and ".." not in folders_of_id else folder


@register(
    "udacity-ch2",
    lambda path: _find(path) is not None,
    looks_for="a folder with center/ and a CSV of frame_id,steering_angle, or interpolated.csv",
    cameras=True,
)
def _open(path: Path, asked: OpenOptions) -> Recording:
    camera: Camera = asked.camera or "center"
    file = _find(path) if camera == "center" else _find(path, (_EXPORT, _CHALLENGE))
    if file is None:
        expected = "a folder with center/ and a CSV of frame_id,steering_angle, or interpolated.csv"
        raise InputError(expected, f"{path} is not one", "check the path")
    table = read_table(file)
    cameras: tuple[Camera, ...] = ("center",)
    if set(table.normalized) >= _EXPORT:
        stills, clock_s, lost = _export(table, camera)
        cameras = tuple(side for side in CAMERAS if images_in(file.parent / side))
    elif camera == "center":
        stills, clock_s, lost = _challenge(table)
    else:
        came = f"{file} has only those of the center camera"
        raise OptionError(f"angles at the times of the {camera} images", came, "leave --camera out")
    notes: tuple[str, ...] = () if camera == "center" else (from_the_side(camera),)
    if videos := sorted(file.name for file in file.parent.iterdir() if file.suffix.lower() in VIDEOS):
        notes += (f"{', '.join(videos)} beside the images is not read",)
    listing = Listing("udacity-ch2", stills, _SPEC, lost, notes, (file,), clock_s, camera, cameras)
    return StillsRecording(path, listing, asked)


def _challenge(table: CsvTable) -> tuple[list[Still], float, tuple[str, ...]]:
    """The center images, including those not in the table; the clock time [s] of the first one; the losses.

    A frame_id may include folders and a suffix: Ch2_001/center/1479425440130861447.jpg.
    """
    stamp, steering = table.normalized.index("frame_id"), table.normalized.index("steering_angle")
    ids = [row[stamp] if stamp < len(row) else "" for row in table.rows]
    folder = _center_folder(table.path, ids)
    images = {image.stem: image for image in images_in(folder)}
    angles: dict[str, float] = {}
    bad = 0
    for row, cell in zip(table.rows, ids, strict=True):
        folders, name = split_image_name(cell)
        if folders and folders[-1] in ("left", "right"):
            continue
        if name.isdecimal():
            angles[name] = table.number(row[steering]) if steering < len(row) else math.nan
        else:
            bad += 1
    names = sorted({*angles, *filter(str.isdecimal, images)}, key=int)
    if not names:
        raise InputError("images named by nanoseconds", f"{folder} has none", "check the folder")
    first = int(names[0])  # subtracted as integers: a float cannot represent clock times in nanoseconds
    stills = [
        Still(images.get(name, folder / f"{name}.jpg"), (int(name) - first) / 1e9, angles.get(name))
        for name in names
    ]
    return stills, first / 1e9, _losses(table, bad, "have no frame_id in nanoseconds")


def _export(table: CsvTable, camera: Camera) -> tuple[list[Still], float, tuple[str, ...]]:
    """The images of one camera in an exported CSV, the clock time [s] of the first one, and the losses."""
    rows = list(_rows(table))
    bad = len(table.rows) - len(rows)
    selected = [row for row in rows if row[0] == camera]
    if not selected:
        available = ", ".join(sorted({side for side, *_ in rows})) or "none"
        raise OptionError(
            f"images of the {camera} camera in {table.path.name}",
            f"it has those of {available}",
            "choose another --camera",
        )
    first = selected[0][2]
    stills = [
        Still(table.path.parent / camera / name, (stamp - first) / 1e9, angle, extras)
        for _, name, stamp, angle, extras in selected
    ]
    return stills, first / 1e9, _losses(table, bad, "have no image with a time")


def _rows(table: CsvTable) -> Iterator[tuple[str, str, int, float, dict[str, float]]]:
    """For each row with an image: camera, file name, nanoseconds, angle and the other signals."""
    columns = {name: table.normalized.index(name) for name in table.normalized}
    for row in table.rows:
        cells = {name: row[i].strip() for name, i in columns.items() if i < len(row)}
        folders, stem = split_image_name(cells.get("filename", ""))
        name = re.split(r"[\\/]", cells.get("filename", ""))[-1]
        # the file name holds the exact time; spreadsheets round the timestamp column
        stamp = next((cell for cell in (stem, cells.get("timestamp", "")) if cell.isdecimal()), "")
        side = folders[-1] if folders else cells.get("frame_id", "").split("_")[0]
        if side in CAMERAS and name and stamp:
            numbers = {extra: table.number(cells.get(extra, "")) for extra in _EXTRAS}
            extras = {extra: number for extra, number in numbers.items() if math.isfinite(number)}
            yield side, name, int(stamp), table.number(cells.get("angle", "")), extras


def _losses(table: CsvTable, bad: int, why: str) -> tuple[str, ...]:
    return (f"{bad} of {len(table.rows)} rows of {table.path.name} {why}",) if bad else ()
