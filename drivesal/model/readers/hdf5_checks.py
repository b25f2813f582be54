"""Checks that an HDF5 file holds all that it names and points nowhere else, before anything is read of it."""

from __future__ import annotations

import functools
import math
import mmap
from pathlib import Path
from typing import Any

from drivesal.errors import ModelError

_MOST_OBJECTS = 200_000
_MOST_UNPACKED = 64
"""Numbers kept as zeros alone shrink a thousandfold; no weights do."""
_FREE = 16 * 2**20
_FILTERS = {1, 2, 3, 32000}
"""gzip, shuffle, checksum, LZF; any other would make HDF5 look for a library to load."""
_MOST_TEXT = 2**30
_HEAP = b"GCOL\x01\0\0\0"
"""How a heap of HDF5 begins, its size comes next."""
_DO = "the file is damaged or made up: take it from where it was written"


def check_contained(file: Any, path: Path) -> None:
    """Walks every link of an open h5py file without following those that lead elsewhere.

    Raises ModelError for soft and external links, external and virtual data sets, object references, unknown
    filters, more objects than any model has, and data that would unpack to much more than the file is.
    """
    import h5py

    most = _FREE + _MOST_UNPACKED * path.stat().st_size
    waiting, seen, total = [file], set(), 0
    while waiting:
        group = waiting.pop()
        for name in group:
            if "/" in name or name in (".", ""):  # HDF5 would walk along it
                raise _outside(path, f"{group.name} has a link named {name[:40]!r}")
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise _outside(path, f"{group.name}/{name} is a link ({type(link).__name__})")
            found = group.get(name)
            address = h5py.h5o.get_info(found.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > _MOST_OBJECTS:
                raise ModelError(f"at most {_MOST_OBJECTS} objects in {path}", "it has more", _DO)
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif isinstance(found, h5py.Dataset):
                _check_stored(found, path)
                # a chunk is unpacked whole, however little of it is used
                total += max(found.size, math.prod(found.chunks or ())) * found.dtype.itemsize
                if total > most:
                    raise ModelError(
                        f"a model that unpacks to at most {_MOST_UNPACKED} times its size",
                        f"{path} has {found.name} of shape {found.shape}",
                        _DO,
                    )


def _check_stored(data: Any, path: Path) -> None:
    """Raises ModelError where a data set's values are not plain ones in the file itself."""
    if data.external or data.is_virtual:
        raise _outside(path, f"the values of {data.name} lie in another file")
    if data.dtype.kind not in "biufSUV" and not _is_text(data.dtype):
        raise _outside(path, f"{data.name} holds references ({data.dtype})")
    if data.dtype.hasobject and not _is_text(data.dtype):
        raise _outside(path, f"{data.name} holds references ({data.dtype})")
    properties = data.id.get_create_plist()
    codes = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    for code in codes:
        if code not in _FILTERS or codes.count(code) > 1:
            raise ModelError(
                "weights that are plain or packed with gzip", f"{data.name} has filter {code}", _DO
            )


def attribute(holder: Any, name: str) -> Any:
    """An attribute that is text, numbers or a list of such; None where there is none of this name.

    Others are not read: HDF5's own code is not safe against made up ones. Raises ModelError.
    """
    import h5py

    if name not in holder.attrs:
        return None
    opened = h5py.h5a.open(holder.id, name.encode())
    kind, count = opened.get_type(), opened.get_space().get_simple_extent_npoints()
    if kind.get_class() not in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT):
        raise ModelError("attributes of text or numbers", f"{name[:40]} of {holder.name[:80]} is not", _DO)
    if kind.get_class() == h5py.h5t.STRING and kind.is_variable_str() and count > 1:
        path = Path(holder.file.filename)
        longest = _longest_text(path, path.stat().st_mtime_ns)
        if count * longest > _MOST_TEXT:  # each piece may be the longest text, which the file holds once
            raise ModelError(
                "names of some length", f"{name[:40]} of {holder.name[:80]} has too much text", _DO
            )
    return holder.attrs[name]


@functools.lru_cache(maxsize=4)
def _longest_text(path: Path, _changed: int) -> int:
    """The size [bytes] of the largest heap of texts in an HDF5 file: no text of variable length is longer."""
    largest = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_HEAP)
        while at >= 0:
            largest = max(largest, int.from_bytes(data[at + 8 : at + 16], "little"))
            at = data.find(_HEAP, at + 8)
    return largest


def _is_text(dtype: Any) -> bool:
    import h5py

    return h5py.check_string_dtype(dtype) is not None


def _outside(path: Path, came: str) -> ModelError:
    return ModelError(f"a model that lies in {path.name} alone", came, _DO)
