import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drivesal.errors import InputError, OptionError
from drivesal.explanation.explainer import Explainer, NotFiniteError, check_cases
from drivesal.explanation.frame_batches import BATCH_BYTES, batches
from drivesal.explanation.study import study
from drivesal.model.batching import BATCH
from drivesal.model.target import Filters, Target
from drivesal.types import WHOLE, ClipStatistics, Frame, Recording, RecordingInfo
from tests.models import DEGREES, SIZE, asked, convolutional, linear, pictures, steering, two_inputs


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


def explain(model, cases, count=5, name="gradient", options=None, **settings):
    size = model.preprocess.size
    mean = np.full((*size, 3), 100, np.float32)
    settings = asked(cases, name, options, **settings)
    explainer = Explainer(model, settings, mean, pictures(6, size, seed=2))
    return explainer, list(explainer.explain(frames(count, size)))


def test_frames_stay_in_order_with_their_own_predictions(model):
    _, found = explain(model, ["increase"], count=70)
    assert [one.frame.index for one in found] == list(range(70))
    assert np.allclose([one.angle for one in found], model.predict(pictures(70, (24, 32))), rtol=1e-4)


def test_one_gradient_call_serves_all_cases(model):
    explainer, found = explain(model, ["increase", "decrease", "maintain"])
    assert explainer._gradient is explainer._main
    assert explainer._contribution is None
    assert np.shares_memory(found[0].gradient, found[0].attribution)
    assert np.allclose(found[0].attribution, found[0].signed.sum(axis=2), atol=1e-6)


def test_maintain_uses_the_gradient_whatever_the_method(model):
    _, found = explain(
        model, ["increase", "maintain"], name="integrated-gradients", options={"baseline": "black"}
    )
    _, plain = explain(model, ["maintain"])
    assert np.allclose(found[2].gradient, plain[2].gradient, atol=1e-7)
    assert not np.allclose(found[2].attribution, found[2].gradient)


def test_support_uses_the_mean_whatever_the_methods_baseline(model):
    explainer, found = explain(model, ["support"], name="integrated-gradients", options={"baseline": "black"})
    assert explainer._contribution is not explainer._main
    at_mean = model.score(np.full((1, 24, 32, 3), 100, np.float32)).numpy()[0]
    assert found[0].baseline_score == pytest.approx(at_mean, rel=1e-4)
    options = {"baseline": "mean", "steps": 32}
    same, _ = explain(model, ["support"], name="integrated-gradients", options=options)
    assert same._contribution is same._main


def test_support_has_its_own_number_of_steps_unless_the_user_sets_it(model):
    explainer, _ = explain(model, ["support"], name="integrated-gradients")
    assert explainer.passes == 8 + 32
    explainer, _ = explain(model, ["support"], name="integrated-gradients", options={"steps": 5})
    assert explainer.passes == 5 + 5


def test_nan_raises_an_error_with_the_frame_and_the_method():
    model = steering(linear())
    model.score_of = lambda x, others=None: type(model).score_of(model, x, others) / 0.0
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
    found = study(Memory(images), model, asked(["maintain"]))
    assert np.allclose(found.clip.mean_image, images.mean(axis=0), atol=1e-3)
    assert found.clip.sensitivity > 0
    # the 5x5 convolution of stride 2 never sees the last of 32 columns
    assert not found.clip.reach[:, -1].any()
    assert found.clip.reach[:, :-1].any(axis=0).all()
    assert len(found.probe) == 10


def test_a_single_image_needs_a_mean_from_the_card(model):
    with pytest.raises(OptionError, match=r"has no card with a mean image"):
        study(Memory(pictures(1, (24, 32))), model, asked(["support"]))
    study(Memory(pictures(1, (24, 32))), model, asked(["increase", "maintain"]))


def test_signed_cases_need_a_signed_map(model, monkeypatch):
    from drivesal.attribution import registry

    plain = registry.method("gradient")
    unsigned = dataclasses.replace(plain, name="other", signed=False, antisymmetric=False)
    monkeypatch.setitem(registry._registry._items, "other", unsigned)
    for cases in (["increase"], ["decrease", "maintain"]):
        with pytest.raises(OptionError, match=f"{cases[0]}, but other is unsigned; use --cases magnitude"):
            explain(model, cases, name="other")
    explain(model, ["maintain", "magnitude"], name="other")


@pytest.mark.parametrize("reduce", ["sum-abs", "max-abs"])
def test_an_unsigned_reduction_has_no_signed_cases(model, reduce):
    with pytest.raises(OptionError, match=f"increase and decrease, but --reduce {reduce} removes the sign"):
        check_cases(asked(["increase", "decrease"], reduce=reduce))
    _, found = explain(model, ["magnitude"], reduce=reduce)
    absolute = np.abs(found[1].signed)
    expected = absolute.sum(axis=2) if reduce == "sum-abs" else absolute.max(axis=2)
    assert np.allclose(found[1].attribution, expected, rtol=1e-5)


def test_decrease_reads_the_map_of_the_negated_score_if_the_method_is_not_antisymmetric(model):
    explainer, found = explain(model, ["increase", "decrease"], name="guided")
    mean = np.full((24, 32, 3), 100, np.float32)
    negated = Explainer(model.negated, asked(["increase"], "guided"), mean, pictures(2, (24, 32)))
    for one, other in zip(found, negated.explain(frames(5, (24, 32))), strict=True):
        assert np.allclose(one.negated_attribution, other.attribution, atol=1e-7)
        assert not np.allclose(
            one.negated_attribution, -one.attribution, atol=1e-3 * np.abs(one.attribution).max()
        )
        clip = ClipStatistics(mean)
        heats = [case.heat(one, clip) for case in explainer.cases]
        assert np.array_equal(heats[0], np.maximum(one.attribution, 0))
        assert np.array_equal(heats[1], np.maximum(one.negated_attribution, 0))
    assert explainer.passes == 2


def test_one_pass_serves_both_signs_of_an_antisymmetric_method(model):
    explainer, found = explain(model, ["increase", "decrease"])
    assert explainer.passes == 1
    assert found[0].negated_attribution is None
    assert explain(model, ["increase"], name="guided")[0].passes == 1


def test_explaining_another_score_does_not_change_the_angle(model):
    other = model.explaining(Filters(0, (1,)))
    _, found = explain(other, ["increase"])
    seen = pictures(5, (24, 32))
    assert [one.angle for one in found] == pytest.approx(model.predict(seen), rel=1e-4)
    inner = model.network.layers[0](seen.astype(np.float32) / 255).numpy()
    assert [one.score for one in found] == pytest.approx(inner[..., 1].mean(axis=(1, 2)), rel=1e-4)


def test_explaining_the_pre_activation_does_not_change_the_angle():
    network = convolutional(head="tanh")
    plain = steering(network, scale=1 / 255)
    model = steering(network, scale=1 / 255, target=Target(DEGREES, pre_activation=True))
    _, found = explain(model, ["increase"])
    angles = plain.predict(pictures(5, (24, 32)))
    assert [one.score for one in found] == pytest.approx(np.arctanh(angles), rel=1e-3)
    assert [one.angle for one in found] == pytest.approx(angles, rel=1e-4)


def test_the_score_of_a_steering_target_is_the_angle(model):
    _, found = explain(model, ["increase"])
    assert [one.score for one in found] == [one.angle for one in found]


def test_auxiliary_inputs_of_the_recording_reach_the_model():
    model = steering(two_inputs(), scale=1 / 255)
    speeds = [3.0, 12.5, 40.0]
    images = pictures(3, (24, 32))
    with_speed = [Frame(i, i / 20, images[i], None, {"speed": speeds[i]}) for i in range(3)]
    explainer = Explainer(model, asked(["increase"]), images.mean(axis=0), images)
    angles = [result.angle for result in explainer.explain(with_speed)]
    expected = model.network([images / np.float32(255), np.array(speeds, np.float32)[:, None]])
    assert angles == pytest.approx(expected.numpy()[:, 0], rel=1e-4)
    with pytest.raises(InputError, match=r"frame 7 has no values other than the image.*--feed speed=COLUMN"):
        list(explainer.explain([Frame(7, 0.0, images[0])]))


def test_random_numbers_are_keyed_on_the_frame_index(model):
    seen_indices = []
    explainer, _ = explain(model, ["increase"])
    main = explainer._main
    explainer._main = lambda seen: seen_indices.extend(seen.indices) or main(seen)
    chosen = [dataclasses.replace(one, index=one.index * 5 + 3) for one in frames(4, (24, 32))]
    list(explainer.explain(chosen))
    assert seen_indices == [3, 8, 13, 18]


def test_batch_size_and_seed_come_from_the_settings(model):
    explainer, found = explain(model, ["increase"], count=7, batch_size=3, seed=11)
    assert (explainer.limit, explainer.context.batch, explainer.context.seed) == (3, 3, 11)
    _, plain = explain(model, ["increase"], count=7)
    for one, other in zip(found, plain, strict=True):
        assert np.allclose(one.attribution, other.attribution, rtol=1e-4, atol=1e-7)


def test_batches_of_expensive_methods_are_small(model):
    explainer, _ = explain(
        model, ["support"], name="integrated-gradients", options={"baseline": "black", "steps": 128}
    )
    assert explainer.passes == 256
    assert explainer.limit == 1
    assert explain(model, ["increase"])[0].limit == BATCH == 32


def test_the_probe_of_an_expensive_method_is_smaller_and_spread_out(model):
    images = pictures(40, (24, 32))
    settings = asked(["increase"], "integrated-gradients", {"steps": 256})
    found = study(Memory(images), model, settings)
    assert [one.frame.index for one in found.probe] == list(range(0, 40, 3))
    assert np.allclose(found.clip.mean_image, images.mean(axis=0), atol=1e-3)


def test_progress_is_reported_and_the_callback_can_stop_the_work():
    from drivesal.explanation.study import study_of

    model = steering(convolutional())
    frames = [Frame(i, i / 10, picture) for i, picture in enumerate(pictures(8, (24, 32)))]
    settings = asked(["increase"], "occlusion", {"patch": 8, "stride": 8})
    shares = []
    counts = set()

    def record(share, frames):
        shares.append(share)
        counts.add(frames)

    studied = study_of(frames, model, settings, record)
    assert counts == {8}
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.5 < shares[-1] < 1
    shares.clear()
    next(studied.explainer.explain(frames[:1], studied.explainer.progress(1, shares.append)))
    assert shares[0] == 0
    before = len(shares)
    next(studied.explainer.explain(frames[:1]))  # not reported any more
    assert len(shares) == before

    def stop(share):
        shares.append(share)
        raise KeyError

    with pytest.raises(KeyError):
        next(studied.explainer.explain(frames[:1], studied.explainer.progress(1, stop)))
    assert len(shares) == before + 1
