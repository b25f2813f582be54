"""The schema number that every JSON file of drivesal's carries, so that a later drivesal can read it on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivesal.errors import DrivesalError

FACTS = 1
"""Of the facts that `video`, `image`, `evaluate` and `info` give."""


def migrated(
    content: Mapping[str, Any], newest: int, where: object, error: type[DrivesalError], former: str = "schema"
) -> dict[str, Any]:
    """A file's content with the number of the `newest` schema, in place of the one under which it was written.

    Without a number it is of schema 1; `former` is the key that once held the number. Raises `error` for a
    number that is none, and for one above `newest`, which a newer drivesal wrote.
    """
    key = "schema" if "schema" in content else former
    found = content.get(key, 1)
    if type(found) is not int or found < 1:
        raise error(f"a schema number in {where}", f"it is {found!r}", "correct it, or remove the file")
    if found > newest:
        raise error(f"schema {newest} or older in {where}", f"it is {found}", "update drivesal")
    return {name: value for name, value in content.items() if name != key} | {"schema": newest}
