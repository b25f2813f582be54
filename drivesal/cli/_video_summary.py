"""The summary that `drivesal video` prints for each recording."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from drivesal.angle import digits
from drivesal.explanation.registry import choose, contributors


def summary(path: Path, facts: Mapping[str, Any], paths: Mapping[str, Path], as_json: bool) -> None:
    """Print frames, errors, assumptions, notes and the files written."""
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
    references = (("", method["against"]), (_contributors(facts["cases"]), method["support_against"]))
    for subject, reference in references:
        if reference is not None:
            click.echo(f"{subject}measured against {reference}")
    error = facts["completeness_error"]
    if error is not None:
        click.echo(completeness(error, facts))
    for assumed in facts["model"]["assumed"]:
        click.echo(
            f"assumed of the model: {assumed}; declare it in a card or with options (see `drivesal model`)"
        )
    notes = (note for note in facts["notes"] if note not in facts["uninformative"])  # those are on stderr
    for line in (*notes, *(f"lost: {loss}" for loss in facts["losses"])):
        click.echo(line)
    click.echo("\n".join(str(output) for output in paths.values()))


def completeness(error: Mapping[str, float], facts: Mapping[str, Any]) -> str:
    """The completeness error, the change that it is part of, and what reduces it."""
    unit = {"deg": "°", "norm": " norm", "score": ""}[facts["model"]["explained_unit"]]
    advice = ""
    if facts["method"]["options"].get("steps") is not None:
        colour = facts["model"]["card"]["preprocess"]["colour"]
        hue = f" (jumps of the hue in {colour} are not attributed; more --steps do not change that)"
        advice = hue if colour in ("HSV", "HLS") else " (more --steps reduce it)"
    return (
        f"completeness error: mean {error['mean']:.3g}{unit}, largest {error['largest']:.3g}{unit}; "
        f"the score differs from the baseline's by {error['of']:.3g}{unit} on average{advice}"
    )


def _contributors(names: Sequence[str]) -> str:
    """The cases that show contributions, as the start of a sentence."""
    return f"{' and '.join(contributors(choose(names)))} "


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
