"""An exported file, opened from disk in a browser without network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.clips import make_clip
from tests.review.pages import ARGUMENTS, Visit, browser_path
from tests.review.test_html_export import exported

FRAMES, EVERY = 60, 3


def test_an_exported_file_opens_without_network(
    tmp_path: Path, inside: Callable[..., Any], model_path: Path
) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright for Python")
    path = browser_path()
    if path is None:
        pytest.skip("needs Chromium: install it, or name it in $CHROMIUM")
    clip = make_clip(tmp_path / "run.mp4", FRAMES)
    rows = "\n".join(f"{i},{3.0 * np.sin(i / 5):.4f}" for i in range(FRAMES))
    clip.with_suffix(".csv").write_text(f"frame,steering_angle_deg\n{rows}\n")
    done = inside("review", clip, "--model", model_path, "--export", "out.html", "--every", EVERY)
    assert done.code == 0, done
    address = (tmp_path / "out.html").as_uri()
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = browser.new_context(offline=True, viewport={"width": 1280, "height": 720}).new_page()
        visit = Visit(page, address)
        available = exported((tmp_path / "out.html").read_text())["drive"]["exported"]["frames"]
        wanted = next(frame for frame in range(7, FRAMES) if frame not in available)
        before = max(frame for frame in available if frame < wanted)
        page.goto(f"{address}#frame={wanted}")
        visit.shown(before)  # the last frame in the file before it, with a notice
        assert page.locator('[data-notice="held"] span').inner_text() == (
            f"Frame {wanted} is not in this file; frame {before} is shown instead."
        )
        first = visit.pixels("heat-0-increase")
        visit.press("ArrowRight")
        visit.shown(min(frame for frame in available if frame > before))
        assert visit.pixels("heat-0-increase") != first
        # the list has only frames in the file, and jumps to them
        listed = page.locator("#list .item").evaluate_all(
            "(all) => all.map((one) => Number(one.dataset.frame))"
        )
        assert len(listed) > 1
        assert set(listed) <= set(available)
        timeline = exported((tmp_path / "out.html").read_text())["timelines"][0]["columns"]
        errors = [abs(a - t) for a, t in zip(timeline["angle"], timeline["truth"], strict=True)]
        assert listed[0] == int(np.argmax(errors))  # the worst frame is always included
        visit.press("]")
        visit.shown(listed[0])
        assert page.locator('[data-notice="held"]').count() == 0
        assert "Integrated gradients" in visit.text("models")
        assert "Attributionintegrated-gradients" in page.locator("#row-labels").text_content()
        assert "°" in visit.text("predicted")
        page.wait_for_selector("#chart[data-from]")
        assert not page.locator("#tab-edit").is_visible()
        assert not page.locator("#save-image").is_visible()
        assert visit.errors == []
        assert visit.foreign == []
        browser.close()
