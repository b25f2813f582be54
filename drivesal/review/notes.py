"""The user's notes on frames of a drive, stored in a JSON file next to it."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import errno
import hashlib
import io
import json
import math
import os
import re
import secrets
import threading
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from drivesal.errors import DrivesalError, InputError, OptionError
from drivesal.io.schema import migrated
from drivesal.review.notes_folder import lock_folder, save_error

SCHEMA = 2
TEXT_LIMIT = 4_000
"""Maximum characters of one note."""
COUNT_LIMIT = 10_000
"""Maximum number of notes on one drive."""
_FILE_LIMIT = COUNT_LIMIT * (6 * TEXT_LIMIT + 100)
"""Maximum bytes of the file; JSON may encode one character as six bytes (a backslash, u and four digits)."""

_FORBIDDEN = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Note:
    """The user's note on one frame. `time_s` is the time of the frame in seconds."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBIDDEN

    frame: int
    time_s: float
    text: str

    @property
    def version(self) -> str:
        """A hash of the text, 16 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


class StaleNoteError(DrivesalError):
    """A note was based on a text that has been replaced since; `current` is the note in the file, if any."""

    def __init__(self, frame: int, current: Note | None) -> None:
        actual = "it has been removed" if current is None else "another text has been saved"
        super().__init__(
            f"the note on frame {frame} to be unchanged since it was read", actual, "choose which text to keep"
        )
        self.current = current


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of the file. `drive` is the recording's name, `frames` its number of frames."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBIDDEN

    schema: int
    drive: str
    frames: int
    notes: list[Note]


class Notes:
    """The notes on one drive. Every change rewrites the file. Thread-safe.

    Several servers may have the same drive open: each change is applied to the current content of the file
    under a lock on its folder (on systems with `flock`), so that no note of another server is lost. On the same
    frame the last change wins, unless `set` is called with the version that the text is based on. If the file
    has been removed, the next change writes it again with all notes.
    """

    def __init__(self, path: Path, drive: str, frames: int) -> None:
        self.path, self.frames = path, frames
        self.drive = drive.encode(errors="replace").decode()  # a file name may be invalid Unicode
        self._file = Path(os.path.realpath(path))  # replaces the target of a link, not the link
        self._notes: dict[int, Note] = {}
        self._stamp: Stamp | None = None
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: str | Path, drive: str, frames: int, initial: Path | None = None) -> Self:
        """The notes in `path`, empty if the file does not exist.

        `drive` is the recording's name, `frames` its number of frames. If `path` does not exist, the notes
        start with those in `initial` (`NotesLocation.unwritable`), which is only read. Raises InputError if a
        file has another format, is damaged, or belongs to another drive.
        """
        notes = cls(Path(path), drive, frames)
        notes._refresh()
        if notes._stamp is None and initial is not None:
            notes._notes, _ = notes._read(initial) or ({}, None)
        return notes

    def all(self) -> list[Note]:
        """All notes by frame, including those that other servers have saved. Raises InputError as `load`."""
        with self._lock:
            self._refresh()
            return sorted(self._notes.values(), key=lambda note: note.frame)

    def set(self, frame: int, time_s: float, text: str, base: str | None = None) -> Note | None:
        """Set and save the note of a frame, and return it as stored (see `clean`).

        An empty text removes the note and returns None. `base` is the `version` of the note that the text is
        based on, "" if there was none; if `base` is None, the text replaces any note.

        Raises StaleNoteError if the stored note has neither that version nor the same text; OptionError for a
        frame outside the drive, a text that is too long or too many notes; InputError if the file has been
        damaged; OutputError if it cannot be saved. After an error nothing has changed, in memory or on disk.
        """
        if not 0 <= frame < self.frames:
            raise OptionError(f"a frame from 0 to {self.frames - 1}", f"it is {frame}", "choose another")
        if not math.isfinite(time_s):
            raise OptionError("the frame's time in seconds", f"it is {time_s}", "send a finite number")
        text = clean(text)
        if len(text) > TEXT_LIMIT:
            actual = f"it has {len(text):,}"
            raise OptionError(f"a note of at most {TEXT_LIMIT:,} characters", actual, "shorten it")
        with self._lock, lock_folder(self._file):
            content = self._read(self._file)
            old = self._notes if content is None else content[0]
            current = old.get(frame)
            if base is not None and base != version(current) and text != (current.text if current else ""):
                raise StaleNoteError(frame, current)
            notes = dict(old)
            if text:
                notes[frame] = Note(frame, float(time_s), text)
            else:
                notes.pop(frame, None)
            if len(notes) > COUNT_LIMIT:
                actual = "this would be one more"
                raise OptionError(f"at most {COUNT_LIMIT:,} notes on a drive", actual, "remove some")
            if notes == old and content is not None:
                self._stamp = content[1]
            elif notes or old:
                self._stamp = self._write(notes)
            self._notes = notes
            return notes.get(frame)

    def csv(self) -> str:
        """The notes as CSV with the columns frame, time_s (seconds), note. Raises InputError as `load`.

        A note that starts with =, +, - or @ is prefixed with an apostrophe: a spreadsheet would execute it as a
        formula, which can access the network.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["frame", "time_s", "note"])
        for note in self.all():
            escaped = f"'{note.text}" if note.text.startswith(("=", "+", "-", "@")) else note.text
            writer.writerow([note.frame, f"{note.time_s:.6f}", escaped])
        return text.getvalue()

    def _refresh(self) -> None:
        """Read the file if it has changed since it was last read or written."""
        try:
            if _stamp(os.stat(self._file)) == self._stamp:
                return
        except OSError:
            pass  # `_read` raises the error
        content = self._read(self._file)
        if content is not None:  # the notes of a removed file are kept: the next change writes them again
            self._notes, self._stamp = content

    def _read(self, path: Path) -> tuple[dict[int, Note], Stamp] | None:
        """The notes in a file by frame, and the file's stamp; None if there is no file. Raises InputError."""
        try:
            with path.open("rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                data = file.read(_FILE_LIMIT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _bad_file(path, f"it cannot be read ({error.strerror or error})") from error
        return self._checked(path, _parsed(path, data)), stamp

    def _checked(self, path: Path, content: _Content) -> dict[int, Note]:
        if (content.drive, content.frames) != (self.drive, self.frames):
            raise InputError(
                f"notes on {self.drive} with {self.frames} frames in {path}",
                f"they are on {content.drive[:200]!r} with {content.frames} frames",
                "move the file away",
            )
        notes: dict[int, Note] = {}
        for note in content.notes:
            if not 0 <= note.frame < self.frames:
                raise _bad_file(path, f"a note is on frame {note.frame} of {self.frames}")
            if note.frame in notes:
                raise _bad_file(path, f"frame {note.frame} has two notes")
            text = clean(note.text)
            if not 0 < len(text) <= TEXT_LIMIT:
                raise _bad_file(path, f"the note on frame {note.frame} has {len(text):,} characters")
            notes[note.frame] = dataclasses.replace(note, text=text)
        if len(notes) > COUNT_LIMIT:
            raise _bad_file(path, f"it has {len(notes):,} notes, over {COUNT_LIMIT:,}")
        return notes

    def _write(self, notes: dict[int, Note]) -> Stamp:
        """Replace the file. Raises OutputError; the old file is then unchanged."""
        ordered = [notes[frame] for frame in sorted(notes)]
        content = dataclasses.asdict(_Content(SCHEMA, self.drive, self.frames, ordered))
        data = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
        temporary = self._file.with_name(f".drivesal-notes-{secrets.token_hex(8)}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            # os.replace ignores the write permission of the file itself
            if self._file.exists() and not os.access(self._file, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            descriptor = os.open(temporary, flags, 0o666)
            with open(descriptor, "wb") as file:
                with suppress(OSError):  # keep the permissions of the old file
                    os.chmod(temporary, os.stat(self._file).st_mode & 0o777)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
                stamp = _stamp(os.fstat(descriptor))
            os.replace(temporary, self._file)
        except BaseException as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise save_error(self.path, error) from error
            raise
        return stamp


def version(note: Note | None) -> str:
    """`Note.version`, "" if there is no note."""
    return "" if note is None else note.version


def clean(text: str) -> str:
    """Remove control characters other than tabs, lone surrogates and surrounding white space; all line breaks
    become line feeds.
    """
    text = re.sub("\r\n|[\r\x0b\x0c\x85\u2028\u2029]", "\n", text)
    kept = (char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def _parsed(path: Path, data: bytes) -> _Content:
    """Parse and validate the content of a file. Raises InputError with the name of the field."""
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import from_json, to_json

    if len(data) > _FILE_LIMIT:
        raise _bad_file(path, f"it has more than {_FILE_LIMIT:,} bytes")
    try:
        found = from_json(data.removeprefix(codecs.BOM_UTF8))
    except ValueError as error:
        raise _bad_file(path, f"it is not JSON ({error})") from error
    if isinstance(found, dict):
        found = migrated(found, SCHEMA, path, InputError, "drivesal_notes")
    try:
        # as JSON once more: pydantic takes an object of it strictly for a `Note`
        return TypeAdapter(_Content).validate_json(to_json(found, inf_nan_mode="constants"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        came = f"{where}: {first['msg']} (it is {str(first['input'])[:60]!r})"
        raise _bad_file(path, came) from error


def _bad_file(path: Path, actual: str) -> InputError:
    return InputError(f"drivesal's notes in {path}", actual, "repair the file, or move it away")


def _stamp(status: os.stat_result) -> Stamp:
    """Identifies a version of the file: every save creates a new file."""
    return status.st_ino, status.st_mtime_ns, status.st_size
