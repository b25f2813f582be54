"""The verdict on a training with a poor result, and suggestions to improve it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drivesal.angle import AngleKind
from drivesal.evaluation.significance import Gain
from drivesal.series.pulses import Pulses

FEW_FRAMES = 4000
"""With fewer training frames, more drives are suggested first."""
MOST_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class TrainingContext:
    """The data and options of a training: `frames` is the number of training frames, `pulses` those of the
    labels or None, `smoothed` and `cropped` whether labels were smoothed and rows cropped, `sides` whether
    side cameras were used (None if there are none), `rate` the learning rate that was given, `name` the first
    recording's, and `goes_on` whether a model was fine-tuned.
    """

    frames: int
    pulses: Pulses | None
    smoothed: bool
    cropped: bool
    sides: bool | None
    rate: float | None
    name: str
    goes_on: bool


def verdict(
    gain: Gain, kind: AngleKind, best: int, epochs: int, given: TrainingContext
) -> tuple[list[str], list[str]]:
    """The problems of the kept model, a sentence each, and up to three suggestions; both empty if it is good.

    `best` of `epochs` is the epoch that was kept; 0 is the model before fine-tuning.
    """
    problems = []
    not_better = gain.sentence(kind)
    if not_better is not None:
        problems.append(f"the kept model is {not_better}")
    if best == 1 and epochs > 1:
        problems.append("the best epoch is the first: later epochs did not generalise to the validation frames")
    if not problems:
        return [], []
    return problems, list(_suggestions(given, early=best <= 1))[:MOST_SUGGESTIONS]


def _suggestions(given: TrainingContext, early: bool) -> Iterator[str]:
    """Suggestions, the likeliest to help first; there are always at least three."""
    if given.pulses is not None and not given.smoothed:
        yield f"--smooth-labels 1: {given.pulses.share:.0%} of the labels are exactly 0, as with a keyboard"
    if given.sides is False:
        yield "--side-correction 0.2: to use the left and right cameras as well"
    if given.frames < FEW_FRAMES:
        yield f"more recordings or laps: {given.frames} training frames are few"
    if early:
        rate = (given.rate or (5e-4 if given.goes_on else 2e-3)) / 4
        yield f"--learning-rate {rate:g}, a quarter of this one"
    if not given.cropped and not given.goes_on:
        yield "a crop such as --crop 0.4:0.9: the sky and the car's own hood mislead the network"
    if given.sides:
        yield "--side-correction 0.1 or none: another correction of the left and right cameras' labels"
    yield f"`drivesal info {given.name}`: to check whether the labels fit the images"
    yield "more epochs, with --epochs and --patience"
    yield "another --seed"
