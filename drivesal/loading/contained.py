"""Checks that an HDF5 file holds all that it names and points nowhere else, before anything is read of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drivesal.errors import ModelError

_MOST_OBJECTS = 200_000
_MOST_UNPACKED = 64
"""Numbers kept as zeros alone shrink a thousandfold; no weights do."""
_FREE = 16 * 2**20
_FILTERS = {1, 2, 3, 32000}
"""gzip, shuffle, checksum, LZF; any other would make HDF5 look for a library to load."""
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
                total += found.size * found.dtype.itemsize
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
    filters = data.id.get_create_plist()
    for number in range(filters.get_nfilters()):
        code = filters.get_filter(number)[0]
        if code not in _FILTERS:
            raise ModelError(
                "weights that are plain or packed with gzip", f"{data.name} has filter {code}", _DO
            )


def _is_text(dtype: Any) -> bool:
    import h5py

    return h5py.check_string_dtype(dtype) is not None


def _outside(path: Path, came: str) -> ModelError:
    return ModelError(f"a model that lies in {path.name} alone", came, _DO)
