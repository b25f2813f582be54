"""`drivesal video`: render a drive as an overlay video with a table and facts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from drivesal.cli import _model_loading, _recordings, _warnings
from drivesal.cli import _options as options
from drivesal.cli._output_paths import OUT, OutFolder, check_facts, folders_to_create, output_names, output_path
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

_RESULTS = {str(exporter.option): exporter for exporter in optional()}
"""Exporters that an option switches on, by the name of the option."""
_VIDEOS = "; ".join(" ".join([" or ".join(kind.suffixes), kind.help]).strip() for kind in videos())
SPEEDS = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
"""Presets of the H.264 encoder."""


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """The options of the command."""

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
    out: Path | OutFolder | None
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
    help=f"Write video ({_VIDEOS}), its .csv and .json, or all to a folder.  [default: ./NAME.saliency.mp4]",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@options.span_options
@options.model_options
@options.explain_options
@options.label_options
@options.steering_ratio_option
@click.option(
    "--preset",
    "presets",
    type=click.Choice([*options.FAMILIES, *SPEEDS]),
    metavar="NAME",
    multiple=True,
    help=f"Use the usual settings of a model family where card and options give none "
    f"({', '.join(options.FAMILIES)}), or a speed of the H.264 encoder ({SPEEDS[0]} to "
    f"{SPEEDS[-1]}); repeat for one of each.  [default: no family, veryfast]",
)
@click.option(
    "--crf",
    type=click.IntRange(0, 51),
    default=23,
    show_default=True,
    help="H.264 quality: lower is better and larger.",
)
@options.combined(
    *(
        click.option(
            f"--{name.replace('_', '-')}",
            type=options.FILE,
            metavar=f"{exporter.name.upper()}{exporter.suffixes[0]}",
            help=exporter.help,
        )
        for name, exporter in _RESULTS.items()
    )
)
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, one line per recording.")
@click.pass_context
@options.typed(VideoConfig)
def command(
    context: click.Context, recordings: tuple[Path, ...], config: VideoConfig, **results: Path | None
) -> int:
    """Write an overlay video of what a model looks at, with a table (.csv) and facts (.json)."""
    names = _names(recordings, config, results)
    settings = config.model.but(preset=_last(config.presets, options.FAMILIES))
    target = _model_loading.target(config.layer, config.filters, config.classes, settings.output)
    loaded: list[SteeringModel] = []

    def model(recording: Recording) -> SteeringModel:
        if not loaded:
            path = config.model_path or default_model()
            loaded.append(_model_loading.load(path, settings, config.recording, recording, target))
        return loaded[0]

    codes = []
    for path, name in zip(recordings, names, strict=True):
        try:
            codes.append(_render(path, _paths(name, config, results), config, model, context))
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
    """The base name of each recording's results. Raises UsageError for options that do not fit several."""
    if len(recordings) > 1:
        if isinstance(config.out, Path) or config.recording.labels or any(results.values()):
            flags = ", ".join(["--out FILE", *(f"--{name.replace('_', '-')}" for name in _RESULTS)])
            raise click.UsageError(f"{flags} and --labels need one recording; use --out DIR/ for several.")
        resolved = [path.resolve() for path in recordings]
        repeated = [path for path in recordings if resolved.count(path.resolve()) > 1]
        if repeated:
            raise click.UsageError(f"{repeated[0]} is given twice.")
    names = output_names(recordings)
    _paths(names[0], config, results)  # report an impossible name before anything is read
    return names


def _last(presets: Sequence[str], kind: Sequence[str]) -> str | None:
    """The last given preset of one kind."""
    return next((preset for preset in reversed(presets) if preset in kind), None)


def _typed(name: str) -> bool:
    """Whether an option was given on the command line."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _rerun_command(
    context: click.Context, path: Path, info: RecordingInfo
) -> Callable[[Sequence[str]], str | None]:
    """A function from changed options to the command for one recording; it returns None if there is none."""
    from drivesal.cli._rerun import rerun_options

    def command(changes: Sequence[str]) -> str | None:
        options = rerun_options(context, changes, leave_out={"--overwrite", "--quiet"}, infos=[info])
        if options is None:
            return None
        return shlex.join(["drivesal", "video", str(path), *options, "--overwrite"])

    return command


def _render(
    path: Path,
    paths: Mapping[str, Path],
    config: VideoConfig,
    model: Callable[[Recording], SteeringModel],
    context: click.Context,
) -> int:
    """Render one recording and return the exit code."""
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
        _recordings.open_drive(path, config.recording, file) as recording,
        Outputs(
            list(paths.values()),
            overwrite=config.overwrite,
            inputs=files_read([path], [recording], config.recording, file, request=request, imports=imports),
            make=folders_to_create(config.out),
        ) as outputs,
    ):
        look, span = video.suited(paths["video"], request.look, span, recording.info, config.span.every)
        request = replace(request, look=look, span=span)
        steering = model(recording)
        _warnings.warn_enlarged([recording], steering)
        _warnings.warn_side_camera(recording)
        steps = expected([recording], request.span)
        if steps is not None:
            steps *= 1 + video.passes(paths["video"])
        with bar(steps, path.name, config.quiet) as progress:
            encoding = Encoding(_last(config.presets, SPEEDS) or "veryfast", config.crf)
            advise = _rerun_command(context, path, recording.info)
            facts = render_video(recording, steering, request, outputs, paths, encoding, progress, advise)
    _warnings.warn_uninformative(path.name, facts["uninformative"])
    if facts["better_setting"] is not None:
        click.echo(f"drivesal: {path.name}: {facts['better_setting']['sentence']}", err=True)
    summary(path, facts, paths, config.as_json)
    return DAMAGED if facts["losses"] else 0


def _paths(name: str, config: VideoConfig, results: Mapping[str, Path | None]) -> dict[str, Path]:
    """The path of each result."""
    from drivesal.api.files import video_paths

    video = output_path(config.out, f"{name}.saliency.mp4")
    paths = video_paths(video, results, name="--out")
    kind = video_exporter(video)
    if kind is not None and not kind.encoded and (_typed("crf") or _last(config.presets, SPEEDS)):
        raise OptionError("an .mp4 for --crf and encoder presets", f"it is {video}", "leave them out")
    return paths
