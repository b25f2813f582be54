"""The Udacity simulator's folder: IMG/ and driving_log.csv."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Iterator
from pathlib import Path

from drivesal.angle import AngleSpec
from drivesal.errors import InputError, OptionError
from drivesal.recordings.formats.images import SUFFIXES
from drivesal.recordings.labels.csv_columns import CsvTable, csvs_in, first_cells, plain_name, read_rows
from drivesal.recordings.registry import CAMERAS, Camera, OpenOptions, from_the_side, register
from drivesal.recordings.stills import Listing, Still, StillsRecording
from drivesal.types import Recording

_SPEC = AngleSpec("norm", "road-wheels", "right", 25.0)
_COLUMNS = ["center", "left", "right", "steering", "throttle", "brake", "speed"]
_LOG = "driving_log.csv"
_TINY = r"-?\d(?:,\d*[1-9])?E-\d+"
_WITHIN_ONE = re.compile(rf"0|-?1|-?0,\d*[1-9]|{_TINY}")
_SPEED = re.compile(rf"(?:0|[1-9]\d{{0,2}})(?:,\d*[1-9])?|{_TINY}")
"""Numbers as .NET writes them where the comma is the decimal point: no zero at the end."""
_CLOCK = re.compile(r"(\d{4})_(\d\d?)_(\d\d?)_(\d\d?)_(\d\d?)_(\d\d?)_(\d{1,6})")


def _find(path: Path) -> Path | None:
    """The log of a folder, or the path itself where it is one."""
    logs = csvs_in(path, _LOG) if path.is_dir() else [path]
    for log in logs:
        if log.suffix.lower() == ".csv" and (log.name == _LOG or _is_log(first_cells(log))):
            return log  # one of the usual name that is broken is a broken log, and no other format
    return None


def _is_log(cells: list[str]) -> bool:
    return _is_header(cells) or (len(cells) >= 4 and _is_image(cells[0]) and not _is_image(cells[3]))


def _is_header(cells: list[str]) -> bool:
    names = [plain_name(cell) for cell in cells]
    return any(_column(names, name) is not None for name in ("center", "left", "right")) and (
        _column(names, "steer") is not None
    )


def _is_image(cell: str) -> bool:
    return cell.strip().lower().endswith(SUFFIXES)


def _column(names: list[str], wanted: str) -> int | None:
    return next((place for place, name in enumerate(names) if name.startswith(wanted)), None)


def clock_s(name: str) -> float | None:
    """The time [s] that a name like center_2019_05_20_10_00_01_250.jpg tells, None where it tells none."""
    found = _CLOCK.search(name)
    if found is None:
        return None
    *whole, part = found.groups()
    # a calendar without summer time: an hour is never left out or twice
    seconds = calendar.timegm((*map(int, whole), 0, 0, 0))
    return seconds + int(part) / float(10 ** max(len(part), 3))


@register(
    "udacity-simulator",
    lambda path: _find(path) is not None,
    looks_for="a folder with IMG/ and driving_log.csv, or that log",
    cameras=True,
)
def _open(path: Path, asked: OpenOptions) -> Recording:
    log = _find(path)
    if log is None:
        raise InputError(
            "the folder of a simulator's drive", f"{path} holds no driving_log.csv", "check the path"
        )
    table = read_rows(log)
    plain = table.plain
    if not _is_log(table.names):
        came = f"{log} begins with {','.join(table.names)[:60]}"
        raise InputError(f"a log of {','.join(_COLUMNS)}", came, "check the file, or say --format")
    split = 0
    if not _is_header(table.names):
        rows = [_joined(row) for row in (table.names, *table.rows)]
        split = sum(one is not row for one, row in zip(rows, (table.names, *table.rows), strict=True))
        table = CsvTable(log, _COLUMNS, rows, table.decimal_comma or split > 0, _COLUMNS)
        plain = _COLUMNS
    camera: Camera = asked.camera or "center"
    images = _column(plain, camera)
    steering = _column(plain, "steer")
    if images is None or steering is None:
        came = f"{log} has the columns {', '.join(table.names)}"
        raise OptionError(f"a column of {camera} images", came, "choose another --camera")
    stills = list(_stills(table, images, steering))
    lost = len(table.rows) - len(stills)
    return StillsRecording(
        path,
        Listing(
            "udacity-simulator",
            stills,
            _SPEC,
            lost=(f"{lost} of {len(table.rows)} rows of {log.name} name no {camera} image",) if lost else (),
            notes=tuple(_notes(stills, camera, split)),
            files=(log,),
            camera=camera,
            cameras=tuple(_cameras(table, plain)),
        ),
        asked,
    )


def _stills(table: CsvTable, images: int, steering: int) -> Iterator[Still]:
    """A still for each row that names an image."""
    others = [
        (name, place)
        for place, name in enumerate(table.names)
        if place != steering and name and _column(_COLUMNS[:3], table.plain[place].split("_")[0]) is None
    ]
    for path, row in _images(table, images):
        numbers = {name: table.number(row[place]) for name, place in others if place < len(row)}
        extras = {name: number for name, number in numbers.items() if math.isfinite(number)}
        angle = table.number(row[steering]) if steering < len(row) else None
        yield Still(path, clock_s(path.name), angle, extras)


def _cameras(table: CsvTable, plain: list[str]) -> Iterator[Camera]:
    """Those with an image that is there."""
    for camera in CAMERAS:
        place = _column(plain, camera)
        if place is not None and any(path.is_file() for path, _ in _images(table, place)):
            yield camera


def _images(table: CsvTable, place: int) -> Iterator[tuple[Path, list[str]]]:
    """The image that each row names in a column, and its cells."""
    for row in table.rows:
        if len(row) > place and _is_image(row[place]):
            parts = [part for part in re.split(r"[\\/]", row[place].strip()) if part]
            yield _beside(table.path.parent, parts), row


def _beside(folder: Path, parts: list[str]) -> Path:
    """An image that the log names by a path on the machine that recorded it."""
    usual = folder / "IMG" / parts[-1]
    others = (folder.joinpath(*parts[-2:]), folder / parts[-1])
    return usual if usual.is_file() else next((one for one in others if one.is_file()), usual)


def _joined(row: list[str]) -> list[str]:
    """A row whose decimal commas also separate its cells, put together again; any other row as it is.

    Where the cells could be other numbers too, those that differ are left empty.
    """
    images, cells = row[:3], [cell.strip() for cell in row[3:]]
    if not (4 < len(cells) <= 8 and all(map(_is_image, images))):
        return row
    found = list(_readings(cells, 4))
    return (
        [*images, *(one[0] if len(set(one)) == 1 else "" for one in zip(*found, strict=True))] if found else row
    )


def _readings(cells: list[str], count: int) -> Iterator[tuple[str, ...]]:
    """The ways to put cells together to `count` numbers, the last a speed and the others within -1..1."""
    if count == 0:
        if not cells:
            yield ()
        return
    for width in (1, 2):
        number = ",".join(cells[:width])
        if len(cells) >= width and (_SPEED if count == 1 else _WITHIN_ONE).fullmatch(number):
            yield from ((number, *others) for others in _readings(cells[width:], count - 1))


def _notes(stills: list[Still], camera: Camera, split: int) -> Iterator[str]:
    if split:
        yield f"{split} rows have decimal commas between commas: their numbers were put together again"
    if camera != "center":
        yield from_the_side(camera)
    largest = max(
        (abs(s.steering) for s in stills if s.steering is not None and math.isfinite(s.steering)), default=0
    )
    if largest > 1:
        yield f"steering goes to {largest:g}, beyond the simulator's -1..1: it may be in another unit"
