"""The label against closed forms: pure pursuit of a point on the lane, and the kinematic bicycle."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesal.synthetic.car import (
    LOOK_AHEAD_M,
    Pose,
    curvature_of,
    drive,
    nearest_along,
    pose_beside,
    steering_deg,
    wheel_deg,
)
from drivesal.synthetic.road import Road
from drivesal.synthetic.scene_parameters import SceneParameters

STRAIGHT = Road.from_pieces([(200.0, 0.0)])


def circle(radius):
    return Road.from_pieces([(1.5 * abs(radius) + 80, 1 / radius)], curvature=1 / radius)


def offsets(road, motion):
    """(n,) offsets of the poses to the left of the lane's centre [m]."""
    left = []
    for pose in motion.poses:
        place = road.at(pose.along)
        left.append(
            (pose.y - place.y) * math.cos(place.heading) - (pose.x - place.x) * math.sin(place.heading)
        )  # fmt: skip
    return np.array(left)


def test_straight_ahead_needs_no_steering():
    for along in (0.0, 17.3, 150.0):
        assert steering_deg(STRAIGHT, pose_beside(STRAIGHT, along)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("radius", [30.0, 60.0, 150.0, 400.0, -30.0, -90.0, -1000.0])
def test_on_a_circle_the_label_is_the_bicycle_models(radius):
    expected = 14.8 * math.degrees(math.atan(2.85 / radius))
    assert wheel_deg(1 / radius) == pytest.approx(expected, abs=1e-9)
    road = circle(radius)
    for along in (10.0, 33.3, abs(radius)):
        assert steering_deg(road, pose_beside(road, along)) == pytest.approx(expected, abs=0.02)


def test_the_label_is_continuous_along_the_road():
    road = Road.from_pieces([(40.0, 0.0), (20.0, 1 / 50), (40.0, 1 / 50), (20.0, -1 / 50), (60.0, 0.0)])
    angles = [steering_deg(road, pose_beside(road, along)) for along in np.arange(0, 140, 0.1)]
    # 1/25 of curvature over 20 m is 96 degrees at the wheel: half a degree for 0.1 m
    assert np.abs(np.diff(angles)).max() < 0.6
    assert max(angles) > 35
    assert min(angles) < -15


@pytest.mark.parametrize("left", [-2.0, -0.5, 0.3, 1.0])
def test_off_the_lanes_centre_it_steers_back(left):
    pose = pose_beside(STRAIGHT, 40.0, left)
    sine = -left / LOOK_AHEAD_M  # of the angle to a point on the centre, 25 m away
    assert steering_deg(STRAIGHT, pose) == pytest.approx(wheel_deg(2 * sine / LOOK_AHEAD_M), abs=1e-6)
    assert np.sign(steering_deg(STRAIGHT, pose)) == -np.sign(left)


@pytest.mark.parametrize("turned", [-6.0, -1.0, 2.5, 6.0])
@pytest.mark.parametrize("left", [0.0, 0.8])
def test_turned_off_the_lane_it_steers_back(turned, left):
    pose = pose_beside(STRAIGHT, 40.0, left, math.radians(turned))
    direction = math.asin(-left / LOOK_AHEAD_M) - math.radians(turned)
    expected = wheel_deg(2 * math.sin(direction) / LOOK_AHEAD_M)
    assert steering_deg(STRAIGHT, pose) == pytest.approx(expected, abs=1e-6)


@given(
    pieces=st.lists(
        st.tuples(st.integers(10, 80).map(float), st.floats(-1 / 35, 1 / 35)), min_size=1, max_size=5
    ),
    left=st.floats(-1.5, 1.5),
    turned=st.floats(-0.12, 0.12),
    share=st.floats(0, 1),
)
@settings(max_examples=80, deadline=None)
def test_the_mirror_image_has_the_negated_label(pieces, left, turned, share):
    road = Road.from_pieces([*pieces, (60.0, 0.0)])
    mirrored = Road.from_pieces([*((length, -end) for length, end in pieces), (60.0, 0.0)])
    along = share * (road.length_m - 60)
    angle = steering_deg(road, pose_beside(road, along, left, turned))
    other = steering_deg(mirrored, pose_beside(mirrored, along, -left, -turned))
    assert other == pytest.approx(-angle, abs=1e-6)


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(-3, 3))
@settings(max_examples=30, deadline=None)
def test_the_label_does_not_depend_on_the_roads_position(x, y, turn):
    road = Road.from_pieces([(20.0, 0.0), (30.0, 1 / 60), (80.0, 1 / 60)])
    pose = pose_beside(road, 15.0, 0.4, -0.03)
    cos, sin = math.cos(turn), math.sin(turn)
    moved = Road(
        road.along,
        x + cos * road.x - sin * road.y,
        y + sin * road.x + cos * road.y,
        road.heading + turn,
        road.curvature,
    )
    there = Pose(
        x + cos * pose.x - sin * pose.y, y + sin * pose.x + cos * pose.y, pose.heading + turn, pose.along
    )
    assert steering_deg(moved, there) == pytest.approx(steering_deg(road, pose), abs=1e-6)


def test_there_is_no_label_at_the_end_of_the_road():
    with pytest.raises(ValueError, match="the road ends within 25 m"):
        steering_deg(STRAIGHT, pose_beside(STRAIGHT, STRAIGHT.length_m - LOOK_AHEAD_M + 1))
    assert steering_deg(STRAIGHT, pose_beside(STRAIGHT, STRAIGHT.length_m - LOOK_AHEAD_M - 1)) == 0


@given(st.floats(-1 / 15, 1 / 15))
def test_wheel_and_curvature_are_inverse(curvature):
    assert curvature_of(wheel_deg(curvature)) == pytest.approx(curvature, abs=1e-12)


def test_the_nearest_point_of_the_road():
    road = circle(80.0)
    for along, left in ((40.0, 0.0), (55.3, 1.2), (90.1, -3.0)):
        x, y = road.beside(along, left)
        assert nearest_along(road, float(x), float(y), along + 7) == pytest.approx(along, abs=0.02)


@pytest.mark.parametrize("seed", range(12))
def test_a_drive_stays_in_its_lane(seed):
    road = Road.drawn(SceneParameters(), 1200.0, np.random.default_rng(seed))
    motion = drive(road, SceneParameters(), 400, 20.0, np.random.default_rng([seed, 1]))
    assert len(motion.poses) == len(motion.speeds) == 400
    left = offsets(road, motion)
    assert np.abs(left).max() < 1.2  # 60 seeds: 1.1 m at the most
    assert np.abs(left).max() > 0.05  # disturbances move it
    away = np.degrees([pose.heading - road.at(pose.along).heading for pose in motion.poses])
    assert np.abs(away).max() < 12


@pytest.mark.parametrize("seed", range(12))
def test_the_car_stays_in_its_lane_in_any_scene(seed):
    scene = SceneParameters.drawn(np.random.default_rng([seed, 0]))
    road = Road.drawn(scene, 1800.0, np.random.default_rng(seed))
    motion = drive(road, scene, 400, 20.0, np.random.default_rng([seed, 1]))
    assert np.abs(offsets(road, motion)).max() < scene.lane_width_m / 2


def test_after_a_swerve_of_the_road_the_car_is_back_on_it():
    road = STRAIGHT.bent(20.0, 15.0, 1.5)  # out and back within 30 m: too quick to follow
    motion = drive(road, SceneParameters(wander=0.0), 180, 20.0, np.random.default_rng(0))
    left = np.abs(offsets(road, motion))
    after = np.array([pose.along for pose in motion.poses]) > 120
    assert left.max() > 0.3
    assert after.sum() > 10
    assert left[after].max() < 0.05


def test_the_speed():
    road = Road.from_pieces([(150.0, 0.0), (40.0, 1 / 40), (80.0, 1 / 40), (40.0, 0.0), (400.0, 0.0)])
    scene = SceneParameters(speed_m_s=16.0, wander=0.0)
    motion = drive(road, scene, 500, 20.0, np.random.default_rng(0))
    along = np.array([pose.along for pose in motion.poses])
    assert motion.speeds.max() == pytest.approx(16.0)
    assert (
        motion.speeds[(along > 195) & (along < 260)].max() < 13
    )  # 3 m/s² of side acceleration at 40 m: 11 m/s
    np.testing.assert_allclose(motion.speeds[along > 420], 16.0)
    np.testing.assert_allclose(np.diff(along), motion.speeds[:-1] / 20, rtol=0.08)  # it cuts the bend


def test_a_drive_without_disturbances_on_a_straight_road_is_straight():
    motion = drive(STRAIGHT, SceneParameters(wander=0.0), 100, 20.0, np.random.default_rng(0))
    np.testing.assert_allclose([(pose.y, pose.heading) for pose in motion.poses], 0, atol=1e-9)
    np.testing.assert_allclose([pose.x for pose in motion.poses], 8 + 0.8 * np.arange(100), atol=1e-6)


def test_more_wander_means_larger_offsets():
    spread = [
        np.std(
            offsets(STRAIGHT, drive(STRAIGHT, SceneParameters(wander=w), 150, 20.0, np.random.default_rng(3)))
        )
        for w in (0.2, 1.0)
    ]
    assert spread[1] > 3 * spread[0] > 0


def test_a_seed_determines_the_trajectory():
    one, same, other = (
        drive(STRAIGHT, SceneParameters(), 60, 20.0, np.random.default_rng(seed)).poses for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_a_road_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="the road ends"):
        drive(STRAIGHT, SceneParameters(), 1000, 20.0, np.random.default_rng(0))
