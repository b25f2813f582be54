"""The Python API: what `import drivesal` exposes."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

import drivesal
from drivesal.errors import DrivesalError
from drivesal.model.card import Card
from drivesal.model.preprocess import Preprocess
from drivesal.model.target import Class, Filters, Target
from drivesal.types import Frame
from tests.clips import make_clip, number
from tests.models import DEGREES, convolutional, linear, linear_weights, pictures, steering
from tests.recordings import drives

SMALL = (24, 32)


@pytest.fixture(scope="module")
def model():
    return steering(convolutional(), scale=1 / 255)


def test_importing_loads_no_heavy_packages():
    heavy = ("numpy", "tensorflow", "cv2")
    code = f"import sys, drivesal; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_exported_name_exists():
    for name in drivesal.__all__:
        assert getattr(drivesal, name) is not None
        assert name in dir(drivesal)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = drivesal.nothing_like_it
    assert callable(drivesal.attribute)
    assert callable(drivesal.explain)


def test_maps_of_a_linear_network_are_its_weights():
    maps = drivesal.attribute(linear(), pictures(3, (6, 8)))
    assert maps == pytest.approx(np.stack([linear_weights()] * 3), rel=1e-5)
    one = drivesal.attribute(linear(), pictures(1, (6, 8))[0], "gradient-x-input")
    assert one[0] == pytest.approx(linear_weights() * pictures(1, (6, 8))[0], rel=1e-4)


def test_a_case_selects_its_heat(model):
    seen = pictures(4, SMALL)
    summed = drivesal.attribute(model, seen).sum(axis=3)
    assert drivesal.attribute(model, seen, case="increase") == pytest.approx(np.maximum(summed, 0), abs=1e-6)
    assert drivesal.attribute(model, seen, case="decrease") == pytest.approx(np.maximum(-summed, 0), abs=1e-6)
    assert drivesal.attribute(model, seen, case="magnitude") == pytest.approx(np.abs(summed), abs=1e-6)


def test_decrease_of_guided_is_guided_of_the_negated_prediction(model):
    seen = pictures(3, SMALL)
    right = drivesal.load_model(model.network, input_scale="0..1", angle_unit="deg", positive="right")
    mirrored = drivesal.attribute(right, seen, "guided", "increase")
    assert mirrored.any()
    assert drivesal.attribute(model, seen, "guided", "decrease") == pytest.approx(mirrored, abs=1e-6)


@pytest.mark.parametrize("reduce", ["sum-abs", "max-abs"])
def test_unsigned_reductions_of_the_channels(model, reduce):
    seen = pictures(2, SMALL)
    raw = np.abs(drivesal.attribute(model, seen))
    expected = raw.sum(axis=3) if reduce == "sum-abs" else raw.max(axis=3)
    assert drivesal.attribute(model, seen, case="magnitude", reduce=reduce) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(DrivesalError, match="removes the sign"):
        drivesal.attribute(model, seen, case="increase", reduce=reduce)


def test_frames_are_accepted_in_many_forms(model, tmp_path):
    path = make_clip(tmp_path / "run.mp4", 6)
    with drivesal.Recording(path) as run:
        frames = list(run.frames())
        maps = drivesal.attribute(model, run)
    images = np.stack([frame.image for frame in frames])
    for given in (path, str(path), frames, images, list(images), iter(frames)):
        assert np.allclose(drivesal.attribute(model, given), maps, atol=1e-7)
    assert np.allclose(drivesal.attribute(model, frames[2]), maps[2:3], atol=1e-7)


def test_a_frames_noise_does_not_depend_on_the_other_frames(model):
    frames = [Frame(i, i / 20, image) for i, image in enumerate(pictures(5, SMALL))]
    together = drivesal.attribute(model, frames, "smoothgrad", samples=4)
    alone = drivesal.attribute(model, frames[3], "smoothgrad", samples=4)
    assert np.allclose(alone[0], together[3], rtol=1e-3, atol=1e-6)
    assert not np.allclose(drivesal.attribute(model, frames, "smoothgrad", samples=4, seed=1), together)


def test_explain_yields_angle_and_contributions(model):
    seen = pictures(3, SMALL)
    found = list(drivesal.explain(model, seen, "integrated-gradients", ["support"], steps=8, baseline="mean"))
    assert [one.angle for one in found] == pytest.approx(list(model.predict(seen)), rel=1e-5)
    for one in found:
        missing = abs(one.signed.sum() - (one.score - one.baseline_score))
        assert missing == pytest.approx(one.completeness_error, abs=1e-3)
        assert one.contribution is not None


def test_explaining_a_filter_keeps_the_angle(model):
    layer = model.network.layers[0].name
    seen = pictures(2, SMALL)
    asked = model.explaining(Filters(layer, (1,)))
    found = list(drivesal.explain(asked, seen))
    assert [one.angle for one in found] == pytest.approx(list(model.predict(seen)), rel=1e-5)
    activation = model.network.layers[0](seen / np.float32(255)).numpy()[..., 1].mean(axis=(1, 2))
    assert [one.score for one in found] == pytest.approx(list(activation), rel=1e-4)


def test_a_classifier_needs_only_its_class():
    from drivesal.model.backend import keras

    layers = keras().layers
    network = keras().Sequential(
        [
            layers.Input((*SMALL, 3)),
            layers.Conv2D(3, 3),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    with pytest.raises(DrivesalError, match="has 4 elements"):
        drivesal.load_model(network)
    asked = drivesal.load_model(network, target=Class(2))
    assert asked.steering is None
    assert not asked.kind.sided
    assert drivesal.attribute(asked, pictures(2, SMALL)).any()
    canvas = drivesal.render(pictures(1, SMALL)[0], asked)
    assert canvas.ndim == 3


def test_a_card_or_options_describe_a_network_in_memory():
    network = linear()
    card = Card(Preprocess((6, 8), scale=1 / 255), Target(DEGREES))
    assert drivesal.load_model(network, card=card).assumed == ()
    stated = drivesal.load_model(
        network, input_scale="0..1", color="BGR", angle_unit="rad", positive="right", crop="0:6"
    )
    assert stated.assumed == ()
    expected = -np.degrees(linear_weights()[..., ::-1] / 255)
    assert drivesal.attribute(stated, pictures(1, (6, 8)))[0] == pytest.approx(expected, rel=1e-4)


def test_render_writes_a_video_or_returns_a_canvas(model, tmp_path):
    path = make_clip(tmp_path / "run.mp4", 12)
    facts = drivesal.render(path, model, tmp_path / "out.mp4", cases=["increase"], end=8)
    assert facts["frames"] == 8
    assert json.loads((tmp_path / "out.json").read_text())["cases"] == ["increase"]
    with drivesal.Recording(tmp_path / "out.mp4") as written:
        assert len(list(written.frames())) == 8
    canvas = drivesal.render(path, model, tmp_path / "frame.png", at=3, method="vargrad", samples=3)
    assert (cv2.imread(str(tmp_path / "frame.png"))[..., ::-1] == canvas).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m, s: drivesal.attribute(m, s, "gradent"), "did you mean gradient"),
        (lambda m, s: drivesal.attribute(m, s, case="increse"), "did you mean increase"),
        (lambda m, s: drivesal.attribute(m, s, "smoothgrad", sampels=3), "did you mean samples"),
        (lambda m, s: drivesal.attribute(m, s, "smoothgrad", samples=0), "--samples from 1 to 4096"),
        (lambda m, s: drivesal.attribute(m, s, "vargrad", "increase"), "vargrad is unsigned"),
        (lambda m, s: drivesal.attribute(m, s / 255), "uint8 RGB"),
        (lambda m, s: drivesal.attribute(m, []), "frames of one size"),
        (lambda m, s: drivesal.attribute(m, s, batch_size=0), "batch_size from 1 to 4096"),
        (lambda m, s: drivesal.attribute(m, s[:1], "expected-gradients"), "a mean image for the baseline"),
        (lambda m, s: drivesal.attribute("no.keras", s), "does not exist"),
        (lambda m, s: drivesal.render(s, m), "name of an .mp4"),
        (lambda m, s: drivesal.render("nowhere.mp4", m, "x.mp4"), "does not exist"),
    ],
)
def test_error_messages_are_one_line(model, call, says):
    with pytest.raises(DrivesalError) as error:
        call(model, pictures(3, SMALL))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_the_repr_of_recording_info_is_short(tmp_path):
    folder = drives.images(tmp_path / "frames", 30)
    with drivesal.Recording(folder) as run:
        shown = repr(run.info)
    assert "files=<30 paths>" in shown
    assert "width=96" in shown
    assert len(shown) < 500
    assert "files" not in repr(drivesal.Recording(make_clip(tmp_path / "run.mp4", 4)).info)


def test_a_recording_is_a_sequence_of_frames(tmp_path):
    with drivesal.Recording(make_clip(tmp_path / "run.mp4", 12)) as run:
        assert len(run) == 12
        assert run
        assert [frame.index for frame in run] == [frame.index for frame in list(run)] == list(range(12))
        assert [run[i].index for i in (0, 5, -1, -12, np.int64(3))] == [0, 5, 11, 0, 3]
        assert number(run[7].image) == 7
        assert [frame.index for frame in run[2:9:3]] == [2, 5, 8]
        assert [frame.index for frame in run[-3:]] == [9, 10, 11]
        assert run[5:5] == run[90:] == []
        for wrong in (12, -13):
            with pytest.raises(IndexError) as past:
                run[wrong]
            assert isinstance(past.value, DrivesalError)
            assert "#0 to #11" in str(past.value)
        for wrong in (1.5, "#4", slice(None, None, -1), slice("a", None), slice(None, None, 0)):
            with pytest.raises(DrivesalError):
                run[wrong]


@pytest.mark.parametrize("name", ["start", "end", "at"])
@pytest.mark.parametrize("value", ["#4", "1:13", True, float("nan"), [1]])
def test_positions_are_numbers(model, tmp_path, name, value):
    with pytest.raises(DrivesalError, match=rf"{name} as a float \(seconds\) or an int"):
        drivesal.render(tmp_path / "none.mp4", model, tmp_path / "o.mp4", **{name: value})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m, s: drivesal.render(s, m, opacty=0.5), "a keyword of render.*did you mean opacity"),
        (lambda m, s: drivesal.render(s, m, "o.mp4", method="smoothgrad", sample=3), "did you mean samples"),
        (
            lambda m, s: drivesal.attribute(m, s, n_steps=3),
            "the method gradient .it has none.*n_steps",
        ),
        (lambda m, s: drivesal.attribute(m, s, "integrated-gradients", n_steps=3), "did you mean steps"),
        (lambda m, s: drivesal.explain(m, s, cases=["increase"], batchsize=4), "did you mean batch_size"),
        (lambda m, s: drivesal.load_model(m.network, colour="BGR"), "did you mean color"),
        (lambda m, s: drivesal.load_model(m.network, inputscale="0..1"), "did you mean input_scale"),
        (
            lambda m, s: drivesal.Recording("x.mp4", label="x.csv"),
            "of Recording.*did you mean labels",
        ),
    ],
)
def test_a_misspelt_keyword_is_reported_at_once(model, call, says):
    with pytest.raises(DrivesalError, match=says):
        call(model, pictures(2, SMALL))


def test_render_accepts_the_options_of_its_default_method(model):
    images = pictures(3, SMALL)
    few = drivesal.render(images, model, at=0, steps=4, baseline="mean", cases=["increase"])
    named = drivesal.render(
        images, model, at=0, method="integrated-gradients", steps=4, baseline="mean", cases=["increase"]
    )
    np.testing.assert_array_equal(few, named)
    with pytest.raises(DrivesalError, match="did you mean steps"):
        drivesal.render(images, model, at=0, stepz=4)


def test_predicting_no_images_is_an_error(model):
    for none in ([], np.zeros((0, *SMALL, 3), np.uint8)):
        with pytest.raises(DrivesalError, match="there is none"):
            model.predict(none)


def test_cropping_images_of_the_models_input_size_again_gives_a_warning(model, caplog):
    drivesal.attribute(model, pictures(1, SMALL))
    assert not caplog.records
    cropped = drivesal.load_model(model.network, crop="4:0", input_scale="0..1")
    drivesal.attribute(cropped, pictures(1, SMALL))
    assert "cropped once more" in caplog.text


def test_the_repr_of_models_and_recordings_is_one_line(model, tmp_path):
    assert repr(model).startswith(f"<SteeringModel {model.name}: 32x24 RGB to ")
    with drivesal.Recording(make_clip(tmp_path / "run.mp4", 5)) as run:
        assert repr(run) == f"<Recording {tmp_path / 'run.mp4'}: 5 frames, 96x64>"


def test_dir_lists_only_the_api():
    assert dir(drivesal) == sorted([*drivesal.__all__, "__version__"])


def test_a_full_lock_determines_the_unit(model):
    found = drivesal.load_model(model.network, full_lock=25)
    assert not any(one.startswith("unit") for one in found.assumed)
    assert any(one.startswith("unit") for one in drivesal.load_model(model.network).assumed)


def test_predict_takes_frames_as_they_come(model, tmp_path):
    path = make_clip(tmp_path / "run.mp4", 5)
    with drivesal.Recording(path) as run:
        frames = list(run)
        prepared = np.stack([model.prepare(frame.image) for frame in frames])
        expected = model.predict(prepared)
        assert expected.shape == (5,)
        images = np.stack([frame.image for frame in frames])
        for given in (run, frames, iter(frames), images, list(images), run[:5], list(prepared)):
            np.testing.assert_array_equal(model.predict(given), expected)
        for one in (frames[2], images[2], prepared[2]):
            assert model.predict(one) == pytest.approx(expected[2:3], rel=1e-5)
    for wrong, says in (
        (images.astype(float), "uint8"),
        (images[..., 0], "uint8"),
        ([], "there is none"),
        (str(path), "Recording"),
        (3, "it is int"),
    ):
        with pytest.raises(DrivesalError, match=says):
            model.predict(wrong)


def test_a_frame_of_the_models_input_size_is_still_cropped():
    model = drivesal.load_model(convolutional(), crop="12:-4", input_scale="0..1")
    image = pictures(1, SMALL)[0]
    expected = model.predict(model.prepare(image)[None])
    assert model.predict(Frame(0, 0.0, image)) == pytest.approx(expected)
    assert model.predict(image) != pytest.approx(expected)  # treated as the output of `prepare`


def test_integrated_gradients_of_one_image_uses_the_blurred_image_as_baseline(model):
    image = pictures(1, SMALL)[0]
    found = drivesal.attribute(model, image, "integrated-gradients")
    blurred = drivesal.attribute(model, image, "integrated-gradients", baseline="blur")
    np.testing.assert_array_equal(found, blurred)
    with pytest.raises(DrivesalError, match="a mean image for the baseline"):
        drivesal.attribute(model, image, "integrated-gradients", baseline="mean")


def test_occlusion_of_one_image_without_a_mean_fills_with_the_blurred_image_and_warns(model, caplog):
    image, method, option = pictures(1, SMALL)[0], "occlusion", "fill"
    found = drivesal.attribute(model, image, method)
    assert "uses the blurred image" in caplog.text
    assert f"--{option} changes that" in caplog.text
    np.testing.assert_array_equal(found, drivesal.attribute(model, image, method, **{option: "blur"}))
    caplog.clear()
    drivesal.render(image, model, method=method, cases=["increase"], width=400)
    assert caplog.text.count("uses the blurred image") == 1
    caplog.clear()
    drivesal.attribute(model, pictures(2, SMALL), method)
    assert caplog.text == ""
    with pytest.raises(DrivesalError, match="a mean image for the baseline"):
        drivesal.attribute(model, image, method, **{option: "mean"})
