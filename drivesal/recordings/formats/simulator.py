"""Drives of the Udacity simulator: a folder with IMG/ and driving_log.csv."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Iterator
from pathlib import Path

from drivesal.angle import AngleSpec
from drivesal.errors import InputError, OptionError
from drivesal.recordings.formats.images import SUFFIXES
from drivesal.recordings.labels.csv_columns import CsvTable, csv_files, first_cells, normalized_name, read_rows
from drivesal.recordings.registry import CAMERAS, Camera, OpenOptions, from_the_side, register
from drivesal.recordings.stills import Listing, Still, StillsRecording
from drivesal.types import Recording

_SPEC = AngleSpec("norm", "road-wheels", "right", 25.0)
_COLUMNS = ["center", "left", "right", "steering", "throttle", "brake", "speed"]
_LOG = "driving_log.csv"
_TINY = r"-?\d(?:,\d*[1-9])?E-\d+"
_WITHIN_ONE = re.compile(rf"0|-?1|-?0,\d*[1-9]|{_TINY}")
_SPEED = re.compile(rf"(?:0|[1-9]\d{{0,2}})(?:,\d*[1-9])?|{_TINY}")
"""Numbers in the .NET format of locales with a decimal comma, without trailing zeros."""
_CLOCK = re.compile(r"(\d{4})_(\d\d?)_(\d\d?)_(\d\d?)_(\d\d?)_(\d\d?)_(\d{1,6})")


def _find(path: Path) -> Path | None:
    """The log in a folder, or `path` itself if it is a log."""
    logs = csv_files(path, _LOG) if path.is_dir() else [path]
    for log in logs:
        if log.suffix.lower() == ".csv" and (log.name == _LOG or _is_log(first_cells(log))):
            return log  # a malformed driving_log.csv counts too: it is a damaged log, not another format
    return None


def _is_log(cells: list[str]) -> bool:
    return _is_header(cells) or (len(cells) >= 4 and _is_image(cells[0]) and not _is_image(cells[3]))


def _is_header(cells: list[str]) -> bool:
    names = [normalized_name(cell) for cell in cells]
    return any(_column(names, name) is not None for name in ("center", "left", "right")) and (
        _column(names, "steer") is not None
    )


def _is_image(cell: str) -> bool:
    return cell.strip().lower().endswith(SUFFIXES)


def _column(names: list[str], prefix: str) -> int | None:
    return next((index for index, name in enumerate(names) if name.startswith(prefix)), None)


def clock_s(name: str) -> float | None:
    """The time [s] in a name like center_2019_05_20_10_00_01_250.jpg, None if there is none."""
    match = _CLOCK.search(name)
    if match is None:
        return None
    *date, fraction = match.groups()
    # timegm ignores daylight saving time: no hour is skipped or repeated
    seconds = calendar.timegm((*map(int, date), 0, 0, 0))
    return seconds + int(fraction) / float(10 ** max(len(fraction), 3))


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
            "a folder recorded by the simulator", f"{path} has no driving_log.csv", "check the path"
        )
    table = read_rows(log)
    plain = table.normalized
    if not _is_log(table.names):
        came = f"{log} begins with {','.join(table.names)[:60]}"
        raise InputError(f"a log of {','.join(_COLUMNS)}", came, "check the file, or set --format")
    rejoined = 0
    if not _is_header(table.names):
        rows = [_rejoined(row) for row in (table.names, *table.rows)]
        rejoined = sum(new is not row for new, row in zip(rows, (table.names, *table.rows), strict=True))
        table = CsvTable(log, _COLUMNS, rows, table.decimal_comma or rejoined > 0, _COLUMNS)
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
            lost=(f"{lost} of {len(table.rows)} rows of {log.name} have no {camera} image",) if lost else (),
            notes=tuple(_notes(stills, camera, rejoined)),
            files=(log,),
            camera=camera,
            cameras=tuple(_cameras(table, plain)),
        ),
        asked,
    )


def _stills(table: CsvTable, images: int, steering: int) -> Iterator[Still]:
    """A still for each row with an image."""
    extra_columns = [
        (name, index)
        for index, name in enumerate(table.names)
        if index != steering and name and _column(_COLUMNS[:3], table.normalized[index].split("_")[0]) is None
    ]
    for path, row in _images(table, images):
        numbers = {name: table.number(row[index]) for name, index in extra_columns if index < len(row)}
        extras = {name: number for name, number in numbers.items() if math.isfinite(number)}
        angle = table.number(row[steering]) if steering < len(row) else None
        yield Still(path, clock_s(path.name), angle, extras)


def _cameras(table: CsvTable, plain: list[str]) -> Iterator[Camera]:
    """Cameras with at least one existing image."""
    for camera in CAMERAS:
        column = _column(plain, camera)
        if column is not None and any(path.is_file() for path, _ in _images(table, column)):
            yield camera


def _images(table: CsvTable, column: int) -> Iterator[tuple[Path, list[str]]]:
    """For each row with an image in this column: its path, and the cells of the row."""
    for row in table.rows:
        if len(row) > column and _is_image(row[column]):
            parts = [part for part in re.split(r"[\\/]", row[column].strip()) if part]
            yield _local_path(table.path.parent, parts), row


def _local_path(folder: Path, parts: list[str]) -> Path:
    """The path here of an image that the log lists by its path on the machine that recorded it."""
    default = folder / "IMG" / parts[-1]
    alternatives = (folder.joinpath(*parts[-2:]), folder / parts[-1])
    return default if default.is_file() else next((path for path in alternatives if path.is_file()), default)


def _rejoined(row: list[str]) -> list[str]:
    """A row that was split at its decimal commas, with its numbers rejoined; any other row unchanged.

    Numbers that are ambiguous are left empty.
    """
    images, cells = row[:3], [cell.strip() for cell in row[3:]]
    if not (4 < len(cells) <= 8 and all(map(_is_image, images))):
        return row
    readings = list(_readings(cells, 4))
    if not readings:
        return row
    return [*images, *(values[0] if len(set(values)) == 1 else "" for values in zip(*readings, strict=True))]


def _readings(cells: list[str], count: int) -> Iterator[tuple[str, ...]]:
    """All ways to join cells into `count` numbers: the last one a speed, the others within -1..1."""
    if count == 0:
        if not cells:
            yield ()
        return
    for width in (1, 2):
        number = ",".join(cells[:width])
        if len(cells) >= width and (_SPEED if count == 1 else _WITHIN_ONE).fullmatch(number):
            yield from ((number, *rest) for rest in _readings(cells[width:], count - 1))


def _notes(stills: list[Still], camera: Camera, rejoined: int) -> Iterator[str]:
    if rejoined:
        yield f"{rejoined} rows were split at their decimal commas: the numbers were rejoined"
    if camera != "center":
        yield from_the_side(camera)
    largest = max(
        (abs(s.steering) for s in stills if s.steering is not None and math.isfinite(s.steering)), default=0
    )
    if largest > 1:
        yield f"steering reaches {largest:g}, outside the simulator's -1..1: it may be in another unit"
