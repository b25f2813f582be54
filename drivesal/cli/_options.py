"""Options that several commands share; what they turn into is in `_given`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from drivesal.assets import SHIPPED, default_model
from drivesal.attribution.registry import methods
from drivesal.cases import MAINTAIN, SIGNED, UNSIGNED, cases

FILE = click.Path(path_type=Path)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _all_of(*options: Decorator) -> Decorator:
    """One decorator of several, in the order in which `--help` lists them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class Number(click.FloatRange):
    """A finite number within a range; Click's own lets NaN pass every range."""

    def _describe_range(self) -> str:
        """Nothing where every number will do; Click's own would write "x<=None"."""
        return "" if self.min is None and self.max is None else super()._describe_range()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text to a float."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number


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


class ModelFile(click.Path):
    """The path of a model; the word `default`, whatever the folder holds, is the shipped one's."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text to a path. Raises ModelError where the shipped model is missing."""
        return default_model() if value == SHIPPED else super().convert(value, param, ctx)


MODEL = ModelFile()
MODEL_HELP = "A .keras or .h5 model, or `default`, the shipped PilotNet (./default is a file of that name)"


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
    click.option("--output", help="What steers: an output's NAME or number, NAME[1], or 0.5*left+0.5*right."),
    click.option(
        "--bins", metavar="LOW..HIGH", help="The output is a distribution over angles from LOW to HIGH."
    ),
    click.option("--pre-activation", is_flag=True, help="Explain what goes into the head's tanh or atan."),
    click.option(
        "--feed",
        multiple=True,
        metavar="INPUT=VALUE",
        help="What an input beside the picture gets: a number, or a column of the labels.",
    ),
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
        type=Number(min=0, min_open=True, max=10_000),
        metavar="DEG",
        help="Degrees that norm 1.0 stands for, in labels and model.",
    ),
    click.option(
        "--lambda",
        "lambdas",
        multiple=True,
        metavar="LAYER=FORMULA",
        help="What a Lambda layer computes: lambda_1=x/127.5-1, head=2*atan(x).",
    ),
    click.option(
        "--import",
        "imports",
        type=FILE,
        multiple=True,
        metavar="FILE.py",
        help="Run your own file first: the Keras classes that it registers are then known.",
    ),
    click.option("--unsafe", is_flag=True, help="Run Python code that a .keras file holds; never from HDF5."),
)

FAMILIES = ["pilotnet-udacity", "donkey", "sullychen", "comma"]

preset_option = click.option(
    "--preset",
    type=click.Choice(FAMILIES),
    help="A family whose input and angle are taken where neither card nor options say.",
)

device_option = click.option(
    "--device", type=click.Choice(["cpu", "gpu"]), help="Where the model runs.  [default: a GPU if any]"
)

model_options = _all_of(
    click.option("--model", "model_path", type=MODEL, help=f"{MODEL_HELP}.  [default: the shipped PilotNet]"),
    declared_options,
    device_option,
)


def _method_option(name: str) -> Decorator:
    """One click option for a method's option; where several methods share a name, the first declares it."""
    shared = [(m.name, o) for m in methods().values() for o in m.options if o.name == name]
    first = shared[0][1]
    defaults: dict[Any, list[str]] = {}
    for method, option in shared:
        defaults.setdefault(option.default, []).append(method)
    told = "; ".join(f"{value} ({', '.join(whose)})" for value, whose in defaults.items())
    text = f"{first.help[:1].upper()}{first.help[1:]}.  [default: {told}]"
    return click.option(first.flag_of(name), f"method_{name}", type=first.type, help=text)


target_options = _all_of(
    click.option("--layer", metavar="NAME", help="Explain a layer's activation in place of the angle."),
    click.option(
        "--filter", "filters", type=int, multiple=True, metavar="N", help="Of --layer, again for several."
    ),
    click.option(
        "--class", "classes", type=int, multiple=True, metavar="N", help="Explain a classifier's class."
    ),
)

explain_options = _all_of(
    target_options,
    click.option(
        "--method", default="gradient", show_default=True, metavar="NAME", help=f"{', '.join(methods())}."
    ),
    *(_method_option(name) for name in dict.fromkeys(o.name for m in methods().values() for o in m.options)),
    click.option("--seed", type=int, default=0, show_default=True, help="Of methods that draw at random."),
    click.option(
        "--batch-size",
        type=click.IntRange(1, 4096),
        default=32,
        show_default=True,
        help="Most pictures in one call of the network, which bounds memory.",
    ),
    click.option(
        "--reduce",
        type=click.Choice(["sum", "sum-abs", "max-abs"]),
        default="sum",
        show_default=True,
        help="From a map's channels to one number a pixel; only the sum keeps the sign.",
    ),
    click.option(
        "--cases",
        metavar="NAMES",
        help=f"Of {', '.join(cases())}.  [default: {','.join(SIGNED)}; {','.join(UNSIGNED)} without a sign]",
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
    click.option("--opacity", type=Number(0, 1), default=0.8, show_default=True, help="Of full heat."),
    click.option(
        "--colormap", metavar="NAME", help="A Matplotlib colour map in place of the cases' own colours."
    ),
    click.option(
        "--smooth",
        type=Number(0, 50),
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

span_options = _all_of(
    click.option("--start", type=Position(), help="First frame: seconds, m:ss or #frame, inclusive."),
    click.option("--end", type=Position(), help="End, exclusive."),
    click.option("--every", type=click.IntRange(min=1), default=1, help="Take every Nth frame."),
)

steering_ratio_option = click.option(
    "--steering-ratio",
    type=Number(min=0, min_open=True, max=100),
    metavar="RATIO",
    help="Degrees of the steering wheel for one of the road wheels, where angles of both kinds meet.",
)

recording_options = _all_of(
    click.option("--format", metavar="NAME", help="What the recording is, where that is not told right."),
    click.option(
        "--camera",
        type=click.Choice(["center", "left", "right"]),
        help="Of a recording with three.  [default: center]",
    ),
    click.option(
        "--rate",
        metavar="FPS",
        help="Frames a second of images (20 where they have no times) or of a raw stream: 20, 30000/1001.",
    ),
    click.option("--strict", is_flag=True, help="Fail where the input is damaged."),
)

label_options = _all_of(
    click.option(
        "--labels", type=FILE, help="Steering labels.  [default: a .csv of the video's name beside it]"
    ),
    click.option(
        "--no-labels",
        is_flag=True,
        help="Leave the .csv beside the video, and the recording's own angles, alone.",
    ),
    click.option("--angle-column", metavar="NAME", help="The labels' column of angles."),
    click.option(
        "--label-turns",
        type=click.Choice(["steering-wheel", "road-wheels"]),
        help="What the labels' angle turns.  [default: what the model's does]",
    ),
    click.option("--label-offset", type=Number(), metavar="SECONDS", help="Added to the labels' times."),
    recording_options,
)
