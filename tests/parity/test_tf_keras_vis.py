"""Against tf-keras-vis: gradients, their mean over noise, the guided rule, class activation maps."""

from __future__ import annotations

import numpy as np
import pytest

from drivesal.model.backend import tensorflow
from tests.parity.peers import TOLERANCE, error, peer

saliency = peer("tf_keras_vis.saliency")
gradcam = peer("tf_keras_vis.gradcam")
layercam = peer("tf_keras_vis.layercam")
modifiers = peer("tf_keras_vis.utils.model_modifiers")

# it gives Keras a list where the network takes one picture, which Keras accepts
pytestmark = pytest.mark.filterwarnings("ignore:The structure of `inputs`")

SIGNED = {"keepdims": True, "gradient_modifier": None, "normalize_map": False}
SMALL = {"expand_cam": False, "normalize_cam": False, "activation_modifier": None}
"""Its maps at the layer's size and with both signs, as drivesal's are before they are enlarged."""


def score(output):
    return output[:, 0]


def enlarged(small, images):
    return tensorflow().image.resize(np.asarray(small)[..., None], images.shape[1:3])


def test_gradient(case):
    theirs = saliency.Saliency(case.network)(score, case.inputs, **SIGNED)
    assert error(case.attributed("gradient").raw, theirs) <= TOLERANCE


def test_smoothgrad_under_the_same_noise(case, same_noise):
    noise = case.noise(6, 0.1)
    same_noise([noise.swapaxes(0, 1)])  # it draws for all frames at once, samples first
    theirs = saliency.Saliency(case.network)(score, case.inputs, smooth_samples=6, **SIGNED)
    ours = case.attributed("smoothgrad", samples=6, noise=0.1).raw
    assert error(ours, theirs) <= TOLERANCE
    assert error(case.attributed("gradient").raw, theirs) > 100 * TOLERANCE


def test_guided_where_it_has_a_rule(relu):
    """Only of `activation="relu"`: for anything else, also layers.ReLU, it gives the plain gradient."""
    changed = saliency.Saliency(relu.network, model_modifier=modifiers.GuidedBackpropagation())
    theirs = changed(score, relu.inputs, **SIGNED)
    assert error(relu.attributed("guided").raw, theirs) <= TOLERANCE
    assert error(relu.attributed("gradient").raw, theirs) > 100 * TOLERANCE


@pytest.mark.parametrize("which", [0, 1])
def test_grad_cam(case, which):
    conv = case.convolutions[which]
    theirs = gradcam.Gradcam(case.network)(score, case.inputs, penultimate_layer=conv, **SMALL)
    assert (np.asarray(theirs) < 0).any()
    ours = case.attributed("grad-cam", conv=conv, place="stretch").raw
    assert error(ours, enlarged(theirs, case.images)) <= TOLERANCE


def test_the_positive_part_of_grad_cam_where_nothing_is_enlarged(small):
    """As it comes without options: its ReLU before, and its zoom, which is none here, after."""
    conv = small.convolutions[0]
    theirs = gradcam.Gradcam(small.network)(score, small.inputs, penultimate_layer=conv, normalize_cam=False)
    ours = np.maximum(small.attributed("grad-cam", conv=conv).raw[..., 0], 0)
    assert error(ours, theirs) <= TOLERANCE


@pytest.mark.parametrize("which", [0, 1])
def test_layer_cam(case, which):
    conv = case.convolutions[which]
    theirs = layercam.Layercam(case.network)(score, case.inputs, penultimate_layer=conv, **SMALL)
    ours = case.attributed("layer-cam", conv=conv, place="stretch").raw
    assert error(ours, enlarged(theirs, case.images)) <= TOLERANCE
