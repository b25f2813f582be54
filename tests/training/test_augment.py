"""Changed views against the drawn world, where the right picture is known; other changes keep the label."""

import numpy as np
import pytest

from drivesal.preprocess import Crop, Preprocess
from drivesal.training import augment
from drivesal.training.augment import Geometry, Views, balanced, change_look, change_view, move_camera
from drivesal.world.camera import Camera
from drivesal.world.car import STEERING_RATIO, WHEELBASE_M, curvature_of, pose_beside
from drivesal.world.road import Road
from drivesal.world.scene import Scene
from drivesal.world.world import World

SIZE, SEEN = (320, 240), (0.42, 0.92)
PREPROCESS = Preprocess((66, 200), Crop("fraction", rows=SEEN), "area")
SCENE = Scene(
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


class Still:
    """A generator that draws nothing: every normal number is its mean."""

    def __init__(self, wanted):
        self.wanted = wanted

    def normal(self, mean, spread, size=None):
        return self.wanted.get(spread, mean) if size is None else np.full(size, mean, float)


@pytest.fixture(scope="module")
def geometry():
    camera = Camera.of(SCENE, SIZE)
    focal = (camera.focal_px / SIZE[0], camera.focal_px / SIZE[1])
    return Geometry(focal, SCENE.horizon, SCENE.camera_height_m, WHEELBASE_M, STEERING_RATIO)


def drawn(curvature=0.0, left_m=0.0, turned_deg=0.0):
    """The frame of a straight road, or of one with this curvature from the car on."""
    road = Road.from_pieces([(30.0, 0.0), (0.01, curvature), (400.0, curvature)])
    world = World(SCENE, 1, 400.0, SIZE, road)
    pose = pose_beside(road, 30.0 - 1.8, left_m, np.radians(turned_deg))  # the camera stands where it bends
    return world.clean(world.moment(0, 0.0, pose))


def paint(picture):
    """Where the picture is bright or yellow: the lines of the road."""
    return picture.astype(float).max(axis=2) > 125


@pytest.mark.parametrize(
    ("views", "wanted", "truth"),
    [
        (Views(bend_deg=5.0), {5.0: 5.0}, {"curvature": curvature_of(5.0)}),
        (Views(bend_deg=5.0), {5.0: -8.0}, {"curvature": curvature_of(-8.0)}),
        (Views(bend_deg=5.0, shift_m=0.3), {5.0: 0.0, 0.3: 0.3}, {"left_m": 0.3}),
        (Views(bend_deg=5.0, yaw_deg=0.9), {5.0: 0.0, 0.9: -0.9}, {"turned_deg": -0.9}),
    ],
)
def test_a_changed_view_is_what_the_camera_would_have_seen(geometry, views, wanted, truth):
    filler = np.zeros((66, 200, 3), np.uint8)
    seen, _ = change_view(drawn(), SEEN, (66, 200), filler, geometry, views, Still(wanted))
    known, unchanged = PREPROCESS.prepare(drawn(**truth)), PREPROCESS.prepare(drawn())
    near = np.s_[6:, 20:180]  # nearer than 60 m, and not the picture's edge
    overlap = (paint(seen)[near] & paint(known)[near]).sum() / (paint(seen)[near] | paint(known)[near]).sum()
    before = (paint(unchanged)[near] & paint(known)[near]).sum()
    before = before / (paint(unchanged)[near] | paint(known)[near]).sum()
    assert overlap > 0.6
    assert overlap > before + 0.2


def test_the_label_of_a_bend_is_its_bicycle_angle(geometry):
    filler = np.zeros((66, 200, 3), np.uint8)
    _, change = change_view(drawn(), SEEN, (66, 200), filler, geometry, Views(bend_deg=5.0), Still({5.0: 7.0}))
    assert change == pytest.approx(7.0)
    assert geometry.wheel_deg(geometry.curvature(7.0)) == pytest.approx(7.0)


def test_a_car_to_the_left_or_turned_left_steers_right(geometry):
    filler = np.zeros((66, 200, 3), np.uint8)
    for views, wanted in (
        (Views(bend_deg=5.0, shift_m=0.3), {5.0: 0.0, 0.3: 0.3}),
        (Views(bend_deg=5.0, yaw_deg=0.9), {5.0: 0.0, 0.9: 0.9}),
    ):
        _, change = change_view(drawn(), SEEN, (66, 200), filler, geometry, views, Still(wanted))
        assert change < -1


def test_where_nothing_was_seen_the_filler_shows(geometry):
    filler = np.full((66, 200, 3), 255, np.uint8)
    frame = np.zeros((240, 320, 3), np.uint8)
    views = Views(bend_deg=5.0)
    seen, _ = change_view(frame, SEEN, (66, 200), filler, geometry, views, Still({5.0: 9.0}))
    assert (seen[20, :100] == 0).all()
    assert (seen == 255).any()
    assert (filler == 255).all()  # not drawn into


@pytest.mark.parametrize(
    "change",
    [augment.change_light, augment.cast_shadow, augment.blur, augment.add_noise, change_look, move_camera],
)
def test_changes_keep_shape_and_type_follow_the_generator_and_leave_the_picture_alone(change):
    picture = np.random.default_rng(0).integers(0, 256, (66, 200, 3), dtype=np.uint8)
    before = picture.copy()
    changed = [change(picture, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(picture, before)
    assert all(one.shape == picture.shape and one.dtype == np.uint8 for one in changed)
    np.testing.assert_array_equal(changed[0], changed[1])
    assert (changed[0] != changed[2]).any()


def test_a_camera_moved_a_little_moves_a_point_by_a_few_pixels():
    picture = np.zeros((66, 200, 3), np.uint8)
    picture[33, 100] = 255
    places = [
        np.argwhere(move_camera(picture, np.random.default_rng(seed)).max(axis=2) > 60) for seed in range(40)
    ]
    away = np.concatenate([np.abs(place - [33, 100]) for place in places if len(place)])
    assert 0 < away.max() < 9


def test_bends_are_drawn_more_often_than_they_occur():
    angles = np.concatenate([np.zeros(900), np.full(100, 20.0)])
    shares = balanced(angles)
    assert shares.sum() == pytest.approx(1)
    assert shares[angles == 20].sum() == pytest.approx(10 / (10 + 30))  # roots of 100 and 900
