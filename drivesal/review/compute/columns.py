"""Per-frame numbers of a drive in columns that are filled while the drive is read."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Iterable

Row = dict[str, float | None]


class Columns:
    """Columns of floats with one row per frame, filled in frame order. Thread-safe.

    A number that is missing or not finite is returned as None. `ended` is set when no more rows follow, `error`
    to one line that states why the reading ended early.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._columns = {name: array("d") for name in names}
        self._length = 0
        self.ended = False
        self.error: str | None = None

    def __len__(self) -> int:
        with self._lock:
            return self._length

    def put(self, index: int, row: Row) -> None:
        """Add the row of frame `index`; skipped frames that could not be decoded get empty rows."""
        with self._lock:
            for name, column in self._columns.items():
                column.extend([math.nan] * (index - len(column)))
                value = row.get(name)
                column.append(math.nan if value is None else value)
            self._length = index + 1

    def since(self, start: int, count: int) -> dict[str, list[float | None]]:
        """At most `count` rows of the columns, from row `start` on."""
        with self._lock:
            slices = {name: column[start : start + count] for name, column in self._columns.items()}
        return {
            name: [value if math.isfinite(value) else None for value in column]
            for name, column in slices.items()
        }
