"""What differs between two recordings of results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sections import SECTIONS

RTOL = 1e-5


def differences(old: Path, new: Path) -> Iterator[str]:
    """What differs between two recordings of results, a line each."""
    for name in SECTIONS:
        if not (old / f"{name}.json").exists():
            yield f"{name}: not recorded"
            continue
        with np.load(old / f"{name}.npz") as before, np.load(new / f"{name}.npz") as after:
            yield from _listed(name, set(before), set(after))
            for key in sorted(set(before) & set(after)):
                found = _arrays(before[key], after[key])
                if found:
                    yield f"{name}: {key}: {found}"
        was, now = (json.loads((one / f"{name}.json").read_text()) for one in (old, new))
        yield from _listed(name, set(was), set(now))
        for key in sorted(set(was) & set(now)):
            yield from (f"{name}: {key}: {one}" for one in _values(was[key], now[key]))


def _listed(name: str, was: set[str], now: set[str]) -> Iterator[str]:
    yield from (f"{name}: {key} is gone" for key in sorted(was - now))
    yield from (f"{name}: {key} is new" for key in sorted(now - was))


def _arrays(was: Any, now: Any) -> str:
    if was.shape != now.shape or was.dtype != now.dtype:
        return f"{was.dtype} {was.shape} became {now.dtype} {now.shape}"
    if was.dtype.kind not in "fc":
        count = int((was != now).sum())
        return f"{count} of {was.size} values differ" if count else ""
    largest = float(np.nanmax(np.abs(was))) if was.size and not np.isnan(was).all() else 0.0
    close = np.isclose(was, now, rtol=RTOL, atol=RTOL * largest, equal_nan=True)
    if close.all():
        return ""
    furthest = np.nanmax(np.abs(was - now))
    return f"{int((~close).sum())} of {was.size} values differ, by up to {furthest:.3g} of {largest:.3g}"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _leaves(one, f"{path}.{key}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _leaves(one, f"{path}[{number}]")
    else:
        yield path, value


def _values(was: Any, now: Any) -> Iterator[str]:
    before, after = list(_leaves(was)), list(_leaves(now))
    if len(before) != len(after):
        names = [path for path, _ in before], [path for path, _ in after]
        yield f"{len(before)} values became {len(after)}"
        yield from (f"  gone: {path}" for path in sorted(set(names[0]) - set(names[1]))[:10])
        yield from (f"  new: {path}" for path in sorted(set(names[1]) - set(names[0]))[:10])
        return
    for (path, one), (other, two) in zip(before, after, strict=True):
        if path != other:
            yield f"{path} is now {other}"
        if not _same(one, two):
            yield f"{other} was {one!r}, is {two!r}"


def _same(one: Any, two: Any) -> bool:
    first, second = _number(one), _number(two)
    if first is None or second is None:
        return bool(one == two)
    return bool(np.isclose(first, second, rtol=RTOL, atol=1e-9, equal_nan=True))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return None
