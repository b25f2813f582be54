"""`drivesal video`: a drive to an overlay video, a table and facts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from drivesal.angle import digits
from drivesal.cli import _given, _opening, _warned
from drivesal.cli import _options as options
from drivesal.cli._places import OUT, Into, check_facts, names_of, placed, to_make
from drivesal.cli._progress import expected
from drivesal.cli._progress import progress as bar
from drivesal.errors import DAMAGED, DrivesalError, ModelError, OptionError
from drivesal.explanation.registry import choose, contributors
from drivesal.model.shipped import default_model
from drivesal.settings import (
    ComparisonSettings,
    ExplainSettings,
    LookSettings,
    ModelSettings,
    RecordingSettings,
    SpanSettings,
)

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Recording, RecordingInfo

PRESETS = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """The options."""

    recording: RecordingSettings
    model: ModelSettings
    explain: ExplainSettings
    look: LookSettings
    span: SpanSettings
    comparison: ComparisonSettings
    model_path: Path | None
    layer: str | None
    filters: tuple[int, ...]
    classes: tuple[int, ...]
    out: Path | Into | None
    overwrite: bool
    presets: tuple[str, ...]
    crf: int
    save_maps: Path | None
    quiet: bool
    as_json: bool


@click.command(
    epilog="""\b
Examples:
  drivesal video run.mp4
  drivesal video run.mp4 --model my.keras --labels run.csv --start 10s --end 1:30 --out review.mp4
  drivesal video run.mp4 --cases increase,support --layout single --every 2
  drivesal video simulator-drive/ --no-labels
  drivesal video run.mp4 --start 60s --end 66s --out bend.gif
  drivesal video run.mp4 --method integrated-gradients --steps 50 --baseline blur
"""
)
@options.recordings_argument
@click.option(
    "--out",
    type=OUT,
    help="The video (.mp4; .gif or .webp of a short clip), or a folder; X.csv and X.json go beside it.  "
    "[default: ./NAME.saliency.mp4]",
)
@click.option("--overwrite", is_flag=True, help="Write over existing files.")
@options.span_options
@options.model_options
@options.explain_options
@options.label_options
@options.steering_ratio_option
@click.option(
    "--preset",
    "presets",
    type=click.Choice([*options.FAMILIES, *PRESETS]),
    metavar="NAME",
    multiple=True,
    help=f"Either the model's family, whose input and angle are taken where neither card nor options say "
    f"({', '.join(options.FAMILIES)}), or how fast libx264 works ({PRESETS[0]} to {PRESETS[-1]}); twice for "
    "one of each.  [default: no family, veryfast]",
)
@click.option(
    "--crf",
    type=click.IntRange(0, 51),
    default=23,
    show_default=True,
    help="Of libx264; smaller is better and larger.",
)
@click.option("--save-maps", type=options.FILE, metavar="MAPS.npz", help="Keep the signed maps as float16.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, one line an input.")
@click.pass_context
@options.typed(VideoConfig)
def command(context: click.Context, recordings: tuple[Path, ...], config: VideoConfig) -> int:
    """Write an overlay video of what a model looks at, with a table (.csv) and facts (.json)."""
    names = _names(recordings, config)
    settings = config.model.but(preset=_last(config.presets, options.FAMILIES))
    target = _given.target(config.layer, config.filters, config.classes, settings.output)
    loaded: list[SteeringModel] = []

    def model(recording: Recording) -> SteeringModel:
        if not loaded:
            path = config.model_path or default_model()
            loaded.append(_given.load(path, settings, config.recording, recording, target))
        return loaded[0]

    codes = []
    for path, name in zip(recordings, names, strict=True):
        try:
            codes.append(_one(path, _paths(name, config), config, model, context))
        except ModelError:
            raise
        except DrivesalError as error:
            if len(recordings) == 1:
                raise
            click.echo(f"drivesal: {path}: {error}", err=True)
            if config.as_json:
                click.echo(json.dumps({"input": str(path), "error": str(error)}))
            codes.append(error.exit_code)
    return next((code for code in codes if code not in (0, DAMAGED)), max(codes))


def _names(recordings: Sequence[Path], config: VideoConfig) -> list[str]:
    """What the results of each recording are named after. Raises UsageError where several make no sense."""
    if len(recordings) > 1:
        if isinstance(config.out, Path) or config.save_maps or config.recording.labels:
            named = "--out FILE, --save-maps and --labels"
            raise click.UsageError(f"{named} go with one recording; --out DIR/ with several.")
        where = [path.resolve() for path in recordings]
        twice = [path for path, one in zip(recordings, where, strict=True) if where.count(one) > 1]
        if twice:
            raise click.UsageError(f"{twice[0]} is given twice.")
    names = names_of(recordings)
    _paths(names[0], config)  # a name that cannot be is told before anything is read
    return names


def _last(said: Sequence[str], of: Sequence[str]) -> str | None:
    """What was said last of one kind of preset."""
    return next((one for one in reversed(said) if one in of), None)


def _said(name: str) -> bool:
    """Whether an option stands on the command line."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _again(context: click.Context, path: Path, info: RecordingInfo) -> Callable[[Sequence[str]], str | None]:
    """What makes the command for one input with other options, paste-ready; None where none say it."""
    from drivesal.cli._again import again

    def command(words: Sequence[str]) -> str | None:
        options = again(context, words, leave_out={"--overwrite", "--quiet"}, infos=[info])
        if options is None:
            return None
        return shlex.join(["drivesal", "video", str(path), *options, "--overwrite"])

    return command


def _one(
    path: Path,
    paths: Mapping[str, Path],
    config: VideoConfig,
    model: Callable[[Recording], SteeringModel],
    context: click.Context,
) -> int:
    """One input; returns its exit code."""
    from drivesal.api.files import files_read
    from drivesal.export.animation import kind_of, suited
    from drivesal.io.outputs import Outputs
    from drivesal.rendering.film import Encoding
    from drivesal.rendering.pipeline import render_video
    from drivesal.rendering.request import request_of
    from drivesal.types import Span

    check_facts(paths["facts"], "video")
    span, ratio = Span(*config.span.bounds), config.comparison.steering_ratio
    request, kind = request_of(config.explain, config.look, span, ratio), kind_of(paths["video"])
    file, imports = config.model_path or default_model(), config.model.imports
    with (
        _opening.open_drive(path, config.recording, file) as recording,
        Outputs(
            list(paths.values()),
            overwrite=config.overwrite,
            inputs=files_read([path], [recording], config.recording, file, request=request, imports=imports),
            make=to_make(config.out),
        ) as outputs,
    ):
        if kind is not None:
            request = suited(request, recording.info, kind, config.span.every)
        steering = model(recording)
        _warned.say_enlarged([recording], steering)
        _warned.say_side(recording)
        total = expected([recording], request.span)
        if kind is not None and total is not None:
            total *= 1 + kind.passes
        with bar(total, path.name, config.quiet) as progress:
            encoding = Encoding(_last(config.presets, PRESETS) or "veryfast", config.crf)
            advise = _again(context, path, recording.info)
            facts = render_video(recording, steering, request, outputs, paths, encoding, progress, advise)
    _warned.say_uninformative(path.name, facts["uninformative"])
    if facts["better_setting"] is not None:
        click.echo(f"drivesal: {path.name}: {facts['better_setting']['sentence']}", err=True)
    _summary(path, facts, paths, config.as_json)
    return DAMAGED if facts["losses"] else 0


def _paths(name: str, config: VideoConfig) -> dict[str, Path]:
    """Where each result goes."""
    from drivesal.api.files import video_paths
    from drivesal.export.animation import KINDS

    video = placed(config.out, f"{name}.saliency.mp4")
    paths = video_paths(video, "--out")
    if video.suffix.lower() in KINDS and (_said("crf") or _last(config.presets, PRESETS)):
        raise OptionError("--crf and libx264's --preset for an .mp4", f"{video} is none", "leave them out")
    if config.save_maps is not None:
        if config.save_maps.suffix.lower() != ".npz":
            raise OptionError("--save-maps to end in .npz", f"it is {config.save_maps}", "name it .npz")
        paths["maps"] = config.save_maps
    return paths


def _summary(path: Path, facts: Mapping[str, Any], paths: Mapping[str, Path], as_json: bool) -> None:
    """What was done, on stdout."""
    seconds = facts["seconds"]["total"]
    rate = facts["frames"] / seconds if seconds else 0.0
    if as_json:
        names = ("frames", "labelled_frames", "errors", "correlation", "losses", "notes")
        short = {name: facts[name] for name in names}
        short |= {"unit": facts["model"]["angle"]["unit"], "assumed": facts["model"]["assumed"]}
        short |= {"seconds": seconds, "frames_per_second": round(rate, 2)}
        outputs = {name: str(output) for name, output in paths.items()}
        click.echo(json.dumps({"input": str(path), **short, "outputs": outputs}))
        return
    unit = {"deg": "°", "norm": " norm", "score": ""}[facts["model"]["angle"]["unit"]]
    click.echo(
        f"{path.name}: {_count(facts['frames'], 'frame')} in {seconds:.1f} s, {rate:.0f} frames a second"
    )
    errors = facts["errors"]
    if errors is not None:
        click.echo(
            f"against {_count(facts['labelled_frames'], 'label')}: RMSE {errors['rmse']:.2f}{unit}, "
            f"mean error {digits(errors['bias'], '+.2f')}{unit} (left +), "
            f"mean absolute error {errors['mean_absolute']:.2f}{unit}"
            + ("" if facts["correlation"] is None else f", correlation {digits(facts['correlation'], '.3f')}")
        )
    method = facts["method"]
    for who, what in (("", method["against"]), (_named(facts["cases"]), method["support_against"])):
        if what is not None:
            click.echo(f"{who}measured against {what}")
    missed = facts["completeness_error"]
    if missed is not None:
        click.echo(_completeness(missed, facts))
    for assumed in facts["model"]["assumed"]:
        click.echo(f"assumed of the model: {assumed}; a card or options say it (see `drivesal model`)")
    notes = (note for note in facts["notes"] if note not in facts["uninformative"])  # these are on stderr
    for line in (*notes, *(f"lost: {loss}" for loss in facts["losses"])):
        click.echo(line)
    click.echo("\n".join(str(output) for output in paths.values()))


def _completeness(missed: Mapping[str, float], facts: Mapping[str, Any]) -> str:
    """How much the contributions miss, of how much, and what makes it smaller."""
    of = {"deg": "°", "norm": " norm", "score": ""}[facts["model"]["explained_unit"]]
    more = ""
    if facts["method"]["options"].get("steps") is not None:
        colour = facts["model"]["card"]["preprocess"]["colour"]
        hue = f" (jumps of the hue in {colour} are not counted, and more --steps do not mend that)"
        more = hue if colour in ("HSV", "HLS") else " (more --steps make it smaller)"
    return (
        f"completeness error: mean {missed['mean']:.3g}{of}, largest {missed['largest']:.3g}{of}; "
        f"the answer differs from the baseline's by {missed['of']:.3g}{of} in the mean{more}"
    )


def _named(names: Sequence[str]) -> str:
    """The cases that read contributions, as they begin a sentence."""
    return f"{' and '.join(contributors(choose(names)))} "


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
