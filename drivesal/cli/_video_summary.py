"""What `drivesal video` prints of each recording at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from drivesal.angle import digits
from drivesal.explanation.registry import choose, contributors


def summary(path: Path, facts: Mapping[str, Any], paths: Mapping[str, Path], as_json: bool) -> None:
    """Prints what was done."""
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
        click.echo(completeness(missed, facts))
    for assumed in facts["model"]["assumed"]:
        click.echo(f"assumed of the model: {assumed}; a card or options say it (see `drivesal model`)")
    notes = (note for note in facts["notes"] if note not in facts["uninformative"])  # these are on stderr
    for line in (*notes, *(f"lost: {loss}" for loss in facts["losses"])):
        click.echo(line)
    click.echo("\n".join(str(output) for output in paths.values()))


def completeness(missed: Mapping[str, float], facts: Mapping[str, Any]) -> str:
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
