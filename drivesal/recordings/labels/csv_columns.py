"""Reading of CSV files with any delimiter, decimal separator and encoding in common use."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drivesal.errors import LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CsvTable:
    """Header and rows of a CSV.

    `decimal_comma`: the delimiter is not a comma, so that numbers may have decimal commas; `normalized` are the
    column names in the form of `normalized_name`.
    """

    path: Path
    names: list[str]
    rows: list[list[str]]
    decimal_comma: bool
    normalized: list[str] = field(default_factory=list)

    def numbers(self, column: int) -> NDArray[np.float64]:
        """Values of a column, (N,) float64, NaN where a cell is not a number."""
        return np.array([self._number(row, column) for row in self.rows], dtype=np.float64)

    def number(self, cell: str) -> float:
        """The number in a cell, NaN if it is not a number."""
        cell = cell.strip()
        if self.decimal_comma:
            cell = cell.replace(",", ".")
        try:
            return float(cell)
        except ValueError:
            return math.nan

    def _number(self, row: Sequence[str], column: int) -> float:
        return self.number(row[column]) if column < len(row) else math.nan


def read_table(path: Path) -> CsvTable:
    """Read the CSV at `path`: commas, semicolons or tabs; UTF-8, UTF-16 or Latin-1. Raises LabelError."""
    table = read_rows(path)
    names = table.names
    if any(names) and all(math.isfinite(table.number(name)) for name in names if name):
        came = f"{path} begins with numbers ({','.join(names)[:40]}): it seems to have no header line"
        raise LabelError("a header line with column names", came, "add one, such as frame,angle_deg")
    if not table.rows:
        raise LabelError("rows of labels", f"{path} has only a header line and no rows", "check the file")
    return table


def read_rows(path: Path) -> CsvTable:
    """Like `read_table`, for a CSV that may have no header: `names` is the first line in any case."""
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    if not lines:
        raise LabelError("a CSV with steering angles", f"{path} is empty", "check the file")
    header = lines[0].lstrip("# ")
    delimiter = next((mark for mark in (";", "\t", ",") if mark in header), ",")
    try:
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter))]
        rows = list(csv.reader(lines[1:], delimiter=delimiter))
    except csv.Error as error:
        raise LabelError("a CSV with steering angles", f"{path}: {error}", "check the file") from error
    return CsvTable(path, names, rows, delimiter != ",", [normalized_name(name) for name in names])


def first_cells(path: Path, line: int = 0) -> list[str]:
    """Cells of the given line of a file that may be a CSV; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return []
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    lines = head.decode(encoding, errors="replace").strip().splitlines()
    return [cell.strip().strip('"') for cell in re.split(r"[;,\t]", lines[line])] if line < len(lines) else []


def csv_files(folder: Path, first: str) -> list[Path]:
    """CSV files directly in a folder, sorted by name, but the one named `first` first."""
    try:
        files = [
            file for file in folder.iterdir() if file.suffix.lower() == ".csv" and not file.name.startswith(".")
        ]
    except OSError:
        return []
    return sorted(files, key=lambda file: (file.name != first, file.name))


def read_text(path: Path) -> str:
    """Text of a file in UTF-8 with or without a BOM, UTF-16 or Latin-1. Raises LabelError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise LabelError("a CSV with steering angles", f"{path} does not exist", "check the path") from None
    except IsADirectoryError:
        raise LabelError("a CSV with steering angles", f"{path} is a folder", "give the CSV in it") from None
    except OSError as error:
        raise LabelError("a CSV with steering angles", f"{path}: {error.strerror}", "check the file") from error
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16")
        if b"\0" in data:
            raise LabelError("a CSV with steering angles", f"{path} is not text", "give a CSV")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def split_image_name(name: str) -> tuple[tuple[str, ...], str]:
    """Split an image path, with / or \\, into folders and the name without suffix: a/b/12.jpg → (a, b), 12."""
    *folders, last = re.split(r"[\\/]", name.strip())
    return tuple(folders), re.sub(r"\.(jpe?g|png|bmp|tiff?|webp)$", "", last, flags=re.IGNORECASE)


def normalized_name(name: str) -> str:
    """A column name in the form used for matching: `Steering Angle [rad]` → `steering_angle_rad`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
