"""Checks that an HDF5 file is self-contained and points nowhere else, before anything is read from it."""

from __future__ import annotations

import functools
import math
import mmap
from pathlib import Path
from typing import Any

from drivesal.errors import ModelError

_MOST_OBJECTS = 200_000
_MOST_UNPACKED = 64
"""Largest ratio of unpacked size to file size. Zeros alone compress a thousandfold; no weights do."""
_FREE = 16 * 2**20
_FILTERS = {1, 2, 3, 32000}
"""gzip, shuffle, checksum, LZF; any other would make HDF5 look for a library to load."""
_MOST_TEXT = 2**30
_HEAP = b"GCOL\x01\0\0\0"
"""The header of an HDF5 global heap; its size follows."""
_DO = "the file is damaged or was tampered with: get it again from its source"


def check_contained(file: Any, path: Path) -> None:
    """Walk every link of an open h5py file without following those that lead elsewhere.

    Raises ModelError for soft and external links, external and virtual datasets, object references, unknown
    filters, more objects than any model has, and data that would unpack to much more than the file's size.
    """
    import h5py

    most = _FREE + _MOST_UNPACKED * path.stat().st_size
    pending, seen, total = [file], set(), 0
    while pending:
        group = pending.pop()
        for name in group:
            if "/" in name or name in (".", ""):  # HDF5 would resolve it as a path
                raise _outside(path, f"{group.name} has a link named {name[:40]!r}")
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise _outside(path, f"{group.name}/{name} is a link ({type(link).__name__})")
            item = group.get(name)
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > _MOST_OBJECTS:
                raise ModelError(f"at most {_MOST_OBJECTS} objects in {path}", "it has more", _DO)
            if isinstance(item, h5py.Group):
                pending.append(item)
            elif isinstance(item, h5py.Dataset):
                _check_dataset(item, path)
                # a chunk is always unpacked whole, however little of it is used
                total += max(item.size, math.prod(item.chunks or ())) * item.dtype.itemsize
                if total > most:
                    raise ModelError(
                        f"a model that unpacks to at most {_MOST_UNPACKED} times its size",
                        f"{path} has {item.name} of shape {item.shape}",
                        _DO,
                    )


def _check_dataset(data: Any, path: Path) -> None:
    """Raise ModelError unless a dataset's values are plain and stored in the file itself."""
    if data.external or data.is_virtual:
        raise _outside(path, f"the values of {data.name} are in another file")
    if data.dtype.kind not in "biufSUV" and not _is_text(data.dtype):
        raise _outside(path, f"{data.name} holds references ({data.dtype})")
    if data.dtype.hasobject and not _is_text(data.dtype):
        raise _outside(path, f"{data.name} holds references ({data.dtype})")
    properties = data.id.get_create_plist()
    codes = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    for code in codes:
        if code not in _FILTERS or codes.count(code) > 1:
            raise ModelError(
                "weights that are uncompressed or compressed with gzip", f"{data.name} has filter {code}", _DO
            )


def attribute(holder: Any, name: str) -> Any:
    """An attribute that is text, numbers or a list of either; None if there is none of this name.

    Other types are not read: HDF5's own code is not safe against manipulated ones. Raises ModelError.
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
        if count * longest > _MOST_TEXT:  # every element may refer to the longest text, stored only once
            raise ModelError(
                f"attributes of at most {_MOST_TEXT} bytes",
                f"{name[:40]} of {holder.name[:80]} has too much text",
                _DO,
            )
    return holder.attrs[name]


@functools.lru_cache(maxsize=4)
def _longest_text(path: Path, _changed: int) -> int:
    """Size [bytes] of the largest global heap in an HDF5 file: no text of variable length is longer."""
    largest = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        offset = data.find(_HEAP)
        while offset >= 0:
            largest = max(largest, int.from_bytes(data[offset + 8 : offset + 16], "little"))
            offset = data.find(_HEAP, offset + 8)
    return largest


def _is_text(dtype: Any) -> bool:
    import h5py

    return h5py.check_string_dtype(dtype) is not None


def _outside(path: Path, came: str) -> ModelError:
    return ModelError(f"a model that is contained in {path.name}", came, _DO)
