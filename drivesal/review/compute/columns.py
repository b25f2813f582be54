"""Numbers of a drive's frames, one column a quantity, filled while they are read."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Iterable

Row = dict[str, float | None]


class Columns:
    """Columns of floats, one row a frame, filled in the order of frames. For any thread.

    A number that is missing or not finite is told as None. `ended` says that nothing more comes, `error` why it
    ended early, in a line.
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
        """Adds the row of frame `index`; frames before it that could not be decoded get none."""
        with self._lock:
            for name, column in self._columns.items():
                column.extend([math.nan] * (index - len(column)))
                value = row.get(name)
                column.append(math.nan if value is None else value)
            self._length = index + 1

    def since(self, start: int, most: int) -> dict[str, list[float | None]]:
        """The columns from row `start` on, at most so many rows."""
        with self._lock:
            found = {name: column[start : start + most] for name, column in self._columns.items()}
        return {name: [one if math.isfinite(one) else None for one in column] for name, column in found.items()}
