"""Every option, defined once: name, type, default, bounds, choices, unit and one line of help.

The command line, the Python API, the review server's query parameters, the page's controls and the facts are
generated from these fields; a new option is a new field here. A field whose choices are in a registry names the
registry (`registry`); the code that shows the field looks them up.
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
    """How a frame becomes a network's input.

    Python accepts a `Crop`, and numbers in place of text: (66, 200), (-1, 1), [0.485, 0.456, 0.406].
    """

    crop: Annotated[str | None, BeforeValidator(as_text)] = option(
        None, "Region the model sees, ROWS[,COLUMNS] as slices: 60:-25 (pixels), 0.4:0.9 (fractions)."
    )
    color: str | None = option(
        None,
        "Colour space of the model's input, as in OpenCV; YUV-opencv3.0: as in OpenCV up to 3.1.",
        registry="colours",
    )
    interpolation: Literal["area", "linear", "cubic", "nearest"] | None = option(
        None, "Interpolation when the image is resized."
    )
    input_size: Annotated[str | None, BeforeValidator(as_joined("x"))] = option(
        None, "Size of the model's input, where its file leaves it open.", metavar="HEIGHTxWIDTH"
    )
    input_scale: Annotated[str | None, BeforeValidator(as_joined(".."))] = option(
        None, "Range that 0..255 is scaled to for the model: 0..1, -1..1, 0..255.", metavar="LOW..HIGH"
    )
    input_mean: Annotated[str | None, BeforeValidator(as_joined(","))] = option(
        None,
        "Mean subtracted per channel after --input-scale (0..1 without it): 0.485,0.456,0.406.",
        metavar="M[,M,M]",
    )
    input_std: Annotated[str | None, BeforeValidator(as_joined(","))] = option(
        None, "Divisor per channel after the mean is subtracted: 0.229,0.224,0.225.", metavar="D[,D,D]"
    )


class ModelSettings(InputSettings):
    """What the user states about a model: how to read its file, how to make its input, what its output means.

    These settings override the model's card; a preset supplies what neither states.
    """

    output: Annotated[str | None, BeforeValidator(as_text)] = option(
        None, "Steering output: its NAME or index, NAME[1], or 0.5*left+0.5*right."
    )
    bins: Annotated[str | None, BeforeValidator(as_joined(".."))] = option(
        None, "Angles of the first and last bin, if the output is a distribution.", metavar="LOW..HIGH"
    )
    pre_activation: bool = option(False, "Explain the input of the head's tanh or atan.")
    feed: Annotated[Mapping[str, float | str], BeforeValidator(as_feed)] = option(
        {}, "Value of an auxiliary input: a number, or a column of the labels.", metavar="INPUT=VALUE"
    )
    angle_unit: Literal["deg", "rad", "norm"] | None = option(
        None, "Unit of the prediction only, not of the labels.", name="model_angle_unit"
    )
    positive: Literal["left", "right"] | None = option(
        None, "Side of positive predictions only, not of the labels.", name="model_positive"
    )
    turns: Annotated[_Turns, BeforeValidator(as_known)] = option(None, "Wheels the predicted angle refers to.")
    full_lock: FiniteFloat | None = option(
        None, "Degrees at norm 1.0.", metavar="DEG", gt=0, le=10_000, command=False
    )
    lambdas: Annotated[Mapping[str, str], BeforeValidator(as_formulas)] = option(
        {},
        "Formula of a Lambda layer: lambda_1=x/127.5-1, head=2*atan(x).",
        metavar="LAYER=FORMULA",
        flag="lambda",
    )
    imports: tuple[Path, ...] = option(
        (),
        "Run this Python file first; it registers Keras classes that the model uses.",
        metavar="FILE.py",
        flag="import",
    )
    unsafe: bool = option(False, "Run Python code stored in a .keras file; code in HDF5 never runs.")
    preset: str | None = option(
        None,
        "Model family that sets input and angle where neither card nor options do.",
        registry="presets",
    )
    device: Literal["cpu", "gpu"] | None = option(None, "Device to run the model on.", unset="a GPU if any")


class RecordingSettings(Settings):
    """How to open a recording, and what its label table leaves open."""

    labels: Path | None = option(
        None, "Steering labels.", metavar="PATH", unset="the .csv next to the video, of the same name"
    )
    no_labels: bool = option(False, "Ignore the .csv next to the video and the recording's own angles.")
    angle_column: str | None = option(None, "Column of the label table that holds the angles.", metavar="NAME")
    angle_unit: Literal["deg", "rad", "norm"] | None = option(None, "Unit of the angles in the label table.")
    positive: Literal["left", "right"] | None = option(None, "Side of positive angles in the label table.")
    full_lock: FiniteFloat | None = option(
        None, "Degrees at norm 1.0 in the label table.", metavar="DEG", gt=0, le=10_000
    )
    label_turns: Annotated[_Turns, BeforeValidator(as_known)] = option(
        None, "Wheels the label angles refer to.", unset="as the model's angle"
    )
    label_offset: FiniteFloat | None = option(None, "Offset added to the label times.", metavar="SECONDS")
    smooth_labels: FiniteFloat | None = option(
        None,
        "Average the labels over this time around each frame, for keyboard steering.",
        metavar="SECONDS",
        gt=0,
        le=60,
    )
    format: str | None = option(None, "Recording format, when detection is wrong.", metavar="NAME")
    camera: Literal["center", "left", "right"] | None = option(
        None, "Camera of a recording with three.", unset="center"
    )
    rate: Annotated[str | None, BeforeValidator(as_text)] = option(
        None,
        "Frame rate of images (20 if they have no times) or of a raw stream: 20, 30000/1001.",
        metavar="FPS",
    )
    strict: bool = option(False, "Fail if the input is damaged.")


class SpanSettings(Settings):
    """Range of frames: from `start` inclusive to `end` exclusive, each a time [s] or a frame index."""

    start: Annotated[float | int | None, BeforeValidator(as_position)] = option(
        None, "First frame: seconds, m:ss or #frame."
    )
    end: Annotated[float | int | None, BeforeValidator(as_position)] = option(
        None, "End of the range (exclusive)."
    )
    every: int | None = option(None, "Use every Nth frame.", ge=1)

    @property
    def bounds(self) -> tuple[float | int | None, float | int | None, int]:
        """Arguments of `types.Span`; the step is 1 unless `every` is set."""
        return self.start, self.end, self.every or 1


class ComparisonSettings(Settings):
    """How predictions are compared with labels."""

    steering_ratio: FiniteFloat | None = option(
        None,
        "Degrees at the steering wheel per degree at the road wheels; converts between the two.",
        metavar="RATIO",
        gt=0,
        le=100,
    )


class ExplainSettings(Settings):
    """What to explain: an attribution method with its own options, and the cases to show.

    `cases` None selects the default cases of the method and the layout.
    """

    method: str = option("integrated-gradients", "Attribution method.", metavar="NAME", registry="methods")
    options: Mapping[str, Any] = option({}, "The method's own options.", command=False)
    seed: int = option(0, "Seed of methods that sample at random.", page=False)
    batch_size: int = option(
        32, "Maximum number of images per call of the network; limits memory.", ge=1, le=4096, page=False
    )
    reduce: Literal["sum", "sum-abs", "max-abs"] = option(
        "sum", "Reduce a map's channels to one number per pixel; only sum keeps the sign.", page=False
    )
    cases: tuple[str, ...] | None = option(
        None, "Cases to show, separated by commas.", metavar="NAMES", registry="cases", page=False
    )
    maintain: Literal["product", "insensitivity", "contrast"] = option(
        "product",
        "What maintain shows: contrast × insensitivity (product), or one factor.",
        label="maintain shows",
    )


class LookSettings(Settings):
    """How heat is drawn."""

    layout: Literal["grid", "row", "single"] = option(
        "grid", "One panel per case (grid, row), or all cases on a single image.", page=False
    )
    width: int | None = option(
        None, "Width of the video or image.", unit="px", ge=2, unset="at most 1920", page=False
    )
    opacity: FiniteFloat = option(0.8, "Opacity of full heat.", ge=0, le=1)
    colormap: str | None = option(
        None, "Matplotlib colour map that replaces the cases' own colours.", metavar="NAME", page=False
    )
    smooth: FiniteFloat = option(
        2.0,
        "Blur of the heat; numbers are not smoothed.",
        unit="model px",
        ge=0,
        le=50,
        slider=10,
        label="smoothing",
    )
    scale: Literal["clip", "frame"] = option(
        "clip",
        "One scale for the clip, or one per frame.",
        label="full colour",
        words={"clip": "one for the drive", "frame": "one per frame"},
    )
    scale_from: Path | None = option(None, "Use the scale of another run.", metavar="FACTS.json", page=False)
