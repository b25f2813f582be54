"""Pictures of frames for the page, drawn by the overlay that draws the video."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesal.errors import OptionError
from drivesal.explanation.registry import cases
from drivesal.explanation.scale import smooth
from drivesal.overlay.backdrop import resized
from drivesal.overlay.geometry import Rect, scaled_box
from drivesal.overlay.palette import GREY_SHARE
from drivesal.overlay.panel import Panel
from drivesal.rendering.painter import CURVE

if TYPE_CHECKING:
    from drivesal.rendering.painter import Painter
    from drivesal.review.compute.desk import Told
    from drivesal.types import Explained, Floats, Frame, Image

WIDEST = 1920
"""Of a picture on the page [px]."""
QUALITY = 88
"""Of JPEGs."""
_MORE, _LESS = (np.array(cases()[name].colour) for name in ("increase", "decrease"))


def size_on_page(width: int, height: int, wanted: int | None) -> tuple[int, int]:
    """(width, height) [px] of a frame on the page, at most WIDEST and never larger than it is."""
    across = min(width, WIDEST if wanted is None else max(wanted, 64), WIDEST)
    return across, max(round(height * across / width), 1)


def plain(frame: Frame, wanted: int | None) -> Image:
    """(h, w, 3) uint8 RGB: the frame alone."""
    return resized(frame.image, size_on_page(frame.image.shape[1], frame.image.shape[0], wanted))


def check_case(case: str, known: Collection[str]) -> None:
    """Raises OptionError where a view has not this case."""
    if case not in known:
        expected = f"a case of this view ({', '.join(known)})"
        raise OptionError(expected, f"{case!r} was asked for", "choose one of them")


def heated(painter: Painter, told: Told, frame: Frame, case: str, wanted: int | None) -> Image:
    """(h, w, 3) uint8 RGB: the frame with the heat of one case. Raises OptionError where it has none."""
    check_case(case, [legend.case for legend in painter.scene.legends])
    legends = tuple(legend for legend in painter.scene.legends if legend.case == case)
    size = size_on_page(frame.image.shape[1], frame.image.shape[0], wanted)
    # a frame's own scale is that of all its cases
    heats = told.heats if painter.request.look.scale == "frame" else {case: told.heats[case]}
    shown = painter.shown(_whole(told, frame), heats)
    return Panel(painter.scene, legends, size).draw(shown)


def _whole(told: Told, frame: Frame) -> Explained:
    return dataclasses.replace(told.explained, frame=frame)


def on_frame(heat: Floats, box: Rect, source: tuple[int, int]) -> Floats:
    """Heat (h, w) of a model that saw `box` of a frame of `source` (width, height) [px], over the whole frame.

    (H, W) float32, 0 where the model saw nothing, so that maps of models of different input can be compared.
    """
    whole = np.zeros((source[1], source[0]), np.float32)
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    whole[rows, columns] = cv2.resize(heat, (box.width, box.height), interpolation=cv2.INTER_LINEAR)
    return whole


def difference(
    heats: tuple[Floats, Floats],
    boxes: tuple[tuple[int, int, int, int], tuple[int, int, int, int]],
    source: tuple[int, int],
    wanted: int | None,
) -> Floats:
    """(h, w) float32: the second model's heat less the first's, at the size on the page."""
    size = size_on_page(*source, wanted)
    first, second = (
        on_frame(heat, scaled_box(box, source, size), size) for heat, box in zip(heats, boxes, strict=True)
    )
    return second - first


def drawn_difference(values: Floats, full: float, frame: Frame, opacity: float) -> Image:
    """(h, w, 3) uint8 RGB: where the second model has more heat orange, the first blue, over the grey frame."""
    size = values.shape[1], values.shape[0]
    grey = cv2.cvtColor(resized(frame.image, size), cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    share = np.clip(values / full if full > 0 else values * 0, -1, 1)[..., None]
    colour = np.where(share > 0, _MORE, _LESS)
    cover = opacity * np.abs(share) ** CURVE
    return (GREY_SHARE * grey * (1 - cover) + colour * cover).round().astype(np.uint8)  # type: ignore[no-any-return]


def smoothed(told: Told, case: str, sigma: float) -> Floats:
    """(h, w) float32: one case's heat as it is drawn, in its unit. Raises OptionError where it has none."""
    check_case(case, told.heats)
    return smooth(told.heats[case], sigma)


def jpeg(picture: Image) -> bytes:
    """(h, w, 3) uint8 RGB as a JPEG."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
