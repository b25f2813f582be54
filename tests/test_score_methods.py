"""The scores of the methods: how they are computed, and that docs and warnings agree with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from drivesal.attribution.registry import methods
from drivesal.trust.randomization import cascade, from_the_top, ranks, spearman
from tests.models import convolutional, nested, steering

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import score_methods
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return score_methods


@pytest.fixture(scope="module")
def rendered(script):
    """The script's module for the table."""
    return sys.modules["score_table"]


@pytest.fixture(scope="module")
def scores():
    return json.loads((ROOT / "docs" / "method-scores.json").read_text(encoding="utf-8"))


def weights_of(network):
    return {layer.name: [np.array(one) for one in layer.get_weights()] for layer in from_the_top(network)}


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_equal_values_share_the_mean_of_their_ranks():
    assert ranks(np.array([[3.0, 1.0], [3.0, 2.0]])).tolist() == [3.5, 1.0, 3.5, 2.0]
    assert ranks(np.zeros(5)).tolist() == [3.0] * 5


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [1, 8, 27, 64], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, -100], -1.0),
        # 1 − 6 Σd² / (n (n² − 1)), which holds where nothing is equal: d = 0, 1, −1, 0, 0
        ([1, 2, 3, 4, 5], [1, 3, 2, 4, 5], 1 - 6 * 2 / (5 * 24)),
        # ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5
        ([1, 2, 2, 3], [1, 2, 3, 4], 4.5 / np.sqrt(4.5 * 5)),
        # ranks 1.5, 1.5, 3.5, 3.5 and 1.5, 3.5, 1.5, 3.5
        ([0, 0, 1, 1], [0, 1, 0, 1], 0.0),
    ],
)
def test_spearman_of_known_values(one, other, expected):
    assert spearman(np.array(one), np.array(other)) == pytest.approx(expected)


def test_spearman_of_a_map_that_is_the_same_all_over_is_undefined():
    assert np.isnan(spearman(np.ones((3, 4)), np.arange(12.0).reshape(3, 4)))


@pytest.mark.parametrize("make", [convolutional, nested])
def test_layers_are_randomised_one_after_the_other_from_the_top(make):
    network = make()
    learnt = weights_of(network)
    order = list(learnt)
    for seed, layer, copy in cascade(network, (1, 2)):
        changed = weights_of(copy)
        forgotten = order[: order.index(layer) + 1]
        for name in order:
            # biases begin as they are drawn, all 0, in the networks of these tests
            assert same(changed[name][:1], learnt[name][:1]) == (name not in forgotten), (seed, layer, name)
        assert all(same(weights_of(network)[name], learnt[name]) for name in order)
    assert order[0] == "steering"
    assert layer == order[-1]


def test_random_weights_depend_on_the_seed_and_the_layers_initialisers():
    network = convolutional()
    first, dense = network.layers[0], network.layers[-2]
    first.trainable = False  # frozen layers forget as well
    dense.set_weights([np.full_like(one, 3) for one in dense.get_weights()])
    ends = [weights_of(copy) for _, layer, copy in cascade(network, (1, 2, 1)) if layer == first.name]
    for name in ends[0]:
        assert same(ends[0][name], ends[2][name])
        assert not same(ends[0][name], ends[1][name])
    kernel, bias = ends[0][dense.name]
    limit = np.sqrt(6 / sum(kernel.shape))  # Glorot's, uniform
    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
    assert not bias.any()


def test_the_hottest_pixel_is_of_the_smoothed_heat(script):
    heat = np.zeros((40, 60), np.float32)
    heat[5, 50] = 2.0  # a speck, which smoothing takes away
    heat[20:30, 10:20] = 1.0
    mask = np.zeros(heat.shape, bool)
    mask[20:30, 10:20] = True
    assert script.hit(heat, mask) == 1.0
    assert script.hit(heat, ~mask) == 0.0
    assert np.isnan(script.hit(0 * heat, mask))


def test_the_stages_follow_from_the_kinds_of_layers(script):
    model = steering(convolutional())
    names = [layer.name for layer in from_the_top(model.network)]
    assert script.stages_of(model) == {
        "last layer": "steering",
        "all dense layers": names[1],
        "every layer": names[3],
    }


def test_every_method_is_scored(scores):
    assert list(scores["methods"]) == list(methods())
    for name, method in methods().items():
        one = scores["methods"][name]
        assert one["options"] == method.settings({}), f"{name} was scored with other defaults: score it again"
        assert set(one["share"]) == ({"increase", "decrease", "magnitude"} if method.signed else {"magnitude"})


def test_the_scores_are_those_of_the_shipped_model(scores, script):
    assert scores["model"]["sha256"] == script.load_model(script.default_model()).sha256


def test_methods_that_do_not_use_the_head_do_not_change_with_it(scores):
    for name, method in methods().items():
        kept = scores["methods"][name]["sanity"]["all dense layers"]
        assert (kept == 1.0) == (not method.uses_head), name


def test_a_method_warns_of_the_head_exactly_if_its_map_hardly_changes(scores, rendered):
    warned = {name for name, method in methods().items() if "steering head" in method.caution}
    assert warned == {name for name, one in scores["methods"].items() if rendered.head_insensitive(one)}


def test_the_table_in_the_docs_matches_the_scores(scores, rendered):
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert rendered.with_table(text, scores) == text
