"""Against PAIR's saliency: gradients, their moments over noise, integrated gradients, occlusion."""

from __future__ import annotations

import numpy as np
import pytest

from drivesal.attribution.engine import kernels
from tests.parity.peers import TOLERANCE, error, peer

core = peer("saliency.core")

STEPS = 24
MANY = 512
LOOSE = 0.01
"""Between its rule and the midpoint rule at MANY steps: an end that is counted whole weighs 1/MANY too much."""


def call_of(case):
    """The network as it asks for it."""

    def call(x, call_model_args=None, expected_keys=None):
        scores, gradients = case.called(x)
        return {core.OUTPUT_LAYER_VALUES: scores, core.INPUT_OUTPUT_GRADIENTS: gradients}

    return call


def each(case, mask):
    """`mask(x, frame)` of every frame's input."""
    return np.stack([mask(x, i) for i, x in enumerate(case.inputs)])


def integrated(case, x, start, steps):
    return core.IntegratedGradients().GetMask(x, call_of(case), x_baseline=start, x_steps=steps, batch_size=32)


@pytest.fixture
def start(case):
    """The baseline at the network's input, of the mean picture."""
    return kernels.network_inputs(case.model, case.context.mean[None])[0]


def test_gradient(case):
    theirs = each(case, lambda x, i: core.GradientSaliency().GetMask(x, call_of(case)))
    assert error(case.attributed("gradient").raw, theirs) <= TOLERANCE


def test_smoothgrad_under_the_same_noise(case, same_noise):
    noise = case.noise(6, 0.1)
    same_noise(noise.reshape(-1, *noise.shape[2:]))
    theirs = each(
        case,
        lambda x, i: core.GradientSaliency().GetSmoothedMask(x, call_of(case), nsamples=6, magnitude=False),
    )
    assert error(case.attributed("smoothgrad", samples=6, noise=0.1).raw, theirs) <= TOLERANCE


def test_squared_smoothgrad_under_the_same_noise(small, same_noise):
    noise = small.noise(6, 0.1)
    same_noise(noise.reshape(-1, *noise.shape[2:]))
    theirs = each(
        small,
        lambda x, i: core.GradientSaliency().GetSmoothedMask(x, call_of(small), nsamples=6, magnitude=True),
    )
    assert error(small.attributed("squared-smoothgrad", samples=6, noise=0.1).raw, theirs) <= TOLERANCE


def test_integrated_gradients_by_its_rule(case, start):
    """Its points, both ends included and counted whole, with drivesal's compiled gradient."""
    gradient = kernels.gradient(case.model)

    def by_its_rule(x, i):
        points = start + np.linspace(0, 1, STEPS, dtype=np.float32)[:, None, None, None] * (x - start)
        _, found = gradient(points, np.zeros((STEPS, 0), np.float32))
        return found.numpy().mean(axis=0) * (x - start)

    theirs = each(case, lambda x, i: integrated(case, x, start, STEPS))
    assert error(each(case, by_its_rule), theirs) <= TOLERANCE


def test_integrated_gradients_by_the_midpoint_rule(case, start):
    """The method itself: from half a step behind the baseline to half a step before the picture, its points
    are the midpoints, on a way that is shorter by a step.

    Summed over the channels, as that is the same in every colour space.
    """

    def at_midpoints(x, i):
        half = (x - start) / (2 * STEPS)
        return integrated(case, x - half, start + half, STEPS) * STEPS / (STEPS - 1)

    theirs = each(case, at_midpoints).sum(axis=3)
    assert (
        error(case.attributed("integrated-gradients", steps=STEPS, baseline="mean").summed, theirs) <= TOLERANCE
    )


def test_integrated_gradients_of_many_steps(case, start):
    theirs = each(case, lambda x, i: integrated(case, x, start, MANY)).sum(axis=3)
    ours = case.attributed("integrated-gradients", steps=MANY, baseline="mean")
    assert error(ours.summed, theirs) <= LOOSE
    (before,), _ = case.called(start[None])
    gained = case.called(case.inputs)[0] - before
    assert ours.signed.sum(axis=(1, 2, 3)) == pytest.approx(gained, rel=LOOSE)
    assert theirs.sum(axis=(1, 2)) == pytest.approx(gained, rel=LOOSE)


def test_occlusion(small):
    """It sums over the patches, one at every pixel; drivesal divides by how many cover each."""
    size = 15
    theirs = each(small, lambda x, i: core.Occlusion().GetMask(x, call_of(small), size=size, value=0))
    covered = [np.convolve(np.ones(side - size + 1), np.ones(size)) for side in small.images.shape[1:3]]
    mean = theirs[..., :1] / np.outer(*covered)[..., None]
    ours = small.attributed("occlusion", patch=size, stride=1, fill="black").raw
    assert error(ours, mean) <= TOLERANCE
