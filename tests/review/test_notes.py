"""Notes on frames: stored, merged, never lost."""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import json
import multiprocessing
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from drivesal.errors import InputError, OptionError, OutputError
from drivesal.review import notes_folder as module
from drivesal.review.notes import COUNT_LIMIT, TEXT_LIMIT, Note, Notes, clean
from drivesal.review.notes_folder import notes_location

FRAMES = 240


def opened(folder: Path, drive: str = "run.mp4", frames: int = FRAMES) -> Notes:
    return Notes.load(folder / "run.mp4.notes.json", drive, frames)


def stored(folder: Path) -> Any:
    return json.loads((folder / "run.mp4.notes.json").read_text(encoding="utf-8"))


def kept(notes: Notes) -> dict[int, str]:
    return {note.frame: note.text for note in notes.all()}


def test_notes_are_stored_in_the_order_of_frames(tmp_path: Path) -> None:
    notes = opened(tmp_path)
    assert notes.all() == []
    assert list(tmp_path.iterdir()) == []  # reading creates no file
    assert notes.set(30, 1.5, "  looks at the sky ") == Note(30, 1.5, "looks at the sky")
    notes.set(2, 0.1, "Größe 🚗\nzweite Zeile")
    notes.set(7, 0.35, "a lamp")
    assert notes.set(7, 0.35, " \n") is None
    expected = [Note(2, 0.1, "Größe 🚗\nzweite Zeile"), Note(30, 1.5, "looks at the sky")]
    assert notes.all() == expected == opened(tmp_path).all()
    content = stored(tmp_path)
    assert (content["schema"], content["drive"], content["frames"]) == (2, "run.mp4", FRAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["run.mp4.notes.json"]


def test_an_invalid_note_is_rejected_and_changes_nothing(tmp_path: Path) -> None:
    notes = opened(tmp_path)
    notes.set(1, 0.05, "kept")
    for frame, time_s, text in [
        (-1, 0.0, "x"),
        (FRAMES, 12.0, "x"),
        (1, float("nan"), "x"),
        (1, 0.05, "x" * (TEXT_LIMIT + 1)),
    ]:
        with pytest.raises(OptionError):
            notes.set(frame, time_s, text)
    assert kept(notes) == kept(opened(tmp_path)) == {1: "kept"}
    notes.set(1, 0.05, "x" * TEXT_LIMIT + "\n")  # the limit applies to the cleaned text
    assert len(kept(opened(tmp_path))[1]) == TEXT_LIMIT


def test_the_number_of_notes_is_limited(tmp_path: Path) -> None:
    one = {"time_s": 0.0, "text": "x"}
    content = {
        "schema": 2,
        "drive": "run.mp4",
        "frames": COUNT_LIMIT + 1,
        "notes": [{"frame": frame, **one} for frame in range(COUNT_LIMIT)],
    }
    (tmp_path / "run.mp4.notes.json").write_text(json.dumps(content))
    notes = opened(tmp_path, frames=COUNT_LIMIT + 1)
    with pytest.raises(OptionError, match=r"at most 10,000 notes"):
        notes.set(COUNT_LIMIT, 1.0, "one more")
    notes.set(5, 0.0, "another text on the same frame")
    notes.set(6, 0.0, "")
    notes.set(COUNT_LIMIT, 1.0, "now there is room")
    assert len(opened(tmp_path, frames=COUNT_LIMIT + 1).all()) == COUNT_LIMIT


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\ttab\tinside", "tab\tinside"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("👩‍🚒 می‌خواهم", "👩‍🚒 می‌خواهم"),  # joiners are part of the text
    ],
)
def test_control_characters_are_removed(tmp_path: Path, text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    opened(tmp_path).set(0, 0.0, text)
    assert kept(opened(tmp_path)) == {0: cleaned}


def test_csv_can_be_read_back_and_contains_no_formulas(tmp_path: Path) -> None:
    notes = opened(tmp_path)
    texts = ['=HYPERLINK("http://x")', "+1", "-left, then right", "@SUM(A1)", 'says "stop"\nand, goes', "2 = 2"]
    for frame, text in enumerate(texts):
        notes.set(frame, frame / 20, text)
    head, *rows = csv.reader(io.StringIO(notes.csv(), newline=""))
    assert head == ["frame", "time_s", "note"]
    assert [row[:2] for row in rows[:2]] == [["0", "0.000000"], ["1", "0.050000"]]
    guarded = [f"'{text}" for text in texts[:4]] + texts[4:]
    assert [row[2] for row in rows] == guarded
    assert kept(notes)[0] == texts[0]  # the note itself is unchanged


GOOD = {"schema": 2, "drive": "run.mp4", "frames": FRAMES, "notes": []}
NOTE = {"frame": 3, "time_s": 0.15, "text": "x"}


@pytest.mark.parametrize("before", [{}, {"drivesal_notes": 1}])
def test_notes_of_the_first_schema_are_read_on(tmp_path: Path, before: dict[str, Any]) -> None:
    path = tmp_path / "run.mp4.notes.json"
    older = {name: value for name, value in GOOD.items() if name != "schema"} | before
    path.write_text(json.dumps({**older, "notes": [NOTE]}))
    notes = opened(tmp_path)
    assert kept(notes) == {3: "x"}
    notes.set(4, 0.2, "y")
    assert json.loads(path.read_text())["schema"] == 2
    assert kept(opened(tmp_path)) == {3: "x", 4: "y"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b'{"drivesal_notes": 1, "dri', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1, 2]", "it"),
        (b'{"steering": [1]}', "drive: "),
        ({**GOOD, "author": "me"}, "author"),
        ({**GOOD, "notes": [{**NOTE, "frame": "3"}]}, r"notes\.0\.frame"),
        ({**GOOD, "notes": [{**NOTE, "frame": True}]}, r"notes\.0\.frame"),
        ({**GOOD, "notes": [{**NOTE, "time_s": float("nan")}]}, r"notes\.0\.time_s"),
        ({**GOOD, "notes": [{**NOTE, "text": None}]}, r"notes\.0\.text"),
        ({**GOOD, "notes": [{**NOTE, "frame": FRAMES}]}, "frame 240 of 240"),
        ({**GOOD, "notes": [NOTE, NOTE]}, "two notes"),
        ({**GOOD, "notes": [{**NOTE, "text": "x" * 4001}]}, "4,001 characters"),
        ({**GOOD, "notes": [{**NOTE, "text": " "}]}, "0 characters"),
        ({**GOOD, "schema": 3}, r"schema 2 or older in .* it is 3; update drivesal"),
        ({**GOOD, "schema": 3, "tags": []}, "update drivesal"),
        ({**GOOD, "schema": True}, "a schema number in .* it is True"),
        ({**GOOD, "drive": "other.mp4"}, r"notes on run\.mp4 .* on 'other\.mp4'"),
        ({**GOOD, "frames": 241}, "with 240 frames .* with 241 frames"),
    ],
)
def test_an_invalid_file_is_rejected_and_not_changed(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "run.mp4.notes.json"
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    good = opened(tmp_path)
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as error:
        opened(tmp_path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=message):
        good.set(0, 0.0, "x")  # also if the file appears while the server runs
    assert path.read_bytes() == data


def test_a_folder_instead_of_the_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "run.mp4.notes.json").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        opened(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_save_does_not_change_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    notes = opened(tmp_path)
    notes.set(1, 0.05, "old")
    before = (tmp_path / "run.mp4.notes.json").read_bytes()

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(module.os, call, fail)
        with pytest.raises(OutputError) as error:
            notes.set(2, 0.1, "new")
    assert "--out" not in str(error.value)
    assert kept(notes) == {1: "old"}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"run.mp4.notes.json": before}
    notes.set(2, 0.1, "new")
    assert kept(opened(tmp_path)) == {1: "old", 2: "new"}


def test_two_servers_preserve_the_notes_of_each_other(tmp_path: Path) -> None:
    one, two = opened(tmp_path), opened(tmp_path)
    one.set(1, 0.05, "of one")
    two.set(2, 0.1, "of two")
    one.set(3, 0.15, "of one again")
    two.set(1, 0.05, "two on the same frame")
    one.set(2, 0.1, "")
    expected = {1: "two on the same frame", 3: "of one again"}
    assert kept(one) == kept(two) == kept(opened(tmp_path)) == expected


def test_a_removed_file_is_written_again_with_all_notes(tmp_path: Path) -> None:
    notes = opened(tmp_path)
    notes.set(1, 0.05, "first")
    (tmp_path / "run.mp4.notes.json").unlink()
    assert kept(notes) == {1: "first"}
    notes.set(1, 0.05, "first")
    assert kept(opened(tmp_path)) == {1: "first"}


def write_many(folder: Path, start: int) -> None:
    notes = opened(folder)
    for frame in range(start, FRAMES, 4):
        notes.set(frame, frame / 20, f"note {frame}")


def test_processes_and_threads_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=write_many, args=(tmp_path, start)) for start in (0, 1)]
    for other in others:
        other.start()
    shared = opened(tmp_path)
    threads = [
        threading.Thread(
            target=lambda start: [shared.set(f, f / 20, f"note {f}") for f in range(start, FRAMES, 4)],
            args=(start,),
        )
        for start in (2, 3)
    ]
    for thread in threads:
        thread.start()
    for worker in [*threads, *others]:
        worker.join(60)
    assert [other.exitcode for other in others] == [0, 0]
    assert kept(opened(tmp_path)) == {frame: f"note {frame}" for frame in range(FRAMES)}
    assert [path.name for path in tmp_path.iterdir()] == ["run.mp4.notes.json"]


def test_a_lock_that_is_never_released_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.05)
    notes = opened(tmp_path)
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another program has held it"):
            notes.set(1, 0.05, "x")
    finally:
        os.close(folder)
    notes.set(1, 0.05, "x")
    assert kept(opened(tmp_path)) == {1: "x"}


def test_links_and_file_permissions_are_preserved(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    real, link = tmp_path / "kept" / "real.json", tmp_path / "run.mp4.notes.json"
    link.symlink_to(real)
    opened(tmp_path).set(1, 0.05, "x")
    real.chmod(0o640)
    opened(tmp_path).set(2, 0.1, "y")
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert kept(opened(tmp_path)) == {1: "x", 2: "y"}


def test_the_name_of_a_drive_may_be_invalid_unicode(tmp_path: Path) -> None:
    name = os.fsdecode(b"run\xff.mp4")
    Notes.load(tmp_path / "n.json", name, FRAMES).set(1, 0.05, "x")
    assert kept(Notes.load(tmp_path / "n.json", name, FRAMES)) == {1: "x"}


def test_notes_are_stored_next_to_the_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive = tmp_path / "drives" / "run.mp4"
    drive.parent.mkdir()
    found = notes_location(drive)
    assert (found.path, found.unwritable) == (drive.with_name("run.mp4.notes.json"), None)
    assert str(found.path) in found.message
    assert notes_location(f"{drive.parent}/").path == tmp_path / "drives.notes.json"
    monkeypatch.chdir(drive.parent)
    assert notes_location(".").path == tmp_path / "drives.notes.json"
    assert notes_location("run.mp4").path == found.path


def forbid(monkeypatch: pytest.MonkeyPatch, *forbidden: Path) -> None:
    """Simulate missing write permission, because tests may run as root."""
    access = os.access
    monkeypatch.setattr(
        module.os, "access", lambda path, mode: Path(path) not in forbidden and access(path, mode)
    )


def test_notes_are_stored_in_the_current_directory_if_the_drives_folder_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drives, here = tmp_path / "drives", tmp_path / "here"
    drives.mkdir()
    here.mkdir()
    opened(drives).set(1, 0.05, "of an earlier review")
    monkeypatch.chdir(here)
    with monkeypatch.context() as patched:
        forbid(patched, drives)
        found = notes_location(drives / "run.mp4")
        assert (found.path, found.unwritable) == (
            here / "run.mp4.notes.json",
            drives / "run.mp4.notes.json",
        )
        assert f"{drives} cannot be written" in found.message
        assert str(found.path) in found.message
        forbid(patched, drives, here)
        with pytest.raises(OutputError, match=r"neither .* can be written"):
            notes_location(drives / "run.mp4")
    notes = Notes.load(found.path, "run.mp4", FRAMES, found.unwritable)
    assert kept(notes) == {1: "of an earlier review"}
    assert not found.path.exists()
    notes.set(1, 0.05, "")  # removed in the new file, unchanged in the old one
    assert kept(Notes.load(found.path, "run.mp4", FRAMES, found.unwritable)) == {}
    assert kept(opened(drives)) == {1: "of an earlier review"}


def test_a_read_only_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = opened(tmp_path)
    notes.set(1, 0.05, "x")
    forbid(monkeypatch, notes.path)
    with pytest.raises(OutputError, match="cannot be written"):
        notes.set(2, 0.1, "y")
    assert kept(opened(tmp_path)) == {1: "x"}
