"""What the overlay is told: once for a clip (`Scene`) and for every frame (`Shown`)."""

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
    """One case as the picture explains it.

    `case` is the key of its heat in `Shown.heats`; `title` names it with its side ("increase (left)");
    `meaning` is what bright means ("brighter here → more left"); `full` is the value of heat 1.0 with its unit
    ("0.031° per 1/255"); `colour` is RGB 0..255; `curve` the exponent by which heat covers the picture: below 1
    weak heat is seen better.
    """

    case: str
    title: str
    meaning: str
    full: str
    colour: tuple[int, int, int]
    curve: float = 1.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What stays the same for a whole clip.

    `frame_size` is (width, height) [px] of the recording; `box` is (left, top, right, bottom) [px] of what the
    model saw in it; `kind` is the kind of all angles; `angle_range` the largest |angle| expected (the trace
    grows beyond it); `width` the canvas's width [px], None for the default; `opacity` 0..1 of full heat;
    `colormap` a Matplotlib name that replaces the cases' own colours, None for those; `caption` a short line
    (method and scale: "gradient · one scale for the clip"); `warnings` short sentences that must stay on
    screen ("unit and sign assumed"); `trace` False leaves the curve of the last seconds out, for a picture
    without a history; `answer` names the model's number. `truth_kind` is the kind of the labels where they
    cannot be compared with `kind`, else None: they then have a scale of their own, which holds `truth_range`,
    and no error.
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
    model's size; angles are inside drivesal's convention (`Scene.kind`, left positive); `extras` are the
    frame's. A `time_s` of NaN leaves time and frame number out (a photograph has neither). `silent` says of a
    case why nothing is seen of it in this frame.
    """

    index: int
    time_s: float
    image: Image
    predicted: float
    truth: float | None
    heats: Mapping[str, Floats]
    extras: Mapping[str, float] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)
