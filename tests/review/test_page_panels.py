"""A panel of the side panel is one file: placed in the folder, it is served and exported."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drivesal.review.server import bundle, page_assets
from tests.clips import make_clip
from tests.review.pages import reviewed, visited
from tests.test_contributing import EXAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from drivesal.model.steering_model import SteeringModel

PANEL = EXAMPLES["drivesal/review/page/panels/count.js"]


@pytest.fixture
def with_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page with one more file and no other change."""
    folder = tmp_path / "page"
    shutil.copytree(page_assets.PAGE, folder)
    (folder / "panels" / "count.js").write_text(PANEL)
    for module in (page_assets, bundle):
        monkeypatch.setattr(module, "PAGE", folder)


def test_every_panel_is_in_the_index() -> None:
    exported = [line.split()[4] for line in page_assets.panel_index().splitlines()]
    assert exported == ["edit", "list", "notes", "view"]


@pytest.mark.slow
@pytest.mark.usefixtures("with_panel")
def test_a_file_in_the_folder_is_a_panel(
    browser: Browser, drive: Path, model: SteeringModel, tmp_path: Path
) -> None:
    with reviewed(drive, tmp_path / "notes.json", [model]) as (address, _), visited(browser, address) as visit:
        visit.shown(0)
        tabs = visit.page.locator('[role="tab"]').all_inner_texts()
        assert [tab.strip() for tab in tabs] == ["Worst", "Count", "Edit", "Notes", "View"]
        assert not visit.page.locator("#counted").is_visible()
        visit.press("y")
        assert visit.text("counted") == "120 frames"
        visit.press("ArrowRight")
        visit.shown(1)
        assert visit.text("counted") == "frame 1"
        visit.page.keyboard.press("?")
        assert "Number of frames" in visit.text("keys")


@pytest.mark.slow
@pytest.mark.usefixtures("with_panel")
def test_an_added_panel_is_also_in_an_exported_file(
    browser: Browser, tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    clip = make_clip(tmp_path / "run.mp4", 6)
    done = inside("review", clip, "--model", model_path, "--export", "out.html", "--every", 2)
    assert done.code == 0, done
    with visited(browser, (tmp_path / "out.html").as_uri()) as visit:
        visit.shown(0)
        visit.press("y")
        assert visit.text("counted") == "6 frames"
        tabs = visit.page.locator('[role="tab"]:visible').all_inner_texts()
        assert [tab.strip() for tab in tabs] == ["Worst", "Count", "Notes"]
