"""The folder in which notes are stored: its location and its lock."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drivesal.errors import OutputError
from drivesal.io.outputs import output_error

SUFFIX = ".notes.json"
_LOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class NotesLocation:
    """The file for the notes on a drive, and a one-line message about it.

    `unwritable` is the default file if it cannot be written; it may contain notes.
    """

    path: Path
    message: str
    unwritable: Path | None = None


def notes_location(recording: str | Path) -> NotesLocation:
    """The notes file next to the drive (a file or a folder); in the current directory if that is not writable.

    Raises OutputError if neither is.
    """
    drive = Path(os.path.abspath(recording))  # gives "." and "run/.." a name without following links
    name = (drive.name or "drive") + SUFFIX
    default, fallback = drive.parent / name, Path.cwd() / name
    if _can_write(default):
        return NotesLocation(default, f"notes are stored in {default}")
    if default == fallback or not _can_write(fallback):
        actual = f"neither {default.parent} nor the current directory can be written"
        raise OutputError(f"a folder for {name}", actual, "start it in a folder with write permission")
    message = f"{default.parent} cannot be written: notes are stored in {fallback}"
    return NotesLocation(fallback, message, default)


def _can_write(path: Path) -> bool:
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        return False
    return path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK)


def save_error(path: Path, error: OSError) -> OutputError:
    """The error for notes that cannot be saved to `path`."""
    cause = output_error(path, error)
    do = "free some space, or make the folder writable, and save the note again"
    return OutputError(cause.expected.replace("output folder", f"folder for {path.name}"), cause.came, do)


@contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Lock the folder of `path` against other processes that save notes, without a lock file.

    Does nothing if the system or the file system does not support such locks. Raises OutputError.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise save_error(path, error) from error
    try:
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    actual = f"another program has held it for {_LOCK_SECONDS:g} s"
                    do = "end that program, and save the note again"
                    raise OutputError(f"the lock of {path.parent}", actual, do) from None
                time.sleep(0.01)
            except OSError:
                break
        yield
    finally:
        os.close(folder)
