"""The table of a run as CSV, one row per frame."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import ClassVar

from drivesal.export.exporter import DrawnFrame, ExportedRun, ResultExporter, register


@register
class FrameTable(ResultExporter):
    """The .csv next to a video."""

    name: ClassVar[str] = "table"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    def __init__(self, path: Path, final: Path, run: ExportedRun) -> None:
        from drivesal.export.table import Table

        super().__init__(path, final, run)
        self._file = path.open("w", encoding="utf-8", newline="")
        self._table = Table(self._file, run.units, run.cases, run.preprocess, run.contributions)

    def add(self, frame: DrawnFrame) -> None:
        """Write the frame's row."""
        self._table.add(frame.explained, frame.heats)

    def close(self) -> None:
        """Close the file; a full disk may only be detected here."""
        self._file.close()

    def release(self) -> None:
        """Close the file if `close` was not called."""
        with contextlib.suppress(OSError):
            self._file.close()
