"""Options that several commands share; what they turn into is in `_given`."""

from __future__ import annotations

from typing import Any

import click

from drivesal.attribution.registry import methods
from drivesal.cli._from_settings import FILE, METHOD, Decorator, Number, Position, all_of, options_of, typed
from drivesal.cli._sources import MODEL, RECORDING, expanded
from drivesal.model.presets import PRESETS
from drivesal.settings import (
    ComparisonSettings,
    ExplainSettings,
    LookSettings,
    ModelSettings,
    RecordingSettings,
    SpanSettings,
    on_command_line,
)

__all__ = ["FILE", "MODEL", "RECORDING", "Number", "Position", "all_of", "expanded", "typed"]


MODEL_HELP = "A .keras or .h5 model, or `default`, the shipped PilotNet (./default is a file of that name)"


recordings_argument = click.argument(
    "recordings", metavar="RECORDING...", nargs=-1, required=True, type=RECORDING, callback=expanded
)

declared_options = all_of(
    *options_of(ModelSettings, "crop", "color", "interpolation", "input_size"),
    *options_of(ModelSettings, "input_scale", "input_mean", "input_std", "output", "bins", "pre_activation"),
    *options_of(ModelSettings, "feed"),
    *options_of(
        RecordingSettings,
        angle_unit="Unit of the angles in labels, and of the model's where it has no card.",
        positive="Which side positive means, likewise.",
    ),
    *options_of(ModelSettings, "angle_unit", "positive", "turns"),
    *options_of(RecordingSettings, full_lock="Degrees that norm 1.0 stands for, in labels and model."),
    *options_of(ModelSettings, "lambdas", "imports", "unsafe"),
)

FAMILIES = list(PRESETS)

(preset_option,) = options_of(ModelSettings, "preset")
(device_option,) = options_of(ModelSettings, "device")

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
    return click.option(first.flag_of(name), f"{METHOD}{name}", type=first.type, help=text)


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

span_options = all_of(*options_of(SpanSettings))
(exported_option,) = options_of(
    SpanSettings, every="Export every Nth frame.  [default: as many as 60 MB of pictures hold]"
)

(steering_ratio_option,) = options_of(ComparisonSettings)

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
