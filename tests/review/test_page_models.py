"""The page with two models: what is whose, on which scale, and what a saved picture holds."""

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
"""Of the light theme: what says that a frame is edited."""


@pytest.fixture
def two(browser: Browser, compared: str) -> Iterator[Visit]:
    with visited(browser, compared, color_scheme="light") as visit:
        visit.part("difference").wait_for()
        visit.shown(0)
        visit.analysed()
        yield visit


def column(visit: Visit, model: int, name: str) -> np.ndarray[Any, Any]:
    kind = "totals" if name in columns() else "timeline"
    values = visit.run(
        f"fetch('/api/{kind}?model={model}').then((a) => a.json()).then((t) => t.columns.{name})"
    )
    return np.array([np.nan if value is None else value for value in values])


def test_everything_says_whose_it_is(two: Visit) -> None:
    assert two.page.locator("#of option").all_inner_texts()[-1] == "B − A"
    for of, start in (("0", "A: "), ("1", "B: ")):
        two.page.locator("#of").select_option(of)
        bands = two.page.locator(".band").all_inner_texts()
        assert len(bands) == 2
        assert all(text.startswith(start) for text in bands)
        notes = two.page.locator(".row-label .note").all_inner_texts()[2:]
        assert all(text.startswith(start[0]) for text in notes), notes
    two.page.locator("#of").select_option("apart")
    assert two.page.locator(".band").first.inner_text().startswith("A and B apart")
    assert "B − A" in two.text("row-labels")
    expected = column(two, 1, "increase") - column(two, 0, "increase")
    drawn = "Bokeh.documents[0].roots()[0].children[2].renderers.at(-1).data_source.data.y"
    two.until(f"{drawn}.length === {len(expected)}")
    # totals that were evicted are computed again, in other batches: the last digits differ
    assert np.allclose(two.run(drawn), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert two.page.locator("#order option").all_inner_texts() == [
        *(
            "Largest error of A",
            "Attribution of A moves most",
            "Largest error of B",
            "Attribution of B moves most",
        ),
        *("Models disagree: B − A", "B worse than A", "A worse than B"),
    ]


def test_the_list_of_either_and_of_both(two: Visit) -> None:
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
    two.page.locator("#model").select_option("1")  # B alone: then the list and the bands are B's
    assert two.page.locator("#order").input_value() == "error-b"
    assert two.page.locator("#of").input_value() == "1"
    two.shown()


def test_each_models_large_error_is_flagged_for_itself(two: Visit) -> None:
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


def test_the_scale_is_named(two: Visit) -> None:
    caption = two.page.locator("#caption").text_content() or ""
    assert "another run" not in caption
    assert "one scale for both models: " in caption
    legends = [
        two.page.locator(f'[data-part="{part}"] .legend').inner_text()
        for part in ("heat-0-increase", "heat-1-increase", "difference")
    ]
    assert all("one scale for A and B (" in text for text in legends), legends
    two.press("v")
    two.page.locator("#scale").select_option("frame")
    two.until(
        "document.querySelector('[data-part=\"heat-0-increase\"] .legend').innerText.includes('this frame')"
    )
    assert "the drive's scale" in two.page.locator('[data-part="difference"] .legend').inner_text()


def test_numbers_of_both_have_room_at_960_px(browser: Browser, compared: str) -> None:
    with visited(browser, compared, viewport={"width": 960, "height": 700}) as visit:
        visit.part("difference").wait_for()
        visit.shown(0)
        visit.analysed()
        before = visit.part("frame").bounding_box()
        visit.press("w")
        visit.page.click("#add-box")
        visit.page.wait_for_selector("#before-box:not([hidden])")
        visit.shown()
        assert visit.part("frame").bounding_box() == before
        right = visit.run("document.querySelector('#stage').getBoundingClientRect().right")
        ends = visit.page.locator(".readout .number:visible").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().right)"
        )
        assert max(ends) <= right
        assert re.fullmatch(r"A .*too far (left|right)\nB .*too far (left|right)", visit.text("error"))


def saved(two: Visit) -> tuple[str, np.ndarray[Any, Any]]:
    """Name and (H, W, 3) uint8 RGB of the picture that is saved."""
    with two.page.expect_download() as waiting:
        two.page.click("#save-picture")
    data = np.frombuffer(Path(waiting.value.path()).read_bytes(), np.uint8)
    return waiting.value.suggested_filename, cv2.cvtColor(
        cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
    )


def likeness(picture: np.ndarray[Any, Any], two: Visit, part: str) -> float:
    """How like a panel of the stage the place in the picture is that is most like it; 1: the same."""
    data = np.frombuffer(base64.b64decode(two.pixels(part).partition(",")[2]), np.uint8)
    panel = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    small = cv2.resize(
        panel, (480 // 4, round(480 * panel.shape[0] / panel.shape[1]) // 4), interpolation=cv2.INTER_AREA
    )
    where = cv2.resize(picture, None, fx=1 / 4, fy=1 / 4, interpolation=cv2.INTER_AREA)
    return float(cv2.matchTemplate(where, small, cv2.TM_CCOEFF_NORMED).max())


def test_the_saved_picture_is_what_is_on_the_stage(two: Visit) -> None:
    name, picture = saved(two)
    assert name == "run-frame-0.png"
    parts = ["frame", "heat-0-increase", "heat-1-increase", "difference"]
    found = [likeness(picture, two, part) for part in parts]
    assert min(found) > 0.97, found
    accent = (np.abs(picture[:60].astype(int) - ACCENT).sum(axis=2) < 30).sum()
    assert accent == 0
    two.press("2")
    two.part("heat-0-decrease").wait_for()
    two.shown()
    decrease = saved(two)[1]
    assert likeness(decrease, two, "heat-1-decrease") > 0.97
    two.press("1")
    two.part("heat-0-increase").wait_for()
    two.shown()
    assert likeness(decrease, two, "heat-1-increase") < found[2] - 0.001
    two.press("w")
    two.page.click("#add-box")
    two.page.wait_for_selector("#before-box:not([hidden])")
    two.settled("predicted")
    two.shown()
    name, picture = saved(two)
    assert name == "run-frame-0-edited.png"
    assert (np.abs(picture[:60].astype(int) - ACCENT).sum(axis=2) < 30).sum() > 100
    two.page.locator("#model").select_option("1")
    two.shown()
    assert saved(two)[1].shape[1] < picture.shape[1] + 1
