"""The schema number in every JSON file that drivesal writes, so that later versions can read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivesal.errors import DrivesalError

FACTS = 1
"""Schema number of the facts of `video`, `image`, `evaluate` and `info`."""


def migrated(
    content: Mapping[str, Any], newest: int, where: object, error: type[DrivesalError], former: str = "schema"
) -> dict[str, Any]:
    """A file's content with its schema number replaced by `newest`.

    A file without a number has schema 1; `former` is the key that held the number before. Raises `error` for an
    invalid number, and for one above `newest`, which a newer version of drivesal wrote.
    """
    key = "schema" if "schema" in content else former
    found = content.get(key, 1)
    if type(found) is not int or found < 1:
        raise error(f"a schema number in {where}", f"it is {found!r}", "correct it, or remove the file")
    if found > newest:
        raise error(f"schema {newest} or older in {where}", f"it is {found}", "update drivesal")
    return {name: value for name, value in content.items() if name != key} | {"schema": newest}
