"""A folder of Udacity's Challenge 2: images named by their time in nanoseconds, and a CSV of angles.

The CSV is the challenge's own (frame_id,steering_angle: the centre camera) or what the bag's readers write
(interpolated.csv: the three cameras by turns, with torque, speed and position).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from drivesal.errors import InputError, OptionError
from drivesal.recordings.csvtable import Table, csvs_in, first_cells, plain_name, read_table
from drivesal.recordings.images import images_in
from drivesal.recordings.registry import Asked, Camera, register
from drivesal.recordings.stills import Listing, Still, StillsRecording
from drivesal.steering import AngleSpec
from drivesal.types import Recording

_SPEC = AngleSpec("rad", "steering-wheel", "left")
_CAMERAS: tuple[Camera, ...] = ("center", "left", "right")
_CHALLENGE, _EXPORT = {"frame_id", "steering_angle"}, {"timestamp", "filename", "angle"}
_EXTRAS = ("torque", "speed", "lat", "long", "alt")


def _find(path: Path, columns: tuple[set[str], ...] = (_CHALLENGE, _EXPORT)) -> Path | None:
    """The CSV with one of these sets of columns, the first set first, or the path itself where it is one."""
    folder = path if path.is_dir() else path.parent
    if not any((folder / camera).is_dir() for camera in _CAMERAS):
        return None
    tables = csvs_in(path, "final_example.csv") if path.is_dir() else [path]
    tables = [table for table in tables if table.suffix.lower() == ".csv"]
    for wanted in columns:
        for table in tables:
            if wanted <= {plain_name(cell) for cell in first_cells(table)}:
                return table
    return None


@register(
    "udacity-ch2",
    lambda path: _find(path) is not None,
    looks_for="a folder with center/ and final_example.csv of frame_id,steering_angle, or interpolated.csv",
    cameras=True,
)
def _open(path: Path, asked: Asked) -> Recording:
    camera: Camera = asked.camera or "center"
    file = _find(path) if camera == "center" else _find(path, (_EXPORT, _CHALLENGE))
    if file is None:
        wanted = "a folder with center/ and a CSV of frame_id,steering_angle, or interpolated.csv"
        raise InputError(wanted, f"{path} is none", "check the path")
    table = read_table(file)
    if set(table.plain) >= _EXPORT:
        stills, lost = _export(table, camera)
    elif camera == "center":
        stills, lost = _challenge(table)
    else:
        came = f"{file} has those of the center camera alone"
        raise OptionError(f"angles at the times of the {camera} images", came, "leave --camera out")
    return StillsRecording(path, Listing("udacity-ch2", stills, _SPEC, lost, files=(file,)), asked)


def _challenge(table: Table) -> tuple[list[Still], tuple[str, ...]]:
    """The centre images, those that the table leaves out too, and what was lost."""
    folder = table.path.parent / "center"
    stamp, steering = table.plain.index("frame_id"), table.plain.index("steering_angle")
    found = {image.stem: image for image in images_in(folder)}
    angles: dict[str, float] = {}
    bad = 0
    for row in table.rows:
        name = row[stamp].strip().removesuffix(".jpg").removesuffix(".png") if stamp < len(row) else ""
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
    return stills, _lost(table, bad, "have no frame_id of nanoseconds")


def _export(table: Table, camera: Camera) -> tuple[list[Still], tuple[str, ...]]:
    """The images of one camera of a bag's export, and what was lost."""
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
    return stills, _lost(table, bad, "name no image and its time")


def _rows(table: Table) -> Iterator[tuple[str, str, int, float, dict[str, float]]]:
    """Of each row that names an image: camera, name, nanoseconds, angle and the other numbers."""
    place = {name: table.plain.index(name) for name in table.plain}
    for row in table.rows:
        cells = {name: row[i].strip() for name, i in place.items() if i < len(row)}
        *folders, name = re.split(r"[\\/]", cells.get("filename", ""))
        # the name is the image's own time; a spreadsheet rounds the other column
        stamp = next(
            (one for one in (name.rsplit(".", 1)[0], cells.get("timestamp", "")) if one.isdecimal()), ""
        )
        side = folders[-1] if folders else cells.get("frame_id", "").split("_")[0]
        if side in _CAMERAS and name and stamp:
            numbers = {extra: table.number(cells.get(extra, "")) for extra in _EXTRAS}
            extras = {extra: number for extra, number in numbers.items() if math.isfinite(number)}
            yield side, name, int(stamp), table.number(cells.get("angle", "")), extras


def _lost(table: Table, bad: int, why: str) -> tuple[str, ...]:
    return (f"{bad} of {len(table.rows)} rows of {table.path.name} {why}",) if bad else ()
