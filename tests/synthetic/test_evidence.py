"""Shares of an attribution on masks, against values computed by hand."""

import numpy as np
import pytest

from drivesal.model.preprocess import Crop, Preprocess
from drivesal.synthetic.evidence import at_model, evident, share_on, widened

PREPROCESS = Preprocess((20, 40), Crop("fraction", rows=(0.5, 1.0)))


def test_a_map_is_cropped_and_averaged_like_the_models_input():
    values = np.zeros((80, 80), np.float32)
    values[:40] = 9  # outside the crop
    values[40:42, 0:2] = [[4, 0], [0, 0]]
    seen = at_model(values, PREPROCESS)
    assert seen.shape == (20, 40)
    assert seen[0, 0] == pytest.approx(1.0)
    assert seen.sum() == pytest.approx(1.0)


def test_widened_dilates_by_two_pixels_in_all_directions():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    assert widened(mask).sum() == 25
    assert widened(mask)[2:7, 2:7].all()
    assert widened(mask, 0).sum() == 1


def test_evident_is_four_levels_or_more_at_the_models_input():
    evidence = np.zeros((80, 80), np.float32)
    evidence[60:62, 40:42] = 4.0
    evidence[70:72, 10:12] = 3.9
    assert evident(evidence, PREPROCESS).sum() == 25
    assert evident(evidence, PREPROCESS)[10, 20]


def test_the_share_counts_both_signs_and_of_a_uniform_map_is_the_masks_area():
    mask = np.zeros((4, 5), bool)
    mask[1, :2] = True
    attribution = np.zeros((4, 5))
    attribution[1, 0], attribution[1, 1], attribution[3, 3] = -2.0, 1.0, 1.0
    assert share_on(attribution, mask) == pytest.approx(0.75)
    assert share_on(np.full((4, 5), -0.3), mask) == pytest.approx(mask.mean())
    assert np.isnan(share_on(np.zeros((4, 5)), mask))
