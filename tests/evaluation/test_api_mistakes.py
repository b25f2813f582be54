"""Plausible wrong arguments of the Python API, and inputs that once failed silently."""

import numpy as np
import pytest

import drivesal
from drivesal.errors import DrivesalError
from drivesal.model.backend import keras
from drivesal.model.target import Class, Filters
from drivesal.types import Frame
from tests.clips import make_clip
from tests.models import convolutional, linear, linear_weights, pictures, steering

SMALL = (24, 32)


@pytest.fixture(scope="module")
def model():
    return steering(convolutional(), scale=1 / 255)


@pytest.mark.parametrize(
    ("word", "value", "near"),
    [
        ("positive", "Left", "left"),
        ("color", "RBG", "RGB"),
        ("angle_unit", "degrees", "deg"),
        ("turns", "wheel", "steering-wheel"),
        ("interpolation", "bilinear", "linear"),
    ],
)
def test_a_misspelled_choice_suggests_the_nearest(word, value, near):
    with pytest.raises(DrivesalError, match=f"{word} among") as error:
        drivesal.load_model(linear(), **{word: value})
    assert near in str(error.value)


def test_a_range_as_two_numbers_is_the_range_as_text():
    numbers, text = (
        drivesal.load_model(linear(), input_scale=scale).preprocess for scale in ((-1, 1), "-1..1")
    )
    assert numbers == text
    assert numbers.offset == -1
    with pytest.raises(DrivesalError, match="an input scale"):
        drivesal.load_model(linear(), input_scale=(1, 1))


def test_integer_inputs_are_refused_for_lack_of_a_gradient():
    layers = keras().layers
    network = keras().Sequential(
        [layers.Input((*SMALL, 3), dtype="uint8"), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1)]
    )
    with pytest.raises(DrivesalError, match="uint8, through which no gradient passes"):
        drivesal.load_model(network)


def branched():
    layers = keras().layers
    inputs = layers.Input((*SMALL, 3))
    shared = layers.Conv2D(4, 3, strides=2, activation="relu", name="shared")(inputs)
    depth = layers.Conv2D(1, 3, name="depth_conv")(shared)
    steer = layers.Dense(1, name="steer")(layers.Flatten()(shared))
    return keras().Model(inputs, [steer, layers.GlobalAveragePooling2D(name="depth")(depth)])


@pytest.mark.parametrize("name", ["grad-cam", "score-cam"])
def test_maps_come_from_a_convolution_that_the_score_depends_on(name):
    model = drivesal.load_model(branched(), output="steer")
    images = pictures(2, SMALL)
    assert drivesal.attribute(model, images, name).any()
    with pytest.raises(DrivesalError, match="does not depend on depth_conv"):
        drivesal.attribute(model, images, name, conv="depth_conv")


def test_relevance_is_at_the_rgb_image():
    weights = linear_weights() * np.array([1, 0, 0], np.float32)  # blue alone, as the network takes BGR
    bgr = steering(linear(weights, bias=0.0), colour="BGR")
    images = pictures(1, (6, 8))
    relevance = drivesal.attribute(bgr, images, "lrp", rule="epsilon", epsilon=1e-6)
    assert not relevance[..., :2].any()
    assert relevance[..., 2] == pytest.approx(weights[..., 0] * images[..., 2], rel=1e-2, abs=1e-3)


def test_bins_need_a_distribution_and_no_tanh():
    layers = keras().layers
    logits = keras().Sequential([layers.Input((*SMALL, 3)), layers.Flatten(), layers.Dense(5)])
    with pytest.raises(DrivesalError, match="ends in softmax"):
        drivesal.attribute(drivesal.load_model(logits, bins=(-1, 1)), pictures(1, SMALL))
    with pytest.raises(DrivesalError, match="--bins and --pre-activation"):
        drivesal.load_model(logits, bins=(-1, 1), pre_activation=True)


def test_a_relu_written_as_maximum_is_not_overlooked_next_to_a_relu_layer():
    layers, ops = keras().layers, keras().ops
    inputs = layers.Input((*SMALL, 3))
    x = ops.maximum(layers.Conv2D(3, 3)(inputs), 0.0)
    network = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(layers.ReLU()(layers.Conv2D(2, 3)(x)))))
    with pytest.raises(DrivesalError, match="a hand-written maximum or minimum"):
        drivesal.attribute(network, pictures(1, SMALL), "guided")
    bounded = keras().Model(inputs, layers.Dense(1)(layers.Flatten()(layers.ReLU(max_value=3.0)(inputs))))
    assert drivesal.attribute(bounded, pictures(1, SMALL) // 100, "guided").shape == (1, *SMALL, 3)


def test_a_numpy_integer_is_an_index(model):
    frames = [Frame(i, i / 30, image) for i, image in enumerate(pictures(12, (48, 64)))]
    from_numpy, from_int = (drivesal.render(frames, model, at=at) for at in (np.int64(5), 5))
    assert np.array_equal(from_numpy, from_int)
    assert not np.array_equal(from_numpy, drivesal.render(frames, model, at=6))


def test_frames_in_memory_keep_their_own_rate(model, tmp_path):
    frames = [Frame(i, i / 30, image) for i, image in enumerate(pictures(6, (48, 64)))]
    drivesal.render(frames, model, tmp_path / "o.mp4")
    with drivesal.Recording(tmp_path / "o.mp4", labels=False) as written:
        assert [frame.time_s for frame in written.frames()] == pytest.approx(
            [i / 30 for i in range(6)], abs=1e-3
        )
    with pytest.raises(DrivesalError, match="increasing times"):
        drivesal.attribute(model, frames[::-1])


def test_a_reduction_applies_without_a_case(model):
    images = pictures(2, SMALL)
    assert drivesal.attribute(model, images, reduce="sum-abs") == pytest.approx(
        np.abs(drivesal.attribute(model, images)).sum(axis=3), rel=1e-5
    )


def test_render_never_overwrites_its_inputs(model, tmp_path):
    make_clip(tmp_path / "run.mkv", 6)
    (tmp_path / "run.csv").write_text("frame,angle_deg\n0,1\n1,2\n")
    with pytest.raises(DrivesalError, match="not an input"):
        drivesal.render(tmp_path / "run.mkv", model, tmp_path / "run.mp4", overwrite=True)
    assert (tmp_path / "run.csv").read_text().startswith("frame,angle_deg")


def test_a_scale_of_another_method_is_refused(model, tmp_path):
    from drivesal.explanation.scale import Scale

    facts = {"scale": {"increase": {"full": 1.0, "unit": "relative (grad-cam)"}}}
    with pytest.raises(DrivesalError, match="is in 'relative"):
        Scale.from_json(facts, {"increase": "relative (guided)"})


def test_subclassed_models_load_with_size_and_colour_format():
    class Net(keras().Model):
        def __init__(self):
            super().__init__()
            self.flat, self.dense = keras().layers.Flatten(), keras().layers.Dense(1)

        def call(self, x):
            return self.dense(self.flat(x))

    model = drivesal.load_model(Net(), input_size=SMALL, color="RGB")
    assert drivesal.attribute(model, pictures(1, SMALL)).any()


def test_a_class_score_is_no_angle_even_if_it_is_a_single_number():
    layers = keras().layers
    network = keras().Sequential(
        [layers.Input((*SMALL, 3)), layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    )
    model = drivesal.load_model(network, target=Class(0))
    assert model.steering is None
    assert not model.kind.sided


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m, s: drivesal.attribute(m, s, "integrated-gradients", steps="50"),
            "--steps as a whole number",
        ),
        (lambda m, s: drivesal.attribute(m, s, "smoothgrad", samples=5.0), "--samples as a whole number"),
        (lambda m, s: drivesal.attribute(m, s, "smoothgrad", noise="0.1"), "--noise as a number"),
        (lambda m, s: drivesal.attribute(m, s, "integrated-gradients", baseline=s[0]), "--baseline as text"),
        (lambda m, s: drivesal.attribute(m, s, reduce="mean"), "reduce among"),
        (lambda m, s: drivesal.attribute(s, m), "a model was given in their place"),
        (lambda m, s: drivesal.attribute(m, s[..., 0]), "repeat a grey channel"),
        (lambda m, s: drivesal.render(s, m, at=0, maintain="foo"), "maintain among"),
        (lambda m, s: drivesal.render(s, m, at=0, scale="video"), "scale among clip, frame"),
        (lambda m, s: drivesal.render(s, m, at=0, batch_size=0), "batch_size from 1 to 4096"),
        (lambda m, s: drivesal.render(s, m, "x.mp4", every=0), "every of at least 1, but it is 0"),
        (lambda m, s: drivesal.load_model(m.network, preset="donkey"), "the model is in memory"),
        (lambda m, s: m.explaining(Filters("nothing")), "the name of one layer (conv2d"),
    ],
)
def test_mistakes_are_reported_in_one_line(model, call, message):
    with pytest.raises(DrivesalError) as error:
        call(model, pictures(3, SMALL))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_tensors_are_accepted_as_frames(model):
    from drivesal.model.backend import tensorflow

    images = pictures(2, SMALL)
    expected = drivesal.attribute(model, images)
    assert np.array_equal(drivesal.attribute(model, tensorflow().constant(images)), expected)
    tensors = [tensorflow().constant(image) for image in images]
    assert np.array_equal(drivesal.attribute(model, tensors), expected)


def test_heat_in_a_single_pixel_still_has_a_scale():
    from drivesal.explanation.scale import fit

    heat = np.zeros((40, 50), np.float32)
    heat[3, 4] = 2.0
    assert fit({"increase": ("signed", [heat])}, {"increase": "deg"}).full["increase"] == pytest.approx(2.0)
