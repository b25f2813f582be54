"""`drivesal video`: a drive to an overlay video, a table and facts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drivesal.cli import _given
from drivesal.cli import _options as options
from drivesal.cli._progress import expected
from drivesal.cli._progress import progress as bar
from drivesal.errors import DrivesalError, ModelError, OptionError

if TYPE_CHECKING:
    from drivesal.model import SteeringModel
    from drivesal.types import Recording

PRESETS = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
DAMAGED = 3
"""Exit code where what could be read of a damaged input is done."""


@click.command(
    epilog="""\b
Examples:
  drivesal video run.mp4
  drivesal video run.mp4 --model my.keras --labels run.csv --start 10s --end 1:30 --out review.mp4
  drivesal video run.mp4 --cases increase,support --layout single --every 2
  drivesal video simulator-drive/ --no-labels
  drivesal video run.mp4 --method integrated-gradients --steps 50 --baseline blur
"""
)
@click.argument("inputs", nargs=-1, required=True, type=options.FILE)
@click.option(
    "--out", type=options.FILE, help="The video; X.csv and X.json go beside it.  [default: ./NAME.saliency.mp4]"
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
    multiple=True,
    help="The model's family, where neither card nor options say; or libx264's speed; again for both.  "
    "[default: veryfast]",
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
def command(inputs: tuple[Path, ...], **given: Any) -> int:
    """Write an overlay video of what a model looks at, with a table (.csv) and facts (.json)."""
    if len(inputs) > 1 and (given["out"] or given["save_maps"] or given["labels"]):
        raise click.UsageError("--out, --save-maps and --labels go with one input.")
    outputs = [_paths(path, given)["video"] for path in inputs]
    if len(set(outputs)) < len(outputs):
        raise click.UsageError(
            "two inputs have the same name: their outputs would be the same; do them one by one."
        )
    given["preset"] = _last(given["presets"], options.FAMILIES)
    loaded: list[SteeringModel] = []

    def model(recording: Recording) -> SteeringModel:
        if not loaded:
            loaded.append(_given.load(given, recording))
        return loaded[0]

    codes = []
    for path in inputs:
        try:
            codes.append(_one(path, given, model))
        except ModelError:
            raise
        except DrivesalError as error:
            if len(inputs) == 1:
                raise
            click.echo(f"drivesal: {path}: {error}", err=True)
            if given["as_json"]:
                click.echo(json.dumps({"input": str(path), "error": str(error)}))
            codes.append(error.exit_code)
    return next((code for code in codes if code not in (0, DAMAGED)), max(codes))


def _last(said: Sequence[str], of: Sequence[str]) -> str | None:
    """What was said last of one kind of preset."""
    return next((one for one in reversed(said) if one in of), None)


def _one(path: Path, given: Mapping[str, Any], model: Callable[[Recording], SteeringModel]) -> int:
    """One input; returns its exit code."""
    from drivesal.outputs import Outputs
    from drivesal.pipeline import Encoding, render_video
    from drivesal.types import Span

    paths = _paths(path, given)
    span = Span(given["start"], given["end"], given["every"])
    request = _given.request(given, span)
    with (
        _given.open_drive(path, given) as recording,
        Outputs(
            list(paths.values()),
            overwrite=given["overwrite"],
            inputs=_given.files_read([recording], [path], given),
        ) as outputs,
    ):
        steering = model(recording)
        _given.say_enlarged([recording], steering)
        with bar(expected([recording], span), path.name, given["quiet"]) as progress:
            encoding = Encoding(_last(given["presets"], PRESETS) or "veryfast", given["crf"])
            facts = render_video(recording, steering, request, outputs, paths, encoding, progress)
    _summary(path, facts, paths, given["as_json"])
    return DAMAGED if facts["losses"] else 0


def _paths(path: Path, given: Mapping[str, Any]) -> dict[str, Path]:
    """Where each result goes."""
    video = given["out"] or Path(f"{_given.name_of(path)}.saliency.mp4")
    if video.suffix.lower() != ".mp4":
        raise OptionError("--out to end in .mp4", f"it is {video}", "name it .mp4")
    paths = {"video": video, "table": video.with_suffix(".csv"), "facts": video.with_suffix(".json")}
    if given["save_maps"] is not None:
        if given["save_maps"].suffix.lower() != ".npz":
            raise OptionError("--save-maps to end in .npz", f"it is {given['save_maps']}", "name it .npz")
        paths["maps"] = given["save_maps"]
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
            f"mean error {errors['bias']:+.2f}{unit} (left +), "
            f"mean absolute error {errors['mean_absolute']:.2f}{unit}"
            + ("" if facts["correlation"] is None else f", correlation {facts['correlation']:.3f}")
        )
    method = facts["method"]
    for who, what in (("", method["against"]), ("support ", method["support_against"])):
        if what is not None:
            click.echo(f"{who}measured against {what}")
    missed = facts["completeness_error"]
    if missed is not None:
        of = {"deg": "°", "norm": " norm", "score": ""}[facts["model"]["explained_unit"]]
        steps = facts["method"]["options"].get("steps")
        more = "" if steps is None else " (more --steps make it smaller)"
        click.echo(
            f"completeness error: mean {missed['mean']:.3g}{of}, largest {missed['largest']:.3g}{of}{more}"
        )
    for assumed in facts["model"]["assumed"]:
        click.echo(f"assumed of the model: {assumed}; a card or options say it (see `drivesal model`)")
    for line in (*facts["notes"], *(f"lost: {loss}" for loss in facts["losses"])):
        click.echo(line)
    click.echo("\n".join(str(output) for output in paths.values()))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
