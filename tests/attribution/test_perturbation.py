"""Occlusion and RISE: against brute force, in closed form, and their cost."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesal.attribution.engine import kernels
from drivesal.attribution.engine.baselines import baseline
from drivesal.attribution.engine.buffers import ALIGNMENT, ScoredBuffer
from drivesal.attribution.methods import rise
from drivesal.attribution.methods.occlusion import _boxes
from drivesal.attribution.methods.rise import _draw_masks
from drivesal.attribution.registry import method
from drivesal.errors import OptionError
from drivesal.model.backend import tensorflow
from tests.models import (
    SIZE,
    context,
    convolutional,
    linear,
    linear_weights,
    pictures,
    seen,
    steering,
    two_inputs,
)

LARGE = (24, 32)
IMAGES = pictures(3, LARGE)
FILLS = pytest.mark.parametrize("fill", ["mean", "blur", "black"])
NAMES = pytest.mark.parametrize("name", ["occlusion", "rise"])
FEW = {"occlusion": {"patch": 8, "stride": 4}, "rise": {"masks": 40, "cells": 4}}


def explain(name, model, images, auxiliary=None, mean=None, batch=32, seed=0, **options):
    chosen = method(name)
    known = context(images if mean is None else mean, batch, seed)
    return chosen.build(model, known, **chosen.settings(options))(seen(images, auxiliary))


def signed(*arguments, **keywords):
    return explain(*arguments, **keywords).signed[..., 0]


def close(result, expected, share=1e-4):
    return np.allclose(result, expected, rtol=share, atol=share * np.abs(expected).max())


@pytest.fixture(scope="module")
def model():
    return steering(convolutional(head="tanh"), colour="YUV", scale=1 / 127.5, offset=-1)


def score(model, images, auxiliary=None):
    """float64 scores of float images, by the model's own expression outside any compiled function."""
    images = tensorflow().constant(np.asarray(images, np.float32))
    repeated = np.zeros((len(images), 0)) if auxiliary is None else np.repeat([auxiliary], len(images), 0)
    return model.score(images, repeated.astype(np.float32)).numpy().astype(np.float64)


def fills(fill, model, images):
    return baseline(fill, model, images.mean(axis=0).astype(np.float32))(images)


def occluded(model, x, filled, patch, stride, auxiliary=None):
    """Occlusion by its definition, patch by patch."""
    height, width, _ = x.shape
    tops, lefts = ({*range(0, n - patch + 1, stride), n - patch} for n in (height, width))
    corners = [(top, left) for top in tops for left in lefts]
    hidden = []
    for top, left in corners:
        image = x.astype(np.float32)
        image[top : top + patch, left : left + patch] = filled[top : top + patch, left : left + patch]
        hidden.append(image)
    drops = score(model, [x], auxiliary)[0] - score(model, hidden, auxiliary)
    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            covering = [
                drop
                for drop, (top, left) in zip(drops, corners, strict=True)
                if top <= row < top + patch and left <= column < left + patch
            ]
            result[row, column] = np.mean(covering)
    return result


@FILLS
@pytest.mark.parametrize(("patch", "stride", "batch"), [(7, 3, 32), (5, 5, 4), (9, 8, 1)])
def test_occlusion_by_brute_force(model, fill, patch, stride, batch):
    result = explain("occlusion", model, IMAGES, batch=batch, patch=patch, stride=stride, fill=fill)
    filled = fills(fill, model, IMAGES)
    expected = [occluded(model, x, x0, patch, stride) for x, x0 in zip(IMAGES, filled, strict=True)]
    assert close(result.signed[..., 0], np.stack(expected), 1e-3)
    assert result.scores == pytest.approx(score(model, IMAGES), rel=1e-5)


def test_occlusion_with_auxiliary_inputs():
    model = steering(two_inputs(LARGE), scale=1 / 255)
    speeds = np.array([[3], [9], [30]], np.float32)
    result = signed("occlusion", model, IMAGES, speeds, patch=8, stride=4, fill="black")
    for values, x, speed in zip(result, IMAGES, speeds, strict=True):
        assert close(values, occluded(model, x, np.zeros_like(x), 8, 4, speed), 1e-3)


def test_occlusion_of_a_linear_model_pixel_by_pixel():
    images, mean = pictures(2, SIZE), np.full((*SIZE, 3), 90, np.float32)
    result = signed("occlusion", steering(linear(), scale=1 / 255), images, mean=mean, patch=1, stride=1)
    assert close(result, ((images - mean) * linear_weights() / 255).sum(axis=3))


@pytest.mark.parametrize(("patch", "stride"), [(3, 2), (4, 4), (5, 1), (2, 2), (10, 5), (7, 6)])
def test_borders_are_not_weaker(patch, stride):
    """Where all pixels contribute equally, the map is constant, however many patches cover a pixel."""
    images = np.full((1, *SIZE, 3), 200, np.uint8)
    model = steering(linear(np.full((*SIZE, 3), 0.25, np.float32)))
    result = signed("occlusion", model, images, patch=patch, stride=stride, fill="black")
    pixels = min(patch, SIZE[0]) * min(patch, SIZE[1])
    assert result == pytest.approx(np.full((1, *SIZE), 0.25 * 3 * 200 * pixels), rel=1e-4)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.data())
def test_patches_cover_every_pixel_and_stay_inside_the_image(height, width, patch, data):
    stride = data.draw(st.integers(1, patch))
    boxes = _boxes((height, width), patch, stride)
    covered = np.zeros((height, width), int)
    for box in boxes:
        covered[box] += 1
        assert covered[box].shape == (min(patch, height), min(patch, width))
    assert covered.min() >= 1
    assert len({(rows.start, columns.start) for rows, columns in boxes}) == len(boxes)


@FILLS
@pytest.mark.parametrize("cached", [True, False])
def test_rise_by_brute_force(model, fill, cached, monkeypatch):
    if not cached:
        monkeypatch.setattr(rise, "MAX_CACHED_BYTES", 0)
    result = explain("rise", model, IMAGES, batch=16, seed=3, masks=50, cells=4, keep=0.3, fill=fill)
    masks = np.concatenate(list(_draw_masks(LARGE, 50, 4, 0.3, 50, 3))).astype(np.float64)
    for values, x, x0 in zip(result.signed[..., 0], IMAGES, fills(fill, model, IMAGES), strict=True):
        masked = score(model, [x0 + mask[..., None] * (x - x0) for mask in masks])
        weights = masked - masked.mean()
        expected = sum(w * mask for w, mask in zip(weights, masks, strict=True)) / masks.sum(axis=0)
        assert close(values, expected, 1e-3)
    assert result.scores == pytest.approx(score(model, IMAGES), rel=1e-5)


def test_rise_with_auxiliary_inputs():
    model = steering(two_inputs(LARGE), scale=1 / 255)
    speeds = np.array([[3], [9], [30]], np.float32)
    together = signed("rise", model, IMAGES, speeds, mean=IMAGES[0], masks=40)
    alone = [
        signed("rise", model, IMAGES[i : i + 1], speeds[i : i + 1], mean=IMAGES[0], masks=40) for i in (1, 2)
    ]
    assert close(together[1:], np.concatenate(alone), 1e-3)
    other = signed("rise", model, IMAGES, 20 * speeds, mean=IMAGES[0], masks=40)
    assert not close(other, together, 1e-2)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.8])
def test_masks_show_the_chosen_share_of_pixels(keep):
    masks = np.concatenate(list(_draw_masks((66, 200), 400, 8, keep, 32, 0)))
    assert masks.shape == (400, 66, 200)
    assert masks.dtype == np.float32
    assert masks.min() >= 0
    assert masks.max() <= 1 + 1e-6
    assert masks.mean() == pytest.approx(keep, abs=0.01)
    # at every pixel alike, up to chance
    assert np.abs(masks.mean(axis=0) - keep).max() < 5 * np.sqrt(keep * (1 - keep) / 400)


@pytest.mark.parametrize(("size", "cell"), [((66, 200), 9), ((200, 66), 9), ((48, 64), 6)])
def test_cells_are_square_and_interpolated_bilinearly(size, cell):
    masks = np.concatenate(list(_draw_masks(size, 60, 8, 0.5, 32, 0)))
    for axis in (1, 2):
        steepest = np.abs(np.diff(masks, axis=axis)).max()
        assert steepest == pytest.approx(1 / cell, rel=1e-4)


def test_masks_are_shifted_at_random():
    """Kinks of the bilinear surface occur in every column, not only in those of the grid."""
    masks = np.concatenate(list(_draw_masks((48, 64), 200, 8, 0.5, 32, 0)))
    kinks = np.abs(np.diff(masks, 2, axis=2)).max(axis=1) > 0.01
    share = kinks.mean(axis=0)
    assert share.min() > 0
    assert share.max() < 0.5


def test_masks_depend_only_on_the_seed():
    first, batched, other = (
        np.concatenate(list(_draw_masks(LARGE, 50, 5, 0.5, batch, seed)))
        for batch, seed in ((50, 7), (8, 7), (50, 8))
    )
    assert np.array_equal(first, batched)
    assert not np.allclose(first, other)
    assert len({mask.tobytes() for mask in first}) == len(first)


def test_equal_frames_have_equal_maps(model):
    images = np.stack([IMAGES[0], IMAGES[1], IMAGES[0]])
    result = signed("rise", model, images, masks=40)
    assert np.array_equal(result[0], result[2])
    again = signed("rise", model, images, masks=40, seed=1)
    assert not close(again, result, 0.1)


def test_rise_recovers_the_weights_of_a_linear_model():
    spot = np.zeros((*LARGE, 3), np.float32)
    spot[4:9, 20:26], spot[15:21, 5:11] = 1, -1
    images = np.full((1, *LARGE, 3), 220, np.uint8)
    result = signed("rise", steering(linear(spot)), images, masks=3000, cells=6, fill="black")[0]
    contributions = (spot * 220).sum(axis=2)
    assert np.corrcoef(result.ravel(), cv2.GaussianBlur(contributions, (0, 0), 3).ravel())[0, 1] > 0.95
    assert result[6, 23] > 0 > result[18, 8]


def test_a_pixel_that_no_mask_shows_gets_0(model):
    options = {"masks": 3, "cells": 6, "keep": 0.1}
    result = signed("rise", model, IMAGES, **options)
    dark = np.concatenate(list(_draw_masks(LARGE, 3, 6, 0.1, 32, 0))).sum(axis=0) == 0
    assert 0 < dark.mean() < 1
    assert not result[:, dark].any()
    assert result[:, ~dark].any()
    assert np.isfinite(result).all()


@NAMES
def test_an_offset_of_the_score_does_not_change_the_map(name):
    weights = 1e-3 * linear_weights()
    plain, offset, constant = (
        signed(name, steering(linear(w, bias)), pictures(2, SIZE), **FEW[name])
        for w, bias in ((weights, 0), (weights, 100), (0 * weights, 100))
    )
    assert plain.any()
    assert close(offset, plain, 1e-3)
    assert not constant.any()


@NAMES
def test_the_map_is_antisymmetric(name, model):
    result = signed(name, model, IMAGES, **FEW[name])
    assert close(signed(name, model.negated, IMAGES, **FEW[name]), -result)


class Counted:
    """Counts how often a model's score is traced, and records the size of every batch that it runs."""

    def __init__(self, monkeypatch, model):
        self.traced, self.sizes = 0, []
        answer, tf = model.score_of, tensorflow()

        def counted(values, auxiliary=None):
            self.traced += 1
            tf.numpy_function(lambda size: self.sizes.append(int(size)), [tf.shape(values)[0]], [])
            return answer(values, auxiliary)

        monkeypatch.setattr(model, "score_of", counted)


@NAMES
def test_batches_are_full_and_no_pass_is_wasted(name, monkeypatch):
    model = steering(convolutional(), scale=1 / 255)
    counted = Counted(monkeypatch, model)
    result = explain(name, model, IMAGES, batch=7, **FEW[name])
    assert result.signed.any()
    assert max(counted.sizes) == 7
    passes = method(name).passes_of(method(name).settings(FEW[name]), LARGE)
    assert sum(counted.sizes) in (3 * passes, 3 * passes + 3)
    assert len(counted.sizes) <= 3 * -(-passes // 7) + 1


def test_masks_are_drawn_a_batch_at_a_time():
    assert [len(batch) for batch in _draw_masks(LARGE, 50, 5, 0.5, 16, 0)] == [16, 16, 16, 2]


@NAMES
def test_compiled_once_for_all_options(name, monkeypatch):
    model = steering(convolutional(), scale=1 / 255)
    counted = Counted(monkeypatch, model)
    explain(name, model, IMAGES[:2], **FEW[name])
    first = counted.traced
    variants = {
        "occlusion": [{"patch": 5, "stride": 5}, {"patch": 12, "stride": 12, "fill": "blur"}],
        "rise": [{"masks": 9, "cells": 3}, {"masks": 35, "keep": 0.2, "fill": "black"}],
    }
    for options in variants[name]:
        for count in (1, 3):
            explain(name, model, IMAGES[:count], batch=10, seed=count, **options)
    assert first == 1
    assert counted.traced == first


@pytest.mark.parametrize(
    ("name", "options", "flag"),
    [
        ("occlusion", {"patch": 0, "stride": 1}, "--patch from 1"),
        ("occlusion", {"patch": 5, "stride": 6}, "--stride of at most --patch"),
        ("occlusion", {"stride": 0}, "--stride from 1"),
        ("occlusion", {"fill": "white"}, "--fill among mean, blur, black"),
        ("rise", {"masks": 1}, "--masks from 2"),
        ("rise", {"cells": 0}, "--cells from 1"),
        ("rise", {"keep": 0.0}, "--keep from 0.01 to 0.99"),
        ("rise", {"keep": 1.0}, "--keep from 0.01 to 0.99"),
        ("rise", {"fill": "white"}, "--fill among mean, blur, black"),
    ],
)
def test_invalid_option_values_are_refused(name, options, flag):
    with pytest.raises(OptionError, match=flag):
        explain(name, steering(linear()), pictures(1, SIZE), **options)


@pytest.mark.parametrize("shape", [(5, *LARGE, 3), (1, *LARGE, 3), (3, 7, 9, 1)])
def test_scores_are_those_of_the_inputs_written_last(shape):
    network = linear(np.random.default_rng(0).normal(size=shape[1:]).astype(np.float32))
    model = steering(network, colour="RGB" if shape[3] == 3 else "GREY")
    buffer, no_auxiliary = ScoredBuffer(model, shape, lambda count: None), np.zeros(0, np.float32)
    assert buffer.inputs.ctypes.data % ALIGNMENT == 0
    compute, rng = kernels.score(model), np.random.default_rng(1)
    for count in (len(buffer), 1, len(buffer)):
        buffer.inputs[:] = rng.normal(size=shape)
        expected = compute(buffer.inputs.copy(), np.zeros((shape[0], 0), np.float32)).numpy()
        assert buffer.scores(count, no_auxiliary) == pytest.approx(expected[:count], rel=1e-5, abs=1e-5)
