"""What a person writes on frames while reviewing a drive, in a JSON file beside it."""

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
from drivesal.review.notes_folder import alone, unsaved

SCHEMA = 2
TEXT_LIMIT = 4_000
"""Characters of one note."""
COUNT_LIMIT = 10_000
"""Notes of one drive."""
_FILE_LIMIT = COUNT_LIMIT * (
    6 * TEXT_LIMIT + 100
)  # bytes; JSON may write a character as a backslash, u and four digits

_FORBIDDEN = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Note:
    """A person's note on one frame. `time_s` is the frame's own, in seconds."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBIDDEN

    frame: int
    time_s: float
    text: str

    @property
    def version(self) -> str:
        """What tells this text from another: 16 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


class StaleNoteError(DrivesalError):
    """A note was written upon a text that has been replaced since; `kept` is the note in the file, if any."""

    def __init__(self, frame: int, kept: Note | None) -> None:
        came = "it was removed meanwhile" if kept is None else "another one was saved meanwhile"
        super().__init__(f"the note on frame {frame} as it is kept", came, "choose which text to keep")
        self.kept = kept


@dataclass(frozen=True, slots=True)
class _Content:
    """The file's content. `drive` is the recording's name, `frames` how many it has."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBIDDEN

    schema: int
    drive: str
    frames: int
    notes: list[Note]


class Notes:
    """The notes on one drive, saved whole with every change. Safe to use from several threads.

    Several servers may have the same drive open: a change is made to what the file holds at that moment, under
    a lock on its folder (on systems with `flock`), so that none loses another's notes. On one frame the later
    wins, unless it says upon which text it was written (`set`). A file that was removed meanwhile is written
    again with all notes.
    """

    def __init__(self, path: Path, drive: str, frames: int) -> None:
        self.path, self.frames = path, frames
        self.drive = drive.encode(errors="replace").decode()  # a file's name may be no valid text
        self._file = Path(os.path.realpath(path))  # a link stays a link
        self._notes: dict[int, Note] = {}
        self._stamp: Stamp | None = None
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: str | Path, drive: str, frames: int, before: Path | None = None) -> Self:
        """The notes in `path`, none where there is no such file.

        `drive` is the recording's name and `frames` how many it has. Where there is no such file, the notes
        begin with those in `before` (`Place.unwritable`), which is only read. Raises InputError where a file is
        not one of notes, is broken, or is about another drive.
        """
        notes = cls(Path(path), drive, frames)
        notes._refresh()
        if notes._stamp is None and before is not None:
            notes._notes, _ = notes._read(before) or ({}, None)
        return notes

    def all(self) -> list[Note]:
        """Every note, in the order of frames, with what others saved meanwhile. Raises InputError as `load`."""
        with self._lock:
            self._refresh()
            return sorted(self._notes.values(), key=lambda note: note.frame)

    def set(self, frame: int, time_s: float, text: str, base: str | None = None) -> Note | None:
        """Sets the note of a frame, saves, and returns it as it is kept (see `clean`). A text of which nothing
        is left removes the note, and None is returned. `base` is the `version` of the note that was changed,
        "" where there was none; without it the text replaces whatever is kept.

        Raises StaleNoteError where the note kept is neither of that version nor the same text, OptionError for
        a frame that the drive has not, a text that is too long or a note too many, InputError where the file
        was broken meanwhile, OutputError where it cannot be saved. Nothing has changed then, neither here nor
        on the disk.
        """
        if not 0 <= frame < self.frames:
            raise OptionError(f"a frame from 0 to {self.frames - 1}", f"it is {frame}", "choose another")
        if not math.isfinite(time_s):
            raise OptionError("the frame's time in seconds", f"it is {time_s}", "give a number")
        text = clean(text)
        if len(text) > TEXT_LIMIT:
            came = f"it has {len(text):,}"
            raise OptionError(f"a note of at most {TEXT_LIMIT:,} characters", came, "shorten it")
        with self._lock, alone(self._file):
            found = self._read(self._file)
            old = self._notes if found is None else found[0]
            kept = old.get(frame)
            if base is not None and base != version(kept) and text != (kept.text if kept else ""):
                raise StaleNoteError(frame, kept)
            notes = dict(old)
            if text:
                notes[frame] = Note(frame, float(time_s), text)
            else:
                notes.pop(frame, None)
            if len(notes) > COUNT_LIMIT:
                came = "this would be one more"
                raise OptionError(f"at most {COUNT_LIMIT:,} notes on a drive", came, "remove some")
            if notes == old and found is not None:
                self._stamp = found[1]
            elif notes or old:
                self._stamp = self._write(notes)
            self._notes = notes
            return notes.get(frame)

    def csv(self) -> str:
        """The notes as CSV with the columns frame, time_s (seconds), note. Raises InputError as `load`.

        A note that begins with =, +, - or @ gets an apostrophe before it: a spreadsheet would take it for a
        formula, which may fetch and send things.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["frame", "time_s", "note"])
        for note in self.all():
            guarded = f"'{note.text}" if note.text.startswith(("=", "+", "-", "@")) else note.text
            writer.writerow([note.frame, f"{note.time_s:.6f}", guarded])
        return text.getvalue()

    def _refresh(self) -> None:
        """Reads the file where it is another than the one that was read or written last."""
        try:
            if _stamp(os.stat(self._file)) == self._stamp:
                return
        except OSError:
            pass  # reading says what is wrong
        found = self._read(self._file)
        if found is not None:  # a file that was removed loses nobody's notes: the next change writes them again
            self._notes, self._stamp = found

    def _read(self, path: Path) -> tuple[dict[int, Note], Stamp] | None:
        """The notes in a file by frame, and which file it was; None where there is none. Raises InputError."""
        try:
            with path.open("rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                data = file.read(_FILE_LIMIT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _bad(path, f"it cannot be read ({error.strerror or error})") from error
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
                raise _bad(path, f"a note is on frame {note.frame} of {self.frames}")
            if note.frame in notes:
                raise _bad(path, f"frame {note.frame} has two notes")
            text = clean(note.text)
            if not 0 < len(text) <= TEXT_LIMIT:
                raise _bad(path, f"the note on frame {note.frame} has {len(text):,} characters")
            notes[note.frame] = dataclasses.replace(note, text=text)
        if len(notes) > COUNT_LIMIT:
            raise _bad(path, f"it has {len(notes):,} notes, over {COUNT_LIMIT:,}")
        return notes

    def _write(self, notes: dict[int, Note]) -> Stamp:
        """Replaces the file. Raises OutputError, and the old file stays whole."""
        ordered = [notes[frame] for frame in sorted(notes)]
        content = dataclasses.asdict(_Content(SCHEMA, self.drive, self.frames, ordered))
        data = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
        part = self._file.with_name(f".drivesal-notes-{secrets.token_hex(8)}.part")
        try:
            if self._file.exists() and not os.access(self._file, os.W_OK):  # which replacing it would not ask
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            with open(descriptor, "wb") as file:
                with suppress(OSError):  # the rights that the file had
                    os.chmod(part, os.stat(self._file).st_mode & 0o777)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
                stamp = _stamp(os.fstat(descriptor))
            os.replace(part, self._file)
        except BaseException as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise unsaved(self.path, error) from error
            raise
        return stamp


def version(note: Note | None) -> str:
    """`Note.version`, "" where there is no note."""
    return "" if note is None else note.version


def clean(text: str) -> str:
    """Text without control characters, lone surrogates, and white space at its ends. Tabs stay, and line
    breaks, each as one line feed.
    """
    text = re.sub("\r\n|[\r\x0b\x0c\x85\u2028\u2029]", "\n", text)
    kept = (one for one in text if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def _parsed(path: Path, data: bytes) -> _Content:
    """A file's content, its fields checked one by one. Raises InputError that names the field."""
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import from_json, to_json

    if len(data) > _FILE_LIMIT:
        raise _bad(path, f"it has more than {_FILE_LIMIT:,} bytes")
    try:
        found = from_json(data.removeprefix(codecs.BOM_UTF8))
    except ValueError as error:
        raise _bad(path, f"it is not JSON ({error})") from error
    if isinstance(found, dict):
        found = migrated(found, SCHEMA, path, InputError, "drivesal_notes")
    try:
        # as JSON once more: pydantic takes an object of it strictly for a `Note`
        return TypeAdapter(_Content).validate_json(to_json(found, inf_nan_mode="constants"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        came = f"{where}: {first['msg']} (it is {str(first['input'])[:60]!r})"
        raise _bad(path, came) from error


def _bad(path: Path, came: str) -> InputError:
    return InputError(f"drivesal's notes in {path}", came, "mend the file, or move it away")


def _stamp(status: os.stat_result) -> Stamp:
    """What tells one state of a file from another: every save is a new file."""
    return status.st_ino, status.st_mtime_ns, status.st_size
