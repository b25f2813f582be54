"""A folder of Udacity's Challenge 2: images named by their time in nanoseconds, and a CSV of angles."""

from __future__ import annotations

import math
from pathlib import Path

from drivesal.errors import InputError
from drivesal.recordings.csvtable import csvs_in, first_cells, plain_name, read_table
from drivesal.recordings.images import images_in
from drivesal.recordings.registry import Asked, register
from drivesal.recordings.stills import Listing, Still, StillsRecording
from drivesal.steering import AngleSpec
from drivesal.types import Recording

_SPEC = AngleSpec("rad", "steering-wheel", "left")


def _find(path: Path) -> Path | None:
    """The CSV of a folder with center/ in it, or the path itself where it is one."""
    if not (path if path.is_dir() else path.parent).joinpath("center").is_dir():
        return None
    tables = csvs_in(path, "final_example.csv") if path.is_dir() else [path]
    for table in tables:
        names = [plain_name(cell) for cell in first_cells(table)] if table.suffix.lower() == ".csv" else []
        if "frame_id" in names and "steering_angle" in names:
            return table
    return None


@register(
    "udacity-ch2",
    lambda path: _find(path) is not None,
    looks_for="a folder with center/ and final_example.csv of frame_id,steering_angle",
)
def _open(path: Path, asked: Asked) -> Recording:
    file = _find(path)
    if file is None:
        wanted = "a folder with center/ and a CSV of frame_id,steering_angle"
        raise InputError(wanted, f"{path} is none", "check the path")
    table = read_table(file)
    stamp, steering = table.plain.index("frame_id"), table.plain.index("steering_angle")
    found = {image.stem: image for image in images_in(file.parent / "center")}
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
        raise InputError(
            "images named by nanoseconds", f"{file.parent / 'center'} has none", "check the folder"
        )
    first = int(names[0])  # as floats, clock times in nanoseconds are too coarse
    stills = [
        Still(
            found.get(name, file.parent / "center" / f"{name}.jpg"),
            (int(name) - first) / 1e9,
            angles.get(name),
        )
        for name in names
    ]
    lost = (f"{bad} of {len(table.rows)} rows of {file.name} have no frame_id of nanoseconds",) if bad else ()
    return StillsRecording(path, Listing("udacity-ch2", stills, _SPEC, lost, files=(file,)), asked)
