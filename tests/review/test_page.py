"""The page of `drivesal review` in Chromium, used as a user does."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from drivesal.errors import ModelError
from drivesal.review.compute import frame_images
from tests.review.pages import FRAMES, Visit, error_response, reviewed, visited

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from drivesal.model.steering_model import SteeringModel


def degrees(text: str) -> float:
    """ "3.5° R" as -3.5."""
    found = re.search(r"(\d+\.\d+)°(?: ([LR]))?", text)
    assert found, text
    return float(found[1]) * (-1 if found[2] == "R" else 1)


def test_first_view(visit: Visit) -> None:
    assert visit.page.title() == "run.mp4 · drivesal review"
    assert visit.text("drive-name") == "run.mp4"
    assert "pilotnet" in visit.text("models")
    assert visit.canvas("frame").get_attribute("aria-label") == "Frame, frame 0"
    assert visit.canvas("heat-0-increase").get_attribute("aria-label") == "Increase (left), frame 0"
    error = degrees(visit.text("predicted")) - degrees(visit.text("truth"))
    text = visit.text("error")
    assert abs(degrees(text) - abs(error)) < 0.11
    assert text.endswith("too far left" if error > 0 else "too far right")
    legend = visit.page.locator('[data-panel="heat-0-increase"] .legend').inner_text()
    assert "what is here pushes left" in legend
    assert re.search(r"Full colour: 0\.\d+°", legend)
    visit.until("document.querySelector('#live').textContent.includes('frame 0, prediction')")


def test_stepping(visit: Visit) -> None:
    first = visit.pixels("frame")
    visit.press("ArrowRight")
    visit.shown(1)
    assert visit.pixels("frame") != first
    assert visit.text("time") == "0:00.05"
    visit.press("Shift+ArrowRight")
    visit.shown(11)
    visit.press("ArrowLeft", "Shift+ArrowLeft")
    visit.shown(0)
    assert visit.pixels("frame") == first
    visit.press("End")
    visit.shown(FRAMES - 1)
    visit.press("ArrowRight")
    visit.shown(FRAMES - 1)
    visit.press("Home")
    visit.shown(0)
    visit.press("g")
    visit.page.keyboard.type("57")
    visit.press("Enter")
    visit.shown(57)
    visit.page.click("#forward")
    visit.shown(58)
    for _ in range(20):
        visit.press("ArrowRight")
    visit.shown(78)


def test_a_held_key_shows_a_steady_stream_of_frames_with_heat(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With heat that takes 0.25 s, longer than the interval between key repeats, as on a slow machine."""
    original = frame_images.heat_image

    def slow(*args: Any) -> Any:
        time.sleep(0.25)
        return original(*args)

    monkeypatch.setattr(frame_images, "heat_image", slow)
    visit.run(
        """() => {
          const canvas = document.querySelector('[data-panel="heat-0-increase"] canvas');
          globalThis.seen = [];
          const look = () => globalThis.seen.push(Number(canvas.dataset.frame));
          new MutationObserver(look).observe(canvas, { attributes: true, attributeFilter: ["data-frame"] });
        }"""
    )
    until = time.monotonic() + 4
    while time.monotonic() < until:
        visit.page.keyboard.down("ArrowRight")  # repeated, as a keyboard does
        time.sleep(0.05)
    seen = visit.run("() => globalThis.seen")
    visit.page.keyboard.up("ArrowRight")
    frames = sorted(set(seen))
    print(f"\nheld for 4 s: {len(frames)} frames with heat")
    assert len(frames) >= 5
    assert seen == sorted(seen)
    visit.shown()  # the newest frame is shown last


def test_timeline_totals_follow_the_method_and_name_it(visit: Visit) -> None:
    visit.analysed()
    visit.until("document.querySelector('#row-labels').textContent.includes('Attributionintegrated-gradients')")
    first = visit.run("() => document.querySelector('#chart canvas')?.toDataURL()")
    visit.page.locator("#method").select_option("guided")
    visit.until("document.querySelector('#row-labels').textContent.includes('Attributionguided')", timeout_s=90)
    assert first is None or visit.run("() => document.querySelector('#chart canvas').toDataURL()") != first
    visit.page.locator("#method").select_option("vargrad")
    visit.until(
        "document.querySelector('#row-labels').textContent.includes('Attributionvargrad')", timeout_s=120
    )
    assert "Magnitude" in visit.text("row-labels")
    visit.page.locator("#method").select_option("rise")  # too slow for a whole drive
    visit.until(
        "document.querySelector('[data-instead]')?.dataset.instead.includes('1,000 passes')", timeout_s=90
    )
    assert "integrated-gradients, not rise" in visit.text("row-labels")
    assert "RISE: 1,000 passes" in visit.text("hover")
    visit.page.locator("#method").select_option("gradient")
    visit.shown()


def test_a_method_that_the_model_does_not_support_is_disabled(visit: Visit) -> None:
    def answer(route: Any) -> None:
        drive = route.fetch().json()
        (method,) = (item for item in drive["methods"] if item["name"] == "grad-cam")
        method |= {"refused": "expected a convolution, but there is none", "passes": None}
        route.fulfill(json=drive)

    visit.page.route("**/api/drive", answer)
    visit.page.reload()
    visit.shown(0)
    (option,) = visit.page.locator("#method option:disabled").all()
    assert option.get_attribute("value") == "grad-cam"
    assert option.get_attribute("title") == "expected a convolution, but there is none"


def test_cases_change_the_image(visit: Visit) -> None:
    images = {"increase": visit.pixels("heat-0-increase")}
    for key, case in (("2", "decrease"), ("3", "maintain"), ("4", "support"), ("5", "magnitude")):
        visit.press(key)
        visit.canvas(f"heat-0-{case}").wait_for()
        visit.shown(0)
        images[case] = visit.pixels(f"heat-0-{case}")
        pressed = visit.page.locator('#cases [aria-pressed="true"]')
        assert pressed.get_attribute("data-case") == case
    assert len(set(images.values())) == 5
    visit.press("0")
    visit.canvas("heat-0-maintain").wait_for()
    visit.shown(0)
    panels = visit.page.locator(".panel").evaluate_all("(all) => all.map((one) => one.dataset.panel)")
    assert panels == ["frame", "heat-0-increase", "heat-0-decrease", "heat-0-maintain"]
    visit.press("f")
    visit.until("document.querySelectorAll('.panel').length === 3")
    visit.press("f", "1")
    visit.until("document.querySelectorAll('.panel').length === 2")


def test_drawing_settings(visit: Visit) -> None:
    panel = "heat-0-increase"
    visit.press("v")
    last = visit.pixels(panel)
    for change in (
        lambda: visit.page.locator("#opacity").fill("0.3"),
        lambda: visit.page.locator("#smooth").fill("5"),
        lambda: visit.page.locator("#scale").select_option("frame"),
    ):
        change()
        visit.until(
            "([panel, last]) => document.querySelector(`[data-panel='${panel}'] canvas`).toDataURL() !== last",
            [panel, last],
        )
        visit.shown(0)
        last = visit.pixels(panel)
    assert "this frame" in visit.page.locator(f'[data-panel="{panel}"] .legend').inner_text()


def test_playback_keeps_the_frame_rate(visit: Visit) -> None:
    began = time.monotonic()
    visit.press(" ")
    visit.page.wait_for_timeout(2000)
    visit.press(" ")
    elapsed = time.monotonic() - began
    visit.shown()
    # late images are skipped: the frame follows the clock
    assert 20 * elapsed - 16 <= visit.frame() <= 20 * elapsed + 2
    assert visit.page.locator("#play").get_attribute("aria-pressed") == "false"
    visit.press("End", " ")  # at the end, playback restarts
    visit.page.wait_for_timeout(500)
    visit.press(" ")
    assert 0 < visit.frame() < FRAMES // 2


def test_editing_by_mouse(visit: Visit) -> None:
    before, heat = degrees(visit.text("predicted")), visit.pixels("heat-0-increase")
    visit.press("w")
    visit.page.locator("#fill").select_option("black")
    bounds = visit.canvas("frame").bounding_box()
    assert bounds
    visit.page.mouse.move(bounds["x"] + 0.1 * bounds["width"], bounds["y"] + 0.5 * bounds["height"])
    visit.page.mouse.down()
    visit.page.mouse.move(bounds["x"] + 0.5 * bounds["width"], bounds["y"] + 0.9 * bounds["height"], steps=4)
    visit.page.mouse.up()
    visit.page.wait_for_selector("#before-box:not([hidden])")
    visit.until("document.querySelector('#change').textContent.includes('more')")
    visit.settled("predicted")  # predictions also follow while the box is drawn
    visit.shown(0)
    after = degrees(visit.text("predicted"))
    assert abs(degrees(visit.text("before")) - before) < 0.06
    assert abs(after - before) > 0.1
    assert visit.pixels("heat-0-increase") != heat
    assert visit.page.locator("#edited").is_visible()
    assert visit.page.locator(".overlay .box").count() == 2  # on the frame and on the heat
    visit.page.click("#undo")
    visit.page.wait_for_selector("#edited", state="hidden")
    visit.until("(was) => document.querySelector('#predicted').textContent === was", arg=angle_text(before))
    visit.shown(0)
    assert visit.pixels("heat-0-increase") == heat
    visit.page.click("#redo")
    visit.until("(was) => document.querySelector('#predicted').textContent !== was", arg=angle_text(before))
    visit.shown(0)
    assert degrees(visit.text("predicted")) == after
    visit.page.click("#reset")
    visit.page.wait_for_selector("#edited", state="hidden")


def angle_text(value: float) -> str:
    return f"{abs(value):.1f}°" + (" L" if value > 0 else " R" if value < 0 else "")


def test_editing_by_keyboard(visit: Visit) -> None:
    before = visit.text("predicted")
    visit.press("w")
    visit.page.locator("#add-box").focus()
    visit.press("Enter")
    visit.page.wait_for_selector("#before-box:not([hidden])")
    assert visit.page.evaluate("document.activeElement.dataset.edge") == "left"
    visit.page.keyboard.press("Control+A")
    visit.page.keyboard.type("20")
    box = visit.page.locator(".overlay .box").first
    visit.until("document.querySelector('.overlay .box').getAttribute('x') === '20'")
    assert float(box.get_attribute("width") or 0) > 100
    visit.press("Escape")
    visit.page.locator("#reset").focus()
    visit.press("Enter")
    visit.page.wait_for_selector("#edited", state="hidden")
    visit.page.locator("#brightness").focus()
    visit.press(*["PageDown"] * 5)
    visit.page.wait_for_selector("#edited:not([hidden])")
    visit.until("document.querySelector('#change').textContent.includes('more')")
    visit.press("Escape", "u", "u", "u", "u", "u")
    visit.page.wait_for_selector("#edited", state="hidden")
    visit.until("(was) => document.querySelector('#predicted').textContent === was", arg=before)


def test_a_note_survives_a_reload(visit: Visit) -> None:
    text = "<img src=x onerror=alert(1)> the kerb, not the line"
    visit.page.wait_for_selector("#chart canvas, #chart .bk-Column", state="attached")
    visit.press("ArrowRight", "ArrowRight", "n")
    visit.page.keyboard.type(text)
    visit.page.click("#save-note")
    visit.until("document.querySelector('#note-state').textContent === 'Saved'")
    visit.page.wait_for_timeout(600)  # the address follows once stepping pauses
    visit.page.reload()
    visit.shown(2)
    assert visit.page.locator("#note").input_value() == text
    assert visit.page.locator("#notes .item-text").inner_text() == text
    assert visit.text("notes-count") == "1"
    visit.press("Home")
    visit.shown(0)
    assert visit.page.locator("#note").input_value() == ""
    visit.page.click("#notes .item")
    visit.shown(2)
    assert visit.page.locator("#notes-csv").is_visible()
    # a draft is saved when another frame is selected
    visit.page.locator("#note").fill("moved on")
    visit.page.locator("#note").blur()
    visit.press("ArrowRight", "ArrowLeft")
    visit.until("document.querySelector('#note').value === 'moved on'")
    visit.page.locator("#note").fill("")
    visit.page.click("#save-note")
    visit.page.wait_for_selector("#notes-empty:not([hidden])")


def test_conflicting_notes_of_two_tabs_are_both_kept(browser: Browser, served: str) -> None:
    """Both open frame 8 without a note; the second one to save is shown the text that the first one saved."""
    state = "document.querySelector('#note-state').textContent === '%s'"

    def write(visit: Visit, text: str) -> None:
        visit.press("n")
        visit.page.locator("#note").fill(text)
        visit.page.click("#save-note")

    with visited(browser, served, "#frame=8") as first, visited(browser, served, "#frame=8") as second:
        for visit in (first, second):
            visit.shown(8)
        write(first, "the first")
        first.until(state % "Saved")
        write(second, "the second")
        second.until("document.querySelector('#note-theirs')?.textContent === 'the first'")
        assert second.page.locator("#note").input_value() == "the second"
        second.forget("^409")
        second.press("Escape", "ArrowRight", "ArrowLeft")  # neither is lost while stepping
        assert second.page.locator("#note-theirs").inner_text() == "the first"
        second.page.click("#keep-both")
        second.until(state % "Saved")
        assert second.page.locator("#note-theirs").count() == 0
        first.page.evaluate("dispatchEvent(new Event('focus'))")  # as when the tab is activated again
        first.until("document.querySelector('#note').value === 'the first\\n\\nthe second'")
        write(first, "")
        first.until(state % "Saved")
        write(second, "")  # the same text on both sides is no conflict
        second.until(state % "Saved")


def test_two_models(browser: Browser, compared: str) -> None:
    with visited(browser, compared) as visit:
        visit.canvas("difference").wait_for()
        visit.shown(0)
        panels = visit.page.locator(".panel").evaluate_all("(all) => all.map((one) => one.dataset.panel)")
        assert panels == ["frame", "heat-0-increase", "heat-1-increase", "difference"]
        assert re.fullmatch(r"A .*° ?[LR]?\nB .*°( [LR])?", visit.text("predicted"))
        legends = [visit.page.locator(f'[data-panel="heat-{n}-increase"] .legend').inner_text() for n in (0, 1)]
        assert legends[0] == legends[1]  # one scale
        assert visit.pixels("heat-0-increase") != visit.pixels("heat-1-increase")
        visit.analysed()
        visit.page.locator("#order").select_option("disagreement")
        visit.page.locator("#list .item").first.click()
        visit.shown()
        visit.press("0")
        visit.canvas("heat-1-maintain").wait_for()
        visit.shown()
        assert visit.page.locator(".panel").count() == 6
        visit.press("1", "b", "b")
        visit.until("document.querySelectorAll('.panel').length === 2")
        visit.canvas("heat-1-increase").wait_for()
        visit.shown()


def test_a_slow_method_shows_progress_and_is_cancelled(visit: Visit) -> None:
    visit.press("v")
    visit.page.locator("#method").select_option("rise")
    assert "random masks leave noise" in visit.text("caution")
    masks = visit.page.locator("#option-masks")
    assert masks.input_value() == "1000"
    masks.fill("4096")
    visit.until("location.hash.includes('4096')")
    visit.page.wait_for_selector("#busy:not([hidden])")
    measuring = r"/measuring the scale of RISE over \d+ frames: \d+ %/"
    visit.until(f"{measuring}.test(document.querySelector('#busy-text').textContent)")
    assert visit.page.locator('[data-panel="heat-0-increase"].late').count() == 1
    visit.press("Escape", "ArrowRight")  # the frame is shown at once, its heat is not
    visit.page.wait_for_selector('[data-panel="frame"] canvas[data-frame="1"]')
    visit.page.locator("#method").select_option("gradient")
    visit.shown(1)
    visit.page.wait_for_selector("#busy", state="hidden")
    visit.until("fetch('/api/status').then((a) => a.json()).then((s) => s.work === null)", timeout_s=60)
    visit.page.locator("#method").select_option("visualbackprop")  # no sign: neither increase nor decrease
    visit.canvas("heat-0-magnitude").wait_for()
    visit.shown(1)
    assert visit.page.locator('#cases [data-case="increase"]').is_disabled()
    assert visit.page.locator('#cases [aria-pressed="true"]').get_attribute("data-case") == "magnitude"


def test_the_list(visit: Visit) -> None:
    visit.analysed()
    items = visit.page.locator("#list .item")
    frames = [int(one.get_attribute("data-frame") or -1) for one in items.all()]
    assert len(frames) >= 3
    assert all(abs(a - b) >= 20 for i, a in enumerate(frames) for b in frames[:i])
    visit.press("]")
    visit.shown(frames[0])
    visit.press("]")
    visit.shown(frames[1])
    assert visit.page.locator("#list [aria-current]").get_attribute("data-frame") == str(frames[1])
    visit.press("[")
    visit.shown(frames[0])
    visit.page.locator("#order").select_option("moved")
    assert items.first.locator(".item-value").inner_text().endswith("%")
    visit.page.locator("#order").select_option("error")
    visit.page.locator("#band-preset").select_option("straight")
    matching = [int(one.get_attribute("data-frame") or -1) for one in items.all()]
    assert matching != frames
    column = visit.run("fetch('/api/timeline').then((a) => a.json()).then((t) => t.columns.truth)")
    assert all(abs(column[frame]) <= 5 for frame in matching)
    visit.page.locator("#band-from").fill("900")
    visit.page.locator("#band-to").fill("901")
    assert visit.text("list-empty") == "No frame matches."


def test_the_address_holds_the_view(browser: Browser, served: str) -> None:
    edit = {"boxes": [], "brightness": 30, "contrast": 1, "blur": 0, "shift": [0, 0]}
    path = "#frame=40&case=decrease&method=smoothgrad&options=%7B%22samples%22%3A5%7D&scale=frame&opacity=0.5"
    with visited(browser, served, f"{path}&smooth=3&maintain=contrast&edit={quote(json.dumps(edit))}") as visit:
        visit.canvas("heat-0-decrease").wait_for()
        visit.shown(40)
        assert visit.page.locator("#method").input_value() == "smoothgrad"
        visit.press("v")
        assert visit.page.locator("#option-samples").input_value() == "5"
        assert visit.page.locator("#edited").is_visible()
        assert visit.page.locator("#smooth").input_value() == "3"
        visit.press("ArrowRight", "1")
        visit.shown(41)
        visit.until("location.hash.includes('frame=41') && location.hash.includes('case=increase')")
        query = {name: value[0] for name, value in parse_qs(urlsplit(visit.page.url).fragment).items()}
        assert query["drive"] == "run.mp4"
        assert query["options"] == '{"samples":5}'
        assert (query["scale"], query["opacity"], query["smooth"]) == ("frame", "0.5", "3")
        assert json.loads(query["edit"]) == edit
        visit.press("g")  # a jump adds a history entry
        visit.page.keyboard.type("90")
        visit.press("Enter")
        visit.shown(90)
        visit.page.go_back()
        visit.shown(41)
        visit.page.go_forward()
        visit.shown(90)
        visit.page.goto(f"{served}#frame=7&case=maintain&method=gradient")  # pasted
        visit.canvas("heat-0-maintain").wait_for()
        visit.shown(7)
        assert visit.page.locator("#edited").is_hidden()
        visit.page.goto(f"{served}#frame=9999&case=nonsense&method=%3Cb%3E&options=%7B&drive=other.mp4")
        visit.shown(FRAMES - 1)
        visit.page.wait_for_selector('[data-notice="other"]')


def test_without_labels(browser: Browser, drive: Path, model: SteeringModel, tmp_path: Path) -> None:
    with (
        reviewed(drive, tmp_path / "notes.json", [model]) as (address, _),
        visited(browser, address) as visit,
    ):
        visit.shown(0)
        assert visit.page.locator("#truth-box").is_hidden()
        assert visit.page.locator("#error-box").is_hidden()
        visit.analysed()
        assert visit.page.locator(".row-label strong").all_inner_texts() == ["Angle", "Attribution", "Change"]
        assert visit.page.locator("#order option").count() == 1
        assert visit.page.locator("#list .item").count() >= 3
        assert visit.page.locator('[data-band="error"]').count() == 0


def test_the_page_reconnects_to_a_restarted_server(
    browser: Browser, drive: Path, model: SteeringModel, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    notes, labels = tmp_path / "notes.json", drive.with_suffix(".csv")
    with ExitStack() as page:
        with reviewed(drive, notes, [model], labels=labels, port=port) as (address, _):
            visit = page.enter_context(visited(browser, address))
            visit.shown(0)
        visit.page.wait_for_selector('[data-notice="gone"]')
        assert f"--port {port}" in visit.page.locator('[data-notice="gone"]').inner_text()
        assert visit.text("server-text") == "Disconnected"
        visit.press("End")
        with reviewed(drive, notes, [model], labels=labels, port=port):
            visit.page.wait_for_selector('[data-notice="gone"]', state="detached")
            visit.shown(FRAMES - 1)
            assert visit.text("server-text") == "Connected"
            visit.forget("net::ERR_")  # the browser's errors while there is no server
            page.close()


def test_frames_work_while_the_model_loads(
    browser: Browser, drive: Path, model: SteeringModel, tmp_path: Path
) -> None:
    with (
        reviewed(drive, tmp_path / "notes.json", None, labels=drive.with_suffix(".csv")) as (address, session),
        visited(browser, address) as visit,
    ):
        visit.page.wait_for_selector('[data-notice="loading"]')
        visit.page.wait_for_selector('[data-panel="frame"] canvas[data-frame="0"]')
        visit.press("ArrowRight")
        visit.page.wait_for_selector('[data-panel="frame"] canvas[data-frame="1"]')
        session.begin([model])
        visit.canvas("heat-0-increase").wait_for()
        visit.shown(1)
        assert visit.page.locator('[data-notice="loading"]').count() == 0
        visit.analysed()
        visit.forget("^503")


def test_a_model_error_is_reported_and_frames_remain_available(
    browser: Browser, drive: Path, tmp_path: Path
) -> None:
    with (
        reviewed(drive, tmp_path / "notes.json", None) as (address, session),
        visited(browser, address) as visit,
    ):
        session.refuse(ModelError("finite weights", "conv1 holds NaN", "train it again"))
        visit.page.wait_for_selector('[data-notice="refused"]')
        assert "conv1 holds NaN" in visit.page.locator('[data-notice="refused"]').inner_text()
        assert visit.page.locator('[data-notice="loading"]').count() == 0
        visit.press("ArrowRight")
        visit.page.wait_for_selector('[data-panel="frame"] canvas[data-frame="1"]')
        assert visit.text("server-text") == "Connected"


def test_errors_are_reported(browser: Browser, served: str) -> None:
    with visited(browser, served) as visit:
        visit.shown(0)
        visit.page.route(
            "**/api/frame/5?*", error_response(404, "expected a whole frame, but frame 5 is damaged")
        )
        visit.page.route("**/api/status", lambda route: route.fulfill(json={
            "ready": True, "note": "a copy with more keyframes is being made", "work": None,
            "analysis": [{"rows": 7, "ended": True, "error": "frame 7 cannot be read"}],
        }))  # fmt: skip
        visit.press(*["ArrowRight"] * 5)
        visit.page.wait_for_selector('[data-panel="frame"] .panel-message:not([hidden])')
        assert "frame 5 is damaged" in visit.page.locator(".panel-message >> visible=true").inner_text()
        visit.page.wait_for_selector('[data-notice="proxy"]')
        assert "keyframes" in visit.page.locator('[data-notice="proxy"]').inner_text()
        assert "frame 7 cannot be read" in visit.page.locator('[data-notice="analysis"]').inner_text()
        visit.press("ArrowRight")
        visit.shown(6)
        visit.forget("^404")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_screen(browser: Browser, served: str, width: int, height: int, scheme: Any) -> None:
    screen = {"width": width, "height": height}
    with visited(browser, served, "#case=all", viewport=screen, color_scheme=scheme) as visit:
        visit.shown(0)
        visit.analysed()
        for tab in ("list", "edit", "notes", "view"):
            visit.page.click(f"#tab-{tab}")
            size = visit.run("((page) => [page.scrollWidth, page.scrollHeight])(document.documentElement)")
            assert size == [width, height]
        outside = visit.run(
            """() => [...document.querySelectorAll("main *, header *, #timeline *")].filter((one) => {
              const box = one.getBoundingClientRect();
              const beside = box.right > innerWidth + 1 || box.left < -1;
              return box.width && beside && !one.closest(".side-panel, #chart");
            }).map((one) => one.outerHTML.slice(0, 80))"""
        )
        assert outside == []
        wide = visit.page.locator('[data-panel="frame"] canvas').bounding_box()
        assert wide
        assert wide["width"] > width / 8
        light = visit.run("getComputedStyle(document.body).backgroundColor")
        assert (int(re.findall(r"\d+", light)[0]) > 128) == (scheme == "light")


def test_the_theme_is_stored(browser: Browser, served: str) -> None:
    with visited(browser, served, color_scheme="light") as visit:
        visit.page.click("#theme")
        visit.page.click("#theme")
        assert visit.page.locator("html").get_attribute("data-theme") == "dark"
        visit.page.reload()
        visit.shown(0)
        assert visit.page.locator("html").get_attribute("data-theme") == "dark"
        assert visit.run("getComputedStyle(document.body).backgroundColor") != "rgb(238, 240, 243)"


def test_the_timeline(visit: Visit) -> None:
    visit.analysed()
    whole = visit.range()
    assert whole == (0, FRAMES - 1)
    bounds = visit.page.locator("#chart").bounding_box()
    assert bounds
    middle = bounds["x"] + bounds["width"] / 2, bounds["y"] + 30
    visit.page.mouse.click(*middle)
    visit.until("document.querySelector('#frame-number').value > 40")
    visit.shown()
    assert abs(visit.frame() - FRAMES / 2) < 5
    assert f"frame {visit.frame()}" in visit.text("hover")
    cursor = visit.page.locator("#cursor").bounding_box()
    assert cursor
    assert abs(cursor["x"] - middle[0]) < 8
    visit.page.mouse.wheel(0, -400)
    visit.until("document.querySelector('#chart').dataset.to < 118")
    zoomed = visit.range()
    visit.page.mouse.down()
    visit.page.mouse.move(middle[0] + 150, middle[1], steps=5)
    visit.page.mouse.up()
    visit.until("(from) => +document.querySelector('#chart').dataset.from < from", arg=zoomed[0])
    panned = visit.range()
    assert panned[1] - panned[0] == pytest.approx(zoomed[1] - zoomed[0], abs=0.2)
    visit.page.mouse.dblclick(*middle)
    visit.until("(to) => +document.querySelector('#chart').dataset.to === to", arg=whole[1])
    visit.press("+")
    visit.until("document.querySelector('#chart').dataset.to < 118")
    visit.press("End")  # the current frame stays visible
    visit.until("(to) => +document.querySelector('#chart').dataset.to === to", arg=whole[1])
    visit.press("z")
    visit.until("document.querySelector('#chart').dataset.from === '0.0'")
    visit.page.locator("#shares").check()
    assert "integrated-gradients, shares in %" in visit.text("row-labels")


def test_use_by_keyboard_alone(visit: Visit) -> None:
    visit.press("?")
    visit.page.wait_for_selector("dialog[open]")
    assert "Next, previous frame" in visit.text("keys")
    visit.press("Escape")
    visit.page.wait_for_selector("dialog", state="hidden")
    visit.press("m")
    assert visit.page.evaluate("document.activeElement.id") == "method"
    visit.press("Escape")
    seen = set()
    for _ in range(60):  # Tab reaches every control, and the focused one is outlined
        visit.press("Tab")
        focused = visit.run(
            """() => { const one = document.activeElement;
              const style = getComputedStyle(one.closest("#chart") ?? one);
              return [one.id || one.dataset.case || one.tagName, style.outlineStyle !== "none", one.tagName];
            }"""
        )
        if focused[2] != "BODY":
            assert focused[1], focused
        seen.add(focused[0])
    assert {"save-image", "theme", "increase", "all", "method", "play", "tab-list", "order", "shares"} <= seen
    visit.press("l", "Tab")
    assert visit.page.evaluate("document.activeElement.id") == "order"
    visit.page.locator("#tab-list").focus()
    visit.press("ArrowRight")
    assert visit.page.locator("#panel-edit").is_visible()
    assert visit.frame() == 0  # the arrow key went to the tabs
    visit.press("ArrowRight", "ArrowRight", "ArrowRight")
    assert visit.page.locator("#panel-list").is_visible()
    visit.press("Escape", "k", "o")
    visit.until("document.querySelector('#pixel').textContent.includes('% of full')")
    visit.press("s")
    assert visit.page.locator("#side").is_hidden()


def test_pixel_value(visit: Visit) -> None:
    visit.page.locator("#method").select_option("gradient")
    visit.shown(0)
    bounds = visit.canvas("heat-0-increase").bounding_box()
    assert bounds
    visit.page.mouse.move(bounds["x"] + 0.5 * bounds["width"], bounds["y"] + 0.7 * bounds["height"])
    visit.until("document.querySelector('#pixel').textContent.includes('per 1/255')")
    text = visit.text("pixel")
    found = re.fullmatch(r"x (\d+), y (\d+) px · Increase ([\d.e+-]+)° per 1/255 \((\d+) % of full\)", text)
    assert found, text
    assert (abs(int(found[1]) - 160) <= 1, abs(int(found[2]) - 168) <= 1) == (True, True)
    query = "case=increase&method=gradient&smooth=2&scale=clip&maintain=product&opacity=0.8"
    value = visit.run(
        """async ([query, x, y]) => {
          const drive = await (await fetch("/api/drive")).json();
          const answer = await fetch(`/api/map/0?${query}`);
          const map = new Float32Array(await answer.arrayBuffer());
          const [left, top, right, bottom] = drive.models[0].box;
          const [height, width] = drive.models[0].size;
          const row = Math.floor((y - top) / (bottom - top) * height);
          return map[row * width + Math.floor((x - left) / (right - left) * width)];
        }""",
        [query, int(found[1]) + 0.5, int(found[2]) + 0.5],
    )
    assert float(found[3]) == pytest.approx(value, rel=0.3, abs=1e-5)
    visit.page.mouse.move(bounds["x"] + 5, bounds["y"] + 3)
    visit.until("document.querySelector('#pixel').textContent.includes('outside the model')")
    assert visit.page.locator(".overlay .cross").count() == 2


def test_saving_and_linking_the_view(browser: Browser, served: str) -> None:
    with visited(browser, served, permissions=["clipboard-read", "clipboard-write"]) as visit:
        visit.shown(0)
        with visit.page.expect_download() as waiting:
            visit.page.click("#save-image")
        assert waiting.value.suggested_filename == "run-frame-0.png"
        assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
        visit.press("2", "ArrowRight")
        visit.shown(1)
        visit.page.click("#copy-link")
        visit.page.wait_for_selector('[data-notice="done"]')
        link = visit.run("navigator.clipboard.readText()")
        assert link.startswith(served)
        assert "frame=1&case=decrease" in link


def test_timeline_functions(visit: Visit) -> None:
    found = visit.run(
        """async () => {
          const { decimate } = await import("/js/decimate.js");
          const { errorBands, jumpBands, runs } = await import("/js/bands.js");
          const { topFrames } = await import("/js/ranking.js");
          const { timeTicks } = await import("/js/ticks.js");
          const long = Array.from({ length: 100000 }, (_, i) => Math.sin(i / 50));
          long[54321] = 9; long[777] = -9; long[60000] = NaN;
          const [x, y] = decimate(long, 0, 99999, 1000);
          const gap = decimate([1, NaN, NaN, NaN, 2], 0, 4, 1000);
          const times = Array.from({ length: 200 }, (_, i) => i / 20);
          const none = times.map(() => 0);
          const angle = times.map((_, i) => (i >= 50 && i < 53) || i === 60 || i === 150 ? 10 : 0.1);
          const moved = times.map((_, i) => (i === 70 || i === 71 ? 0.9 : 0.1 + (i % 7) / 100));
          const changed = times.map((_, i) => (i === 71 ? 50 : i % 2 ? 5 : 1));
          return {
            points: x.length, largest: Math.max(...y), least: Math.min(...y), spike: x[y.indexOf(9)],
            ascending: x.every((one, i) => !i || one > x[i - 1]), gap,
            error: errorBands(times, angle, none).bands, jump: jumpBands(times, moved, changed).bands,
            runs: runs(times, () => false),
            top: topFrames(angle, times, (i) => angle[i] > 1).map((one) => one.frame),
            ticks: [...timeTicks(0, 199, 900, (f) => f / 20, (t) => t * 20).labels.values()],
          };
        }"""
    )
    assert found["points"] <= 2 * 1000 * 2
    assert (found["largest"], found["least"], found["spike"]) == (9, -9, 54321)
    assert found["ascending"]
    assert found["gap"][0] == [0, 1, 2, 3, 4]
    assert found["error"] == [[50, 60], [150, 150]]  # bands within half a second are merged
    assert found["jump"] == [[70, 70]]  # at 71 the image changed too
    assert found["runs"] == []
    assert found["top"] == [50, 150]
    assert found["ticks"] == [f"0:{second:02d}" for second in range(10)]


def test_the_real_drive_is_usable_within_seconds(browser: Browser, shared: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "drivesal", "review", str(shared / "udacity_ch2" / "run.mp4")]
    command += ["--no-browser", "--notes", str(tmp_path / "notes.json")]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            address = re.search(r"http://\S+", running.stdout.readline())
            assert address
            listening = time.monotonic() - began
            with visited(browser, address[0]) as visit:
                visit.page.wait_for_selector('[data-panel="frame"] canvas[data-frame="0"]')
                framed = time.monotonic() - began
                visit.canvas("heat-0-increase").wait_for(timeout=90_000)
                visit.shown(0)
                usable = time.monotonic() - began
                visit.forget("^503")
        finally:
            running.terminate()
    print(f"\nreal drive: listening {listening:.1f} s, first frame {framed:.1f} s, first heat {usable:.1f} s")
    assert usable < 20
