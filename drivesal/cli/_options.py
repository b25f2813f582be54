"""Options that several commands share; `_model_loading` and `_recordings` evaluate them."""

from __future__ import annotations

from typing import Any

import click

from drivesal.attribution.registry import methods
from drivesal.cli._settings_options import (
    FILE,
    METHOD,
    Decorator,
    Number,
    Position,
    combined,
    settings_options,
    typed,
)
from drivesal.cli._sources import MODEL, RECORDING, expand_patterns
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

__all__ = ["FILE", "MODEL", "RECORDING", "Number", "Position", "combined", "expand_patterns", "typed"]


MODEL_HELP = (
    "Use this .keras or .h5 model, or `default`, the shipped PilotNet (a file of that name is ./default)"
)


recordings_argument = click.argument(
    "recordings", metavar="RECORDING...", nargs=-1, required=True, type=RECORDING, callback=expand_patterns
)

declared_options = combined(
    *settings_options(ModelSettings, "crop", "color", "interpolation", "input_size"),
    *settings_options(
        ModelSettings, "input_scale", "input_mean", "input_std", "output", "bins", "pre_activation"
    ),
    *settings_options(ModelSettings, "feed"),
    *settings_options(
        RecordingSettings,
        angle_unit="Unit of the angles in a table of labels, and of the model if it has no card.",
        positive="Side that positive angles turn to, in labels, and of the model if it has no card.",
    ),
    *settings_options(ModelSettings, "angle_unit", "positive", "turns"),
    *settings_options(RecordingSettings, full_lock="Angle in degrees at norm 1.0, for labels and model."),
    *settings_options(ModelSettings, "lambdas", "imports", "unsafe"),
)

FAMILIES = list(PRESETS)

(preset_option,) = settings_options(ModelSettings, "preset")
(device_option,) = settings_options(ModelSettings, "device")

model_options = combined(
    click.option("--model", "model_path", type=MODEL, help=f"{MODEL_HELP}.  [default: the shipped PilotNet]"),
    declared_options,
    device_option,
)


def _method_option(name: str) -> Decorator:
    """The Click option for a method's option; if several methods share a name, the first declares it."""
    shared = [(m.name, o) for m in methods().values() for o in m.options if o.name == name]
    first = shared[0][1]
    defaults: dict[Any, list[str]] = {}
    for method, option in shared:
        defaults.setdefault(option.default, []).append(method)
    default = "; ".join(f"{value} ({', '.join(names)})" for value, names in defaults.items())
    text = f"{first.help[:1].upper()}{first.help[1:]}.  [default: {default}]"
    return click.option(first.flag_of(name), f"{METHOD}{name}", type=first.type, help=text)


target_options = combined(
    click.option("--layer", metavar="NAME", help="Explain the activation of a layer instead of the angle."),
    click.option(
        "--filter",
        "filters",
        type=int,
        multiple=True,
        metavar="N",
        help="Explain only filter N of --layer; repeat for several.",
    ),
    click.option(
        "--class",
        "classes",
        type=int,
        multiple=True,
        metavar="N",
        help="Explain class N of a classifier; repeat for several.",
    ),
)

(method_option,) = settings_options(ExplainSettings, "method")
(first_method_option,) = settings_options(ExplainSettings, method="Attribution method to start with.")

explain_options = combined(
    target_options,
    method_option,
    *(_method_option(name) for name in dict.fromkeys(o.name for m in methods().values() for o in m.options)),
    *settings_options(
        ExplainSettings, *(name for name in on_command_line(ExplainSettings) if name != "method")
    ),
    *settings_options(LookSettings),
)

span_options = combined(*settings_options(SpanSettings))
(exported_option,) = settings_options(
    SpanSettings, every="Export every Nth frame.  [default: as many frames as fit into 60 MB of images]"
)

(steering_ratio_option,) = settings_options(ComparisonSettings)

(smooth_labels_option,) = settings_options(RecordingSettings, "smooth_labels")

table_options = combined(*settings_options(RecordingSettings, "angle_unit", "positive", "full_lock"))
"""For labels alone, in commands without a model."""

recording_options = combined(*settings_options(RecordingSettings, "format", "camera", "rate", "strict"))

label_options = combined(
    *settings_options(RecordingSettings, "labels", "no_labels", "angle_column", "label_turns", "label_offset"),
    recording_options,
)

compared_options = combined(
    declared_options,
    preset_option,
    device_option,
    label_options,
    smooth_labels_option,
    steering_ratio_option,
)
"""For commands that compare a model with labels."""
