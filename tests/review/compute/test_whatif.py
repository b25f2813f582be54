"""Edits of a frame, compared with values computed by hand."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.review.compute.whatif import NO_EDIT, Box, Edit, parse_edit

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(40, 200, (24, 32, 3)).astype(np.uint8)
BOX = '{"left": 0, "top": 0, "right": 1, "bottom": 1}'
MEAN = np.full((24, 32, 3), 77, np.uint8)


def apply(**changes: object) -> np.ndarray:
    before = IMAGE.copy()
    changed = Edit(**changes).apply(IMAGE, MEAN)  # type: ignore[arg-type]
    np.testing.assert_array_equal(IMAGE, before)
    assert changed.shape == IMAGE.shape
    assert changed.dtype == np.uint8
    return changed


def test_an_empty_edit_changes_nothing() -> None:
    assert NO_EDIT.empty
    assert NO_EDIT.apply(IMAGE, MEAN) is IMAGE
    assert not Edit(contrast=1.1).empty


def test_a_box_is_filled_and_the_rest_is_unchanged() -> None:
    for fill, value in (("mean", 77), ("black", 0)):
        changed = apply(boxes=(Box(4, 6, 10, 12, fill),))
        assert (changed[6:12, 4:10] == value).all()
        changed[6:12, 4:10] = IMAGE[6:12, 4:10]
        np.testing.assert_array_equal(changed, IMAGE)


def test_a_blurred_box_keeps_its_mean_and_loses_its_detail() -> None:
    changed = apply(boxes=(Box(2, 2, 30, 22, "blur"),))[2:22, 2:30].astype(float)
    inside = IMAGE[2:22, 2:30].astype(float)
    assert changed.std() < 0.3 * inside.std()
    assert changed.mean() == pytest.approx(inside.mean(), abs=4)


def test_a_box_is_clipped_at_the_edge_and_ignored_outside() -> None:
    changed = apply(
        boxes=(Box(-5, -5, 3, 2, "black"), Box(40, 40, 50, 50, "black"), Box(30, 20, 99, 99, "black"))
    )
    assert (changed[:2, :3] == 0).all()
    assert (changed[20:, 30:] == 0).all()
    assert (changed == 0).sum() == 3 * (2 * 3 + 4 * 2)


def test_brightness_is_added_and_contrast_keeps_the_mean_brightness() -> None:
    np.testing.assert_array_equal(apply(brightness=10), IMAGE + 10)
    assert apply(brightness=250).min() == 255
    flat = apply(contrast=0.5).astype(float)
    grey = IMAGE.astype(float) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(flat, (IMAGE - grey.mean()) * 0.5 + grey.mean(), atol=1)


def test_a_shift_moves_the_image_and_repeats_the_edge() -> None:
    changed = apply(shift=(3, -2))
    np.testing.assert_array_equal(changed[:-2, 3:], IMAGE[2:, :-3])
    np.testing.assert_array_equal(changed[:-2, 0], IMAGE[2:, 0])
    np.testing.assert_array_equal(changed[-1, 3:], IMAGE[-1, :-3])


def test_an_edit_is_read_from_json() -> None:
    text = '{"boxes": [{"left": 1, "top": 2, "right": 3, "bottom": 4, "fill": "blur"}], "shift": [1, 0]}'
    assert parse_edit(text) == Edit((Box(1, 2, 3, 4, "blur"),), shift=(1, 0))
    assert parse_edit("{}") == NO_EDIT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "JSON"),
        ('{"brightness": 300}', "from -255 to 255"),
        ('{"contrast": -1}', "contrast"),
        ('{"blur": 1e9}', "below 100000"),
        ('{"shift": [1]}', "shift"),
        ('{"sharpen": 1}', "sharpen"),
        ('{"boxes": [{"left": 1}]}', "boxes.0"),
        ('{"boxes": [{"left": 0, "top": 0, "right": 1, "bottom": 1, "fill": "red"}]}', "fill"),
        ('{"brightness": "NaN"}', "finite"),
        (
            '{"boxes": [' + ", ".join(['{"left": 0, "top": 0, "right": 1, "bottom": 1}'] * 51) + "]}",
            "at most 50",
        ),
    ],
)
def test_invalid_edits_are_rejected_with_the_field(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_edit(text)


@pytest.mark.parametrize("sigma", [3.0, 6.5, 20.0, 100.0])
def test_a_strong_blur_is_within_a_few_levels_of_a_direct_blur(sigma: float) -> None:
    image = cv2.GaussianBlur(RNG.integers(0, 256, (270, 480, 3)).astype(np.uint8), (0, 0), 3) * 3
    exact = cv2.GaussianBlur(image, (0, 0), sigma).astype(int)
    found = Edit(blur=sigma).apply(image, image).astype(int)
    assert np.abs(found - exact).max() <= 8
    assert np.abs(found - exact).mean() < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 3)])
def test_the_strongest_edits_keep_the_size_of_any_frame(size: tuple[int, int]) -> None:
    image = RNG.integers(0, 256, (*size, 3)).astype(np.uint8)
    box = Box(-9e4, -9e4, 9e4, 9e4, "blur")
    edit = Edit((box,), brightness=-255, contrast=10, blur=100, shift=(99_999, -99_999))
    assert edit.apply(image, image).shape == image.shape


def test_a_strong_blur_is_fast() -> None:
    image = np.zeros((1080, 1920, 3), np.uint8)
    started = time.perf_counter()
    Edit((Box(0, 0, 9, 9, "blur"),)).apply(image, image)
    assert time.perf_counter() - started < 1.5  # 7.6 s with the blur of the whole frame, 0.02 s as it is
