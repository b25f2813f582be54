from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from drivesal.errors import OutputError, Stopped
from drivesal.io.outputs import Outputs, new_folder, output_error, writing


def listing(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_outputs_appear_together_at_the_end(tmp_path: Path) -> None:
    finals = [tmp_path / "run.saliency.mp4", tmp_path / "run.saliency.csv", tmp_path / "unused.npz"]
    with Outputs(finals) as out:
        for final in finals[:2]:
            part = out.part(final)
            assert part == out.part(final)
            assert (part.parent, part.suffix) == (tmp_path, final.suffix)
            part.write_text(final.suffix)
        assert not any(final.exists() for final in finals)
    assert listing(tmp_path) == {"run.saliency.mp4": ".mp4", "run.saliency.csv": ".csv"}


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, Stopped, SystemExit])
def test_no_output_appears_after_an_exception(tmp_path: Path, stop: type[BaseException]) -> None:
    (tmp_path / "old.csv").write_text("old")

    def run() -> None:
        with Outputs([tmp_path / "a.mp4", tmp_path / "old.csv"], overwrite=True) as out:
            out.part(tmp_path / "a.mp4").write_text("half")
            out.part(tmp_path / "old.csv").write_text("half")
            raise stop

    with pytest.raises(stop):
        run()
    assert listing(tmp_path) == {"old.csv": "old"}


def test_an_output_that_was_never_written_raises_runtime_error(tmp_path: Path) -> None:
    def run() -> None:
        with Outputs([tmp_path / "a", tmp_path / "b"]) as out:
            out.part(tmp_path / "a").write_text("whole")
            out.part(tmp_path / "b")

    with pytest.raises(RuntimeError, match="never written"):
        run()
    assert listing(tmp_path) == {}
    with pytest.raises(KeyError), Outputs([tmp_path / "a"]) as out:
        out.part(tmp_path / "c")


def test_an_existing_file_is_replaced_only_with_overwrite(tmp_path: Path) -> None:
    final = tmp_path / "a.csv"
    final.write_text("old")
    with pytest.raises(OutputError, match=r"a\.csv exists; use --overwrite"), Outputs([final]):
        pass
    with Outputs([final], overwrite=True) as out:
        out.part(final).write_text("new")
    assert listing(tmp_path) == {"a.csv": "new"}


def test_a_file_that_appears_during_the_run_is_not_replaced(tmp_path: Path) -> None:
    finals = [tmp_path / "a.mp4", tmp_path / "a.csv"]

    def run() -> None:
        with Outputs(finals) as out:
            for final in finals:
                out.part(final).write_text("mine")
            finals[1].write_text("theirs")

    with pytest.raises(OutputError, match=r"a\.csv exists"):
        run()
    assert listing(tmp_path) == {"a.csv": "theirs"}


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with Outputs([tmp_path / "a"]) as out:
        out.part(tmp_path / "a").write_text("whole")
    assert listing(tmp_path) == {"a": "whole"}


def test_invalid_paths_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "run.mp4"
    source.write_text("drive")
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    cases = {
        "gone/a.mp4": "gone does not exist",
        "run.mp4/a.mp4": "is not a folder",
        "./folder/../run.mp4": "not an input",
        "link.mp4": "not an input",
        "folder": "is a folder",
    }
    for name, came in cases.items():
        with pytest.raises(OutputError, match=came), Outputs([Path(name)], overwrite=True, inputs=[source]):
            pass
    with pytest.raises(OutputError, match="given twice"), Outputs(["a.mp4", "./a.mp4"]):
        pass
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root, who may write anywhere
    with pytest.raises(OutputError, match="write permission"), Outputs(["b.mp4"]):
        pass
    assert source.read_text() == "drive"


def test_system_errors_become_output_errors(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="room on the disk for /dev/full, but the disk is full"),
        writing("/dev/full"),
    ):
        Path("/dev/full").write_text("x" * 10)
    with pytest.raises(OutputError, match="writing failed"), writing(tmp_path / "gone" / "a"):
        (tmp_path / "gone" / "a").write_text("x")
    for code in (errno.EACCES, errno.EROFS):
        assert "write permission" in str(output_error(tmp_path / "a", OSError(code, os.strerror(code))))


def test_a_new_folder_appears_at_the_end(tmp_path: Path) -> None:
    final = tmp_path / "drive"
    with new_folder(final) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "a.csv").write_text("whole")
        assert folder.parent == tmp_path
        assert not final.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["drive"]
    assert listing(final / "inner") == {"a.csv": "whole"}


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, Stopped, SystemExit])
def test_no_new_folder_appears_after_an_exception(tmp_path: Path, stop: type[BaseException]) -> None:
    def run() -> None:
        with new_folder(tmp_path / "drive") as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "a.csv").write_text("half")
            raise stop

    with pytest.raises(stop):
        run()
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_does_not_replace_an_existing_path(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for name, came in {"folder": "the folder", "file": "the file", "nowhere": "exists"}.items():
        with (
            pytest.raises(OutputError, match=f"{came}.*; choose another name, or remove it"),
            new_folder(tmp_path / name),
        ):
            (tmp_path / "reached").touch()
    for name in ("gone/drive", "file/drive"):
        with pytest.raises(OutputError, match="an existing parent folder"), new_folder(tmp_path / name):
            (tmp_path / "reached").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "nowhere"]
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_path_that_appears_during_the_run_is_not_replaced_by_the_folder(tmp_path: Path, kind: str) -> None:
    final = tmp_path / "drive"
    theirs = final if kind == "file" else final / "note"

    def run() -> None:
        with new_folder(final) as folder:
            (folder / "a.csv").write_text("mine")
            theirs.parent.mkdir(exist_ok=True)
            theirs.write_text("theirs")

    with pytest.raises(OutputError, match="drive"):
        run()
    assert theirs.read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["drive"]


def test_a_new_folder_without_write_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:  # the tests may run as root, who may write anywhere
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(OutputError, match="write permission"), new_folder(tmp_path / "drive"):
        pass
    assert list(tmp_path.iterdir()) == []
