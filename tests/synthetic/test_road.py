"""The road against closed forms, and the limits of random roads."""

import math

import numpy as np
import pytest

from drivesal.synthetic.road import STEP_M, Road
from drivesal.synthetic.scene_parameters import SceneParameters


def direction(road):
    """The heading computed from the points, at the middle of every step but the outer ones."""
    return np.arctan2(np.gradient(road.y)[1:-1], np.gradient(road.x)[1:-1])


def drawn_roads(count, length_m=1500.0, **held):
    for seed in range(count):
        scene = SceneParameters.drawn(np.random.default_rng([seed, 0]), **held)
        yield scene, Road.drawn(scene, length_m, np.random.default_rng([seed, 1]))


def test_a_straight_road_goes_straight_on():
    road = Road.from_pieces([(50.0, 0.0), (30.0, 0.0)])
    np.testing.assert_allclose(road.x, np.arange(0, 80.1, STEP_M), atol=1e-9)
    np.testing.assert_array_equal([road.y, road.heading, road.curvature], np.zeros((3, len(road.x))))
    assert road.length_m == 80


@pytest.mark.parametrize("radius", [30.0, -30.0, 100.0, -400.0])
def test_one_curvature_is_a_circle(radius):
    road = Road.from_pieces([(0.9 * 2 * math.pi * abs(radius), 1 / radius)], curvature=1 / radius)
    turned = road.along / radius
    np.testing.assert_allclose(road.x, radius * np.sin(turned), atol=1e-6)
    np.testing.assert_allclose(road.y, radius * (1 - np.cos(turned)), atol=1e-6)
    np.testing.assert_allclose(road.heading, turned, atol=1e-9)


def test_a_whole_turn_comes_back_to_its_start():
    radius = 200 * STEP_M / (2 * math.pi)  # a circumference of whole steps
    road = Road.from_pieces([(200 * STEP_M, 1 / radius)], curvature=1 / radius)
    assert (road.x[-1], road.y[-1]) == pytest.approx((0, 0), abs=1e-6)
    assert road.heading[-1] == pytest.approx(2 * math.pi)
    assert np.hypot(road.x, road.y).max() == pytest.approx(2 * radius, rel=1e-3)


@pytest.mark.parametrize("end", [1 / 40, -1 / 90])
def test_a_clothoids_curvature_grows_with_the_length(end):
    long = 60.0
    road = Road.from_pieces([(long, end)])
    np.testing.assert_allclose(road.curvature, end * road.along / long, atol=1e-12)
    np.testing.assert_allclose(road.heading, end * road.along**2 / (2 * long), atol=1e-9)
    # the Fresnel integrals, summed a hundred times finer
    fine = np.linspace(0, long, int(long / STEP_M) * 100 + 1)
    middle = (fine[1:] + fine[:-1]) / 2
    turned = end * middle**2 / (2 * long)
    step = fine[1] - fine[0]
    x, y = (np.concatenate([[0], np.cumsum(f(turned) * step)])[::100] for f in (np.cos, np.sin))
    np.testing.assert_allclose(road.x, x, atol=2e-3)
    np.testing.assert_allclose(road.y, y, atol=2e-3)


def test_pieces_join_without_a_jump():
    road = Road.from_pieces([(20.0, 0.0), (30.0, 1 / 50), (40.0, 1 / 50), (30.0, -1 / 80), (25.0, 0.0)])
    assert np.abs(np.diff(road.curvature)).max() <= (1 / 50 + 1 / 80) / 30 * STEP_M + 1e-12
    assert np.interp([20, 50, 90, 120, 145], road.along, road.curvature) == pytest.approx(
        [0, 1 / 50, 1 / 50, -1 / 80, 0], abs=1e-12
    )
    assert road.heading[-1] == pytest.approx(15 / 50 + 40 / 50 + 15 / 50 - 15 / 80 - 12.5 / 80)


def test_positions_beside_the_road_have_their_distance():
    radius = 80.0
    road = Road.from_pieces([(150.0, 1 / radius)], curvature=1 / radius)
    beside = road.beside(np.array([20.0, 60.0, 120.0]), np.array([0.0, 5.0, -7.0]))
    np.testing.assert_allclose(np.hypot(beside[:, 0], beside[:, 1] - radius), [80, 75, 87], atol=1e-6)
    shifted = road.shifted(2.0)
    np.testing.assert_allclose(np.hypot(shifted[:, 0], shifted[:, 1] - radius), 78, atol=1e-6)
    place = road.at(60.0)
    assert (place.heading, place.curvature) == pytest.approx((60 / radius, 1 / radius))


def test_a_segment_of_the_road_covers_its_range():
    road = Road.from_pieces([(100.0, 1 / 90)])
    part = road.between(20.2, 40.3)
    assert part.along[0] <= 20.2
    assert part.along[-1] >= 40.3
    assert len(part.along) <= 20.1 / STEP_M + 3
    first = int(np.flatnonzero(road.along == part.along[0])[0])
    np.testing.assert_array_equal(part.x, road.x[first : first + len(part.x)])
    assert len(road.between(-10.0, 500.0).along) == len(road.along)


def test_random_roads_are_long_enough_and_smooth():
    for scene, road in drawn_roads(80):
        assert road.length_m >= 1500
        assert np.abs(road.curvature).max() * scene.tightest_radius_m <= 1 + 1e-9
        # from straight on to the tightest bend takes 8 m or more, and a step its share of that
        assert np.abs(np.diff(road.curvature)).max() <= 1 / scene.tightest_radius_m * STEP_M / 8 + 1e-12
        np.testing.assert_allclose(np.hypot(np.diff(road.x), np.diff(road.y)), STEP_M, rtol=1e-4)
        off = direction(road) - road.heading[1:-1]
        assert np.abs(off).max() < 1e-3


def straight(share):
    roads = [
        Road.drawn(SceneParameters(straight_share=share), 1500.0, np.random.default_rng(n)) for n in range(30)
    ]
    return np.mean([np.mean(road.curvature == 0) for road in roads])


def test_bends_go_both_ways_and_there_are_roads_of_only_bends_and_of_none():
    curvatures = np.concatenate([road.curvature for _, road in drawn_roads(20, straight_share=0.0)])
    assert 0.25 < np.mean(curvatures < -1e-4) < 0.75
    assert 0.25 < np.mean(curvatures > 1e-4) < 0.75
    assert straight(0.0) < 0.05
    assert straight(1.0) == 1.0


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_share_of_straight_road(share):
    assert straight(share) == pytest.approx(share, abs=0.12)


@pytest.mark.parametrize("tightest", [30.0, 90.0, 400.0])
def test_a_random_road_never_turns_back_and_so_never_meets_itself(tightest):
    for seed in range(300):
        scene = SceneParameters(tightest_radius_m=tightest, straight_share=0.0)
        road = Road.drawn(scene, 3000.0, np.random.default_rng(seed))
        assert np.degrees(np.abs(road.heading).max()) < 75.5, seed


def test_a_seed_determines_the_road():
    one, same, other = (
        Road.drawn(SceneParameters(), 800.0, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )  # fmt: skip
    np.testing.assert_array_equal(one.x, same.x)
    np.testing.assert_array_equal(one.curvature, same.curvature)
    assert one.curvature[:1000].tolist() != other.curvature[:1000].tolist()


PATHS = {
    "straight": Road.from_pieces([(150.0, 0.0)]),
    "arc": Road.from_pieces([(150.0, 1 / 60)], curvature=1 / 60),
    "s": Road.from_pieces([(30.0, 0.0), (30.0, -1 / 50), (30.0, -1 / 50), (60.0, 1 / 70)]),
}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("push", [1.5, -0.4])
def test_a_bent_road_is_displaced_in_the_middle_and_nowhere_else(name, push):
    road = PATHS[name]
    bent = road.bent(40.0, 25.0, push)
    outside = (road.along <= 40) | (road.along >= 90)
    np.testing.assert_allclose(bent.x[outside], road.x[outside], atol=1e-9)
    np.testing.assert_allclose(bent.y[outside], road.y[outside], atol=1e-9)
    np.testing.assert_allclose(bent.heading[outside], road.heading[outside], atol=1e-9)
    np.testing.assert_array_equal(bent.along, road.along)
    np.testing.assert_allclose(
        [bent.at(65.0).x, bent.at(65.0).y], road.beside(65.0, push), atol=1e-9
    )  # fmt: skip
    left = -(bent.x - road.x) * np.sin(road.heading) + (bent.y - road.y) * np.cos(road.heading)
    share = left / push
    assert share.min() > -1e-9
    assert share.max() < 1 + 1e-9
    assert np.interp([52.5, 77.5], road.along, share) == pytest.approx([0.5, 0.5], abs=1e-6)


@pytest.mark.parametrize("name", PATHS)
def test_a_bent_roads_heading_is_that_of_its_points(name):
    bent = PATHS[name].bent(40.0, 25.0, 1.5)
    off = direction(bent) - bent.heading[1:-1]
    # of up to 0.094: the points' own heading is a difference over a metre, and the push is taken as if along a
    # straight line, which in a bend is off by its share of the radius
    assert np.abs(off).max() < 4e-3
    assert np.abs(bent.heading - PATHS[name].heading).max() == pytest.approx(np.arctan(1.5 * np.pi / 50))
