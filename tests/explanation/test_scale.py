import json

import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.explanation.scale import Scale, fit, smooth

UNITS = {"increase": "deg per 1/255", "decrease": "deg per 1/255", "maintain": ""}


def heats(high, seed=0):
    return list(np.random.default_rng(seed).uniform(0, high, (8, 20, 30)).astype(np.float32))


def fitted(**frames):
    groups = {case: (group, heat) for case, (group, heat) in frames.items()}
    return fit(groups, UNITS).full


def test_cases_of_a_group_share_the_percentile_of_the_typical_frame():
    up, down, rest = heats(1.0), heats(4.0, 1), heats(50, 2)
    full = fitted(increase=("signed", up), decrease=("signed", down), maintain=("maintain", rest))
    both = [np.percentile(frame, 99.5) for frame in zip(up, down, strict=True)]
    assert full["increase"] == full["decrease"] == pytest.approx(np.median(both))
    assert full["maintain"] == pytest.approx(np.median([np.percentile(one, 99.5) for one in rest]))


def test_a_few_sensitive_frames_do_not_hide_the_others():
    typical = heats(1.0)
    with_sensitive = [heat * (20 if n < 3 else 1) for n, heat in enumerate(typical)]
    assert fitted(increase=("signed", with_sensitive))["increase"] == pytest.approx(
        fitted(increase=("signed", typical))["increase"], rel=0.01
    )


def test_frames_without_heat_do_not_count():
    empty = [np.zeros((20, 30), np.float32)] * 20
    assert fitted(increase=("signed", heats(1.0) + empty)) == fitted(increase=("signed", heats(1.0)))
    assert fitted(increase=("signed", empty)) == {"increase": 0.0}


def test_a_frame_with_one_hot_pixel_has_a_level():
    spots = [np.zeros((20, 30), np.float32) for _ in range(3)]
    for spot in spots:
        spot[4, 5] = 3.0
    assert fitted(increase=("signed", spots)) == {"increase": 3.0}


def test_heat_is_scaled_to_0_to_1_and_clipped_at_full():
    scale = Scale({"increase": 2.0}, UNITS)
    heat = np.array([[0, 1, 2, 5]], np.float32)
    assert scale.apply("increase", heat).tolist() == [[0, 0.5, 1, 1]]


def test_a_zero_scale_shows_no_heat():
    assert not Scale({"increase": 0.0}, UNITS).apply("increase", np.ones((2, 2), np.float32)).any()


def test_a_scale_survives_the_round_trip_through_json():
    scale = Scale({"increase": 0.25, "maintain": 3.5}, {"increase": "deg", "maintain": ""})
    facts = json.loads(json.dumps({"scale": scale.as_json()}))
    assert Scale.from_json(facts, {"increase": "deg", "maintain": ""}) == scale


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ([], "no scale"),
        ({}, "no scale"),
        ({"scale": {}}, "none for increase"),
        ({"scale": {"increase": 3}}, "none for increase"),
        ({"scale": {"increase": {"full": float("nan"), "unit": "deg"}}}, "none for increase"),
        ({"scale": {"increase": {"full": 1, "unit": "norm"}}}, "in 'norm', not 'deg'"),
    ],
)
def test_facts_without_a_matching_scale_are_rejected(facts, message):
    with pytest.raises(OptionError, match=message):
        Scale.from_json(facts, {"increase": "deg"})


def test_smoothing_keeps_the_total_and_spreads():
    heat = np.zeros((41, 41), np.float32)
    heat[20, 20] = 1
    blurred = smooth(heat, 2.0)
    assert blurred.sum() == pytest.approx(1, rel=1e-3)
    assert blurred[20, 20] == pytest.approx(1 / (2 * np.pi * 4), rel=0.02)
    assert smooth(heat, 0) is heat
