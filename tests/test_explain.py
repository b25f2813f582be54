import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drivesal.cases import choose
from drivesal.errors import OptionError
from drivesal.explain import BATCH_BYTES, Explainer, NotFiniteError, batches, study
from drivesal.types import WHOLE, Frame, Recording, RecordingInfo
from tests.models import SIZE, convolutional, linear, pictures, steering


class Memory(Recording):
    """A recording in memory."""

    def __init__(self, images):
        self.images, self.losses = images, []
        height, width = images.shape[1:3]
        rate = Fraction(20)
        self.info = RecordingInfo(
            Path("m"), "memory", width, height, rate, 1 / rate, len(images), 1.0, True, "raw"
        )

    def frames(self, span=WHOLE):
        yield from (Frame(i, i / 20, image) for i, image in enumerate(self.images))

    def at(self, where):
        return list(self.frames())[int(where)]

    def sample(self, count, span=WHOLE):
        yield from list(self.frames())[:count]

    def close(self):
        pass


def frames(count, size=SIZE):
    return [Frame(i, i / 20, image) for i, image in enumerate(pictures(count, size))]


@pytest.fixture(scope="module")
def model():
    return steering(convolutional(), scale=1 / 255)


def explain(model, cases, count=5, name="gradient", options=None):
    size = model.preprocess.size
    mean = np.full((*size, 3), 100, np.float32)
    explainer = Explainer(model, choose(cases), mean, name, options)
    return explainer, list(explainer.explain(frames(count, size)))


def test_frames_stay_in_order_and_keep_their_own_answer(model):
    _, found = explain(model, ["increase"], count=70)
    assert [one.frame.index for one in found] == list(range(70))
    assert np.allclose([one.angle for one in found], model.predict(pictures(70, (24, 32))), rtol=1e-4)


def test_one_gradient_call_serves_every_case_that_needs_one(model):
    explainer, found = explain(model, ["increase", "decrease", "maintain"])
    assert explainer._gradient is explainer._main
    assert explainer._contribution is None
    assert np.shares_memory(found[0].gradient, found[0].push)
    assert np.allclose(found[0].push, found[0].signed.sum(axis=2), atol=1e-6)


def test_maintain_has_its_gradient_also_under_another_method(model):
    _, found = explain(
        model, ["increase", "maintain"], name="integrated-gradients", options={"baseline": "black"}
    )
    _, plain = explain(model, ["maintain"])
    assert np.allclose(found[2].gradient, plain[2].gradient, atol=1e-7)
    assert not np.allclose(found[2].push, found[2].gradient)


def test_support_is_against_the_mean_whatever_the_methods_baseline(model):
    explainer, found = explain(model, ["support"], name="integrated-gradients", options={"baseline": "black"})
    assert explainer._contribution is not explainer._main
    at_mean = model.score(np.full((1, 24, 32, 3), 100, np.float32)).numpy()[0]
    assert found[0].baseline_angle == pytest.approx(at_mean, rel=1e-4)
    same, _ = explain(model, ["support"], name="integrated-gradients")
    assert same._contribution is same._main


def test_nan_is_an_error_that_names_frame_and_method():
    model = steering(linear())
    model.answer = lambda x: type(model).answer(model, x) / 0.0
    with pytest.raises(NotFiniteError, match=r"frame 0 \(0.00 s\) gives NaN or infinity under gradient"):
        explain(model, ["increase"])


def test_batches_are_bounded_in_bytes(model):
    large = np.zeros((2000, 1500, 3), np.uint8)
    sizes = [len(batch.frames) for batch in batches((Frame(i, 0.0, large) for i in range(7)), model)]
    assert sum(sizes) == 7
    assert max(sizes) * large.nbytes <= BATCH_BYTES
    huge = np.zeros((3000, 3000, 3), np.uint8)
    assert [len(b.frames) for b in batches((Frame(i, 0.0, huge) for i in range(2)), model)] == [1, 1]


def test_a_study_finds_the_clips_mean_sensitivity_and_reach(model):
    images = pictures(10, (24, 32))
    found = study(Memory(images), model, choose(["maintain"]))
    assert np.allclose(found.clip.mean_picture, images.mean(axis=0), atol=1e-3)
    assert found.clip.sensitivity > 0
    # the stride-2 convolution of 5 leaves the last column of 32 unseen
    assert not found.clip.reach[:, -1].any()
    assert found.clip.reach[:, :-1].any(axis=0).all()
    assert len(found.probe) == 10


def test_a_single_picture_needs_a_mean_from_the_card(model):
    with pytest.raises(OptionError, match=r"the card of .* has none"):
        study(Memory(pictures(1, (24, 32))), model, choose(["support"]))
    study(Memory(pictures(1, (24, 32))), model, choose(["increase", "maintain"]))


def test_signed_cases_need_a_signed_odd_method(model, monkeypatch):
    from drivesal.attribution import registry

    plain = registry.method("gradient")
    for change in ({"signed": False}, {"odd": False}):
        monkeypatch.setitem(registry._methods, "other", dataclasses.replace(plain, name="other", **change))
        with pytest.raises(OptionError, match="increase and decrease"):
            explain(model, ["increase"], name="other")
        explain(model, ["maintain"], name="other")


def test_batches_of_costly_methods_are_small(model):
    explainer, _ = explain(
        model, ["support"], name="integrated-gradients", options={"baseline": "black", "steps": 128}
    )
    assert explainer.limit == 1
    assert explain(model, ["increase"])[0].limit == 32
