"""Strict parsing of the head of a request: host, headers, cookies, path."""

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
"""A host name in lower case, or an IPv6 address in its shortest form without brackets; and a port."""


class RefusedError(DrivesalError):
    """A rejected request, with HTTP status, reason and additional headers."""

    def __init__(
        self, status: int, expected: str, came: str, do: str, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(expected, came, do)
        self.status, self.headers = status, list(headers)


def authority(text: str, port: int = 80) -> Authority | None:
    """Parse a Host header; `port` is its default. None for an invalid header."""
    match = _AUTHORITY.fullmatch(text.lower())
    if match is None:
        return None
    name = match["name"]
    if name.startswith("["):
        try:
            name = str(ipaddress.IPv6Address(name[1:-1]))
        except ValueError:
            return None
    number = port if match["port"] is None else int(match["port"])
    return name.removesuffix("."), number


def header_of(scope: Scope, name: str) -> str | None:
    """The header's value, or None. Raises RefusedError if it was sent more than once."""
    encoded = name.encode()
    values = [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == encoded]
    if len(values) > 1:
        raise RefusedError(400, f"one {name} header", f"{len(values)} were sent", "send one")
    return values[0] if values else None


def cookies(scope: Scope, name: str) -> list[bytes]:
    """The values of all cookies with this name (browsers send one for each path)."""
    lines = [value for key, value in scope["headers"] if key.lower() == b"cookie"]
    pairs = [pair.strip().partition(b"=") for line in lines for pair in line.split(b";")]
    return [value for key, _, value in pairs if key == name.encode()]


def target_of(scope: Scope) -> bytes:
    """Path and query as sent."""
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    query = scope["query_string"]
    return path + b"?" + query if query else cast("bytes", path)


def printable(value: str | bytes) -> str:
    """A value from a request for use in a message, shortened and in ASCII."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return ascii(text if len(text) <= 60 else text[:60] + "...")
