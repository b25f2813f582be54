"""A folder of Udacity's Challenge 2: images named by their time in nanoseconds, and a CSV of angles.

The CSV is the challenge's own (frame_id,steering_angle: the centre camera) or what the bag's readers write
(interpolated.csv: the three cameras by turns, with torque, speed and position).
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
    csvs_in,
    first_cells,
    parts_of,
    plain_name,
    read_table,
)
from drivesal.recordings.registry import CAMERAS, Camera, OpenOptions, from_the_side, register
from drivesal.recordings.sources import VIDEOS
from drivesal.recordings.stills import Listing, Still, StillsRecording
from drivesal.types import Recording

_SPEC = AngleSpec("rad", "steering-wheel", "left")
_CHALLENGE, _EXPORT = {"frame_id", "steering_angle"}, {"timestamp", "filename", "angle"}
_EXTRAS = ("torque", "speed", "lat", "long", "alt")


def _find(path: Path, columns: tuple[set[str], ...] = (_CHALLENGE, _EXPORT)) -> Path | None:
    """The CSV with one of these sets of columns, the first set first, or the path itself where it is one."""
    tables = csvs_in(path, "final_example.csv") if path.is_dir() else [path]
    tables = [table for table in tables if table.suffix.lower() == ".csv"]
    for wanted in columns:
        for table in tables:
            if wanted <= {plain_name(cell) for cell in first_cells(table)} and _has_images(table):
                return table
    return None


def _has_images(table: Path) -> bool:
    """Whether a folder of a camera's images is there, beside the CSV or where its first row says."""
    if any((table.parent / camera).is_dir() for camera in CAMERAS):
        return True
    names, cells = [plain_name(name) for name in first_cells(table)], first_cells(table, 1)
    return "frame_id" in names and _center(table, cells[names.index("frame_id") :][:1]).is_dir()


def _center(table: Path, ids: Iterable[str]) -> Path:
    """Where the centre images are: center/ beside the CSV, or the folder that the ids name from there."""
    folder = table.parent / "center"
    if folder.is_dir():
        return folder
    named = next((folders for folders, name in map(parts_of, ids) if folders and name), ())
    return table.parent.joinpath(*named) if named and ".." not in named else folder


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
        wanted = "a folder with center/ and a CSV of frame_id,steering_angle, or interpolated.csv"
        raise InputError(wanted, f"{path} is none", "check the path")
    table = read_table(file)
    cameras: tuple[Camera, ...] = ("center",)
    if set(table.plain) >= _EXPORT:
        stills, clock_s, lost = _export(table, camera)
        cameras = tuple(one for one in CAMERAS if images_in(file.parent / one))
    elif camera == "center":
        stills, clock_s, lost = _challenge(table)
    else:
        came = f"{file} has those of the center camera alone"
        raise OptionError(f"angles at the times of the {camera} images", came, "leave --camera out")
    notes: tuple[str, ...] = () if camera == "center" else (from_the_side(camera),)
    if beside := sorted(one.name for one in file.parent.iterdir() if one.suffix.lower() in VIDEOS):
        notes += (f"{', '.join(beside)} beside the images is not read",)
    listing = Listing("udacity-ch2", stills, _SPEC, lost, notes, (file,), clock_s, camera, cameras)
    return StillsRecording(path, listing, asked)


def _challenge(table: CsvTable) -> tuple[list[Still], float, tuple[str, ...]]:
    """The centre images, also those not in the table; the clock's time [s] of the first; what was lost.

    A frame_id may have folders before it and an ending behind it: Ch2_001/center/1479425440130861447.jpg.
    """
    stamp, steering = table.plain.index("frame_id"), table.plain.index("steering_angle")
    ids = [row[stamp] if stamp < len(row) else "" for row in table.rows]
    folder = _center(table.path, ids)
    found = {image.stem: image for image in images_in(folder)}
    angles: dict[str, float] = {}
    bad = 0
    for row, cell in zip(table.rows, ids, strict=True):
        folders, name = parts_of(cell)
        if folders and folders[-1] in ("left", "right"):
            continue
        if name.isdecimal():
            angles[name] = table.number(row[steering]) if steering < len(row) else math.nan
        else:
            bad += 1
    names = sorted({*angles, *filter(str.isdecimal, found)}, key=int)
    if not names:
        raise InputError("images named by nanoseconds", f"{folder} has none", "check the folder")
    first = int(names[0])  # as floats, clock times in nanoseconds are too coarse
    stills = [
        Still(found.get(name, folder / f"{name}.jpg"), (int(name) - first) / 1e9, angles.get(name))
        for name in names
    ]
    return stills, first / 1e9, _lost(table, bad, "have no frame_id of nanoseconds")


def _export(table: CsvTable, camera: Camera) -> tuple[list[Still], float, tuple[str, ...]]:
    """The images of one camera of a bag's export, the clock's time [s] of the first, and what was lost."""
    rows = list(_rows(table))
    bad = len(table.rows) - len(rows)
    mine = [row for row in rows if row[0] == camera]
    if not mine:
        others = ", ".join(sorted({side for side, *_ in rows})) or "none"
        raise OptionError(
            f"images of the {camera} camera in {table.path.name}",
            f"it has those of {others}",
            "choose another --camera",
        )
    first = mine[0][2]
    stills = [
        Still(table.path.parent / camera / name, (stamp - first) / 1e9, angle, extras)
        for _, name, stamp, angle, extras in mine
    ]
    return stills, first / 1e9, _lost(table, bad, "name no image and its time")


def _rows(table: CsvTable) -> Iterator[tuple[str, str, int, float, dict[str, float]]]:
    """Of each row that names an image: camera, name, nanoseconds, angle and the other numbers."""
    place = {name: table.plain.index(name) for name in table.plain}
    for row in table.rows:
        cells = {name: row[i].strip() for name, i in place.items() if i < len(row)}
        folders, stem = parts_of(cells.get("filename", ""))
        name = re.split(r"[\\/]", cells.get("filename", ""))[-1]
        # the name is the image's own time; a spreadsheet rounds the other column
        stamp = next((one for one in (stem, cells.get("timestamp", "")) if one.isdecimal()), "")
        side = folders[-1] if folders else cells.get("frame_id", "").split("_")[0]
        if side in CAMERAS and name and stamp:
            numbers = {extra: table.number(cells.get(extra, "")) for extra in _EXTRAS}
            extras = {extra: number for extra, number in numbers.items() if math.isfinite(number)}
            yield side, name, int(stamp), table.number(cells.get("angle", "")), extras


def _lost(table: CsvTable, bad: int, why: str) -> tuple[str, ...]:
    return (f"{bad} of {len(table.rows)} rows of {table.path.name} {why}",) if bad else ()
