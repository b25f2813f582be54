"""What is kept of a run: arrays, tables and plain values, without what differs from run to run."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

WORTHLESS = re.compile(
    r"\d[\d.]* ?(s|ms|seconds|MB|GB)\b|\d+(\.\d+)? frames a second|/[^\s\"']*/|127\.0\.0\.1:\d+|token=\w+"
)
"""In texts: times that a run took, and where it ran."""
OF_A_RUN = re.compile(
    r"seconds?$|_s_taken|wall_time|^took|versions?$|^started|^time$|^date$|sha256|^drivesal$|^created|^written"
)
"""Fields that differ from run to run."""


class Keeper:
    """What one section gives: arrays in one .npz, everything else in one .json, under names."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self.values: dict[str, Any] = {}

    def array(self, name: str, values: Any) -> None:
        """Keeps an array of any shape."""
        self.arrays[name] = np.asarray(values)

    def value(self, name: str, value: Any) -> None:
        """Keeps plain JSON values, without what differs from run to run."""
        self.values[name] = _plain(value)

    def table(self, name: str, text: str) -> None:
        """Keeps a CSV: its header, and its cells by position."""
        rows = list(csv.reader(io.StringIO(text)))
        self.values[name] = {"header": rows[:1], "rows": rows[1:]}

    def attempt(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, or None where it is refused, which is kept as a value."""
        from drivesal import DrivesalError

        try:
            return make()
        except DrivesalError as error:
            self.value(f"{name}: refused", type(error).__name__)
            return None

    def files(self, name: str, folder: Path) -> None:
        """Keeps every file of a folder, decoded."""
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            self.file(f"{name}/{path.relative_to(folder)}", path)

    def file(self, name: str, path: Path) -> None:
        """Keeps a file, decoded."""
        kind = path.suffix.lower()
        if kind in (".mp4", ".gif", ".webp", ".png", ".jpg"):
            self.array(name, decoded(path))
        elif kind == ".csv":
            self.table(name, path.read_text())
        elif kind == ".json":
            self.value(name, json.loads(path.read_text()))
        elif kind == ".npz":
            with np.load(path) as found:
                for key in found:
                    self.array(f"{name}:{key}", found[key])
        elif kind in (".keras", ".h5"):
            for number, weights in enumerate(_weights(path)):
                self.array(f"{name}:{number}", weights)
        elif kind == ".html":
            inside = re.findall(r"data:image/jpeg;base64,([\w+/=]+)", path.read_text())
            for number, image in enumerate(inside):
                self.array(f"{name}:{number}", image(base64.b64decode(image)))
        else:
            self.value(name, "a file")

    def write(self, folder: Path, section: str) -> None:
        """Writes what was kept."""
        np.savez_compressed(folder / f"{section}.npz", **self.arrays)
        (folder / f"{section}.json").write_text(json.dumps(self.values, indent=1))


def image(data: bytes) -> Any:
    """(H, W, 3) uint8 RGB of a JPEG or PNG."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def decoded(path: Path) -> Any:
    """(N, H, W, 3) uint8 RGB: every frame of a video, an animation or an image."""
    if path.suffix.lower() in (".png", ".jpg"):
        return image(path.read_bytes())[None]
    if path.suffix.lower() == ".webp":
        _, frames = cv2.imreadanimation(str(path))
        return np.stack([one[..., :3][..., ::-1] for one in frames.frames])
    with av.open(str(path)) as container:
        return np.stack([one.to_ndarray(format="rgb24") for one in container.decode(video=0)])


def _weights(path: Path) -> list[Any]:
    import keras

    return [np.asarray(one) for one in keras.models.load_model(path, compile=False).get_weights()]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if not OF_A_RUN.search(str(key))}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float):
        return value
    return WORTHLESS.sub("", str(value))
