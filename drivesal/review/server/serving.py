"""The server's life: a port, a thread, an end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn

from drivesal.errors import OptionError

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there, "::" on IPv4 too; port 0 takes a free one. Raises OptionError."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except (OSError, OverflowError, TypeError, ValueError) as error:  # no name of a host: the last two
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OptionError(
            "a host and port to listen on", f"{host}:{port} cannot be had ({reason})", "leave --port out"
        ) from None


@contextlib.contextmanager
def served(app: ASGIApp, listening: socket.socket) -> Iterator[None]:
    """Serves the app on the socket, in a thread, as long as the block lasts."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="review-server", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
