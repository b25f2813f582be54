"""Fixtures of the page's tests: a browser, a synthetic drive, and servers that review it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drivesal.model.readers import load_model
from drivesal.model.shipped import default_model
from drivesal.synthetic.world import SyntheticDrive
from drivesal.synthetic.writing import write_drive
from tests.review.pages import ARGUMENTS, SECONDS, Visit, browser_path, reviewed, visited

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from drivesal.model.steering_model import SteeringModel


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright for Python")
    path = browser_path()
    if path is None:
        pytest.skip("needs Chromium: install it, or name it in $CHROMIUM")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic drive with its labels."""
    folder = tmp_path_factory.mktemp("drive") / "drawn"
    write_drive(SyntheticDrive(3, SECONDS, size=(320, 240)), folder, preset="veryfast")
    return folder / "run.mp4"


@pytest.fixture(scope="session")
def model() -> SteeringModel:
    return load_model(default_model())


@pytest.fixture(scope="session")
def other() -> SteeringModel:
    """The shipped model with slightly perturbed weights."""
    model = load_model(default_model())
    rng = np.random.default_rng(1)
    weights = model.network.get_weights()
    model.network.set_weights([w + rng.normal(size=w.shape) * 0.05 * w.std() for w in weights])
    return model


@pytest.fixture(scope="module")
def served(drive: Path, model: SteeringModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a review of the synthetic drive with one model."""
    notes = tmp_path_factory.mktemp("notes") / "notes.json"
    with reviewed(drive, notes, [model], labels=drive.with_suffix(".csv")) as (address, _):
        yield address


@pytest.fixture(scope="module")
def compared(
    drive: Path, model: SteeringModel, other: SteeringModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of a review of the synthetic drive with two models."""
    notes = tmp_path_factory.mktemp("notes") / "notes.json"
    with reviewed(drive, notes, [model, other], labels=drive.with_suffix(".csv")) as (address, _):
        yield address


@pytest.fixture
def visit(browser: Browser, served: str) -> Iterator[Visit]:
    with visited(browser, served) as opened:
        opened.shown(0)
        yield opened
