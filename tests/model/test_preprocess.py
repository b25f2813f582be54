import contextlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesal.errors import InputError, OptionError
from drivesal.model.preprocess import Crop, Preprocess
from drivesal.model.scaling import Scaling, scaling_from_text


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("60:-25", (0, 60, 320, 135)),
        ("60:135", (0, 60, 320, 135)),
        ("60:-25,10:-10", (10, 60, 310, 135)),
        ("0.25:0.75", (0, 40, 320, 120)),
        ("-100:0", (0, 60, 320, 160)),
        (":0.5,0.5:", (160, 0, 320, 80)),
        (":", (0, 0, 320, 160)),
    ],
)
def test_crops_are_read_like_slices(text, box):
    crop = Crop.parse(text)
    assert crop.box(320, 160) == box
    assert Crop.parse(crop.text).box(320, 160) == box


@pytest.mark.parametrize("text", ["", "60", "a:b", "1:2,3:4,5:6", "0.9:0.1", "0.5:1.5"])
def test_an_invalid_crop_is_refused(text):
    with pytest.raises(OptionError, match="expected a crop as ROWS"):
        Crop.parse(text)


@pytest.mark.parametrize("text", ["60:-25,0:1", "0:1", "60:61", "-1:0,10:20", "-3:-2"])
def test_a_single_row_or_column_of_pixels_is_refused(text):
    with pytest.raises(OptionError, match="in pixels select a single one") as error:
        Crop.parse(text)
    assert "\n" not in str(error.value)


def test_omitted_bounds_of_a_crop_select_everything_in_its_unit():
    assert Crop("pixel", (60, -25)).box(320, 160) == (0, 60, 320, 135)
    assert Crop("pixel", columns=(10, -10)).box(320, 160) == (10, 0, 310, 160)
    assert Crop("fraction", (0.25, 0.75)).box(320, 160) == (0, 40, 320, 120)
    assert Crop("pixel").box(320, 160) == Crop().box(320, 160) == (0, 0, 320, 160)
    assert Crop("pixel", (60, -25)) == Crop.parse("60:-25")
    for wrong in (lambda: Crop("pixel", (60, -25), (0.0, 1.0)), lambda: Crop("mile")):
        with pytest.raises(ValueError, match=r"columns 0:1 in pixels|unit must be"):
            wrong()


def test_a_crop_smaller_than_the_input_is_reported_with_both_sizes():
    preprocess = Preprocess((66, 200), Crop("pixel", (60, -85)))
    enlarged = preprocess.enlarged(320, 160)
    assert enlarged is not None
    assert enlarged.sentence.startswith(
        "the crop leaves 320x15 px of a frame of 320x160, enlarged to the network's"
    )
    assert "input of 200x66" in enlarged.sentence
    assert enlarged.short == "crop of 320x15 px enlarged to the network's 200x66"
    assert Preprocess((66, 200), Crop("pixel", (60, -25))).enlarged(320, 160) is None
    assert Preprocess((66, 200)).enlarged(320, 66) is None
    whole = Preprocess((66, 200)).enlarged(160, 120)
    assert whole is not None
    assert "frames of 160x120 px are enlarged" in whole.sentence
    assert "crop" not in whole.sentence + whole.short


@pytest.mark.parametrize(
    ("crop", "least"),
    [
        ("60:-25", (200, 151)),
        ("-150:", (200, 150)),
        ("60:80", None),
        ("60:126,10:-10", (220, 126)),
        ("0.42:0.92", (200, 132)),
        (":", (200, 66)),
    ],
)
def test_the_smallest_frame_that_is_not_enlarged(crop, least):
    preprocess = Preprocess((66, 200), Crop.parse(crop))
    assert preprocess.least_frame() == least
    if least is not None:
        width, height = least
        assert preprocess.enlarged(width, height) is None
        assert preprocess.enlarged(width + 1, height + 1) is None
        with contextlib.suppress(InputError):
            assert preprocess.enlarged(width - 1, height - 2) is not None


def test_a_crop_that_leaves_nothing_names_the_frame():
    with pytest.raises(InputError, match="a frame is 320x100"):
        Crop.parse("60:-60").box(320, 100)


def test_to_frame_inverts_prepare():
    frame = np.zeros((100, 200, 3), np.uint8)
    frame[60:70, 120:130] = 255
    preprocess = Preprocess((25, 100), Crop("pixel", (50, 100), (0, 200)), "area")
    seen = preprocess.prepare(frame)
    assert seen.shape == (25, 100, 3)
    ys, xs = np.nonzero(seen[..., 0] > 128)
    x, y = preprocess.to_frame(xs.mean(), ys.mean(), 200, 100)
    assert (x, y) == pytest.approx((124.5, 64.5), abs=0.51)


@given(
    st.integers(8, 300), st.integers(8, 300), st.floats(0, 0.4), st.floats(0.6, 1),
    st.integers(2, 64), st.integers(2, 64),
)  # fmt: skip
def test_corners_of_the_model_map_onto_the_box(width, height, start, stop, h, w):
    preprocess = Preprocess((h, w), Crop("fraction", (start, stop), (start, stop)))
    left, top, right, bottom = preprocess.crop.box(width, height)
    assert preprocess.to_frame(-0.5, -0.5, width, height) == pytest.approx((left - 0.5, top - 0.5))
    assert preprocess.to_frame(w - 0.5, h - 0.5, width, height) == pytest.approx((right - 0.5, bottom - 0.5))


@pytest.mark.parametrize(
    ("colour", "code"),
    [("YUV", cv2.COLOR_RGB2YUV), ("GREY", cv2.COLOR_RGB2GRAY), ("BGR", cv2.COLOR_RGB2BGR), ("RGB", None)],
)
def test_colours_match_opencv_up_to_rounding(colour, code):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    matrix, shift = Preprocess((20, 30), colour=colour).colour_map()
    expected = image if code is None else cv2.cvtColor(image, code).reshape(20, 30, -1)
    ours = image.astype(np.float32) @ matrix + shift
    inside = (ours >= 0) & (ours <= 255)  # OpenCV clips YUV at the edges of uint8
    assert np.abs(ours - expected)[inside].max() <= 1.0


def test_scaling_is_part_of_the_colour_map():
    scale, offset = Scaling.to_range(-1, 1).scale, -1.0
    matrix, shift = Preprocess((2, 2), scale=scale, offset=offset).colour_map()
    values = np.array([[0.0, 127.5, 255.0]]) @ matrix + shift
    assert values == pytest.approx(np.array([[-1, 0, 1]]), abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0..0",
        "a..b",
        "0..inf",
        "nan..1",
        "0..1e308",
        "-1e308..0",
        "-1e308..1e308",
        "0..1e-300",
        "1e7..2e7",
    ],
)
def test_an_invalid_input_scale(text):
    with pytest.raises(OptionError, match=r"LOW\.\.HIGH") as error:
        scaling_from_text(text)
    assert "\n" not in str(error.value)
