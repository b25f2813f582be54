"""The folder that notes are kept in: which one it is, and how to be alone in it for a moment."""

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
class NotesPlace:
    """Where the notes on a drive are kept, and one line that says so. `unwritable` is the usual place where
    that cannot be written: it may hold notes already.
    """

    path: Path
    says: str
    unwritable: Path | None = None


def place(recording: str | Path) -> NotesPlace:
    """Beside the drive, a folder's notes beside the folder; in the current directory where they cannot be
    written there. Raises OutputError where neither can be written.
    """
    drive = Path(os.path.abspath(recording))  # "." and "run/.." have names too; links keep theirs
    name = (drive.name or "drive") + SUFFIX
    usual, here = drive.parent / name, Path.cwd() / name
    if _can_write(usual):
        return NotesPlace(usual, f"notes are kept in {usual}")
    if usual == here or not _can_write(here):
        came = f"neither {usual.parent} nor the current directory can be written"
        raise OutputError(f"a folder for {name}", came, "start it in a folder with write permission")
    return NotesPlace(here, f"{usual.parent} cannot be written: notes are kept in {here}", usual)


def _can_write(path: Path) -> bool:
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        return False
    return path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK)


def unsaved(path: Path, error: OSError) -> OutputError:
    """What is said where notes cannot be saved in `path`."""
    said = output_error(path, error)
    do = "free some space, or make the folder writable, and save the note again"
    return OutputError(said.expected.replace("output folder", f"folder for {path.name}"), said.came, do)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keeps other processes from saving notes in this folder meanwhile: a lock on the folder itself leaves no
    file behind. Does nothing where the system or the file system knows no such locks. Raises OutputError.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise unsaved(path, error) from error
    try:
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    came = f"another program has held it for {_LOCK_SECONDS:g} s"
                    do = "end that program, and save the note again"
                    raise OutputError(f"the lock of {path.parent}", came, do) from None
                time.sleep(0.01)
            except OSError:
                break
        yield
    finally:
        os.close(folder)
