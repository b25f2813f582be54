"""Against Xplique: gradients and their moments, the guided rules, integrated gradients, Grad-CAM, occlusion."""

from __future__ import annotations

import numpy as np
import pytest

from drivesal.attribution.engine import kernels
from drivesal.attribution.registry import Context
from drivesal.model.backend import tensorflow
from tests.models import steering
from tests.parity.peers import TOLERANCE, Case, error, peer

attributions = peer("xplique.attributions")
statistics = peer("xplique.attributions.gradient_statistics.gradient_statistic")

STEPS = 24
MANY = 512
LOOSE = 0.01
"""Between the trapezoidal and the midpoint rule at MANY steps."""


def explained(case, name, **options):
    """What it gives of the network's input; 1 for every picture chooses the one output."""
    explainer = getattr(attributions, name)(case.network, **options)
    return np.asarray(explainer.explain(case.inputs, np.ones((len(case.inputs), 1), np.float32)))


def test_the_size_of_the_gradient(case):
    theirs = explained(case, "Saliency", reducer=None)
    assert error(np.abs(case.attributed("gradient").raw), theirs) <= TOLERANCE


def test_the_largest_gradient_of_a_pixel(small):
    ours = small.attributed("gradient").reduced("max-abs")
    assert error(ours, explained(small, "Saliency")[..., 0]) <= TOLERANCE


def test_gradient_x_input(small):
    theirs = explained(small, "GradientInput", reducer=None)
    assert error(small.attributed("gradient-x-input").raw, theirs) <= TOLERANCE


@pytest.mark.parametrize(
    ("ours", "theirs", "factor"),
    [
        ("smoothgrad", "SmoothGrad", 1),
        ("squared-smoothgrad", "SquareGrad", 1),
        ("vargrad", "VarGrad", 5 / 6),  # it divides by one less than the samples
    ],
)
def test_moments_of_the_gradient_under_the_same_noise(small, ours, theirs, factor, monkeypatch):
    noise = small.noise(6, 0.1)

    def perturbed(x, samples, deviation):
        assert samples == 6
        return tensorflow().repeat(x, samples, axis=0) + noise.reshape(-1, *noise.shape[2:])

    monkeypatch.setattr(statistics.GradientStatistic, "_perturb_samples", staticmethod(perturbed))
    found = explained(small, theirs, reducer=None, nb_samples=6)
    assert error(small.attributed(ours, samples=6, noise=0.1).raw, factor * found) <= TOLERANCE


@pytest.mark.parametrize(("ours", "theirs"), [("guided", "GuidedBackprop"), ("rectified", "DeconvNet")])
def test_other_rules_for_relu(relu, ours, theirs):
    found = explained(relu, theirs, reducer=None)
    assert error(relu.attributed(ours).raw, found) <= TOLERANCE
    assert error(relu.attributed("gradient").raw, found) > 100 * TOLERANCE


def test_integrated_gradients_by_its_rule(small):
    """The trapezoidal rule from black with drivesal's compiled gradient."""
    gradient = kernels.gradient(small.model)
    weights = np.full(STEPS, 1 / (STEPS - 1), np.float32)
    weights[[0, -1]] /= 2

    def by_its_rule(x):
        points = np.linspace(0, 1, STEPS, dtype=np.float32)[:, None, None, None] * x
        _, found = gradient(points, np.zeros((STEPS, 0), np.float32))
        return np.tensordot(weights, found.numpy(), 1) * x

    theirs = explained(small, "IntegratedGradients", reducer=None, steps=STEPS)
    assert error(np.stack([by_its_rule(x) for x in small.inputs]), theirs) <= TOLERANCE


def test_integrated_gradients_of_many_steps(small):
    theirs = explained(small, "IntegratedGradients", reducer=None, steps=MANY)
    ours = small.attributed("integrated-gradients", steps=MANY, baseline="black").raw
    assert error(ours, theirs) <= LOOSE


def test_the_positive_part_of_grad_cam_where_nothing_is_enlarged(small):
    """It takes the positive part and enlarges by cubes: a layer of the picture's own size stays as it is."""
    conv = small.convolutions[0]
    ours = np.maximum(small.attributed("grad-cam", conv=conv).raw, 0)
    assert error(ours, explained(small, "GradCAM", conv_layer=conv)) <= TOLERANCE


@pytest.mark.parametrize(("fill", "value"), [("black", 0), ("mean", 100)])
@pytest.mark.parametrize("stride", [4, 8])
def test_occlusion(small, fill, value, stride):
    """Patches that end with the picture: it has no others at the edges. It sums where drivesal divides by how
    many patches cover a pixel."""
    grey = Context(np.full_like(small.context.mean, 100), small.context.images)
    case = Case(steering(small.model.network), small.images, grey, small.first)
    theirs = explained(case, "Occlusion", patch_size=8, patch_stride=stride, occlusion_value=float(value))
    covered = []
    for side in case.images.shape[1:3]:
        starts = np.zeros(side - 7)
        starts[::stride] = 1
        covered.append(np.convolve(starts, np.ones(8)))
    ours = case.attributed("occlusion", patch=8, stride=stride, fill=fill).raw
    assert error(ours, theirs / np.outer(*covered)[..., None]) <= TOLERANCE
