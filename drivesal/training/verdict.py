"""What to say at the end of a training that did not come to much, and what to try then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drivesal.angle import AngleKind
from drivesal.evaluation.significance import Gain
from drivesal.series.pulses import Pulses

FEW_FRAMES = 4000
"""Frames to learn from below which more drives are the first thing to try."""
MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was trained with: `frames` learnt from, the `pulses` of its labels or None, whether they were
    `smoothed`, whether rows were `cropped`, whether side cameras were used (None where there are none), the
    `rate` asked for, the name of the first recording and whether an own model was gone on from.
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
    gain: Gain, kind: AngleKind, best: int, epochs: int, given: Circumstances
) -> tuple[list[str], list[str]]:
    """What is wrong with the kept model, a sentence each, and up to three things to try; none where it is good.

    `best` of `epochs` is the epoch that was kept; 0 the model as it came.
    """
    wrong = []
    still = gain.sentence(kind)
    if still is not None:
        wrong.append(f"the kept model is {still}")
    if best == 1 and epochs > 1:
        wrong.append("the best epoch is the first: what was learnt later does not carry over to later frames")
    if not wrong:
        return [], []
    return wrong, list(_tries(given, early=best <= 1))[:MOST_TRIES]


def _tries(given: Circumstances, early: bool) -> Iterator[str]:
    """Things to try, the likeliest to help first; there are always three."""
    if given.pulses is not None and not given.smoothed:
        yield f"--smooth-labels 1: {given.pulses.share:.0%} of the labels are exactly 0, as keys steer"
    if given.sides is False:
        yield "--side-correction 0.2: its left and right cameras are left out"
    if given.frames < FEW_FRAMES:
        yield f"more recordings or laps: {given.frames} frames are few to learn from"
    if early:
        rate = (given.rate or (5e-4 if given.goes_on else 2e-3)) / 4
        yield f"--learning-rate {rate:g}, a quarter of this one"
    if not given.cropped and not given.goes_on:
        yield "--crop 0.4:0.9, say: what lies above the horizon and the car's own bonnet mislead"
    if given.sides:
        yield "--side-correction 0.1 or none: another correction of the left and right cameras' labels"
    yield f"`drivesal info {given.name}`: whether the labels fit the picture"
    yield "more epochs, with --epochs and --patience"
    yield "another --seed"
