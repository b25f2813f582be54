"""The signed maps of a clip as one .npz, written frame by frame."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from drivesal.types import Explained


class MapsWriter:
    """Buffers signed maps on disk and writes them to `path` in `finish`; memory does not grow with the clip.

    The .npz holds `maps` (N, h, w, 3) float16 in the method's unit (float32 if `wide`, for values of any
    magnitude), `frame` (N,) int64, `time_s` (N,) float64 and `angle` (N,) float32.
    """

    def __init__(self, path: Path, wide: bool = False) -> None:
        self._type = "<f4" if wide else "<f2"
        self._path = path
        self._raw = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 (closed in `close`)
        self._shape: tuple[int, ...] = ()
        self._rows = array("d")

    def add(self, explained: Explained) -> None:
        """Add one frame's map."""
        signed = explained.signed
        self._shape = signed.shape
        self._raw.write(signed.astype(self._type).tobytes())
        self._rows.extend((explained.frame.index, explained.frame.time_s, explained.angle))

    def finish(self) -> None:
        """Write the .npz."""
        rows = np.array(self._rows, np.float64).reshape(-1, 3)
        arrays: dict[str, np.ndarray[Any, Any]] = {
            "frame": rows[:, 0].astype(np.int64),
            "time_s": rows[:, 1],
            "angle": rows[:, 2].astype(np.float32),
        }
        header = {"descr": self._type, "fortran_order": False, "shape": (len(rows), *self._shape)}
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            with out.open("maps.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                self._raw.seek(0)
                shutil.copyfileobj(self._raw, member, 1 << 20)
            for name, array in arrays.items():
                with out.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array)

    def close(self) -> None:
        """Delete the temporary file."""
        self._raw.close()
