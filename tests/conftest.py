"""What tests of the whole may ask for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"

LONGEST = (
    "cli/test_video.py",
    "cli/test_evaluate.py",
    "review/test_page.py",
    "cli/test_train.py",
    "cli/test_plausible.py",
    "cli/test_fit_settings.py",
    "test_train_default.py",
    "review/test_page_models.py",
    "training/test_course.py",
    "cli/test_installed.py",
    "test_notebook.py",
    "model/readers/test_hostile.py",
)
"""Files that take longest, the longest first: begun late, one process would wait for the other's last file."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests of the LONGEST files before all others; each file's stay together and in their order."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The real drives, where this checkout has them beside it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real drives in {SHARED.name} beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with its card, in degrees at the steering wheel."""
    from tests.models import convolutional, steering

    path = tmp_path_factory.mktemp("model") / "small.keras"
    steering(convolutional(), scale=1 / 255).save(path)
    return path


@pytest.fixture
def drivesal(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The installed command, run in `tmp_path`."""
    script = Path(sys.executable).with_name("drivesal")

    def run(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        command = [str(script), *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, check=False
        )

    return run


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    """The command within this process, which is quicker: for what does not depend on the process."""
    from drivesal.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Run:
        with pytest.raises(SystemExit) as stop:
            main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return Run(stop.value.code, out, err)

    return run


@pytest.fixture
def quick_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of settings over fewer colours and frames, for what is not about how it finds them."""
    monkeypatch.setattr("drivesal.evaluation.candidates.COLOURS", ("RGB", "BGR", "YUV", "YUV-opencv3.0"))
    monkeypatch.setattr("drivesal.evaluation.setting_search.SCREENED", 32)
    monkeypatch.setattr("drivesal.evaluation.crop_views.MOST", 64)


@contextlib.contextmanager
def full_disk(most: int) -> Iterator[None]:
    """Within it no file of this process may grow beyond `most` bytes, which is what a full disk looks like."""
    resource = pytest.importorskip("resource", reason="needs a limit on the size of files")
    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def terminated_once(begun: Callable[[], object]) -> Iterator[None]:
    """Sends this process SIGTERM, which `drivesal.cli.main` handles, as soon as `begun()` is true."""
    ended = threading.Event()

    def watch() -> None:
        deadline = time.monotonic() + 60
        while not ended.is_set() and time.monotonic() < deadline:
            if begun():
                os.kill(os.getpid(), signal.SIGTERM)
                return
            time.sleep(0.01)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


class Run:
    """How a run of the command ended."""

    def __init__(self, code: object, out: str, err: str) -> None:
        self.code, self.out, self.err = code or 0, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}{self.err}"
