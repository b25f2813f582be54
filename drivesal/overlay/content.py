"""Input of the overlay: per clip (`Scene`) and per frame (`Shown`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from drivesal.angle import AngleKind

if TYPE_CHECKING:
    from drivesal.types import Floats, Image

Layout = Literal["grid", "row", "single"]


@dataclass(frozen=True, slots=True)
class Legend:
    """The legend of one case.

    `case` is the key of its heat in `Shown.heats`; `title` its name and side ("increase (left)"); `meaning`
    what bright pixels mean ("brighter here → more left"); `full` the value of heat 1.0 with its unit ("0.031°
    per 1/255"); `colour` RGB 0..255; `curve` the exponent from heat to opacity: below 1 makes weak heat more
    visible.
    """

    case: str
    title: str
    meaning: str
    full: str
    colour: tuple[int, int, int]
    curve: float = 1.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Properties of the overlay that are constant for a clip.

    `frame_size` is (width, height) [px] of the recording; `box` (left, top, right, bottom) [px] of the region
    that the model sees; `kind` the kind of all angles; `angle_range` the largest expected |angle| (the trace
    grows beyond it); `width` the canvas width [px], None for the default; `opacity` 0..1 of full heat;
    `colormap` a Matplotlib colour map that replaces the cases' own colours, None to keep them; `caption` a
    short line (method and scale: "gradient · one scale for the clip"); `warnings` short sentences that stay on
    screen ("unit and sign assumed"); `trace` False omits the curve of the last seconds, for an image without
    history; `answer` names the model's number. `truth_kind` is the kind of the labels if they cannot be
    compared with `kind`, else None: such labels have their own scale, of range `truth_range`, and no error.
    """

    frame_size: tuple[int, int]
    box: tuple[int, int, int, int]
    kind: AngleKind
    legends: tuple[Legend, ...]
    angle_range: float
    has_truth: bool = False
    layout: Layout = "grid"
    width: int | None = None
    opacity: float = 0.8
    colormap: str | None = None
    caption: str = ""
    warnings: tuple[str, ...] = ()
    trace: bool = True
    answer: str = "predicted"
    truth_kind: AngleKind | None = None
    truth_range: float = 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame to draw.

    `image` is (H, W, 3) uint8 RGB of the recording; `heats` maps a case to (h, w) float32 in 0..1 at the
    model's input size; angles follow drivesal's convention (`Scene.kind`, left positive); `extras` are the
    frame's. A `time_s` of NaN omits time and frame number (a single image has neither). `silent` maps a case
    to the reason why this frame shows no heat for it.
    """

    index: int
    time_s: float
    image: Image
    predicted: float
    truth: float | None
    heats: Mapping[str, Floats]
    extras: Mapping[str, float] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)
