"""Servers of `drivesal review` within this process, and browser visits of their page."""

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
"""Duration of the synthetic drive [s]."""
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
"""[ratio, name, text] of all visible text: contrast with its background by WCAG 2."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    """Path of Chromium: $CHROMIUM, or the first one on the PATH."""
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
    """(address, session) of a served review; with `models` None the caller calls `session.begin` later."""
    track = read_labels(labels) if labels else False
    with open_recording(video, labels=track) as recording:
        stored = Notes.load(notes, video.name, recording.info.length or 0)
        listening = serving.listen("127.0.0.1", port)
        host, port = listening.getsockname()[:2]
        with Session(recording, stored) as session:
            if models is not None:
                session.begin(models)
            with serving.run_server(access_control.AccessControl(create_app(session), port), listening):
                yield f"http://{host}:{port}/", session


class Visit:
    """An open page; records errors and requests to other hosts, which must not occur."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._on_request)
        page.on("response", self._on_response)

    def _on_console(self, message: Any) -> None:
        recorded = message.text.startswith("Failed to load resource: the server responded")  # by _on_response
        if message.type in ("error", "warning") and not recorded:
            self.errors.append(message.text)

    def _on_response(self, response: Any) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url}")

    def _on_request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "blob:", "data:")):
            self.foreign.append(request.url)

    def forget(self, pattern: str) -> None:
        """Drops recorded errors that the test provoked."""
        self.errors = [text for text in self.errors if not re.search(pattern, text)]

    # ---- actions and waits ----

    def press(self, *keys: str) -> None:
        """Presses keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def frame(self) -> int:
        """The requested frame."""
        return int(self.page.locator("#frame-number").input_value())

    def shown(self, frame: int | None = None) -> None:
        """Waits until a frame is complete: all images and numbers."""
        requested = "document.querySelector('#frame-number').value"
        expected = requested if frame is None else str(frame)
        self.until(
            f"document.body.dataset.idle === 'true' && document.body.dataset.shown == {expected} && "
            f"[...document.querySelectorAll('.panel')].every((panel) => !panel.classList.contains('late') && "
            f"panel.querySelector('canvas').dataset.frame == {expected})",
            timeout_s=60,
        )

    def until(self, script: str, arg: Any = None, timeout_s: float = 45) -> None:
        """Waits until the JavaScript is true. (Playwright's own wait needs eval, which the policy forbids.)"""
        end = time.monotonic() + timeout_s
        while not self.page.evaluate(script, arg):
            assert time.monotonic() < end, f"timed out: {script} {arg or ''}"
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
        self.page.wait_for_selector('#analysis[data-ended="true"]', timeout=120_000)
        self.page.wait_for_selector("#chart[data-from]", timeout=60_000)

    def canvas(self, name: str) -> Locator:
        """A panel's canvas."""
        return self.page.locator(f'[data-panel="{name}"] canvas')

    def pixels(self, name: str) -> str:
        """A panel's image as a data URL, for comparison."""
        return str(self.canvas(name).evaluate("(canvas) => canvas.toDataURL()"))

    def text(self, element: str) -> str:
        """The text of an element, by id."""
        return self.page.locator(f"#{element}").inner_text()

    def range(self) -> tuple[float, float]:
        """The frames that the timeline shows."""
        data = self.page.locator("#chart").evaluate("(chart) => [chart.dataset.from, chart.dataset.to]")
        return float(data[0]), float(data[1])

    def run(self, script: str, *args: Any) -> Any:
        """The result of JavaScript run in the page."""
        return self.page.evaluate(script, *args)


@contextlib.contextmanager
def visited(browser: Browser, address: str, path: str = "", **context: Any) -> Iterator[Visit]:
    """Opens the page; fails if it logged errors or made requests to other hosts."""
    settings = {"viewport": {"width": 1280, "height": 720}} | context
    session = browser.new_context(**settings)
    page = session.new_page()
    page.set_default_timeout(45_000)
    visit = Visit(page, address)
    try:
        page.goto(address + path)
        page.wait_for_selector("body[data-started]")
        yield visit
        assert not visit.errors, visit.errors
        assert not visit.foreign, visit.foreign
    finally:
        session.close()


def error_response(code: int, reason: str) -> Any:
    """A route handler that responds with the server's error."""

    def respond(route: Route) -> None:
        route.fulfill(status=code, json={"error": reason})

    return respond
