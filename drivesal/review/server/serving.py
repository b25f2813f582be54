"""Runs the server: binds a port, serves in a thread, shuts down."""

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


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; "::" includes IPv4, port 0 picks a free port. Raises OptionError."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except (OSError, OverflowError, TypeError, ValueError) as error:  # the last two for an invalid host name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OptionError(
            "a host and port to listen on", f"{host}:{port} is not available ({reason})", "leave --port out"
        ) from None


@contextlib.contextmanager
def run_server(app: ASGIApp, listening: socket.socket) -> Iterator[None]:
    """Serve the app on the socket in a thread for the duration of the block."""
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
