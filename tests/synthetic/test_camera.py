"""The camera against closed forms of the pinhole model."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesal.synthetic.camera import AHEAD_OF_AXLE_M, NEAR_M, Camera, camera_frame, world_from_camera
from drivesal.synthetic.car import Pose
from drivesal.synthetic.scene_parameters import SceneParameters

LEVEL = Camera((640, 480), 1.25, 0.0, 0.0, 60.0)
CAMERAS = [LEVEL, Camera((320, 160), 1.1, 4.0, -2.5, 24.0), Camera((160, 120), 2.5, -3.0, 3.0, 100.0)]


def test_the_focal_length_follows_from_the_field_of_view():
    assert LEVEL.focal_px == pytest.approx(320 / math.tan(math.radians(30)))
    # a point on the edge of the field of view is on the edge of the image
    points = np.array([[10.0, side * 10 * math.tan(math.radians(30)), 1.25] for side in (1, -1)])
    np.testing.assert_allclose(LEVEL.project(points)[0], [[0, 240], [640, 240]], atol=1e-9)


@pytest.mark.parametrize("depth", [2.0, 10.0, 60.0])
@pytest.mark.parametrize("left", [0.0, 1.75, -3.0])
def test_a_point_of_the_ground_seen_by_a_level_camera(depth, left):
    (u, v), away = LEVEL.project(np.array([depth, left]))
    focal = LEVEL.focal_px
    assert (u, v) == pytest.approx((320 - focal * left / depth, 240 + focal * 1.25 / depth))
    assert away == pytest.approx(depth)


def test_the_signs_of_pitch_and_yaw():
    far = np.array([1e7, 0.0, 1.25])
    (u, v), _ = Camera((640, 480), 1.25, 2.0, 0.0, 60.0).project(far)  # down: the horizon rises
    assert (u, v) == pytest.approx((320, 240 - LEVEL.focal_px * math.tan(math.radians(2))), abs=1e-3)
    (u, v), _ = Camera((640, 480), 1.25, 0.0, 2.0, 60.0).project(far)  # left: all moves right
    assert (u, v) == pytest.approx((320 + LEVEL.focal_px * math.tan(math.radians(2)), 240), abs=1e-3)


@pytest.mark.parametrize("horizon", [0.2, 0.44, 0.6])
@pytest.mark.parametrize("yaw", [0.0, 3.0])
def test_the_horizon_is_where_the_scene_sets_it(horizon, yaw):
    camera = Camera.of(SceneParameters(horizon=horizon, yaw_deg=yaw, field_of_view_deg=50.0), (320, 240))
    assert camera.horizon_px == pytest.approx(horizon * 240)
    far = np.array([[1e8, 0.0], [1e8, 4e7], [1e8, -4e7]])
    np.testing.assert_allclose(camera.project(far)[0][:, 1], horizon * 240, atol=1e-3)
    assert horizon * 240 < camera.first_row + 0.5 <= horizon * 240 + 2


@pytest.mark.parametrize("camera", CAMERAS)
def test_every_row_of_the_ground_has_its_depth(camera):
    for row in (camera.first_row + 5, camera.size[1] - 1):
        depth = float(camera.row_depths[row - camera.first_row, 0])
        for column in (0.5, camera.size[0] - 0.5):
            x, y, w = camera.to_ground @ [column, row + 0.5, 1]
            (u, v), away = camera.project(np.array([x / w, y / w]))
            assert (u, v) == pytest.approx((column, row + 0.5), abs=1e-6)
            assert away == pytest.approx(depth, rel=1e-4)
    assert camera.row_depths.shape == (camera.size[1] - camera.first_row, 1)
    assert (np.diff(camera.row_depths[:, 0]) < 0).all()


@given(st.sampled_from(CAMERAS), st.floats(1, 150), st.floats(-20, 20))
def test_projection_to_the_ground_and_back(camera, ahead, left):
    (u, v), _ = camera.project(np.array([ahead, left]))
    x, y, w = camera.to_ground @ [u, v, 1]
    assert (x / w, y / w) == pytest.approx((ahead, left), rel=1e-5, abs=1e-5)
    same, _ = camera.project(np.array([ahead, left, 0.0]))
    assert same == pytest.approx([u, v])


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_polygon_behind_the_camera_is_clipped(camera):
    square = np.array([[-5.0, -2.0], [-5.0, 2.0], [20.0, 2.0], [20.0, -2.0]])
    outline = camera.outline(square)
    assert np.isfinite(outline).all()
    back = np.column_stack([outline, np.ones(len(outline))]) @ camera.to_ground.T
    ground = back[:, :2] / back[:, 2:]
    depths = ground @ camera.matrix[2, :2] + camera.matrix[2, 3]
    assert depths.min() == pytest.approx(NEAR_M)
    assert (depths >= NEAR_M - 1e-6).all()
    assert (np.abs(ground[:, 1]) < 2 + 1e-6).all()
    assert {(20.0, 2.0), (20.0, -2.0)} <= {(round(x, 6), round(y, 6)) for x, y in ground}
    assert camera.outline(square - [40, 0]) is None


def test_a_polygon_in_front_is_whole():
    corners = np.array([[10.0, -1.0, 0.0], [10.0, 1.0, 0.0], [10.0, 1.0, 2.0], [10.0, -1.0, 2.0]])
    np.testing.assert_array_equal(LEVEL.outline(corners), LEVEL.project(corners)[0])


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(-3, 3))
def test_the_cameras_frame_is_ahead_of_the_rear_axle(x, y, heading):
    pose = Pose(x, y, heading, 0.0)
    ahead = np.array(
        [x + (AHEAD_OF_AXLE_M + 7) * math.cos(heading), y + (AHEAD_OF_AXLE_M + 7) * math.sin(heading)]
    )
    np.testing.assert_allclose(camera_frame(pose, ahead), [7, 0], atol=1e-9)
    left = world_from_camera(pose) @ [3.0, 2.0, 1.0]
    np.testing.assert_allclose(camera_frame(pose, left[:2]), [3, 2], atol=1e-9)


def test_reach_grows_with_the_focal_length():
    assert Camera((640, 480), 1.25, 0, 0, 100.0).reach == 1
    assert Camera((640, 480), 1.25, 0, 0, 24.0).reach == pytest.approx(
        math.tan(math.radians(30)) / math.tan(math.radians(12)), rel=1e-3
    )
