"""Reviews served from this process, and browsers that look at them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesal.recordings import open_recording, read_labels
from drivesal.review.compute.session import Session
from drivesal.review.notes import Notes
from drivesal.review.server import access_control, serving
from drivesal.review.server.endpoints import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

    from drivesal.model.steering_model import SteeringModel

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)
SECONDS = 6
"""How long the drawn drive lasts."""
FRAMES = 20 * SECONDS
CONTRASTS = """() => {
  const rgb = (text) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((one) => one / 255);
  };
  const over = (top, below) => below.map((one, i) => (i < 3 ? top[i] * top[3] + one * (1 - top[3]) : 1));
  const light = (colour) => {
    const linear = colour.slice(0, 3).map(
      (one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4),
    );
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const box = one.getBoundingClientRect();
    if ((!own && !one.placeholder) || !box.width || box.width < 2 || !one.checkVisibility()) continue;
    const line = [];
    for (let at = one; at; at = at.parentElement) line.unshift(at);
    const back = line.map((at) => rgb(getComputedStyle(at).backgroundColor));
    const ground = back.reduce((below, at) => over(at, below), [1, 1, 1, 1]);
    const style = getComputedStyle(one, own ? null : "::placeholder");
    const opacities = line.map((at) => getComputedStyle(at).opacity);
    const opacity = opacities.reduce((share, at) => share * at, own ? 1 : style.opacity);
    const ink = rgb(style.color);
    const [a, b] = [light(over([ink[0], ink[1], ink[2], ink[3] * opacity], ground)), light(ground)].sort();
    const name = one.id || one.className || one.tagName;
    found.push([(b + 0.05) / (a + 0.05), name, one.textContent.trim().slice(0, 30)]);
  }
  return found;
}"""
"""[ratio, name, text] of all text in sight, against what lies behind it, as WCAG 2 computes it."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    """A Chromium of this machine: $CHROMIUM, or one on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in BROWSERS if (found := shutil.which(name))), None)


@contextlib.contextmanager
def reviewed(
    video: Path,
    notes: Path,
    models: list[SteeringModel] | None,
    *,
    labels: Path | None = None,
    port: int = 0,
) -> Iterator[tuple[str, Session]]:
    """(address, session) of a drive under review; without models they are still to `begin`."""
    given = read_labels(labels) if labels else False
    with open_recording(video, labels=given) as recording:
        kept = Notes.load(notes, video.name, recording.info.length or 0)
        listening = serving.listen("127.0.0.1", port)
        host, port = listening.getsockname()[:2]
        with Session(recording, kept) as session:
            if models is not None:
                session.begin(models)
            with serving.run_server(access_control.AccessControl(create_app(session), port), listening):
                yield f"http://{host}:{port}/", session


class Visit:
    """A page with everything that must not happen on it written down."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._asked)
        page.on("response", self._answered)

    def _heard(self, message: Any) -> None:
        refused = message.text.startswith("Failed to load resource: the server responded")  # told by _answered
        if message.type in ("error", "warning") and not refused:
            self.errors.append(message.text)

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.address, "blob:", "data:")):
            self.foreign.append(request.url)

    def forget(self, pattern: str) -> None:
        """Leaves out what a test brought about itself."""
        self.errors = [text for text in self.errors if not re.search(pattern, text)]

    # ---- what a person does ----

    def press(self, *keys: str) -> None:
        """Presses keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def frame(self) -> int:
        """The frame that is asked for."""
        return int(self.page.locator("#frame-number").input_value())

    def shown(self, frame: int | None = None) -> None:
        """Waits until a frame is complete: all pictures and numbers."""
        asked = "document.querySelector('#frame-number').value"
        wanted = asked if frame is None else str(frame)
        self.until(
            f"document.body.dataset.idle === 'true' && document.body.dataset.shown == {wanted} && "
            f"[...document.querySelectorAll('.panel')].every((panel) => !panel.classList.contains('late') && "
            f"panel.querySelector('canvas').dataset.frame == {wanted})",
            timeout_s=20,
        )

    def until(self, script: str, arg: Any = None, timeout_s: float = 15) -> None:
        """Waits until the JavaScript is true. (Playwright's own way needs eval, which the policy forbids.)"""
        end = time.monotonic() + timeout_s
        while not self.page.evaluate(script, arg):
            assert time.monotonic() < end, f"never came: {script} {arg or ''}"
            self.page.wait_for_timeout(20)

    def settled(self, element: str) -> None:
        """Waits until the text of an element, by id, has stayed the same for half a second."""
        text, since = self.text(element), time.monotonic()
        while time.monotonic() - since < 0.5:
            self.page.wait_for_timeout(20)
            if (now := self.text(element)) != text:
                text, since = now, time.monotonic()

    def analysed(self) -> None:
        """Waits for the whole drive's timeline."""
        self.page.wait_for_selector('#analysis[data-ended="true"]', timeout=40_000)
        self.page.wait_for_selector("#chart[data-from]", timeout=20_000)

    def part(self, name: str) -> Locator:
        """A panel's canvas."""
        return self.page.locator(f'[data-part="{name}"] canvas')

    def pixels(self, name: str) -> str:
        """A panel's picture, as text that can be compared."""
        return str(self.part(name).evaluate("(canvas) => canvas.toDataURL()"))

    def text(self, element: str) -> str:
        """The text of an element, by id."""
        return self.page.locator(f"#{element}").inner_text()

    def range(self) -> tuple[float, float]:
        """The frames that the timeline shows."""
        data = self.page.locator("#chart").evaluate("(chart) => [chart.dataset.from, chart.dataset.to]")
        return float(data[0]), float(data[1])

    def run(self, script: str, *given: Any) -> Any:
        """What a module's function gives: JavaScript in the page."""
        return self.page.evaluate(script, *given)


@contextlib.contextmanager
def visited(browser: Browser, address: str, path: str = "", **context: Any) -> Iterator[Visit]:
    """Opens the page; fails where it complained or asked another machine for something."""
    settings = {"viewport": {"width": 1280, "height": 720}} | context
    opened = browser.new_context(**settings)
    page = opened.new_page()
    page.set_default_timeout(15_000)
    visit = Visit(page, address)
    try:
        page.goto(address + path)
        page.wait_for_selector("body[data-started]")
        yield visit
        assert not visit.errors, visit.errors
        assert not visit.foreign, visit.foreign
    finally:
        opened.close()


def refusing(code: int, reason: str) -> Any:
    """A route's handler: the server's refusal."""

    def answer(route: Route) -> None:
        route.fulfill(status=code, json={"error": reason})

    return answer
