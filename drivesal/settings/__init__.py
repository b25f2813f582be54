"""Every option, spelled once: name, type, default, bounds, choices, unit and one line of help.

The command line, the Python API, the review server's query, the page's controls and the facts are made from
these fields; a new option is a new field here. Where the choices of a field live in a registry, the field names
it (`registry`), and whoever shows the field looks them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, FiniteFloat

from drivesal.settings.fields import (
    Settings,
    bounds,
    bounds_in_words,
    choices,
    extras,
    kind_of_value,
    on_command_line,
    on_page,
    option,
    page_schema,
    taken,
)
from drivesal.settings.values import as_feed, as_formulas, as_joined, as_known, as_position, as_text, position

__all__ = [
    "ComparisonSettings",
    "ExplainSettings",
    "InputSettings",
    "LookSettings",
    "ModelSettings",
    "RecordingSettings",
    "Settings",
    "SpanSettings",
    "bounds",
    "bounds_in_words",
    "choices",
    "extras",
    "kind_of_value",
    "on_command_line",
    "on_page",
    "option",
    "page_schema",
    "position",
    "taken",
]

_Turns = Literal["steering-wheel", "road-wheels"] | None


class InputSettings(Settings):
    """How a network's input is made from a frame.

    Python may give a `Crop`, and numbers where the text holds some: (66, 200), (-1, 1), [0.485, 0.456, 0.406].
    """

    crop: Annotated[str | None, BeforeValidator(as_text)] = option(
        None, "What the model sees, ROWS[,COLUMNS] as slices: 60:-25 (pixels), 0.4:0.9 (shares)."
    )
    color: str | None = option(
        None,
        "The model's channels, as OpenCV makes them; YUV-opencv3.0 as up to its version 3.1.",
        registry="colours",
    )
    interpolation: Literal["area", "linear", "cubic", "nearest"] | None = option(None, "How it resizes.")
    input_size: Annotated[str | None, BeforeValidator(as_joined("x"))] = option(
        None, "Of the model's input, where its file leaves it open.", metavar="HEIGHTxWIDTH"
    )
    input_scale: Annotated[str | None, BeforeValidator(as_joined(".."))] = option(
        None, "What 0..255 becomes for the model: 0..1, -1..1, 0..255.", metavar="LOW..HIGH"
    )
    input_mean: Annotated[str | None, BeforeValidator(as_joined(","))] = option(
        None,
        "Taken off each channel then, in units of --input-scale (0..1 without it): 0.485,0.456,0.406.",
        metavar="M[,M,M]",
    )
    input_std: Annotated[str | None, BeforeValidator(as_joined(","))] = option(
        None, "What each channel is divided by then: 0.229,0.224,0.225.", metavar="D[,D,D]"
    )


class ModelSettings(InputSettings):
    """What a user says of a model: how its file is read, how its input is made, what its output means.

    It overrides the model's card; a preset fills in what neither of them says.
    """

    output: Annotated[str | None, BeforeValidator(as_text)] = option(
        None, "What steers: an output's NAME or number, NAME[1], or 0.5*left+0.5*right."
    )
    bins: Annotated[str | None, BeforeValidator(as_joined(".."))] = option(
        None, "The output is a distribution over angles from LOW to HIGH.", metavar="LOW..HIGH"
    )
    pre_activation: bool = option(False, "Explain what goes into the head's tanh or atan.")
    feed: Annotated[Mapping[str, float | str], BeforeValidator(as_feed)] = option(
        {}, "What an input beside the picture gets: a number, or a column of the labels.", metavar="INPUT=VALUE"
    )
    angle_unit: Literal["deg", "rad", "norm"] | None = option(
        None, "Unit of the model's answer alone.", name="model_angle_unit"
    )
    positive: Literal["left", "right"] | None = option(
        None, "Side of the model's positive answer alone.", name="model_positive"
    )
    turns: Annotated[_Turns, BeforeValidator(as_known)] = option(None, "What the model's angle turns.")
    full_lock: FiniteFloat | None = option(
        None, "Degrees that norm 1.0 stands for.", metavar="DEG", gt=0, le=10_000, command=False
    )
    lambdas: Annotated[Mapping[str, str], BeforeValidator(as_formulas)] = option(
        {},
        "What a Lambda layer computes: lambda_1=x/127.5-1, head=2*atan(x).",
        metavar="LAYER=FORMULA",
        flag="lambda",
    )
    imports: tuple[Path, ...] = option(
        (),
        "Run your own file first: the Keras classes that it registers are then known.",
        metavar="FILE.py",
        flag="import",
    )
    unsafe: bool = option(False, "Run Python code that a .keras file holds; never from HDF5.")
    preset: str | None = option(
        None,
        "A family whose input and angle are taken where neither card nor options say.",
        registry="presets",
    )
    device: Literal["cpu", "gpu"] | None = option(None, "Where the model runs.", unset="a GPU if any")


class RecordingSettings(Settings):
    """How a recording is opened, and what its table of labels does not say of itself."""

    labels: Path | None = option(
        None, "Steering labels.", metavar="PATH", unset="a .csv of the video's name beside it"
    )
    no_labels: bool = option(False, "Leave the .csv beside the video, and the recording's own angles, alone.")
    angle_column: str | None = option(None, "The labels' column of angles.", metavar="NAME")
    angle_unit: Literal["deg", "rad", "norm"] | None = option(None, "Unit of the angles in a table of labels.")
    positive: Literal["left", "right"] | None = option(None, "Which side positive means there.")
    full_lock: FiniteFloat | None = option(
        None, "Degrees that norm 1.0 stands for there.", metavar="DEG", gt=0, le=10_000
    )
    label_turns: Annotated[_Turns, BeforeValidator(as_known)] = option(
        None, "What the labels' angle turns.", unset="what the model's does"
    )
    label_offset: FiniteFloat | None = option(None, "Added to the labels' times.", metavar="SECONDS")
    smooth_labels: FiniteFloat | None = option(
        None,
        "Take the labels' mean over so long around each frame, for those of keys.",
        metavar="SECONDS",
        gt=0,
        le=60,
    )
    format: str | None = option(None, "What the recording is, where that is not told right.", metavar="NAME")
    camera: Literal["center", "left", "right"] | None = option(
        None, "Of a recording with three.", unset="center"
    )
    rate: Annotated[str | None, BeforeValidator(as_text)] = option(
        None,
        "Frames a second of images (20 where they have no times) or of a raw stream: 20, 30000/1001.",
        metavar="FPS",
    )
    strict: bool = option(False, "Fail where the input is damaged.")


class SpanSettings(Settings):
    """Which frames of a recording: from `start` inclusive to `end` exclusive, a time [s] or a frame's index."""

    start: Annotated[float | int | None, BeforeValidator(as_position)] = option(
        None, "First frame: seconds, m:ss or #frame, inclusive."
    )
    end: Annotated[float | int | None, BeforeValidator(as_position)] = option(None, "End, exclusive.")
    every: int | None = option(None, "Take every Nth frame.", ge=1)

    @property
    def bounds(self) -> tuple[float | int | None, float | int | None, int]:
        """What `types.Span` is made of: every frame where nothing else is stated."""
        return self.start, self.end, self.every or 1


class ComparisonSettings(Settings):
    """How a model's angles are compared with labels."""

    steering_ratio: FiniteFloat | None = option(
        None,
        "Degrees of the steering wheel for one of the road wheels, where angles of both kinds meet.",
        metavar="RATIO",
        gt=0,
        le=100,
    )


class ExplainSettings(Settings):
    """What is asked of a model: a method with its own options, and the cases of its attribution.

    `cases` None stands for the usual ones of the method and the layout.
    """

    method: str = option("integrated-gradients", "Attribution method.", metavar="NAME", registry="methods")
    options: Mapping[str, Any] = option({}, "The method's own options.", command=False)
    seed: int = option(0, "Of methods that draw at random.", page=False)
    batch_size: int = option(
        32, "Most pictures in one call of the network, which bounds memory.", ge=1, le=4096, page=False
    )
    reduce: Literal["sum", "sum-abs", "max-abs"] = option(
        "sum", "From a map's channels to one number a pixel; only the sum keeps the sign.", page=False
    )
    cases: tuple[str, ...] | None = option(
        None, "Cases to show, separated by commas.", metavar="NAMES", registry="cases", page=False
    )
    maintain: Literal["product", "insensitivity", "contrast"] = option(
        "product", "What maintain shows: contrast × insensitivity or one factor.", label="maintain shows"
    )


class LookSettings(Settings):
    """How heat is drawn."""

    layout: Literal["grid", "row", "single"] = option("grid", "One panel a case, or one picture.", page=False)
    width: int | None = option(None, "Width of the picture.", unit="px", ge=2, unset="at most 1920", page=False)
    opacity: FiniteFloat = option(0.8, "Of full heat.", ge=0, le=1)
    colormap: str | None = option(
        None, "A Matplotlib colour map in place of the cases' own colours.", metavar="NAME", page=False
    )
    smooth: FiniteFloat = option(
        2.0,
        "Blur of the heat; numbers stay unsmoothed.",
        unit="model px",
        ge=0,
        le=50,
        slider=10,
        label="smoothing",
    )
    scale: Literal["clip", "frame"] = option(
        "clip",
        "One scale for the clip, or one a frame.",
        label="full colour",
        words={"clip": "one for the drive", "frame": "each frame its own"},
    )
    scale_from: Path | None = option(None, "Take the scale of another run.", metavar="FACTS.json", page=False)
