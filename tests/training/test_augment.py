"""Changed views against the synthetic road, where the right image is known; other changes keep the label."""

import numpy as np
import pytest

from drivesal.model.preprocess import Crop, Preprocess
from drivesal.synthetic.camera import Camera
from drivesal.synthetic.car import STEERING_RATIO, WHEELBASE_M, curvature_of, pose_beside, wheel_deg
from drivesal.synthetic.road import Road
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.world import World
from drivesal.training import augment
from drivesal.training.augment import (
    Geometry,
    ViewChange,
    ViewChanges,
    balancing_weights,
    change_look,
    change_view,
    move_camera,
)

SIZE, SEEN = (320, 240), (0.42, 0.92)
PREPROCESS = Preprocess((66, 200), Crop("fraction", rows=SEEN), "area")
SCENE = SceneParameters(
    trees=0,
    hills=0,
    poles=0,
    posts=0,
    signs=0,
    vehicles=0,
    haze=0,
    noise=0,
    blur_px=0,
    patches=0,
    wear=0,
    jpeg_quality=100,
    passing_clouds=0,
    wander=0,
)


@pytest.fixture(scope="module")
def geometry():
    camera = Camera.of(SCENE, SIZE)
    focal = (camera.focal_px / SIZE[0], camera.focal_px / SIZE[1])
    return Geometry(focal, SCENE.horizon, SCENE.camera_height_m, WHEELBASE_M, STEERING_RATIO)


def drawn(curvature=0.0, left_m=0.0, turned_deg=0.0):
    """The frame of a straight road, or of a road with this curvature from the car on."""
    road = Road.from_pieces([(30.0, 0.0), (0.01, curvature), (400.0, curvature)])
    world = World(SCENE, 1, road, SIZE)
    pose = pose_beside(road, 30.0 - 1.8, left_m, np.radians(turned_deg))  # the camera is where the bend starts
    return world.clean(world.moment(0, 0.0, pose))


def paint(image):
    """(h, w) bool: bright or yellow pixels, the road markings."""
    return image.astype(float).max(axis=2) > 125


FILLER = np.zeros((66, 200, 3), np.uint8)
STILL = ViewChange()


@pytest.mark.parametrize(
    ("change", "truth"),
    [
        (ViewChange(bend_deg=5.0), {"curvature": curvature_of(5.0)}),
        (ViewChange(bend_deg=-8.0), {"curvature": curvature_of(-8.0)}),
        (ViewChange(shift_m=0.3), {"left_m": 0.3}),
        (ViewChange(yaw_deg=-0.9), {"turned_deg": -0.9}),
    ],
)
def test_a_changed_view_is_the_image_from_the_changed_pose(geometry, change, truth):
    seen = change_view(drawn(), SEEN, FILLER, geometry, change, STILL)
    known, unchanged = PREPROCESS.prepare(drawn(**truth)), PREPROCESS.prepare(drawn())
    near = np.s_[6:, 20:180]  # nearer than 60 m, without the image's edge
    overlap = (paint(seen)[near] & paint(known)[near]).sum() / (paint(seen)[near] | paint(known)[near]).sum()
    before = (paint(unchanged)[near] & paint(known)[near]).sum()
    before = before / (paint(unchanged)[near] | paint(known)[near]).sum()
    assert overlap > 0.6
    assert overlap > before + 0.2


def test_the_label_of_a_bend_is_its_bicycle_angle(geometry):
    assert ViewChange(bend_deg=7.0).label_deg(geometry, ViewChanges()) == pytest.approx(7.0)
    assert geometry.wheel_deg(geometry.curvature(7.0)) == pytest.approx(7.0)


def test_a_car_to_the_left_or_turned_left_steers_right_by_pure_pursuit(geometry):
    views = ViewChanges(yaw_ahead_m=25.0, shift_ahead_m=25.0)
    turned = ViewChange(yaw_deg=1.0).label_deg(geometry, views)
    assert turned == pytest.approx(-wheel_deg(2 * np.sin(np.radians(1.0)) / 25.0))
    assert ViewChange(shift_m=0.3).label_deg(geometry, views) == pytest.approx(-wheel_deg(2 * 0.3 / 25.0**2))


def test_the_filler_covers_pixels_outside_the_frame_of_view_and_decoy(geometry):
    filler = np.full((66, 200, 3), 255, np.uint8)
    frame = np.zeros((240, 320, 3), np.uint8)
    bent = change_view(frame, SEEN, filler, geometry, ViewChange(bend_deg=9.0), STILL)
    decoy = change_view(frame, SEEN, filler, geometry, STILL, ViewChange(bend_deg=-9.0))
    assert (bent[20, :100] == 0).all()
    assert (bent[20, 190:] == 255).all()
    assert (decoy[20, :10] == 255).all()
    assert (filler == 255).all()  # unchanged


@pytest.mark.parametrize(
    "change",
    [augment.change_light, augment.cast_shadow, augment.blur, augment.add_noise, change_look, move_camera],
)
def test_changes_keep_shape_and_type_depend_on_the_generator_and_do_not_modify_the_input(change):
    image = np.random.default_rng(0).integers(0, 256, (66, 200, 3), dtype=np.uint8)
    before = image.copy()
    changed = [change(image, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(image, before)
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in changed)
    np.testing.assert_array_equal(changed[0], changed[1])
    assert (changed[0] != changed[2]).any()


def test_a_slightly_moved_camera_moves_a_point_by_a_few_pixels():
    image = np.zeros((66, 200, 3), np.uint8)
    image[33, 100] = 255
    points = [
        np.argwhere(move_camera(image, np.random.default_rng(seed)).max(axis=2) > 60) for seed in range(40)
    ]
    away = np.concatenate([np.abs(point - [33, 100]) for point in points if len(point)])
    assert 0 < away.max() < 9


def test_bends_are_sampled_more_often_than_they_occur():
    angles = np.concatenate([np.zeros(900), np.full(100, 20.0)])
    shares = balancing_weights(angles)
    assert shares.sum() == pytest.approx(1)
    assert shares[angles == 20].sum() == pytest.approx(10 / (10 + 30))  # roots of 100 and 900
