import dataclasses

import cv2
import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.explanation.patches import PATCH, insensitivity, local_contrast
from drivesal.explanation.registry import Lane, cases, choose, standard_cases, usual
from drivesal.types import ClipStatistics, Explained, Frame

SHAPE = (12, 16)


def explained(
    attribution=None,
    gradient=None,
    contribution=None,
    picture=None,
    score=3.0,
    base=1.0,
    negated_attribution=None,
):
    picture = np.zeros((*SHAPE, 3), np.uint8) if picture is None else picture
    attribution = np.zeros(SHAPE, np.float32) if attribution is None else attribution
    raw = np.zeros((*SHAPE, 3), np.float32)
    maps = {"negated_attribution": negated_attribution, "gradient": gradient, "contribution": contribution}
    # the angle differs from the score: a case that reads the wrong one fails
    return Explained(
        Frame(0, 0.0, picture), picture, -score, score, raw, None, attribution, **maps, baseline_score=base
    )


def heat(case, one, clip=None):
    return choose([case])[0].heat(one, clip or ClipStatistics(np.zeros((*SHAPE, 3), np.float32)))


def random_map(seed=0):
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


def test_increase_and_decrease_split_the_signed_sum():
    attribution = random_map()
    up, down = heat("increase", explained(attribution)), heat("decrease", explained(attribution))
    assert np.array_equal(up, np.maximum(attribution, 0))
    assert np.array_equal(down, np.maximum(-attribution, 0))
    assert np.array_equal(up - down, attribution)
    assert not (up * down).any()


def test_decrease_uses_the_map_of_the_negated_score_if_the_method_is_not_antisymmetric():
    attribution, negated = random_map(), random_map(1)
    frame = explained(attribution, negated_attribution=negated)
    assert np.array_equal(heat("increase", frame), np.maximum(attribution, 0))
    assert np.array_equal(heat("decrease", frame), np.maximum(negated, 0))


def test_magnitude_is_the_absolute_value_of_the_map():
    attribution = random_map()
    assert np.array_equal(heat("magnitude", explained(attribution)), np.abs(attribution))
    assert np.array_equal(heat("magnitude", explained(np.abs(attribution))), np.abs(attribution))


def test_support_takes_the_sign_of_the_score_relative_to_the_baseline():
    contribution = random_map()
    left = heat("support", explained(contribution=contribution, score=3, base=1))
    right = heat("support", explained(contribution=contribution, score=-3, base=1))
    assert left == pytest.approx(np.maximum(contribution, 0))
    assert right == pytest.approx(np.maximum(-contribution, 0))


def test_contrast_is_the_standard_deviation_of_the_patch():
    picture = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)
    half = PATCH // 2
    y, x = 6, 9
    patch = grey[y - half : y + half + 1, x - half : x + half + 1]
    assert local_contrast(picture)[y, x] == pytest.approx(patch.std(), rel=1e-3)
    assert local_contrast(np.full((*SHAPE, 3), 77, np.uint8)).max() < 0.1


def test_maintain_is_structure_where_the_prediction_does_not_react():
    picture = np.zeros((*SHAPE, 3), np.uint8)
    picture[:, 4:6] = picture[:, 12:14] = 200  # two equal edges
    gradient = np.zeros(SHAPE, np.float32)
    gradient[:, 10:] = 5.0  # the model reacts on the right
    clip = ClipStatistics(np.zeros((*SHAPE, 3), np.float32), 1.0, np.ones(SHAPE, bool))
    found = heat("maintain", explained(gradient=gradient, picture=picture), clip)
    assert found[6, 4] > 5 * found[6, 12]
    assert found[6, 8] < 0.2 * found[6, 4]


def test_pixels_that_the_network_never_sees_are_not_maintained():
    gradient = random_map()
    reach = np.ones(SHAPE, bool)
    reach[:3] = False
    clip = ClipStatistics(np.zeros((*SHAPE, 3), np.float32), 1.0, reach)
    values = insensitivity(explained(gradient=gradient), clip)
    assert not values[:3].any()
    assert (values[3:] > 0).all()
    assert (values <= 1).all()


def test_insensitivity_decreases_with_the_gradient_and_is_one_half_at_the_clips_median():
    clip = ClipStatistics(np.zeros((*SHAPE, 3), np.float32), 3.0, None)
    levels = [insensitivity(explained(gradient=np.full(SHAPE, g, np.float32)), clip)[6, 8] for g in (0, 3, 27)]
    assert levels == pytest.approx([1, 0.5, 0.1], abs=1e-5)


def test_maintain_is_the_product_of_its_two_factors():
    gradient, picture = random_map(), np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    frame, clip = explained(gradient=gradient, picture=picture), ClipStatistics(gradient, 1.0, None)
    variants = ("product", "insensitivity", "contrast")
    heats = {name: choose(["maintain"], name)[0].heat(frame, clip) for name in variants}
    assert heats["product"] == pytest.approx(heats["insensitivity"] * heats["contrast"], rel=1e-5)


@pytest.mark.parametrize("case", cases())
def test_every_heat_is_nonnegative_float32_of_the_models_size(case):
    found = heat(case, explained(random_map(), random_map(1), random_map(2)))
    assert found.shape == SHAPE
    assert found.dtype == np.float32
    assert (found >= 0).all()


def test_cases_are_chosen_once_in_the_requested_order():
    assert [case.name for case in choose(["decrease", "increase", "decrease"])] == ["decrease", "increase"]


def test_an_unknown_case_is_rejected_with_the_nearest_name():
    with pytest.raises(OptionError, match="did you mean increase"):
        choose(["incraese"])
    with pytest.raises(OptionError, match="at least one"):
        choose([])


def test_what_each_case_reads():
    reads = {name: case.reads for name, case in cases().items()}
    assert reads == {
        "increase": "attribution",
        "decrease": "negated_attribution",
        "maintain": "gradient",
        "support": "contribution",
        "magnitude": "map",
    }
    # the two signs of one map share one scale
    assert cases()["increase"].scale == cases()["decrease"].scale
    assert len({case.scale for case in cases().values()}) == 4


def test_the_single_layout_omits_maintain_by_default():
    assert usual(True, "grid") == usual(True, "row") == ("increase", "decrease", "maintain")
    assert usual(True, "single") == ("increase", "decrease")
    assert usual(False, "single") == usual(False, "grid") == ("magnitude",)


def test_cases_that_cost_passes_of_their_own_are_on_request_only():
    assert standard_cases(True) == ("increase", "decrease", "maintain", "magnitude")
    assert standard_cases(False) == ("magnitude",)


def test_keys_and_lanes_of_the_cases_are_distinct():
    known = cases().values()
    keys, lanes = [case.key for case in known if case.key], [case.lane for case in known if case.lane]
    assert len(set(keys)) == len(keys)
    assert set("".join(keys)) <= set("123456789")
    for values in (
        [lane.order for lane in lanes],
        [lane.light for lane in lanes],
        [lane.dark for lane in lanes],
    ):
        assert len(set(values)) == len(values)


def test_a_case_on_request_has_no_lane():
    """The totals of a whole drive would cost its passes."""
    case, lane = cases()["support"], Lane((0, 0, 0), (255, 255, 255), order=1)
    with pytest.raises(ValueError, match="shown on request only"):
        dataclasses.replace(case, lane=lane)


def test_no_case_of_unsigned_maps_needs_a_sign():
    assert not [case.name for case in cases().values() if case.signed and case.exists(signed=False)]


@pytest.mark.parametrize(
    ("case", "sided", "title"),
    [
        ("increase", True, "increase (left)"),
        ("increase", False, "increase"),
        ("decrease", True, "decrease (right)"),
        ("decrease", False, "decrease"),
        ("maintain", True, "maintain"),
        ("magnitude", True, "magnitude"),
    ],
)
def test_titles_contain_the_side_of_an_angle(case, sided, title):
    assert cases()[case].title(sided) == title


@pytest.mark.parametrize(
    ("case", "kind", "sided", "meaning"),
    [
        ("increase", "sensitivity", True, "brighter here → more left"),
        ("decrease", "sensitivity", True, "brighter here → more right"),
        ("increase", "sensitivity", False, "brighter here → higher"),
        ("decrease", "contribution", False, "what is here pushes down"),
        ("decrease", "relative", True, "evidence for right"),
        ("increase", "relative", False, "evidence for more"),
        ("decrease", "relative", False, "evidence for less"),
        ("decrease", "sensitivity", False, "brighter here → lower"),
        ("maintain", "sensitivity", True, "ignored: small gradient where the image has contrast"),
        ("magnitude", "sensitivity", False, "brightness matters here, either way"),
        ("magnitude", "relative", True, "matters, either way"),
    ],
)
def test_the_meaning_of_bright_pixels(case, kind, sided, meaning):
    assert cases()[case].means(kind, sided) == meaning
