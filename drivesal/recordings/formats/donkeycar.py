"""Donkeycar tubs: version 2 (a manifest with catalogs) and version 1 (one JSON file per record)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from drivesal.angle import AngleSpec
from drivesal.errors import InputError
from drivesal.recordings.formats.images import natural
from drivesal.recordings.registry import OpenOptions, register
from drivesal.recordings.stills import DEFAULT_RATE, Listing, Still, StillsRecording
from drivesal.types import Recording

_SPEC = AngleSpec("norm", "unknown", "right")
_ANGLE = "user/angle"
_MIN_STEP_S = 0.01
"""Shorter median steps are no camera rate: the timestamps were created when the tub was rewritten."""


@dataclass(frozen=True, slots=True)
class _Record:
    number: int
    values: Mapping[str, Any]


def _manifest(path: Path) -> Path | None:
    file = path / "manifest.json" if path.is_dir() else path
    if file.name != "manifest.json" or not file.is_file():
        return None
    try:
        valid = bool(_state(file)) or any(file.parent.glob("catalog_*.catalog"))
    except OSError:
        return None
    return file if valid else None


def _state(manifest: Path) -> Mapping[str, Any]:
    """The last line of the manifest that lists the catalogs, empty if there is none."""
    for line in reversed(manifest.read_text(encoding="utf-8-sig", errors="replace").splitlines()):
        state = _json(line)
        if isinstance(state, dict) and "paths" in state:
            return state
    return {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@register(
    "donkeycar",
    lambda path: _manifest(path) is not None,
    looks_for="a tub with manifest.json and catalog_0.catalog",
)
def _open_v2(path: Path, asked: OpenOptions) -> Recording:
    manifest = _manifest(path)
    if manifest is None:
        raise InputError("a donkeycar tub", f"{path} has no manifest.json with catalogs", "check the path")
    folder, state = manifest.parent, _state(manifest)
    names = state.get("paths")
    # the manifest is untrusted: only catalogs directly in the tub are read
    catalogs = (
        [folder / Path(name).name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    )
    catalogs = catalogs or sorted(folder.glob("catalog_*.catalog"), key=natural)
    lost: list[str] = []
    records = [record for catalog in catalogs for record in _catalog(catalog, lost)]
    if not state:
        lost.append("the manifest's state cannot be read: deleted records are not left out")
    deleted = {number for number in _list(state.get("deleted_indexes")) if isinstance(number, int)}
    kept = [record for record in records if record.number not in deleted]
    notes = [f"{len(records) - len(kept)} deleted records left out"] if len(kept) < len(records) else []
    folder = folder / "images" if (folder / "images").is_dir() else folder
    return _recording(
        "donkeycar", path, folder, kept, "_timestamp_ms", lost, notes, (manifest, *catalogs), asked
    )


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _catalog(catalog: Path, lost: list[str]) -> Iterator[_Record]:
    """Records of a catalog; losses are appended to `lost`."""
    try:
        lines = catalog.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        lost.append(f"{catalog.name} cannot be read")
        return
    broken = 0
    lines = [line for line in lines if line.strip(" \0\t")]
    for line in lines:
        values = _json(line)
        number = values.get("_index") if isinstance(values, dict) else None
        if isinstance(number, int):
            yield _Record(number, values)
        else:
            broken += 1
    if broken:
        lost.append(f"{broken} of {len(lines)} lines of {catalog.name} cannot be read")


def _records(path: Path) -> list[Path]:
    """Record files of a tub v1, in natural order."""
    if not path.is_dir():
        return []
    return sorted(
        (file for file in path.glob("record_*.json") if re.fullmatch(r"record_\d+", file.stem)), key=natural
    )


@register(
    "donkeycar-v1",
    lambda path: bool(_records(path)),
    looks_for="a tub with record_0.json and the images",
)
def _open_v1(path: Path, asked: OpenOptions) -> Recording:
    files = _records(path)
    records, broken = [], 0
    for file in files:
        try:
            values = _json(file.read_text(encoding="utf-8-sig", errors="replace"))
        except OSError:
            values = None
        if isinstance(values, dict):
            records.append(_Record(int(file.stem.removeprefix("record_")), values))
        else:
            broken += 1
    lost = [f"{broken} of {len(files)} records cannot be read"] if broken else []
    return _recording("donkeycar-v1", path, path, records, "milliseconds", lost, [], (), asked)


def _recording(
    name: str,
    path: Path,
    images: Path,
    records: list[_Record],
    clock: str,
    lost: list[str],
    notes: list[str],
    files: tuple[Path, ...],
    asked: OpenOptions,
) -> Recording:
    """The recording of all records with an image, sorted by record number."""
    records = sorted(records, key=lambda record: record.number)
    with_image = [record for record in records if _image(record) is not None]
    if len(with_image) < len(records):
        lost.append(f"{len(records) - len(with_image)} of {len(records)} records have no image")
    if not with_image:
        came = f"{path} has none with an image" + (f" ({lost[0]})" if lost else "")
        raise InputError("a tub with records", came, "check its files")
    times = _times(with_image, clock, asked, notes)
    stills = [
        Still(images / str(_image(record)), float(time_s), _number(record.values.get(_ANGLE)), _extras(record))
        for record, time_s in zip(with_image, times, strict=True)
    ]
    spec = _SPEC if any(_ANGLE in record.values for record in with_image) else None
    listing = Listing(name, stills, spec, tuple(lost), tuple(notes), files)
    return StillsRecording(path, listing, replace(asked, rate=None))


def _times(records: list[_Record], clock: str, asked: OpenOptions, notes: list[str]) -> Any:
    """(N,) float64 [s]: the timestamps if they are plausible capture times, else record number / rate.

    Record numbers preserve the gaps of deleted records.
    """
    stamps = np.array([_number(record.values.get(clock)) for record in records]) / 1000
    steps = np.diff(stamps)
    plausible = np.isfinite(stamps).all() and (
        len(steps) == 0 or (steps.min() >= 0 and np.median(steps) >= _MIN_STEP_S)
    )
    if plausible and asked.rate is None:
        return stamps
    rate = asked.rate or DEFAULT_RATE
    assumed = "the timestamps are not capture times; change the rate with --rate"
    why = "as given" if asked.rate is not None else assumed
    notes.append(f"{float(rate):.5g} records per second ({why})")
    return np.array([record.number for record in records]) / float(rate)


def _image(record: _Record) -> str | None:
    """The file name of the record's image, without folders."""
    for key in ("cam/image_array", *record.values):
        value = record.values.get(key)
        if key.endswith("image_array") and isinstance(value, str) and value.strip():
            return re.split(r"[\\/]", value.strip())[-1]
    return None


def _number(value: Any) -> float:
    """A number in a record, possibly stored as text; NaN if it is not a number."""
    try:
        return (
            float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
        )
    except (ValueError, OverflowError):
        return math.nan


def _extras(record: _Record) -> dict[str, float]:
    values = {key: _number(value) for key, value in record.values.items() if key[:1] != "_" and key != _ANGLE}
    return {key: value for key, value in values.items() if math.isfinite(value)}
