"""What tests of the whole may ask for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


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


class Run:
    """How a run of the command ended."""

    def __init__(self, code: object, out: str, err: str) -> None:
        self.code, self.out, self.err = code or 0, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}{self.err}"
