"""The verdict on a poor training."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivesal.angle import AngleKind
from drivesal.evaluation.significance import Gain
from drivesal.series.pulses import Pulses
from drivesal.training.verdict import TrainingContext, verdict

DEG = AngleKind("deg")
GOOD, WORSE, CHANCE = Gain(2, 5, 0.5, 0.9), Gain(5.5, 5, -0.3, -0.1), Gain(4.9, 5, -0.1, 0.2)
KEYS = Pulses(0.72, 50, 0.2)
USUAL = TrainingContext(9000, None, False, True, None, None, "run.mp4", False)


def test_a_good_training_ends_without_suggestions() -> None:
    assert verdict(GOOD, DEG, best=7, epochs=9, given=USUAL) == ([], [])
    assert verdict(GOOD, DEG, best=1, epochs=1, given=USUAL) == ([], [])


def test_problems_are_stated_in_words() -> None:
    worse, _ = verdict(WORSE, DEG, best=4, epochs=9, given=USUAL)
    assert worse == ["the kept model is no better than always 0: RMSE 5.5° against 5°"]
    chance, _ = verdict(CHANCE, DEG, best=4, epochs=9, given=USUAL)
    assert chance[0].startswith("the kept model is not clearly better than always 0: RMSE 4.9° against 5°")
    assert verdict(Gain(2.7, 7.8, -0.1, 0.9, 0.93), DEG, best=4, epochs=9, given=USUAL) == ([], [])
    first, _ = verdict(GOOD, DEG, best=1, epochs=9, given=USUAL)
    assert first == ["the best epoch is the first: later epochs did not generalise to the validation frames"]
    assert len(verdict(WORSE, DEG, best=1, epochs=9, given=USUAL)[0]) == 2


@pytest.mark.parametrize(
    ("given", "best", "starts"),
    [
        (
            replace(USUAL, pulses=Pulses(0.72, 50, 0.2)),
            4,
            ["--smooth-labels 1: 72%", "`drivesal info run.mp4`"],
        ),
        (replace(USUAL, pulses=Pulses(0.72, 50, 0.2), smoothed=True), 4, ["`drivesal info", "more epochs"]),
        (replace(USUAL, sides=False, frames=500), 4, ["--side-correction 0.2", "more recordings"]),
        (replace(USUAL, cropped=False), 1, ["--learning-rate 0.0005", "a crop such as --crop 0.4:0.9"]),
        (replace(USUAL, goes_on=True, cropped=False), 1, ["--learning-rate 0.000125", "`drivesal info"]),
        (
            replace(USUAL, sides=True, rate=1e-3),
            0,
            ["--learning-rate 0.00025", "--side-correction 0.1 or none"],
        ),
    ],
)
def test_there_are_three_suitable_suggestions(given: TrainingContext, best: int, starts: list[str]) -> None:
    _, suggestions = verdict(WORSE, DEG, best=best, epochs=9, given=given)
    assert len(suggestions) == 3
    for suggestion, start in zip(suggestions, starts, strict=False):
        assert suggestion.startswith(start)
