"""The signed maps of a run as one .npz."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from drivesal.export.exporter import DrawnFrame, ExportedRun, ResultExporter, register


@register
class SignedMaps(ResultExporter):
    """Signed maps of all frames, with channels, in the method's unit."""

    name: ClassVar[str] = "maps"
    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    option: ClassVar[str] = "save_maps"
    help: ClassVar[str] = "Save the signed maps as float16."

    def __init__(self, path: Path, final: Path, run: ExportedRun) -> None:
        from drivesal.export.maps import MapsWriter

        super().__init__(path, final, run)
        self._maps = MapsWriter(path, wide=run.relative)

    def add(self, frame: DrawnFrame) -> None:
        """Store the frame's map in a temporary file."""
        self._maps.add(frame.explained)

    def close(self) -> None:
        """Write the .npz."""
        self._maps.finish()

    def release(self) -> None:
        """Delete the temporary file."""
        self._maps.close()
