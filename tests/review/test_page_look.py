"""The page with one model: numbers, timeline, sizes of targets, contrast of text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.review.pages import CONTRASTS, FRAMES, Visit, reviewed, visited

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from drivesal.model.steering_model import SteeringModel

ROWS = "Bokeh.documents[0].roots()[0].children"
"""The timeline's rows as Bokeh figures."""


def all_tabs(visit: Visit) -> Any:
    """Opens each tab of the side panel in turn."""
    for tab in ("list", "edit", "notes", "view"):
        visit.page.click(f"#tab-{tab}")
        yield tab


def add_box(visit: Visit) -> None:
    visit.press("w")
    visit.page.click("#add-box")
    visit.page.wait_for_selector("#before-box:not([hidden])")
    visit.shown()


def test_one_model_never_looks_like_two(visit: Visit) -> None:
    visit.analysed()
    visit.run(
        """() => {
          globalThis.seen = new Set();
          const note = () => {
            seen.add(document.querySelector(".readout").innerText);
            const second = document.querySelector(".gauge-predicted.m1");
            seen.add(second.checkVisibility());
          };
          const what = { subtree: true, childList: true, attributes: true, characterData: true };
          new MutationObserver(note).observe(document.querySelector("#stage"), what);
        }"""
    )
    for frame in (1, 2, 3):
        visit.press("ArrowRight")
        visit.shown(frame)
    visit.press("Shift+ArrowRight")
    visit.shown(13)
    seen = visit.run("[...seen]")
    texts = [one for one in seen if isinstance(one, str)]
    assert len(texts) >= 4
    assert not [text for text in texts if "B " in text or "A " in text or "L:" in text]
    assert True not in seen
    assert visit.page.locator("#of").is_hidden()


@pytest.mark.parametrize("width", [960, 1280])
def test_numbers_do_not_collide_after_an_edit(browser: Browser, served: str, width: int) -> None:
    with visited(browser, served, viewport={"width": width, "height": 720}) as visit:
        visit.shown(0)
        visit.analysed()
        bounds = visit.canvas("frame").bounding_box()
        add_box(visit)
        assert visit.canvas("frame").bounding_box() == bounds  # nothing shifts under the pointer while drawing
        boxes = visit.page.locator(".readout .number:visible, .gauge").evaluate_all(
            """(all) => all.map((one) => {
              const box = one.getBoundingClientRect();
              const cut = one.scrollWidth - one.clientWidth;
              return [one.id || one.innerText, box.left, box.top, box.right, box.bottom, cut];
            })"""
        )
        right = visit.run("document.querySelector('#stage').getBoundingClientRect().right")
        assert len(boxes) >= 6
        for i, (name, left, top, end, bottom, cut) in enumerate(boxes):
            assert end <= right, name
            assert cut <= 0, name
            for other, left2, top2, end2, bottom2, _ in boxes[:i]:
                assert end <= left2 or end2 <= left or bottom <= top2 or bottom2 <= top, (name, other)
        mark = visit.page.locator(".gauge-predicted.m0").bounding_box()
        assert mark
        assert mark["width"] >= 10
        assert visit.text("error").endswith(("too far left", "too far right"))
        assert visit.text("edited-text") == "Edited: 1 box (mean frame)"


def test_charts_and_gauge_are_empty_before_there_are_numbers(
    browser: Browser, drive: Path, tmp_path: Path, model: SteeringModel
) -> None:
    with (
        reviewed(drive, tmp_path / "notes.json", None, labels=drive.with_suffix(".csv")) as (address, session),
        visited(browser, address) as visit,
    ):
        visit.page.wait_for_selector("#chart[data-from]")
        visit.page.wait_for_selector('[data-panel="frame"] canvas[data-frame="0"]')
        assert visit.run(f"{ROWS}.map((row) => row.left[0].ticker.ticks.length)") == [0, 0, 0, 0]
        marks = visit.page.locator(".gauge path")
        assert not any(mark.is_visible() for mark in marks.all())
        assert visit.page.locator("#gauge").get_attribute("aria-label") == "No angle yet"
        session.begin([model])
        visit.analysed()
        visit.until(f"{ROWS}.every((row) => row.left[0].ticker.ticks.length >= 2)")
        visit.forget("^503")


def test_rows_follow_the_zoom(visit: Visit) -> None:
    visit.analysed()
    ranges = f"{ROWS}.map((row) => [row.y_range.start, row.y_range.end])"
    columns = visit.run("fetch('/api/timeline').then((a) => a.json()).then((t) => t.columns)")
    whole = visit.run(ranges)
    assert visit.run(f"{ROWS}.every((row) => row.left[0].ticker.ticks.length >= 2)")
    labels = visit.run(f"{ROWS}.slice(0, 2).map((row) => [...row.left[0].major_label_overrides.values()])")
    assert all(one == "0°" or one.endswith(("° L", "° R")) for row in labels for one in row), labels
    for _ in range(6):
        visit.press("+")
    visit.until("document.querySelector('#chart').dataset.to < 15")
    first, last = visit.range()
    shown = range(int(first), int(last) + 1)
    zoomed = visit.run(ranges)
    angles = [columns[name][i] for name in ("angle", "truth") for i in shown]
    errors = [columns["angle"][i] - columns["truth"][i] for i in shown]
    for (low, high), before, values in zip(zoomed, whole, [angles, errors], strict=False):
        assert low <= min(values)
        assert max(values) <= high
        least = 0.018 * (before[1] - before[0])  # or the noise of a straight road would look like steering
        assert max(values) - min(values) > 0.5 * (high - low) or high - low < 2 * least
    assert visit.run(f"{ROWS}.every((row) => row.left[0].ticker.ticks.length >= 2)")


def test_a_click_jumps_and_a_double_click_shows_all(visit: Visit) -> None:
    visit.analysed()
    visit.press("+", "+", "+")
    visit.until("document.querySelector('#chart').dataset.to < 60")
    bounds = visit.page.locator("#chart").bounding_box()
    assert bounds
    spot = bounds["x"] + 0.8 * bounds["width"], bounds["y"] + 30
    visit.page.mouse.dblclick(*spot)
    visit.until("(to) => +document.querySelector('#chart').dataset.to === to", arg=FRAMES - 1)
    visit.page.wait_for_timeout(400)
    assert visit.frame() == 0
    visit.page.mouse.dblclick(*spot)  # the whole drive is visible already: both clicks jump to the same frame
    visit.shown()
    assert visit.frame() > 60
    assert visit.range() == (0, FRAMES - 1)


def test_ctrl_z_undoes_an_edit(visit: Visit) -> None:
    add_box(visit)
    boxes = "document.querySelectorAll('#boxes li').length"
    visit.page.click("#tab-edit")
    visit.page.locator("#brightness").focus()
    visit.press("ArrowRight")
    visit.press("Control+z")  # in a slider too
    visit.until("document.querySelector('#brightness').value === '0'")
    assert visit.run(boxes) == 1
    visit.press("Escape", "Control+z")
    visit.until(f"{boxes} === 0")
    visit.press("Control+Shift+Z")
    visit.until(f"{boxes} === 1")
    visit.press("Control+y")
    visit.until("document.querySelector('#brightness').value === '1'")
    visit.press("n")
    visit.page.keyboard.type("ab")
    visit.press("Control+z")  # the text field undoes its own input
    assert visit.run(boxes) == 1
    assert visit.page.locator("#brightness").input_value() == "1"
    visit.page.locator("#note").fill("")


def test_a_caution_is_shown_once(visit: Visit) -> None:
    visit.page.locator("#method").select_option("guided")
    visit.shown(0)
    caution = visit.text("caution").removeprefix("Caution: ").rstrip(".")
    assert caution
    assert visit.run("document.body.innerText").count(caution) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser: Browser, served: str, scheme: Any) -> None:
    with visited(browser, served, color_scheme=scheme) as visit:
        visit.shown(0)
        visit.analysed()
        add_box(visit)
        # also while a slow method is running and while the numbers of the previous frame are shown
        visit.run("document.querySelectorAll('.panel').forEach((one) => one.classList.add('late'))")
        visit.run("document.querySelector('#numbers').classList.add('late')")
        count = 0
        for tab in all_tabs(visit):
            found = visit.run(CONTRASTS)
            count += len(found)
            assert not [one for one in found if one[0] < 4.5], (tab, scheme)
        assert count > 200


def test_targets_are_large_enough(visit: Visit) -> None:
    visit.analysed()
    add_box(visit)
    small = """() => [...document.querySelectorAll("button, input, select, textarea, a, [role=slider]")]
      .filter((one) => one.checkVisibility()).map((one) => [one, one.getBoundingClientRect()])
      .filter(([, box]) => box.width && (box.width < 23.99 || box.height < 23.99))
      .map(([one, box]) => `${one.id || one.outerHTML.slice(0, 60)}: ${box.width} x ${box.height}`)"""
    for tab in all_tabs(visit):
        assert visit.run(small) == [], tab
    visit.page.locator("#note").evaluate("(one) => { one.value = ''; }")
    visit.page.click("#help-open")
    assert visit.run(small) == []


def test_the_list_is_one_stop_of_the_tab_key(visit: Visit) -> None:
    visit.analysed()
    visit.page.click("#tab-list")
    frames = [
        int(one or -1)
        for one in visit.page.locator("#list .item").evaluate_all(
            "(all) => all.map((one) => one.dataset.frame)"
        )
    ]
    assert visit.page.locator("#list").get_attribute("role") == "listbox"
    assert visit.page.locator('#list [tabindex="0"]').count() == 1
    focused = "+document.activeElement.dataset.frame"
    visit.page.locator("#list-next").focus()
    visit.press("Tab")
    assert visit.run(focused) == frames[0]
    visit.press("ArrowDown", "ArrowDown")
    assert visit.run(focused) == frames[2]
    assert visit.frame() == 0  # moving the focus within the list does not jump
    visit.press("Enter")
    visit.shown(frames[2])
    assert visit.page.locator('#list [aria-selected="true"]').get_attribute("data-frame") == str(frames[2])
    visit.press("End", "ArrowUp", "Tab")
    assert visit.run("document.activeElement.closest('#list')") is None
    visit.press("Shift+Tab")
    assert visit.run(focused) == frames[-2]


def test_the_timeline_by_keyboard_and_screen_reader(visit: Visit) -> None:
    visit.analysed()
    chart = visit.page.locator("#chart")
    chart.focus()
    assert chart.get_attribute("role") == "slider"
    visit.press("PageUp")
    visit.shown(12)
    assert (chart.get_attribute("aria-valuenow"), chart.get_attribute("aria-valuemax")) == (
        "12",
        str(FRAMES - 1),
    )
    name = chart.get_attribute("aria-label") or ""
    assert name.startswith("Timeline of the drive: 0:00.60 · frame 12 · label ")
    assert visit.text("predicted") in name
    assert visit.text("error") in name
    visit.press("PageDown", "ArrowRight")
    visit.shown(1)
    # nothing within the chart can be focused
    visit.press("Tab")
    assert visit.run("document.activeElement.closest('#chart')") is None


def test_the_saved_image_of_an_edit_is_marked(visit: Visit) -> None:
    add_box(visit)
    with visit.page.expect_download() as waiting:
        visit.page.click("#save-image")
    assert waiting.value.suggested_filename == "run-frame-0-edited.png"
    text = visit.run(
        """async () => {
          const { editText } = await import("/js/edits.js");
          return editText({
            boxes: [{ fill: "black" }, { fill: "blur" }], brightness: -30,
            contrast: 1.5, blur: 2, shift: [-3, 4],
          });
        }"""
    )
    expected = (
        "2 boxes (black, blurred), brightness −30 of 255, contrast × 1.50, blur 2 px, "
        "shifted 3 px left, shifted 4 px down"
    )
    assert text == expected
