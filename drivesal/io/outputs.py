"""Result files that appear under their final names only when they are whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from drivesal.errors import OptionError, OutputError

if TYPE_CHECKING:
    from drivesal.types import Image

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turns an `OSError` inside (a full disk, no permission) into an `OutputError` about `path`.

    PyAV's errors are `OSError`s too where the system's call failed.
    """
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def output_error(path: str | Path, error: OSError) -> OutputError:
    """The `OutputError` that says what an `OSError` met while writing `path` means."""
    path = Path(path)
    if error.errno in _FULL:
        came = "the disk is full" if error.errno != errno.EFBIG else "the file may not grow that large"
        return OutputError(f"room on the disk for {path}", came, "free some space, or write to another disk")
    if error.errno in _FORBIDDEN:
        came = f"{path.parent} cannot be written ({error.strerror})"
        return OutputError("an output folder with write permission", came, "choose another with --out")
    came = f"writing failed ({error.strerror or error})"
    return OutputError(f"to write {path}", came, "check the disk and the path")


@contextmanager
def new_folder(final: str | Path) -> Iterator[Path]:
    """A folder to fill that gets its final name when the `with` block ends well, and is removed otherwise.

    Raises `OutputError` where there is something of that name already, or it cannot be written.
    """
    final = Path(final)
    check_new_folder(final)
    part = final.with_name(f"{final.name}.part-{os.getpid()}")
    with writing(final):
        part.mkdir()
    try:
        yield part
        with writing(final):
            part.rename(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_new_folder(final: Path) -> None:
    """Raises `OutputError` where `new_folder` would, as far as can be known before."""
    if os.path.lexists(final):
        came = f"the {'folder' if final.is_dir() else 'file'} {final} exists"
        raise OutputError("the name of a new folder", came, "choose another, or remove it")
    if not final.parent.is_dir():
        came = f"{final.parent} is not a folder" if final.parent.exists() else f"{final.parent} does not exist"
        raise OutputError("a folder to write into", came, "create it, or choose another")


class Outputs:
    """The result files of one run. They all appear when the `with` block ends well, and none otherwise.

    `part(final)` is where to write meanwhile: in the same folder, with the same extension. An output that is
    never asked for with `part` is left out. The folders in `make` are made on entry where they are not there,
    and removed again where nothing was written. Raises `OutputError` on entry where a final path is an input,
    exists already (without `overwrite`), or its folder cannot be written.
    """

    def __init__(
        self,
        finals: Iterable[str | Path],
        *,
        overwrite: bool = False,
        inputs: Iterable[str | Path] = (),
        make: Iterable[Path] = (),
    ) -> None:
        self._finals = [Path(final) for final in finals]
        self._inputs = [Path(path) for path in inputs]
        self._overwrite = overwrite
        self._make, self._made = list(make), list[Path]()
        self._parts: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        try:
            for folder in self._make:
                self._make_folder(folder)
            for number, final in enumerate(self._finals):
                self._check(final, self._finals[:number])
        except BaseException:
            self._unmake()
            raise
        return self

    def _make_folder(self, folder: Path) -> None:
        """Makes the folder and those above it that are not there."""
        missing = [one for one in (folder, *folder.parents) if not os.path.lexists(one)]
        for one in reversed(missing):
            with writing(one):
                one.mkdir()
            self._made.append(one)

    def _unmake(self) -> None:
        """Removes the folders that were made here and hold nothing."""
        for folder in reversed(self._made):
            with suppress(OSError):
                folder.rmdir()

    def part(self, final: str | Path) -> Path:
        """The temporary path for `final`, which must be one of the paths given. Raises `KeyError` otherwise."""
        final = Path(final)
        if final not in self._finals:
            raise KeyError(f"{final} is not among the outputs")
        return self._parts.setdefault(final, final.with_name(f"{final.stem}.part-{os.getpid()}{final.suffix}"))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._publish()
        finally:
            for part in self._parts.values():
                with suppress(OSError):
                    part.unlink(missing_ok=True)
            if kind is not None:
                self._unmake()

    def _check(self, final: Path, others: list[Path]) -> None:
        there = os.path.lexists(final)  # what is not there replaces nothing, and inputs may be many images
        for path in self._inputs:
            if there and _same(final, path):
                raise OutputError(
                    "an output path that is not an input", f"{final} is {path}", "choose another with --out"
                )
        if any(_same(final, other) for other in others):
            raise OutputError("a path for each output", f"{final} is given twice", "choose another with --out")
        folder = final.parent
        if not folder.is_dir():
            came = f"{folder} does not exist" if not folder.exists() else f"{folder} is not a folder"
            raise OutputError("an existing output folder", came, "create it, or choose another with --out")
        if final.is_dir():
            raise OutputError("a file as output", f"{final} is a folder", "name a file in it with --out")
        if there and not self._overwrite:
            raise _exists(final)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise output_error(final, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))

    def _publish(self) -> None:
        missing = [part for part in self._parts.values() if not part.is_file()]
        if missing:
            raise RuntimeError(f"{missing[0]} was asked for and never written")
        published: list[Path] = []
        try:
            for final, part in self._parts.items():
                self._move(part, final)
                published.append(final)
        except BaseException:
            # What replaced an older file cannot be taken back; what is new can.
            if not self._overwrite:
                for final in published:
                    with suppress(OSError):
                        final.unlink()
            raise

    def _move(self, part: Path, final: Path) -> None:
        with writing(final):
            if self._overwrite:
                os.replace(part, final)
                return
            try:
                os.link(part, final)  # fails where the name is taken, which a rename would not
            except FileExistsError:
                raise _exists(final) from None
            except OSError:  # a file system without hard links
                if os.path.lexists(final):
                    raise _exists(final) from None
                os.replace(part, final)


def _exists(final: Path) -> OutputError:
    return OutputError("a new output file", f"{final} exists", "use --overwrite, or another name")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return one.resolve() == other.resolve()


def check_picture_name(path: Path) -> None:
    """Raises OptionError where a picture's name ends in nothing that can be written."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise OptionError("--out to end in .png or .jpg", f"it is {path}", "name it so")


def encode_picture(path: Path, canvas: Image) -> bytes:
    """(H, W, 3) uint8 RGB as the file that `path` names, .png or .jpg. Raises OptionError, OutputError."""
    import cv2

    check_picture_name(path)
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
    if not done:
        raise OutputError("a picture that can be coded", f"{path.suffix} cannot", "use .png")
    return data.tobytes()
