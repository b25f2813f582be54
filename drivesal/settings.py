"""Every option, spelled once: name, type, default, bounds, choices, unit and one line of help.

The command line, the Python API, the review server's query, the page's controls and the facts are made from
these fields; a new option is a new field here. Where the choices of a field live in a registry, the field names
it (`registry`), and whoever shows the field looks them up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import isfinite
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError
from pydantic.fields import FieldInfo

from drivesal.errors import OptionError, nearest

S = TypeVar("S", bound="Settings")
_Turns = Literal["steering-wheel", "road-wheels"] | None


def option(default: Any, help: str, **said: Any) -> Any:
    """A field with its one line of help.

    Of `said`, `ge`, `gt`, `le`, `lt` bound a number. The rest is for those who show the field: `unit`;
    `metavar` on the command line; `unset`, what happens where the default None stands; `registry`, whose names
    are the choices; `command` False keeps it off the command line, where `name` is what it is called if that is
    another; `page` False keeps it off the review page, where `label` and `words` are what the setting and its
    choices are called, and `slider` is up to where its slider goes.
    """
    bounds = {name: said.pop(name) for name in ("ge", "gt", "le", "lt") if name in said}
    return Field(default, description=help, json_schema_extra=said or None, **bounds)


def _text(value: Any) -> Any:
    """A number, or a `Crop`, as the text that a user would write; 29.97002997 as 30000/1001."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and isfinite(value):
        return str(Fraction(value).limit_denominator(1001))
    return getattr(value, "text", None) or str(value)


def _known(value: Any) -> Any:
    """None for the word unknown, which a card or a recording may say."""
    return None if value == "unknown" else value


def _joined(between: str) -> Callable[[Any], Any]:
    """What makes the text that a user would write of several numbers, or of one."""

    def text(value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        numbers = value.tolist() if hasattr(value, "tolist") else value
        return between.join(str(one) for one in (numbers if isinstance(numbers, Iterable) else [numbers]))

    return text


class Settings(BaseModel):
    """Frozen settings that hash by their values, so that results can be kept by them."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    def __hash__(self) -> int:
        values = (getattr(self, name) for name in type(self).model_fields)
        plain = (frozenset(one.items()) if isinstance(one, Mapping) else one for one in values)
        return hash((type(self), *plain))

    def but(self, **changed: Any) -> Self:
        """The same with other values, which are checked. Raises pydantic's ValidationError."""
        return type(self)(**{name: getattr(self, name) for name in type(self).model_fields} | changed)


class ModelSettings(Settings):
    """What a user says of a model, before its card: how its input is made, and what its angle means.

    Python may give a `Crop`, and numbers where the text holds some: (66, 200), (-1, 1), [0.485, 0.456, 0.406].
    """

    crop: Annotated[str | None, BeforeValidator(_text)] = option(
        None, "What the model sees, ROWS[,COLUMNS] as slices: 60:-25 (pixels), 0.4:0.9 (shares)."
    )
    color: str | None = option(
        None,
        "The model's channels, as OpenCV makes them; YUV-opencv3.0 as up to its version 3.1.",
        registry="colours",
    )
    interpolation: Literal["area", "linear", "cubic", "nearest"] | None = option(None, "How it resizes.")
    input_size: Annotated[str | None, BeforeValidator(_joined("x"))] = option(
        None, "Of the model's input, where its file leaves it open.", metavar="HEIGHTxWIDTH"
    )
    input_scale: Annotated[str | None, BeforeValidator(_joined(".."))] = option(
        None, "What 0..255 becomes for the model: 0..1, -1..1, 0..255.", metavar="LOW..HIGH"
    )
    input_mean: Annotated[str | None, BeforeValidator(_joined(","))] = option(
        None,
        "Taken off each channel then, in units of --input-scale (0..1 without it): 0.485,0.456,0.406.",
        metavar="M[,M,M]",
    )
    input_std: Annotated[str | None, BeforeValidator(_joined(","))] = option(
        None, "What each channel is divided by then: 0.229,0.224,0.225.", metavar="D[,D,D]"
    )
    output: Annotated[str | None, BeforeValidator(_text)] = option(
        None, "What steers: an output's NAME or number, NAME[1], or 0.5*left+0.5*right."
    )
    bins: Annotated[str | None, BeforeValidator(_joined(".."))] = option(
        None, "The output is a distribution over angles from LOW to HIGH.", metavar="LOW..HIGH"
    )
    pre_activation: bool = option(False, "Explain what goes into the head's tanh or atan.")
    angle_unit: Literal["deg", "rad", "norm"] | None = option(
        None, "Unit of the model's answer alone.", name="model_angle_unit"
    )
    positive: Literal["left", "right"] | None = option(
        None, "Side of the model's positive answer alone.", name="model_positive"
    )
    turns: Annotated[_Turns, BeforeValidator(_known)] = option(None, "What the model's angle turns.")
    full_lock: FiniteFloat | None = option(
        None, "Degrees that norm 1.0 stands for.", metavar="DEG", gt=0, le=10_000, command=False
    )


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
    label_turns: Annotated[_Turns, BeforeValidator(_known)] = option(
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
    rate: Annotated[str | None, BeforeValidator(_text)] = option(
        None,
        "Frames a second of images (20 where they have no times) or of a raw stream: 20, 30000/1001.",
        metavar="FPS",
    )
    strict: bool = option(False, "Fail where the input is damaged.")


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


def extras(field: FieldInfo) -> Mapping[str, Any]:
    """What `option` was told of a field beside its type, default, bounds and help."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def on_page(settings: type[Settings]) -> dict[str, FieldInfo]:
    """The fields that the review page asks for."""
    return {name: one for name, one in settings.model_fields.items() if extras(one).get("page", True)}


def on_command_line(settings: type[Settings]) -> dict[str, FieldInfo]:
    """The fields that the command line has an option for."""
    return {name: one for name, one in settings.model_fields.items() if extras(one).get("command", True)}


def bounds(field: FieldInfo) -> dict[str, float]:
    """The bounds of a number, by pydantic's words: ge, gt, le, lt."""
    found: dict[str, float] = {}
    for one in field.metadata:
        found |= {word: getattr(one, word) for word in ("ge", "gt", "le", "lt") if hasattr(one, word)}
    return found


def kind_of_value(field: FieldInfo) -> Any:
    """The field's type, without the None that it may be."""
    kinds = [field.annotation]
    if get_origin(field.annotation) in (Union, UnionType):
        kinds = [one for one in get_args(field.annotation) if one is not NoneType]
    return get_args(kinds[0])[0] if get_origin(kinds[0]) is Annotated else kinds[0]


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The words that the field may be, where it is one of some."""
    kind = kind_of_value(field)
    return get_args(kind) if get_origin(kind) is Literal else ()


def page_schema(settings: type[Settings]) -> dict[str, Any]:
    """The JSON schema of the fields that the review page asks for, by name, in their order."""
    properties = settings.model_json_schema()["properties"]
    return {name: properties[name] for name in on_page(settings)}


def taken(settings: type[S], given: Mapping[str, Any]) -> S:
    """The settings of those of the values that are theirs and not None. Raises OptionError."""
    fields = {name: given[name] for name in settings.model_fields if given.get(name) is not None}
    try:
        return settings(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise OptionError(*_problem(name, settings.model_fields[name], fields[name], first["msg"])) from None


def _problem(name: str, field: FieldInfo, value: Any, message: str) -> tuple[str, str, str]:
    """What was expected, what came, what to do."""
    came = f"it is {value!r}"
    do = "leave it out" if field.default is None else f"{field.default} is the default"
    if words := choices(field):
        return f"{name} among {', '.join(words)}", came, nearest(str(value), words, "choose one of them")
    if within := bounds(field):
        return f"{name} {_in_words(within)}", came, do
    return f"a valid {name}", f"{value!r}: {message[:1].lower()}{message[1:]}", do


def _in_words(within: Mapping[str, float]) -> str:
    """Bounds as they stand behind a name: "from 0 to 1", "of at least 1", "above 0 and up to 60"."""
    if within.keys() == {"ge", "le"}:
        return f"from {within['ge']:g} to {within['le']:g}"
    words = {"ge": "of at least", "gt": "above", "le": "up to", "lt": "below"}
    return " and ".join(f"{words[bound]} {value:g}" for bound, value in within.items())
