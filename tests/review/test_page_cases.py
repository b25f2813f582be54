"""A registered case appears on the page: its panel, colour, key and line on the timeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.explanation.added import added
from tests.review.pages import reviewed, visited

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from drivesal.model.steering_model import SteeringModel

pytestmark = pytest.mark.slow

LINE = "Bokeh.documents[0].roots()[0].children.at(-2).renderers.at(-2)"
"""The second topmost line of the attribution row: lanes are drawn by their order, and 35 is below 40."""


@pytest.mark.parametrize(("scheme", "line"), [("light", "rgb(200, 0, 120)"), ("dark", "rgb(255, 120, 220)")])
def test_a_registered_case_has_a_panel_a_key_and_a_lane(
    browser: Browser, drive: Path, model: SteeringModel, tmp_path: Path, scheme: str, line: str
) -> None:
    with (
        added(),
        reviewed(drive, tmp_path / "notes.json", [model]) as (address, _),
        visited(browser, address, color_scheme=scheme) as visit,
    ):
        visit.shown(0)
        visit.analysed()
        visit.press("6")
        visit.canvas("heat-0-everywhere").wait_for()
        visit.shown(0)
        swatch = visit.page.locator('[data-panel="heat-0-everywhere"] .swatch')
        assert swatch.evaluate("(one) => getComputedStyle(one).backgroundColor") == "rgb(250, 20, 200)"
        visit.until(f"{LINE}?.data_source.data.y.some(Number.isFinite)")
        assert visit.run(f"{LINE}.glyph.line_color.value") == line
        assert "Everywhere" in visit.text("row-labels")
        shown = visit.page.locator("#keys dl div").all_text_contents()
        assert any("everywhere" in text.lower() for text in shown)
        visit.press("a")
        visit.canvas("heat-0-maintain").wait_for()
        panels = visit.page.locator(".panel").evaluate_all("(all) => all.map((one) => one.dataset.panel)")
        assert [panel.removeprefix("heat-0-") for panel in panels] == [
            "frame",
            "increase",
            "everywhere",
            "decrease",
            "maintain",
        ]


def test_a_case_computed_on_request_is_requested_only_when_shown(
    browser: Browser, drive: Path, model: SteeringModel, tmp_path: Path
) -> None:
    with reviewed(drive, tmp_path / "notes.json", [model]) as (address, _), visited(browser, address) as visit:
        urls: list[str] = []
        visit.page.on("request", lambda request: urls.append(request.url))
        visit.shown(0)
        visit.press("3", "5")
        visit.shown(0)
        assert urls
        assert not [url for url in urls if "cases=" in url]
        visit.press("4")
        visit.canvas("heat-0-support").wait_for()
        visit.shown(0)
        heats = [url for url in urls if "/api/heat/" in url and "case=support" in url]
        assert heats
        assert all("cases=support" in url for url in heats)


def test_a_check_box_shows_a_lane_that_is_hidden_by_default(
    browser: Browser, drive: Path, model: SteeringModel, tmp_path: Path
) -> None:
    with reviewed(drive, tmp_path / "notes.json", [model]) as (address, _), visited(browser, address) as visit:
        visit.shown(0)
        visit.analysed()
        assert visit.page.locator("#lanes input").count() == 1
        assert "Maintain" not in visit.text("row-labels")
        visit.page.locator("#with-maintain").check()
        visit.until("document.querySelector('#row-labels').innerText.includes('Maintain')")
        visit.page.reload()
        visit.analysed()
        visit.until("document.querySelector('#row-labels').innerText.includes('Maintain')")
