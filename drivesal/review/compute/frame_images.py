"""Images of frames for the page, drawn by the same overlay as the video."""

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
    from drivesal.review.compute.drive_explainer import ExplainedFrame
    from drivesal.types import Floats, Frame, Image

MAX_WIDTH = 1920
"""Maximum width of an image on the page [px]."""
QUALITY = 88
"""JPEG quality."""
_MORE, _LESS = (np.array(cases()[name].colour) for name in ("increase", "decrease"))


def size_on_page(width: int, height: int, page_width: int | None) -> tuple[int, int]:
    """(width, height) [px] of a frame on the page, at most MAX_WIDTH wide and never enlarged."""
    new_width = min(width, MAX_WIDTH if page_width is None else max(page_width, 64), MAX_WIDTH)
    return new_width, max(round(height * new_width / width), 1)


def plain_image(frame: Frame, page_width: int | None) -> Image:
    """The frame without heat, (h, w, 3) uint8 RGB."""
    return resized(frame.image, size_on_page(frame.image.shape[1], frame.image.shape[0], page_width))


def check_case(case: str, known: Collection[str]) -> None:
    """Raises OptionError if a view does not have this case."""
    if case not in known:
        expected = f"a case of this view ({', '.join(known)})"
        raise OptionError(expected, f"{case!r} was requested", "choose one of them")


def heat_image(
    painter: Painter, result: ExplainedFrame, frame: Frame, case: str, page_width: int | None
) -> Image:
    """The frame with the heat of one case, (h, w, 3) uint8 RGB. Raises OptionError for an unknown case."""
    check_case(case, [legend.case for legend in painter.scene.legends])
    legends = tuple(legend for legend in painter.scene.legends if legend.case == case)
    size = size_on_page(frame.image.shape[1], frame.image.shape[0], page_width)
    # per-frame scaling needs the heat of all cases
    heats = result.heats if painter.request.look.scale == "frame" else {case: result.heats[case]}
    shown = painter.shown(dataclasses.replace(result.explained, frame=frame), heats)
    return Panel(painter.scene, legends, size).draw(shown)


def heat_on_frame(heat: Floats, box: Rect, source: tuple[int, int]) -> Floats:
    """Heat (h, w) of a model that sees `box` of a frame of size `source` (width, height) [px], on the frame.

    (H, W) float32, 0 outside the box, so that maps of models with different inputs can be compared.
    """
    whole = np.zeros((source[1], source[0]), np.float32)
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    whole[rows, columns] = cv2.resize(heat, (box.width, box.height), interpolation=cv2.INTER_LINEAR)
    return whole


def heat_difference(
    heats: tuple[Floats, Floats],
    boxes: tuple[tuple[int, int, int, int], tuple[int, int, int, int]],
    source: tuple[int, int],
    page_width: int | None,
) -> Floats:
    """The second model's heat minus the first's, (h, w) float32 in the size on the page."""
    size = size_on_page(*source, page_width)
    first, second = (
        heat_on_frame(heat, scaled_box(box, source, size), size) for heat, box in zip(heats, boxes, strict=True)
    )
    return second - first


def difference_image(values: Floats, full: float, frame: Frame, opacity: float) -> Image:
    """The difference over the grey frame, (h, w, 3) uint8 RGB.

    Orange where the second model has more heat, blue where the first has.
    """
    size = values.shape[1], values.shape[0]
    grey = cv2.cvtColor(resized(frame.image, size), cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    share = np.clip(values / full if full > 0 else values * 0, -1, 1)[..., None]
    colour = np.where(share > 0, _MORE, _LESS)
    cover = opacity * np.abs(share) ** CURVE
    return (GREY_SHARE * grey * (1 - cover) + colour * cover).round().astype(np.uint8)  # type: ignore[no-any-return]


def smoothed_heat(result: ExplainedFrame, case: str, sigma: float) -> Floats:
    """One case's heat as it is drawn, (h, w) float32 in its unit. Raises OptionError for an unknown case."""
    check_case(case, result.heats)
    return smooth(result.heats[case], sigma)


def encode_jpeg(image: Image) -> bytes:
    """(h, w, 3) uint8 RGB as a JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
