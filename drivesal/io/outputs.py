"""Result files that appear under their final names only when they are complete."""

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
    """Convert an `OSError` in the block (a full disk, no permission) to an `OutputError` about `path`.

    PyAV's errors are `OSError`s too where a system call failed.
    """
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def output_error(path: str | Path, error: OSError) -> OutputError:
    """The `OutputError` for an `OSError` that occurred while writing `path`."""
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
    """A temporary folder that gets its final name when the `with` block succeeds, and is removed otherwise.

    Raises `OutputError` where the final name exists already or cannot be written.
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
    """Raise `OutputError` where `new_folder` would, as far as can be checked beforehand."""
    if os.path.lexists(final):
        came = f"the {'folder' if final.is_dir() else 'file'} {final} exists"
        raise OutputError("the name of a new folder", came, "choose another name, or remove it")
    if not final.parent.is_dir():
        came = f"{final.parent} is not a folder" if final.parent.exists() else f"{final.parent} does not exist"
        raise OutputError("an existing parent folder", came, "create it, or choose another")


class Outputs:
    """The result files of one run. All appear when the `with` block succeeds, and none otherwise.

    `part(final)` is the temporary path to write to, in the same folder and with the same extension. An output
    whose `part` is never called is left out. Folders in `make` are created on entry where they are missing, and
    removed again where they stay empty. Raises `OutputError` on entry where a final path is an input, exists
    already (without `overwrite`), or its folder cannot be written.
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
        self._make, self._created = list(make), list[Path]()
        self._parts: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        try:
            for folder in self._make:
                self._make_folder(folder)
            for number, final in enumerate(self._finals):
                self._check(final, self._finals[:number])
        except BaseException:
            self._remove_empty_folders()
            raise
        return self

    def _make_folder(self, folder: Path) -> None:
        """Create the folder and its missing parents."""
        missing = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
        for path in reversed(missing):
            with writing(path):
                path.mkdir()
            self._created.append(path)

    def _remove_empty_folders(self) -> None:
        """Remove the folders that were created here and are empty."""
        for folder in reversed(self._created):
            with suppress(OSError):
                folder.rmdir()

    def part(self, final: str | Path) -> Path:
        """The temporary path for `final`. Raises `KeyError` where `final` is not one of the outputs."""
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
                self._remove_empty_folders()

    def _check(self, final: Path, earlier: list[Path]) -> None:
        exists = os.path.lexists(final)  # a new path cannot be an input, and inputs may be many images
        for path in self._inputs:
            if exists and _same(final, path):
                raise OutputError(
                    "an output path that is not an input", f"{final} is {path}", "choose another with --out"
                )
        if any(_same(final, path) for path in earlier):
            raise OutputError(
                "a different path for each output", f"{final} is given twice", "choose another with --out"
            )
        folder = final.parent
        if not folder.is_dir():
            came = f"{folder} does not exist" if not folder.exists() else f"{folder} is not a folder"
            raise OutputError("an existing output folder", came, "create it, or choose another with --out")
        if final.is_dir():
            raise OutputError("a file as output", f"{final} is a folder", "name a file in it with --out")
        if exists and not self._overwrite:
            raise _exists(final)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise output_error(final, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))

    def _publish(self) -> None:
        missing = [part for part in self._parts.values() if not part.is_file()]
        if missing:
            raise RuntimeError(f"the output {missing[0]} was never written")
        published: list[Path] = []
        try:
            for final, part in self._parts.items():
                self._move(part, final)
                published.append(final)
        except BaseException:
            # A file that replaced an older one cannot be undone; a new one can.
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
                os.link(part, final)  # fails where the name exists; a rename would replace it
            except FileExistsError:
                raise _exists(final) from None
            except OSError:  # a file system without hard links
                if os.path.lexists(final):
                    raise _exists(final) from None
                os.replace(part, final)


def _exists(final: Path) -> OutputError:
    return OutputError("a new output file", f"{final} exists", "use --overwrite, or another name")


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them does not exist
        return first.resolve() == second.resolve()


def check_image_path(path: Path) -> None:
    """Raise OptionError where the extension is not that of an image format that can be written."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise OptionError("--out to end in .png or .jpg", f"it is {path}", "change the extension")


def encode_image(path: Path, canvas: Image) -> bytes:
    """Encode (H, W, 3) uint8 RGB as .png or .jpg, by the extension. Raises OptionError, OutputError."""
    import cv2

    check_image_path(path)
    encoded, data = cv2.imencode(path.suffix, cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
    if not encoded:
        raise OutputError(
            f"an image that can be encoded as {path.suffix}", "the encoding failed", "use .png instead"
        )
    return data.tobytes()
