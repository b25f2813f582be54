"""Figures of all methods on one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
import numpy as np

from drivesal.attribution.registry import Context, Method, methods
from drivesal.explanation.explainer import Explainer
from drivesal.explanation.registry import Case, cases, choose, usual
from drivesal.explanation.scale import fit, smooth
from drivesal.model.steering_model import SteeringModel
from drivesal.overlay.content import Legend, Scene, Shown
from drivesal.overlay.element import Area, PreparedFrame
from drivesal.overlay.elements.heat import Heat
from drivesal.overlay.geometry import Rect
from drivesal.overlay.palette import BACKGROUND, DIM, TEXT
from drivesal.overlay.style import BOLD, Style
from drivesal.settings import ExplainSettings, LookSettings
from drivesal.types import ClipStatistics, Explained, Frame

if TYPE_CHECKING:
    from drivesal.types import Floats, Image, Mask

SMOOTH = LookSettings().smooth
WIDTH, COLUMNS, GAP, BAR = 1600, 3, 8, 30


def say(line: str) -> None:
    """Print progress to stderr."""
    click.echo(line, err=True)


@dataclass(frozen=True)
class Subject:
    """One frame for all methods.

    `cut` (H, W, 3) is the model's crop and `evidence` (h, w) the mask of the evidence, both None for a frame
    that may not be published; `ratio` is height over width of the crop.
    """

    frame: Frame
    context: Context
    answer: float
    ratio: float
    cut: Image | None
    evidence: Mask | None


def subject(model: SteeringModel, frame: Frame, context: Context, evidence: Mask | None) -> Subject:
    """The frame with its prediction and, if the evidence is known, its crop."""
    left, top, right, bottom = model.preprocess.crop.box(frame.image.shape[1], frame.image.shape[0])
    answer = float(model.predict(model.prepare(frame.image)[None], model.auxiliary_inputs_of([frame]))[0])
    cut = np.ascontiguousarray(frame.image[top:bottom, left:right])
    ratio = (bottom - top) / (right - left)
    return Subject(frame, context, answer, ratio, None if evidence is None else cut, evidence)


def legend(case: Case) -> Legend:
    """The case's legend as in the overlay."""
    title = case.title(True) if case.signed else f"{case.name} (no sign)"
    return Legend(case.name, title, "", "", case.colour)


def heats_of(model: SteeringModel, method: Method, about: Subject) -> dict[str, Floats]:
    """The method's heat on the frame by case, smoothed and on its own scale, 0..1."""
    shown = choose(usual(method.signed, "single"))
    context = about.context
    settings = ExplainSettings(method=method.name, cases=tuple(case.name for case in shown))
    explainer = Explainer(model, settings, context.mean, context.images)
    explained: Explained = next(iter(explainer.explain([about.frame])))
    clip = ClipStatistics(context.mean)
    heats = {case.name: smooth(case.heat(explained, clip), SMOOTH) for case in shown}
    scale = fit({case.name: (case.scale, [heats[case.name]]) for case in shown}, dict.fromkeys(heats, ""))
    return {name: scale.apply(name, heat) for name, heat in heats.items()}


class Sheet:
    """A grid of labelled tiles below a line of text, drawn with the overlay's elements."""

    def __init__(self, model: SteeringModel, about: Subject, count: int) -> None:
        self.about, self.kind = about, model.kind
        self.width = (WIDTH - GAP * (COLUMNS + 1)) // COLUMNS
        self.height = round(self.width * about.ratio)
        rows = -(-count // COLUMNS)
        shape = (BAR + GAP + rows * (BAR + self.height + GAP), WIDTH, 3)
        self.canvas = np.full(shape, BACKGROUND, np.uint8)
        self.style = Style(18, 18)
        self._next = 0

    def head(self, text: str, legends: Sequence[Legend]) -> None:
        """Draw what all tiles share: the text and the legend of the colours."""
        self.style.draw(self.canvas, text, GAP, BAR // 2 + 3, TEXT, 18)
        at = WIDTH - GAP
        for one in reversed(legends):
            at -= self.style.width(one.title, 18)
            self.style.draw(self.canvas, one.title, at, BAR // 2 + 3, TEXT, 18)
            self.canvas[BAR // 2 - 4 : BAR // 2 + 10, at - 22 : at - 8] = one.colour
            at -= 44

    def _place(self, title: str, note: str) -> Rect:
        """The image area of the next tile, with its title and note drawn above."""
        row, column = divmod(self._next, COLUMNS)
        self._next += 1
        left, top = GAP + column * (self.width + GAP), BAR + GAP + row * (BAR + self.height + GAP)
        middle = top + BAR // 2
        self.style.draw(self.canvas, title, left + 2, middle, TEXT, 18, BOLD)
        self.style.draw(self.canvas, note, left + self.width - 2, middle, DIM, 16, align="right")
        return Rect(left, top + BAR, self.width, self.height)

    def _beneath(self) -> Image:
        if self.about.cut is None:
            return np.zeros((self.height, self.width, 3), np.uint8)
        return cv2.resize(self.about.cut, (self.width, self.height), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]

    def plain(self, title: str, note: str, evidence: Mask) -> None:
        """The frame itself, with a line around its evidence (h, w)."""
        view = self._place(title, note).of(self.canvas)
        view[:] = self._beneath()
        large = cv2.resize(
            evidence.astype(np.uint8), (self.width, self.height), interpolation=cv2.INTER_NEAREST
        )
        lines, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        view[:] = cv2.drawContours(view.copy(), lines, -1, cases()["maintain"].colour, 2, cv2.LINE_AA)

    def heat(self, title: str, note: str, heats: Mapping[str, Floats], legends: tuple[Legend, ...]) -> None:
        """Draw heat 0..1 by case over the frame, or over a plain background."""
        rect, picture = self._place(title, note), self._beneath()
        scene = Scene((self.width, self.height), (0, 0, self.width, self.height), self.kind, legends, 1.0)
        element = Heat(scene, self.style, Area(rect, rect, rect, legends))
        shown = Shown(0, 0.0, picture, 0.0, None, heats)
        element.draw(self.canvas, PreparedFrame(shown, picture, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)))

    def write(self, path: Path) -> None:
        """Write the sheet as a JPEG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), self.canvas[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        say(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def draw_methods(model: SteeringModel, about: Subject, path: Path) -> None:
    """Draw all methods on one frame, each on its own scale, after the frame itself if it may be published."""
    registered = methods()
    sheet = Sheet(model, about, len(registered) + (about.cut is not None))
    side = "left" if about.answer > 0 else "right"
    legends = tuple(legend(case) for case in choose((*usual(True, "single"), *usual(False))))
    what = "" if about.cut is not None else "a real frame, not shown: "
    answer = f"{what}the network answers {abs(about.answer):.0f}° {side}"
    sheet.head(f"{answer}; every method on a scale of its own; white: both ways", legends)
    if about.evidence is not None:
        sheet.plain("the frame", "outlined: the evidence", about.evidence)
    for name, method in registered.items():
        heats = heats_of(model, method, about)
        shown = tuple(one for one in legends if one.case in heats)
        sheet.heat(name, method.kind, heats, shown)
    sheet.write(path)
