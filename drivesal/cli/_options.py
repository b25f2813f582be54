"""Options that several commands share; what they turn into is in `_given`."""

from __future__ import annotations

import re
from typing import Any

import click

from drivesal.attribution.registry import methods
from drivesal.cli._from_settings import FILE, Decorator, Number, all_of, options_of
from drivesal.cli._sources import MODEL, RECORDING, expanded
from drivesal.settings import ExplainSettings, LookSettings, ModelSettings, RecordingSettings, on_command_line

__all__ = ["FILE", "MODEL", "RECORDING", "Number", "all_of", "expanded"]


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


MODEL_HELP = "A .keras or .h5 model, or `default`, the shipped PilotNet (./default is a file of that name)"


recordings_argument = click.argument(
    "recordings", metavar="RECORDING...", nargs=-1, required=True, type=RECORDING, callback=expanded
)

declared_options = all_of(
    *options_of(ModelSettings, "crop", "color", "interpolation", "input_size"),
    *options_of(ModelSettings, "input_scale", "input_mean", "input_std", "output", "bins", "pre_activation"),
    click.option(
        "--feed",
        multiple=True,
        metavar="INPUT=VALUE",
        help="What an input beside the picture gets: a number, or a column of the labels.",
    ),
    *options_of(
        RecordingSettings,
        angle_unit="Unit of the angles in labels, and of the model's where it has no card.",
        positive="Which side positive means, likewise.",
    ),
    *options_of(ModelSettings, "angle_unit", "positive", "turns"),
    *options_of(RecordingSettings, full_lock="Degrees that norm 1.0 stands for, in labels and model."),
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

FAMILIES = ["pilotnet-udacity", "pilotnet-udacity-2017", "donkey", "sullychen", "comma"]

preset_option = click.option(
    "--preset",
    type=click.Choice(FAMILIES),
    help="A family whose input and angle are taken where neither card nor options say.",
)

device_option = click.option(
    "--device", type=click.Choice(["cpu", "gpu"]), help="Where the model runs.  [default: a GPU if any]"
)

model_options = all_of(
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


target_options = all_of(
    click.option("--layer", metavar="NAME", help="Explain a layer's activation in place of the angle."),
    click.option(
        "--filter", "filters", type=int, multiple=True, metavar="N", help="Of --layer, again for several."
    ),
    click.option(
        "--class", "classes", type=int, multiple=True, metavar="N", help="Explain a classifier's class."
    ),
)

(method_option,) = options_of(ExplainSettings, "method")
(first_method_option,) = options_of(ExplainSettings, method="The method to begin with.")

explain_options = all_of(
    target_options,
    method_option,
    *(_method_option(name) for name in dict.fromkeys(o.name for m in methods().values() for o in m.options)),
    *options_of(ExplainSettings, *(name for name in on_command_line(ExplainSettings) if name != "method")),
    *options_of(LookSettings),
)

span_options = all_of(
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

(smooth_labels_option,) = options_of(RecordingSettings, "smooth_labels")

table_options = all_of(*options_of(RecordingSettings, "angle_unit", "positive", "full_lock"))
"""Of labels alone, where no model is."""

recording_options = all_of(*options_of(RecordingSettings, "format", "camera", "rate", "strict"))

label_options = all_of(
    *options_of(RecordingSettings, "labels", "no_labels", "angle_column", "label_turns", "label_offset"),
    recording_options,
)

compared_options = all_of(
    declared_options,
    preset_option,
    device_option,
    label_options,
    smooth_labels_option,
    steering_ratio_option,
)
"""Of the commands that compare a model with labels."""
