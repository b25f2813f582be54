"""`drivesal video`: a drive to an overlay video, a table and facts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from drivesal.angle import digits
from drivesal.cli import _given, _opening, _warned
from drivesal.cli import _options as options
from drivesal.cli._places import OUT, check_facts, names_of, placed, to_make
from drivesal.cli._progress import expected
from drivesal.cli._progress import progress as bar
from drivesal.errors import DAMAGED, DrivesalError, ModelError, OptionError
from drivesal.explanation.registry import choose, contributors
from drivesal.export.exporter import optional, result_paths, video_exporter, video_suffixes, videos

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.types import Recording, RecordingInfo

_RESULTS = {str(one.option): one for one in optional()}
"""The kinds of result that an option asks for, by the option's name."""
_VIDEOS = "; ".join(" ".join([" or ".join(one.suffixes), one.help]).strip() for one in videos())
PRESETS = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


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
def command(context: click.Context, /, recordings: tuple[Path, ...], **given: Any) -> int:
    """Write an overlay video of what a model looks at, with a table (.csv) and facts (.json)."""
    names = _names(recordings, given)
    given["preset"] = _last(given["presets"], options.FAMILIES)
    loaded: list[SteeringModel] = []

    def model(recording: Recording) -> SteeringModel:
        if not loaded:
            loaded.append(_given.load(given, recording))
        return loaded[0]

    codes = []
    for path, name in zip(recordings, names, strict=True):
        try:
            codes.append(_one(path, _paths(name, given), given, model, context))
        except ModelError:
            raise
        except DrivesalError as error:
            if len(recordings) == 1:
                raise
            click.echo(f"drivesal: {path}: {error}", err=True)
            if given["as_json"]:
                click.echo(json.dumps({"input": str(path), "error": str(error)}))
            codes.append(error.exit_code)
    return next((code for code in codes if code not in (0, DAMAGED)), max(codes))


def _names(recordings: Sequence[Path], given: Mapping[str, Any]) -> list[str]:
    """What the results of each recording are named after. Raises UsageError where several make no sense."""
    if len(recordings) > 1:
        if isinstance(given["out"], Path) or given["labels"] or any(given[name] for name in _RESULTS):
            named = ", ".join(["--out FILE", *(f"--{name.replace('_', '-')}" for name in _RESULTS)])
            raise click.UsageError(f"{named} and --labels go with one recording; --out DIR/ with several.")
        where = [path.resolve() for path in recordings]
        twice = [path for path, one in zip(recordings, where, strict=True) if where.count(one) > 1]
        if twice:
            raise click.UsageError(f"{twice[0]} is given twice.")
    names = names_of(recordings)
    _paths(names[0], given)  # a name that cannot be is told before anything is read
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
    given: Mapping[str, Any],
    model: Callable[[Recording], SteeringModel],
    context: click.Context,
) -> int:
    """One input; returns its exit code."""
    from dataclasses import replace

    from drivesal.export.exporter import Encoding
    from drivesal.io.outputs import Outputs
    from drivesal.rendering.pipeline import render_video
    from drivesal.types import Span

    span = Span(given["start"], given["end"], given["every"])
    check_facts(paths["facts"], "video")
    request, video = _given.request(given, span), video_exporter(paths["video"])
    assert video is not None
    with (
        _opening.open_drive(path, given) as recording,
        Outputs(
            list(paths.values()),
            overwrite=given["overwrite"],
            inputs=_given.files_read([recording], [path], given),
            make=to_make(given["out"]),
        ) as outputs,
    ):
        every = given["every"] if _said("every") else None
        look, span = video.suited(paths["video"], request.look, span, recording.info, every)
        request = replace(request, look=look, span=span)
        steering = model(recording)
        _warned.say_enlarged([recording], steering)
        _warned.say_side(recording)
        total = expected([recording], request.span)
        if total is not None:
            total *= 1 + video.passes(paths["video"])
        with bar(total, path.name, given["quiet"]) as progress:
            encoding = Encoding(_last(given["presets"], PRESETS) or "veryfast", given["crf"])
            advise = _again(context, path, recording.info)
            facts = render_video(recording, steering, request, outputs, paths, encoding, progress, advise)
    _warned.say_uninformative(path.name, facts["uninformative"])
    if facts["better_setting"] is not None:
        click.echo(f"drivesal: {path.name}: {facts['better_setting']['sentence']}", err=True)
    _summary(path, facts, paths, given["as_json"])
    return DAMAGED if facts["losses"] else 0


def _paths(name: str, given: Mapping[str, Any]) -> dict[str, Path]:
    """Where each result goes."""
    video = placed(given["out"], f"{name}.saliency.mp4")
    kind = video_exporter(video)
    if kind is None:
        *first, last = video_suffixes()
        raise OptionError(f"--out to end in {', '.join(first)} or {last}", f"it is {video}", "name it so")
    if not kind.encoded and (_said("crf") or _last(given["presets"], PRESETS)):
        raise OptionError("--crf and libx264's --preset for an .mp4", f"{video} is none", "leave them out")
    return result_paths(video, given)


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
