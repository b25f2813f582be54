"""The page with two models: labels by model, shared scale, content of a saved image."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from drivesal.review.compute.totals import columns
from tests.review.pages import Visit, visited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

ACCENT = (0x4A, 0x3F, 0xD1)
"""Accent colour of the light theme, RGB, which marks an edited frame."""


@pytest.fixture
def two(browser: Browser, compared: str) -> Iterator[Visit]:
    with visited(browser, compared, color_scheme="light") as visit:
        visit.canvas("difference").wait_for()
        visit.shown(0)
        visit.analysed()
        yield visit


def column(visit: Visit, model: int, name: str) -> np.ndarray[Any, Any]:
    kind = "totals" if name in columns() else "timeline"
    values = visit.run(
        f"fetch('/api/{kind}?model={model}').then((a) => a.json()).then((t) => t.columns.{name})"
    )
    return np.array([np.nan if value is None else value for value in values])


def test_everything_names_its_model(two: Visit) -> None:
    assert two.page.locator("#of option").all_inner_texts()[-1] == "B − A"
    for model, start in (("0", "A: "), ("1", "B: ")):
        two.page.locator("#of").select_option(model)
        bands = two.page.locator(".band").all_inner_texts()
        assert len(bands) == 2
        assert all(text.startswith(start) for text in bands)
        notes = two.page.locator(".row-label .note").all_inner_texts()[2:]
        assert all(text.startswith(start[0]) for text in notes), notes
    two.page.locator("#of").select_option("apart")
    assert two.page.locator(".band").first.inner_text().startswith("Disagreement")
    assert "B − A" in two.text("row-labels")
    expected = column(two, 1, "increase") - column(two, 0, "increase")
    drawn = "Bokeh.documents[0].roots()[0].children[2].renderers.at(-1).data_source.data.y"
    two.until(f"{drawn}.length === {len(expected)}")
    # evicted totals are recomputed in other batches: the last digits differ
    assert np.allclose(two.run(drawn), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert two.page.locator("#order option").all_inner_texts() == [
        *(
            "Largest error of A",
            "Attribution change of A",
            "Largest error of B",
            "Attribution change of B",
        ),
        *("Disagreement B − A", "B worse than A", "A worse than B"),
    ]


def test_rankings_of_one_and_of_both_models(two: Visit) -> None:
    error = [column(two, model, "angle") - column(two, model, "truth") for model in (0, 1)]
    first = two.page.locator("#list .item").first
    for order, values in (
        ("error", np.abs(error[0])),
        ("error-b", np.abs(error[1])),
        ("disagreement", np.abs(error[1] - error[0])),
        ("worse", np.abs(error[1]) - np.abs(error[0])),
    ):
        two.page.locator("#order").select_option(order)
        assert first.get_attribute("data-frame") == str(int(np.nanargmax(values))), order
    assert first.locator(".item-more").inner_text().startswith("A ")
    two.page.locator("#order").select_option("error")
    two.page.locator("#model").select_option("1")  # with B alone, list and bands are those of B
    assert two.page.locator("#order").input_value() == "error-b"
    assert two.page.locator("#of").input_value() == "1"
    two.shown()


def test_large_errors_are_flagged_by_each_models_own_limit(two: Visit) -> None:
    two.page.locator("#order").select_option("worse")
    two.page.locator("#list .item").first.click()
    two.shown()
    limits = two.page.locator("#error .line").evaluate_all(
        "(all) => all.map((one) => [one.innerText, one.classList.contains('large')])"
    )
    frame = two.frame()
    for model, (text, large) in enumerate(limits):
        error = column(two, model, "angle") - column(two, model, "truth")
        assert text.startswith("AB"[model])
        assert large == bool(abs(error[frame]) > 2 * np.sqrt(np.nanmean(error**2)))


def test_the_shared_scale_is_named(two: Visit) -> None:
    caption = two.page.locator("#caption").text_content() or ""
    assert "another run" not in caption
    assert "one scale for both models: " in caption
    legends = [
        two.page.locator(f'[data-panel="{panel}"] .legend').inner_text()
        for panel in ("heat-0-increase", "heat-1-increase", "difference")
    ]
    assert all("one scale for A and B (" in text for text in legends), legends
    two.press("v")
    two.page.locator("#scale").select_option("frame")
    two.until(
        "document.querySelector('[data-panel=\"heat-0-increase\"] .legend').innerText.includes('this frame')"
    )
    assert "the drive's scale" in two.page.locator('[data-panel="difference"] .legend').inner_text()


def test_numbers_of_both_models_fit_at_960_px(browser: Browser, compared: str) -> None:
    with visited(browser, compared, viewport={"width": 960, "height": 700}) as visit:
        visit.canvas("difference").wait_for()
        visit.shown(0)
        visit.analysed()
        before = visit.canvas("frame").bounding_box()
        visit.press("w")
        visit.page.click("#add-box")
        visit.page.wait_for_selector("#before-box:not([hidden])")
        visit.shown()
        assert visit.canvas("frame").bounding_box() == before
        right = visit.run("document.querySelector('#stage').getBoundingClientRect().right")
        ends = visit.page.locator(".readout .number:visible").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().right)"
        )
        assert max(ends) <= right
        assert re.fullmatch(r"A .*too far (left|right)\nB .*too far (left|right)", visit.text("error"))


def save_image(two: Visit) -> tuple[str, np.ndarray[Any, Any]]:
    """File name of the saved image, and the image, (H, W, 3) uint8 RGB."""
    with two.page.expect_download() as waiting:
        two.page.click("#save-image")
    data = np.frombuffer(Path(waiting.value.path()).read_bytes(), np.uint8)
    return waiting.value.suggested_filename, cv2.cvtColor(
        cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
    )


def best_match(image: np.ndarray[Any, Any], two: Visit, panel: str) -> float:
    """Largest normalised correlation of a panel of the stage with any region of the image; 1: identical."""
    data = np.frombuffer(base64.b64decode(two.pixels(panel).partition(",")[2]), np.uint8)
    pixels = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    small = cv2.resize(
        pixels, (480 // 4, round(480 * pixels.shape[0] / pixels.shape[1]) // 4), interpolation=cv2.INTER_AREA
    )
    scaled = cv2.resize(image, None, fx=1 / 4, fy=1 / 4, interpolation=cv2.INTER_AREA)
    return float(cv2.matchTemplate(scaled, small, cv2.TM_CCOEFF_NORMED).max())


def test_the_saved_image_shows_the_stage(two: Visit) -> None:
    name, image = save_image(two)
    assert name == "run-frame-0.png"
    panels = ["frame", "heat-0-increase", "heat-1-increase", "difference"]
    found = [best_match(image, two, panel) for panel in panels]
    assert min(found) > 0.97, found
    accent = (np.abs(image[:60].astype(int) - ACCENT).sum(axis=2) < 30).sum()
    assert accent == 0
    two.press("2")
    two.canvas("heat-0-decrease").wait_for()
    two.shown()
    decrease = save_image(two)[1]
    assert best_match(decrease, two, "heat-1-decrease") > 0.97
    two.press("1")
    two.canvas("heat-0-increase").wait_for()
    two.shown()
    assert best_match(decrease, two, "heat-1-increase") < found[2] - 0.001
    two.press("w")
    two.page.click("#add-box")
    two.page.wait_for_selector("#before-box:not([hidden])")
    two.settled("predicted")
    two.shown()
    name, image = save_image(two)
    assert name == "run-frame-0-edited.png"
    assert (np.abs(image[:60].astype(int) - ACCENT).sum(axis=2) < 30).sum() > 100
    two.page.locator("#model").select_option("1")
    two.shown()
    assert save_image(two)[1].shape[1] < image.shape[1] + 1
