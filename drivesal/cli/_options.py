"""Options that several commands share, and what they turn into."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.attribution.registry import methods
from drivesal.cases import MAINTAIN, cases
from drivesal.errors import LabelError, OptionError

if TYPE_CHECKING:
    from fractions import Fraction

    from drivesal.model import Declared, SteeringModel
    from drivesal.painter import Request
    from drivesal.recordings import LabelTrack
    from drivesal.types import Recording, Span

FILE = click.Path(path_type=Path)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _all_of(*options: Decorator) -> Decorator:
    """One decorator of several, in the order in which `--help` lists them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class Position(click.ParamType[float | int]):
    """A place in a drive: seconds (10, 10s), m:ss (1:30.5) or #frame; float seconds or int frame."""

    name = "POSITION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | int:
        """Text to seconds (float) or a frame index (int)."""
        text = str(value).strip()
        if re.fullmatch(r"#\d+", text):
            return int(text[1:])
        found = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)s?", text)
        if found is None:
            self.fail(
                f"{value!r} is no place in a drive: give seconds (10), m:ss (1:30) or #frame.", param, ctx
            )
        hours, minutes, seconds = found.groups()
        if (minutes and float(seconds) >= 60) or (hours and int(minutes) >= 60):
            self.fail(f"{value!r} has 60 or more minutes or seconds behind a colon.", param, ctx)
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


declared_options = _all_of(
    click.option(
        "--crop", help="What the model sees, ROWS[,COLUMNS] as slices: 60:-25 (pixels), 0.4:0.9 (shares)."
    ),
    click.option(
        "--color", "colour", type=click.Choice(["RGB", "BGR", "YUV", "GREY"]), help="The model's channels."
    ),
    click.option(
        "--interpolation", type=click.Choice(["area", "linear", "cubic", "nearest"]), help="How it resizes."
    ),
    click.option(
        "--input-size", metavar="HEIGHTxWIDTH", help="Of the model's input, where its file leaves it open."
    ),
    click.option(
        "--input-scale", metavar="LOW..HIGH", help="What 0..255 becomes for the model: 0..1, -1..1, 0..255."
    ),
    click.option("--output", help="The model's output that steers, by name or number."),
    click.option(
        "--angle-unit",
        type=click.Choice(["deg", "rad", "norm"]),
        help="Unit of the angles in labels, and of the model's where it has no card.",
    ),
    click.option(
        "--positive", type=click.Choice(["left", "right"]), help="Which side positive means, likewise."
    ),
    click.option(
        "--model-angle-unit",
        type=click.Choice(["deg", "rad", "norm"]),
        help="Unit of the model's answer alone.",
    ),
    click.option(
        "--model-positive",
        type=click.Choice(["left", "right"]),
        help="Side of the model's positive answer alone.",
    ),
    click.option(
        "--turns", type=click.Choice(["steering-wheel", "road-wheels"]), help="What the model's angle turns."
    ),
    click.option(
        "--full-lock",
        type=click.FloatRange(min=0, min_open=True, max=10_000),
        metavar="DEG",
        help="Degrees that norm 1.0 stands for, in labels and model.",
    ),
    click.option("--unsafe", is_flag=True, help="Run Python code that the model file holds."),
)

model_options = _all_of(
    click.option("--model", "model_path", type=FILE, help="A .keras model.  [default: the shipped PilotNet]"),
    declared_options,
    click.option(
        "--device", type=click.Choice(["cpu", "gpu"]), help="Where the model runs.  [default: a GPU if any]"
    ),
)


def _method_option(name: str) -> Decorator:
    """One click option for a method's option; where several methods share a name, the first declares it."""
    shared = [(m.name, o) for m in methods().values() for o in m.options if o.name == name]
    first = shared[0][1]
    whose = ", ".join(method for method, _ in shared)
    text = f"{first.help[:1].upper()}{first.help[1:]} ({whose}).  [default: {first.default}]"
    return click.option(first.flag_of(name), f"method_{name}", type=first.type, help=text)


explain_options = _all_of(
    click.option(
        "--method", default="gradient", show_default=True, metavar="NAME", help=f"{', '.join(methods())}."
    ),
    *(_method_option(name) for name in dict.fromkeys(o.name for m in methods().values() for o in m.options)),
    click.option(
        "--cases",
        default="increase,decrease,maintain",
        show_default=True,
        metavar="NAMES",
        help=f"Of {', '.join(cases())}.",
    ),
    click.option(
        "--maintain",
        type=click.Choice(list(MAINTAIN)),
        default="product",
        show_default=True,
        help="What maintain shows: contrast × insensitivity or one factor.",
    ),
    click.option(
        "--layout",
        type=click.Choice(["grid", "row", "single"]),
        default="grid",
        show_default=True,
        help="One panel a case, or one picture.",
    ),
    click.option(
        "--width", type=click.IntRange(min=2), help="Width of the picture [px].  [default: at most 1920]"
    ),
    click.option(
        "--opacity", type=click.FloatRange(0, 1), default=0.8, show_default=True, help="Of full heat."
    ),
    click.option(
        "--colormap", metavar="NAME", help="A Matplotlib colour map in place of the cases' own colours."
    ),
    click.option(
        "--smooth",
        type=click.FloatRange(0, 50),
        default=2.0,
        show_default=True,
        help="Blur of the heat [model px]; numbers stay unsmoothed.",
    ),
    click.option(
        "--scale",
        type=click.Choice(["clip", "frame"]),
        default="clip",
        show_default=True,
        help="One scale for the clip, or one a frame.",
    ),
    click.option("--scale-from", type=FILE, metavar="FACTS.json", help="Take the scale of another run."),
)

label_options = _all_of(
    click.option(
        "--labels", type=FILE, help="Steering labels.  [default: a .csv of the video's name beside it]"
    ),
    click.option("--no-labels", is_flag=True, help="Leave the .csv beside the video alone."),
    click.option("--angle-column", metavar="NAME", help="The labels' column of angles."),
    click.option(
        "--label-turns",
        type=click.Choice(["steering-wheel", "road-wheels"]),
        help="What the labels' angle turns.  [default: what the model's does]",
    ),
    click.option("--label-offset", type=float, metavar="SECONDS", help="Added to the labels' times."),
    click.option(
        "--rate", metavar="FPS", help="Frames a second of a raw stream without timestamps: 20, 30000/1001."
    ),
    click.option("--strict", is_flag=True, help="Fail where the input is damaged."),
)


def declared(given: Mapping[str, Any], has_card: bool) -> Declared:
    """What was said of the model; `--angle-unit` and `--positive` count only where there is no card."""
    from drivesal.model import Declared
    from drivesal.preprocess import Crop, scale_from_range

    unit, side = given["model_angle_unit"], given["model_positive"]
    return Declared(
        crop=Crop.parse(given["crop"]) if given["crop"] is not None else None,
        interpolation=given["interpolation"],
        colour=given["colour"],
        size=_size(given["input_size"]),
        input_scale=scale_from_range(given["input_scale"]) if given["input_scale"] is not None else None,
        output=given["output"],
        unit=unit if unit or has_card else given["angle_unit"],
        turns=given["turns"],
        positive=side if side or has_card else given["positive"],
        full_lock_deg=given["full_lock"],
    )


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if found is None:
        raise OptionError("--input-size as HEIGHTxWIDTH like 66x200", f"it is {text!r}", "mend it")
    return int(found[1]), int(found[2])


def load(given: Mapping[str, Any]) -> SteeringModel:
    """The model that the options name, on the device that they name."""
    from drivesal.assets import default_model
    from drivesal.backend import use_device
    from drivesal.card import card_path
    from drivesal.model import load_model

    path = given["model_path"] or default_model()
    said = declared(given, card_path(path).is_file())
    use_device(given.get("device"))
    return load_model(path, said, unsafe=given["unsafe"])


def request(given: Mapping[str, Any], span: Span) -> Request:
    """What to explain and how to show it, checked as far as it can be without a model."""
    from drivesal.attribution.registry import method
    from drivesal.cases import choose
    from drivesal.painter import Look, Request

    options = {
        n.removeprefix("method_"): v for n, v in given.items() if n.startswith("method_") and v is not None
    }
    method(given["method"]).settings(options)
    if given["scale_from"] is not None and given["scale"] == "frame":
        raise OptionError("one scale", "--scale frame and --scale-from were both given", "leave one out")
    look = Look(
        layout=given["layout"],
        width=given["width"],
        opacity=given["opacity"],
        colormap=given["colormap"],
        smooth=given["smooth"],
        per_frame=given["scale"] == "frame",
        scale=_facts(given["scale_from"]),
    )
    names = [name.strip() for name in given["cases"].split(",") if name.strip()]
    return Request(choose(names, given["maintain"]), given["method"], options, look, span)


def _facts(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(
            "the facts (.json) of another run", f"{path} cannot be read ({error})", "check the path"
        ) from None


def files_read(path: Path, given: Mapping[str, Any]) -> list[Path]:
    """Every file that a run reads, so that no output replaces one."""
    from drivesal.assets import default_model
    from drivesal.card import card_path
    from drivesal.recordings import beside

    model = given["model_path"] or default_model()
    labels = given["labels"] or (None if given["no_labels"] else beside(path))
    others = [labels, given["scale_from"], given.get("method_baseline")]
    return [path, model, card_path(model), *(Path(one) for one in others if one is not None)]


def open_drive(path: Path, given: Mapping[str, Any]) -> Recording:
    """The recording with the labels that the options name, or those of the same name beside it.

    A table beside it that turns out to hold no usable labels is left, with a line on stderr.
    """
    from drivesal.recordings import beside, open_recording

    rate, strict = _rate(given["rate"]), given["strict"]
    if given["labels"] is not None and given["no_labels"]:
        raise OptionError("labels or none", "--labels and --no-labels were both given", "leave one out")
    if given["labels"] is not None:
        return open_recording(path, rate=rate, strict=strict, labels=_labels(given["labels"], given))
    found = None if given["no_labels"] else beside(path)
    if found is not None:
        try:
            return open_recording(path, rate=rate, strict=strict, labels=_labels(found, given))
        except LabelError as error:
            click.echo(f"drivesal: {found} beside the video is not used: {error}", err=True)
    for name in ("angle_column", "label_offset", "label_turns"):
        if given[name] is not None:
            flag = f"--{name.replace('_', '-')}"
            raise OptionError(f"labels for {flag}", "there are none", "name them with --labels")
    return open_recording(path, rate=rate, strict=strict)


def _rate(text: str | None) -> Fraction | None:
    from fractions import Fraction

    try:
        rate = Fraction(text) if text is not None else None
        if rate is not None and rate <= 0:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise OptionError("--rate as 20, 29.97 or 30000/1001", f"it is {text!r}", "mend it") from None
    return rate


def _labels(path: Path, given: Mapping[str, Any]) -> LabelTrack:
    from drivesal.recordings import read_labels

    return read_labels(
        path,
        angle_column=given["angle_column"],
        unit=given["angle_unit"],
        positive=given["positive"],
        full_lock_deg=given["full_lock"],
        turns=given["label_turns"] or "unknown",
        offset_s=given["label_offset"] or 0.0,
    )


def check_kinds(recording: Recording, model: SteeringModel) -> None:
    """Raises LabelError where labels and model measure different things."""
    labels, answer = recording.info.angle, model.kind
    if labels is not None and not labels.comparable(answer):
        raise LabelError(
            f"labels in the model's kind of angle, {answer.unit} at {answer.turns}",
            f"they are {labels.unit} at {labels.turns}",
            "say --full-lock, --angle-unit or --model-angle-unit, or leave them with --no-labels",
        )
