import dataclasses

import numpy as np
import pytest

from drivesal.angle import AngleSpec
from drivesal.explanation import uninformative
from drivesal.explanation.study import study
from drivesal.model.backend import keras
from drivesal.model.target import Target
from drivesal.recordings.in_memory import MemoryRecording
from drivesal.rendering.painter import Painter
from drivesal.rendering.render_request import Request
from drivesal.settings import LookSettings
from drivesal.types import Frame
from tests.models import SIZE, asked, convolutional, linear, linear_weights, pictures, steering


def painted(model, images, method="gradient", cases=("increase", "decrease"), **look):
    """The clip's painter and its explained frames."""
    recording = MemoryRecording([Frame(i, i / 20, image) for i, image in enumerate(images)])
    request = Request(asked(cases, method), LookSettings(**look))
    studied = study(recording, model, request.explain)
    explained = list(studied.explainer.explain(recording.frames()))
    return Painter(recording, model, studied, request), explained


def shown(painter, one):
    return painter.shown(one, painter.heats(one))


def with_tanh(strength, seed=0):
    network = convolutional(seed, head="tanh")
    last = network.layers[-1]
    last.set_weights([last.get_weights()[0] * strength, last.get_weights()[1]])
    return network


def test_a_linear_network_has_one_map_and_the_scene_warns_of_it():
    painter, _ = painted(steering(linear()), pictures(6, SIZE))
    assert painter.uninformative == (uninformative.LINEAR,)
    assert uninformative.LINEAR in painter.scene.warnings
    assert uninformative.LINEAR in painter.notes


def test_contributions_of_a_linear_network_differ_between_frames():
    painter, _ = painted(steering(linear()), pictures(6, SIZE), "integrated-gradients")
    assert painter.uninformative == ()


def test_maps_that_differ_only_in_strength_count_as_the_same():
    network = linear(linear_weights() / 3000)
    inputs = keras().layers.Input((*SIZE, 3))
    with_activation = keras().Model(inputs, keras().layers.Activation("tanh")(network(inputs)))
    painter, explained = painted(steering(with_activation), pictures(6, SIZE))
    strengths = [np.abs(one.attribution).sum() for one in explained]
    assert max(strengths) > 1.02 * min(strengths)
    assert uninformative.LINEAR in painter.uninformative


def test_a_network_that_reacts_to_the_frame_gives_no_warning():
    painter, explained = painted(steering(convolutional()), pictures(6, (24, 32)))
    assert painter.uninformative == ()
    assert all(not shown(painter, one).silent for one in explained)


def test_frames_of_a_standing_car_give_no_warning():
    still = np.repeat(pictures(1, (24, 32)), 6, axis=0)
    painter, _ = painted(steering(convolutional()), still)
    assert painter.uninformative == ()


def test_images_that_differ_only_in_brightness_level_give_no_warning():
    still = np.minimum(pictures(1, SIZE), 250) + np.arange(4, dtype=np.uint8)[:, None, None, None]
    assert painted(steering(linear()), still)[0].uninformative == ()


def test_a_dead_network_is_reported_as_empty():
    painter, explained = painted(steering(linear(np.zeros((*SIZE, 3), np.float32))), pictures(4, SIZE))
    assert painter.uninformative == (
        "no heat at all for increase, decrease: the prediction did not react to any pixel",
    )
    assert shown(painter, explained[0]).silent == dict.fromkeys(
        ("increase", "decrease"), uninformative.REACTS_TO_NOTHING
    )


def test_rounding_error_is_not_heat():
    weights = linear_weights() * 1e-13  # the prediction is 0.5
    painter, explained = painted(steering(linear(weights)), pictures(4, SIZE))
    result = shown(painter, explained[0])
    assert explained[0].attribution.any()
    assert painter.scale.full == {"increase": 0, "decrease": 0}
    assert not any(heat.any() for heat in result.heats.values())
    assert set(result.silent) == {"increase", "decrease"}


def test_a_small_prediction_with_a_map_of_its_size_has_heat():
    painter, explained = painted(steering(linear(linear_weights() * 1e-9, bias=0.0)), pictures(4, SIZE))
    assert painter.scale.full["increase"] > 0
    assert not shown(painter, explained[0]).silent


def test_one_case_can_be_empty_while_others_are_not():
    model = steering(linear(np.abs(linear_weights())))
    painter, explained = painted(model, pictures(4, SIZE))
    assert shown(painter, explained[0]).silent == {"decrease": uninformative.NONE}


def test_heat_far_below_the_scale_is_reported_as_weak():
    painter, explained = painted(steering(convolutional()), pictures(4, (24, 32)))
    one = explained[0]
    faint = dataclasses.replace(one, attribution=one.attribution * 1e-4)
    assert shown(painter, faint).silent == dict.fromkeys(("increase", "decrease"), uninformative.WEAK)


@pytest.mark.parametrize("lock", [None, 25.0])
def test_a_saturated_tanh_is_reported(lock):
    model = steering(with_tanh(1e4), AngleSpec("norm", positive="right", full_lock_deg=lock))
    painter, explained = painted(model, pictures(6, (24, 32)))
    assert "tanh is saturated in 6 of 6 probed frames" in painter.uninformative[0]
    assert "--pre-activation" in painter.uninformative[0]
    assert set(shown(painter, explained[0]).silent.values()) == {uninformative.FADED}


def test_a_tanh_that_is_unsaturated_or_excluded_is_not_reported():
    spec = AngleSpec("norm")
    assert painted(steering(with_tanh(1e-3), spec), pictures(6, (24, 32)))[0].uninformative == ()
    pre_activation = steering(with_tanh(1e4), spec, target=Target(spec, pre_activation=True))
    assert painted(pre_activation, pictures(6, (24, 32)))[0].uninformative == ()
