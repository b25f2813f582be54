"""The scene parameters: their ranges, their distributions, and what is refused."""

import dataclasses
import math

import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.synthetic.scene_parameters import Choice, Range, SceneParameters, check_names, parameters, parse

NUMBERS = [name for name, values in parameters().items() if isinstance(values, Range)]
WORDS = [name for name, values in parameters().items() if isinstance(values, Choice)]


def drawn(seed, **held):
    return SceneParameters.drawn(np.random.default_rng(seed), **held)


def test_every_field_is_a_parameter_with_its_default_in_range():
    assert set(parameters()) == {field.name for field in dataclasses.fields(SceneParameters)}
    for name, values in parameters().items():
        assert values.check(getattr(SceneParameters(), name)) is None


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_its_range_is_refused_in_one_line(name):
    values = parameters()[name]
    for value in (values.low, values.high):
        whole = int(value) if values.whole else value
        assert getattr(SceneParameters(**{name: whole}), name) == value
    for value in (values.low - 1, values.high + 1, math.nan, math.inf, "1", None, True):
        with pytest.raises(OptionError, match=f"^expected {name} to be a .*number from") as caught:
            SceneParameters(**{name: value})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", WORDS)
def test_an_unknown_word_is_refused_with_the_choices(name):
    for word in parameters()[name].weights:
        assert getattr(SceneParameters(**{name: word}), name) == word
    with pytest.raises(OptionError, match="'purple'") as caught:
        SceneParameters(**{name: "purple"})
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in parameters()[name].weights)


def test_half_a_lane_is_refused():
    with pytest.raises(OptionError, match=r"lanes_beyond to be a whole number from 0 to 2, but 1\.5"):
        SceneParameters(lanes_beyond=1.5)


def test_unknown_names_are_refused():
    with pytest.raises(OptionError, match="'lihgt' is none; did you mean light"):
        drawn(1, lihgt="night")
    with pytest.raises(OptionError, match="did you mean vehicles"):
        check_names(["light", "vehicle"])
    with pytest.raises(OptionError, match=r"'xqz' is none; see docs/world\.md"):
        parse("xqz", "1")
    check_names(parameters())


def test_a_seed_determines_the_scene():
    assert drawn(3) == drawn(3)
    assert len({drawn(seed).camera_height_m for seed in range(10)}) == 10


@pytest.mark.parametrize("name", parameters())
def test_holding_one_parameter_changes_no_other(name):
    values = parameters()[name]
    value = (values.low if not values.whole else int(values.low)) if isinstance(values, Range) else "none"
    if isinstance(values, Choice):
        value = list(values.weights)[-1]
    free, held = (dataclasses.asdict(scene) for scene in (drawn(5), drawn(5, **{name: value})))
    assert held.pop(name) == value
    free.pop(name)
    assert held == free


def test_held_values_are_checked_too():
    with pytest.raises(OptionError, match="trees to be a number from 0 to 1, but 2"):
        drawn(1, trees=2)


def test_random_scenes_cover_the_ranges():
    scenes = [drawn(seed) for seed in range(300)]
    for name in NUMBERS:
        values = parameters()[name]
        low, high = values.usual or (values.low, values.high)
        seen = np.array([getattr(scene, name) for scene in scenes])
        assert low <= seen.min() <= seen.max() <= high
        if name != "shortcut_strength":
            assert seen.min() < low + 0.3 * (high - low)
            assert seen.max() > low + 0.7 * (high - low)
        if values.whole and high - low < 5:
            assert set(seen) == set(range(int(low), int(high) + 1))
    for name in WORDS:
        wanted = {word for word, weight in parameters()[name].weights.items() if weight}
        assert {getattr(scene, name) for scene in scenes} == wanted
    # there is a shortcut only if it is set, and then at full strength
    assert {(scene.shortcut, scene.shortcut_strength) for scene in scenes} == {("none", 1.0)}


def test_the_shapes_of_the_distributions():
    def draws(shape, usual=None):
        rng = np.random.default_rng(0)
        return np.array([Range(1.0, 9.0, shape, usual=usual).draw(rng) for _ in range(2000)])

    assert np.mean(draws("uniform") < 5) == pytest.approx(0.5, abs=0.05)
    assert np.mean(draws("low") < 3) == pytest.approx(0.5, abs=0.05)
    assert np.mean(np.abs(draws("middle") - 5) < 2) == pytest.approx(0.75, abs=0.05)
    assert np.mean(draws("log") < 3) == pytest.approx(0.5, abs=0.05)
    usual = draws("uniform", (4.0, 5.0))
    assert 4 <= usual.min() < 4.1 < 4.9 < usual.max() <= 5


@pytest.mark.parametrize("name", parameters())
def test_a_parameter_as_text(name):
    value = getattr(drawn(11), name)
    parsed = parse(name, str(value))
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("light", "nigt", "light to be day or dusk or night, but 'nigt'"),
        ("trees", "many", "trees to be a number from 0 to 1, but 'many'"),
        ("trees", "1.01", "from 0 to 1"),
        ("trees", "nan", "from 0 to 1"),
        ("trees", "", "from 0 to 1"),
        ("lanes_beyond", "1.0", "lanes_beyond to be a whole number from 0 to 2, but '1.0'"),
        ("lanes_beyond", "3", "whole number"),
    ],
)
def test_text_that_is_no_value_is_refused(name, text, says):
    with pytest.raises(OptionError, match=says):
        parse(name, text)
