"""Returns freed memory to the operating system."""

from __future__ import annotations

import contextlib
import ctypes
import sys


def release_memory() -> None:
    """Return freed memory that glibc would keep for later allocations. Does nothing with other C libraries.

    After the probe of a PilotNet this releases 1 to 19 MiB, depending on the method.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
