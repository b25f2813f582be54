"""`drivesal video`: a drive to an overlay video, a table and facts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from drivesal.cli import _given, _opening, _warned
from drivesal.cli import _options as options
from drivesal.cli._places import OUT, Into, check_facts, names_of, placed, to_make
from drivesal.cli._progress import expected
from drivesal.cli._progress import progress as bar
from drivesal.cli._video_summary import summary
from drivesal.errors import DAMAGED, DrivesalError, ModelError, OptionError
from drivesal.export.exporter import optional, video_exporter, videos
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

_RESULTS = {str(one.option): one for one in optional()}
"""The kinds of result that an option asks for, by the option's name."""
_VIDEOS = "; ".join(" ".join([" or ".join(one.suffixes), one.help]).strip() for one in videos())
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
    help=f"The video ({_VIDEOS}), or a folder; X.csv and X.json go beside it.  [default: ./NAME.saliency.mp4]",
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
@options.all_of(
    *(
        click.option(
            f"--{name.replace('_', '-')}",
            type=options.FILE,
            metavar=f"{one.name.upper()}{one.suffixes[0]}",
            help=one.help,
        )
        for name, one in _RESULTS.items()
    )
)
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, one line an input.")
@click.pass_context
@options.typed(VideoConfig)
def command(
    context: click.Context, recordings: tuple[Path, ...], config: VideoConfig, **results: Path | None
) -> int:
    """Write an overlay video of what a model looks at, with a table (.csv) and facts (.json)."""
    names = _names(recordings, config, results)
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
            codes.append(_one(path, _paths(name, config, results), config, model, context))
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


def _names(recordings: Sequence[Path], config: VideoConfig, results: Mapping[str, Path | None]) -> list[str]:
    """What the results of each recording are named after. Raises UsageError where several make no sense."""
    if len(recordings) > 1:
        if isinstance(config.out, Path) or config.recording.labels or any(results.values()):
            named = ", ".join(["--out FILE", *(f"--{name.replace('_', '-')}" for name in _RESULTS)])
            raise click.UsageError(f"{named} and --labels go with one recording; --out DIR/ with several.")
        where = [path.resolve() for path in recordings]
        twice = [path for path, one in zip(recordings, where, strict=True) if where.count(one) > 1]
        if twice:
            raise click.UsageError(f"{twice[0]} is given twice.")
    names = names_of(recordings)
    _paths(names[0], config, results)  # a name that cannot be is told before anything is read
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
    from drivesal.export.exporter import Encoding
    from drivesal.io.outputs import Outputs
    from drivesal.rendering.pipeline import render_video
    from drivesal.rendering.render_request import request_of
    from drivesal.types import Span

    check_facts(paths["facts"], "video")
    span, ratio = Span(*config.span.bounds), config.comparison.steering_ratio
    request, video = request_of(config.explain, config.look, span, ratio), video_exporter(paths["video"])
    assert video is not None
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
        look, span = video.suited(paths["video"], request.look, span, recording.info, config.span.every)
        request = replace(request, look=look, span=span)
        steering = model(recording)
        _warned.say_enlarged([recording], steering)
        _warned.say_side(recording)
        total = expected([recording], request.span)
        if total is not None:
            total *= 1 + video.passes(paths["video"])
        with bar(total, path.name, config.quiet) as progress:
            encoding = Encoding(_last(config.presets, PRESETS) or "veryfast", config.crf)
            advise = _again(context, path, recording.info)
            facts = render_video(recording, steering, request, outputs, paths, encoding, progress, advise)
    _warned.say_uninformative(path.name, facts["uninformative"])
    if facts["better_setting"] is not None:
        click.echo(f"drivesal: {path.name}: {facts['better_setting']['sentence']}", err=True)
    summary(path, facts, paths, config.as_json)
    return DAMAGED if facts["losses"] else 0


def _paths(name: str, config: VideoConfig, results: Mapping[str, Path | None]) -> dict[str, Path]:
    """Where each result goes."""
    from drivesal.api.files import video_paths

    video = placed(config.out, f"{name}.saliency.mp4")
    paths = video_paths(video, results, name="--out")
    kind = video_exporter(video)
    if kind is not None and not kind.encoded and (_said("crf") or _last(config.presets, PRESETS)):
        raise OptionError("--crf and libx264's --preset for an .mp4", f"{video} is none", "leave them out")
    return paths
