"""What the head of a request says, read with mistrust: host, headers, cookies, path."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from drivesal.errors import DrivesalError

if TYPE_CHECKING:
    from starlette.types import Scope

_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[0-9a-z._-]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)

Authority = tuple[str, int]
"""A host's name in lower case, an IPv6 address in its shortest form and without brackets; and a port."""


class RefusedError(DrivesalError):
    """A request that is not answered: the status, the reason, and headers of its own."""

    def __init__(
        self, status: int, expected: str, came: str, do: str, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(expected, came, do)
        self.status, self.headers = status, list(headers)


def authority(text: str, port: int = 80) -> Authority | None:
    """What a Host header names, with `port` where it has none, or None where it cannot be read."""
    found = _AUTHORITY.fullmatch(text.lower())
    if found is None:
        return None
    name = found["name"]
    if name.startswith("["):
        try:
            name = str(ipaddress.IPv6Address(name[1:-1]))
        except ValueError:
            return None
    number = port if found["port"] is None else int(found["port"])
    return name.removesuffix("."), number


def header_of(scope: Scope, name: str) -> str | None:
    """The header's value, or None. Raises RefusedError where it was sent twice."""
    wanted = name.encode()
    values = [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == wanted]
    if len(values) > 1:
        raise RefusedError(400, f"one {name} header", f"{len(values)} were sent", "send one")
    return values[0] if values else None


def cookies(scope: Scope, name: str) -> list[bytes]:
    """The values of every cookie of this name (browsers send one a path)."""
    lines = [value for key, value in scope["headers"] if key.lower() == b"cookie"]
    pairs = [pair.strip().partition(b"=") for line in lines for pair in line.split(b";")]
    return [value for key, _, value in pairs if key == name.encode()]


def target_of(scope: Scope) -> bytes:
    """Path and query as they were sent."""
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    query = scope["query_string"]
    return path + b"?" + query if query else cast("bytes", path)


def shown(sent: str | bytes) -> str:
    """What a request sent, for a message: short, and nothing that is not ASCII."""
    text = sent.decode("latin-1") if isinstance(sent, bytes) else sent
    return ascii(text if len(text) <= 60 else text[:60] + "...")
