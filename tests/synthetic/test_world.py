"""Synthetic frames, their masks and their evidence, against closed forms and invariances."""

import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from drivesal.errors import OptionError
from drivesal.synthetic.camera import Camera, camera_frame
from drivesal.synthetic.car import LOOK_AHEAD_M, pose_beside, steering_deg
from drivesal.synthetic.road import Road
from drivesal.synthetic.roadside import OBJECTS
from drivesal.synthetic.scene_parameters import Range, SceneParameters, parameters
from drivesal.synthetic.still_frames import STILLS_PER_SCENE, scene_stills, stills
from drivesal.synthetic.world import SyntheticDrive, World

SMALL, TINY = (160, 120), (96, 72)
BARE = {"trees": 0.0, "vehicles": 0.0, "posts": 0.0, "poles": 0.0, "signs": 0.0, "patches": 0.0}
"""A scene without any objects on or beside the road."""
PARTS = ("sky", "land", "road", "vegetation", "vehicles", "furniture", "hood")


def ends(name):
    values = parameters()[name]
    if not isinstance(values, Range):
        return list(values.weights)
    return [int(end) if values.whole else end for end in (values.low, values.high)]


def mirrored(road):
    return dataclasses.replace(road, y=-road.y, heading=-road.heading, curvature=-road.curvature)


def place(world, along, left=0.0, turned=0.0, **more):
    return world.moment(0, more.pop("time_s", 0.0), pose_beside(world.road, along, left, turned), **more)


def interior(mask):
    """The mask without its outermost pixels, which blend with their neighbours."""
    return cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0


# ---- images


def test_a_drive_is_determined_by_seed_size_and_parameters():
    one, same, other = (SyntheticDrive(seed, 1.0, 10, SMALL) for seed in (7, 7, 8))
    assert [m.steering_deg for m in one.moments] == [m.steering_deg for m in same.moments]
    for index in (0, 9):
        picture = one.world.image(one.moments[index])
        assert (picture.shape, picture.dtype) == ((120, 160, 3), np.uint8)
        np.testing.assert_array_equal(picture, same.world.image(same.moments[index]))
        assert np.abs(picture.astype(int) - other.world.image(other.moments[index])).mean() > 5


def test_another_seed_is_another_world_of_the_same_scene():
    one, other = (SyntheticDrive(seed, 1.0, 10, SMALL, SceneParameters()) for seed in (1, 2))
    assert one.world.scene == other.world.scene
    pictures = [drive.world.image(drive.moments[0]).astype(int) for drive in (one, other)]
    assert np.abs(pictures[0] - pictures[1]).mean() > 5


def test_frames_do_not_depend_on_one_another():
    drives = [SyntheticDrive(3, 1.0, 12, TINY) for _ in range(3)]
    alone = drives[0].world.image(drives[0].moments[5])
    in_turn = [drives[1].world.image(moment) for moment in drives[1].moments]
    np.testing.assert_array_equal(in_turn[5], alone)
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(drives[2].world.image, reversed(drives[2].moments)))
    for one, other in zip(in_turn, reversed(at_once), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_drives_moments():
    drive = SyntheticDrive(5, 1.5, 8, TINY, SceneParameters(light="dusk"))
    assert drive.frames == len(drive.moments) == 12
    assert [m.index for m in drive.moments] == list(range(12))
    assert [m.time_s for m in drive.moments] == pytest.approx(np.arange(12) / 8)
    assert drive.world.scene.light == "dusk"
    for moment in drive.moments:
        assert moment.steering_deg == steering_deg(drive.world.road, moment.pose)
        assert 0 <= moment.cloud <= 1
        assert -1 <= moment.tie <= 1


@pytest.mark.parametrize("name", parameters())
def test_every_parameter_renders_and_differs_at_both_ends_of_its_range(name):
    more = {
        "shortcut_strength": {"shortcut": "lamp"},
        "passing_clouds": {"trees": 1.0},
        "edge_colour": {"wear": 0.0},
        "tightest_radius_m": {"straight_share": 0.0},
    }
    more, pictures = more.get(name, {}), []
    size = SMALL if name == "blur_px" else TINY  # less than half a pixel in a tiny picture
    for value in [*ends(name), getattr(SceneParameters(), name)]:
        drive = SyntheticDrive(4, 6.0, 2, size, SceneParameters(**more | {name: value}))
        pictures.append([drive.world.image(moment) for moment in drive.moments[::5]])
        for picture in pictures[-1]:
            assert (picture.shape, picture.dtype) == ((size[1], size[0], 3), np.uint8)
            assert picture.std() > 8
            assert 5 < picture.mean() < 250
    assert any(not np.array_equal(some, pictures[0]) for some in pictures[1:])


@pytest.mark.parametrize("side", ["low", "high"])
def test_all_parameters_at_one_end_at_once(side):
    scene = SceneParameters(**{name: ends(name)[0 if side == "low" else -1] for name in parameters()})
    drive = SyntheticDrive(1, 1.0, 4, TINY, scene)
    assert drive.world.image(drive.moments[2]).std() > 2
    assert drive.world.evidence(drive.moments[2]).max() > 0


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (400, 32), (32, 300)])
def test_sizes(size):
    drive = SyntheticDrive(2, 0.5, 4, size)
    assert drive.world.image(drive.moments[1]).shape == (size[1], size[0], 3)
    assert drive.world.evidence(drive.moments[1]).shape == (size[1], size[0])


@pytest.mark.parametrize("size", [(0, 0), (31, 100), (100, 31), (-640, 480), (4097, 100), (100, 5000)])
def test_sizes_that_are_refused(size):
    with pytest.raises(OptionError, match=f"from 32x32 to 4096x4096 pixels, but {size[0]}x{size[1]}"):
        World.drawn(SceneParameters(), 1, 100, size)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e6])
def test_lengths_that_are_refused(seconds):
    with pytest.raises(OptionError, match="a length above 0"):
        SyntheticDrive(1, seconds)


@pytest.mark.parametrize("rate", [0, -20, 0.5, 241, float("nan")])
def test_rates_that_are_refused(rate):
    with pytest.raises(OptionError, match="a rate from 1 to 240"):
        SyntheticDrive(1, 1.0, rate)


def test_the_image_is_the_clean_one_with_the_lens_applied():
    quiet = World.drawn(SceneParameters(noise=0.0, jpeg_quality=100), 1, 600, SMALL)
    moment = place(quiet, 50)
    np.testing.assert_array_equal(quiet.image(moment), quiet.clean(moment))
    noisy = World.drawn(SceneParameters(noise=8.0, jpeg_quality=100), 1, 600, SMALL)
    np.testing.assert_array_equal(noisy.clean(moment), quiet.clean(moment))
    clean = noisy.clean(moment).astype(float)
    inside = (clean > 40) & (clean < 215)
    off = noisy.image(moment) - clean
    assert off[inside].std() == pytest.approx(8, rel=0.1)
    assert abs(off[inside].mean()) < 0.5
    other = noisy.image(dataclasses.replace(moment, seed=1)) - clean
    assert abs(np.corrcoef(off[inside], other[inside])[0, 1]) < 0.05  # each frame's own


def test_compression_keeps_the_colours():
    world = World.drawn(SceneParameters(noise=0.0, jpeg_quality=90), 1, 600, SMALL)
    moment = place(world, 50)
    off = world.image(moment).astype(float) - world.clean(moment)
    assert 0.3 < np.sqrt(np.mean(off**2)) < 10
    assert np.abs(off.mean(axis=(0, 1))).max() < 1


# ---- geometry


@pytest.mark.parametrize("traffic", ["right", "left"])
@pytest.mark.parametrize(("left", "turned_deg"), [(0.0, 0.0), (0.6, 1.0), (-0.5, -1.5)])
def test_the_lines_are_at_their_projected_positions(traffic, left, turned_deg):
    scene = SceneParameters(traffic=traffic, straight_share=1.0, wear=0.0, centre_line="solid", **BARE)
    world = World.drawn(scene, 1, 600, (320, 240))
    moment = place(world, 40, left, np.radians(turned_deg))
    markings = world.masks(moment)["markings"]
    # by hand: the ground that a pixel's row sees, and the line there, half a lane to the side
    focal = 160 / np.tan(np.radians(scene.field_of_view_deg / 2))
    pitch, turned = np.arctan(0.06 * 240 / focal), np.radians(turned_deg)
    found = 0
    for row in (140, 150, 170, 200, 230):
        depth = scene.camera_height_m / (np.sin(pitch) + (row + 0.5 - 120) / focal * np.cos(pitch))
        ahead = (depth - np.sin(pitch) * scene.camera_height_m) / np.cos(pitch)
        for line in (-1.75, 1.75):
            # from the axle: x·cos − y·sin and so on, solved for the side where the line runs
            aside = (line - left - (ahead + 1.8) * np.sin(turned)) / np.cos(turned)
            column = 160 - focal * aside / depth
            if not 18 < column < 302:
                continue
            # by about how far the line's own edges lie from its middle
            first = max(int(column) - 18, 0)
            near = np.flatnonzero(markings[row, first : int(column) + 19]) + first + 0.5
            assert near.mean() == pytest.approx(column, abs=1.5)
            found += 1
    assert found >= 4


def test_a_line_has_its_projected_width_in_the_image():
    world = World.drawn(
        SceneParameters(straight_share=1.0, wear=0.0, centre_line="none", line_width_m=0.25, **BARE),
        1,
        600,
        (320, 240),
    )
    markings = world.masks(place(world, 40))["markings"]
    focal = 160 / np.tan(np.radians(12))
    for row in (170, 195):
        depth = 1.25 / ((row + 0.5 - 0.44 * 240) / focal)  # the pitch is 1 degree
        wide = 0.25 * focal / depth
        # OpenCV rounds a smooth outline up by a pixel and a half on either side
        assert wide - 1 < np.count_nonzero(markings[row]) < wide + 3.6


@pytest.mark.parametrize("light", ["day", "night"])
def test_the_road_extends_to_the_car(light):
    # a wide camera sees the ground three metres ahead; the road's width there is the pinhole's
    scene = SceneParameters(
        field_of_view_deg=100.0, horizon=0.2, camera_height_m=2.5, light=light, straight_share=1.0
    )
    world = World.drawn(dataclasses.replace(scene, lanes_beyond=0, shoulder_m=0.0, **BARE), 1, 600, SMALL)
    road = world.masks(place(world, 40))["road"]
    focal = 80 / np.tan(np.radians(50))
    pitch = np.arctan(0.3 * 120 / focal)
    depth = 2.5 / (np.sin(pitch) + (119.5 - 60) / focal * np.cos(pitch))
    assert depth < 3
    half = (1.75 + 0.12) * focal / depth  # what lies beyond the edge line too
    assert np.count_nonzero(road[-1]) == pytest.approx(2 * half, abs=3.6)
    assert road[60:, 78:82].all()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_mirrored_world_is_the_mirror_image(seed):
    scene = SceneParameters(straight_share=0.0, wear=0.0, **BARE)
    world = World.drawn(scene, seed, 600, SMALL)
    other = World(dataclasses.replace(scene, traffic="left"), seed, mirrored(world.road), SMALL)
    for along, left, turned in ((40, 0.0, 0.0), (130, 0.5, -0.03), (260, -0.4, 0.05)):
        one, two = place(world, along, left, turned), place(other, along, -left, -turned)
        assert two.steering_deg == pytest.approx(-one.steering_deg, abs=1e-6)
        masks, flipped = world.masks(one), other.masks(two)
        for name in ("road", "markings"):
            assert masks[name].sum() > 300
            assert np.mean(masks[name] != flipped[name][:, ::-1]) < 0.01
        evidence, back = world.evidence(one), other.evidence(two)[:, ::-1]
        assert np.corrcoef(evidence.ravel(), back.ravel())[0, 1] > 0.9


def test_a_given_road_is_the_road():
    road = Road.from_pieces([(20.0, 0.0), (10.0, 1 / 80), (80.0, 1 / 80), (10.0, 0.0), (200.0, 0.0)])
    drive = SyntheticDrive(1, 4.0, 5, TINY, SceneParameters(wander=0.0), road)
    assert drive.world.road is road
    late = [moment.steering_deg for moment in drive.moments[-4:]]
    assert late == pytest.approx([14.8 * np.degrees(np.arctan(2.85 / 80))] * 4, abs=4)


def test_a_road_that_turns_back_is_refused():
    with pytest.raises(OptionError, match="a road within 75 degrees of where it starts, but it turns by 150"):
        World(SceneParameters(), 1, Road.from_pieces([(261.8, 1 / 100)], curvature=1 / 100), TINY)


def test_a_road_that_is_too_short_is_refused():
    with pytest.raises(OptionError, match="a road as long as the drive"):
        SyntheticDrive(1, 60.0, 5, TINY, road=Road.from_pieces([(200.0, 0.0)]))


# ---- masks


@pytest.fixture(scope="module", params=[0, 2, 4])
def seen(request):
    """A densely filled scene, a moment in it, and its masks."""
    scene = SceneParameters(trees=0.9, vehicles=0.9, posts=0.8, signs=0.8, hood=0.1)
    world = World.drawn(scene, request.param, 700, SMALL)
    moment = place(world, 100 + 20 * request.param, time_s=3.0)
    return world, moment, world.masks(moment)


@pytest.fixture(scope="module")
def evidence(seen):
    world, moment, _ = seen
    return world.evidence(moment)


def test_every_pixel_has_one_class(seen):
    _, _, masks = seen
    assert set(masks) == {*PARTS, "markings", "shadow"}
    assert all((mask.shape, mask.dtype) == ((120, 160), np.bool_) for mask in masks.values())
    np.testing.assert_array_equal(np.sum([masks[name] for name in PARTS], axis=0), 1)
    assert all(masks[name].any() for name in PARTS)
    for name in ("markings", "shadow"):
        assert masks[name].any()
        assert not (masks[name] & ~(masks["road"] | masks["land"])).any()


def test_the_position_of_classes(seen):
    world, _, masks = seen
    horizon = Camera.of(world.scene, world.size).horizon_px
    rows = {name: np.flatnonzero(mask.any(axis=1)) for name, mask in masks.items()}
    assert rows["sky"].max() < horizon + 1
    assert rows["road"].min() > horizon - 1
    assert rows["hood"].min() >= 120 * 0.9 - 3
    assert masks["hood"][-1].mean() > 0.9
    assert masks["road"][100, 80] or masks["vehicles"][100, 80]  # before the car


@pytest.mark.parametrize(
    ("held", "gone"),
    [
        ({"hood": 0.0}, "hood"),
        ({"trees": 0.0}, "vegetation"),
        ({"vehicles": 0.0}, "vehicles"),
        ({"posts": 0.0, "poles": 0.0, "signs": 0.0}, "furniture"),
        ({"centre_line": "none", "edge_line": "none", "lanes_outside": 0}, "markings"),
        ({"light": "night", "vehicles": 0.0}, "shadow"),
    ],
)
def test_masks_of_absent_objects_are_empty(held, gone):
    full = {"trees": 0.9, "vehicles": 0.9, "posts": 0.8, "signs": 0.8, "hood": 0.1}
    world = World.drawn(SceneParameters(**full | held), 0, 700, SMALL)
    masks = world.masks(place(world, 100, time_s=3.0))
    assert not masks[gone].any()
    assert all(masks[name].any() for name in ("road", "land", "sky"))


def test_masks_match_the_colours():
    world = World.drawn(
        SceneParameters(wear=0.0, edge_line="solid", centre_line="none", straight_share=1.0, **BARE),
        1,
        600,
        SMALL,
    )
    moment = place(world, 40)
    picture, masks = world.clean(moment).astype(float), world.masks(moment)
    paint, asphalt = picture[interior(masks["markings"])], picture[interior(masks["road"] & ~masks["markings"])]
    assert paint.mean() > asphalt.mean() + 60
    sky = picture[masks["sky"]].mean(axis=0)
    assert sky[2] > sky[0]  # blue
    land = picture[interior(masks["land"])].mean(axis=0)
    assert land[1] > land[2] + 20  # grass


# ---- evidence


def test_evidence_is_zero_where_the_label_does_not_come_from(seen, evidence):
    _, _, masks = seen
    assert (evidence.shape, evidence.dtype) == ((120, 160), np.float32)
    for name in ("sky", "vegetation"):
        assert evidence[masks[name]].max() == 0
    for name in ("vehicles", "hood", "furniture"):
        if interior(masks[name]).any():
            assert evidence[interior(masks[name])].max() < 1  # a thin thing may be half transparent


def test_evidence_is_on_the_lane(seen, evidence):
    _, _, masks = seen
    assert evidence[masks["markings"]].mean() > 15
    assert evidence[masks["markings"]].mean() > 2 * evidence[masks["road"]].mean()
    assert evidence[masks["road"]].mean() > 5 * evidence[~masks["road"]].mean()
    assert 0 <= evidence.min() <= evidence.max() <= 255


def test_evidence_is_the_change_where_the_road_is_bent():
    scene = SceneParameters(straight_share=0.0, old_markings=0.0, **BARE)
    world = World.drawn(scene, 6, 600, SMALL)
    moment = place(world, 90, 0.3, 0.02)
    here = world.clean(moment).astype(float)
    expected = np.zeros(here.shape[:2])
    for change in (3.0, -3.0):
        low, high = sorted((0.0, np.sign(change) * 4.0))
        for _ in range(60):  # bisection for the displacement that changes the label this far
            push = (low + high) / 2
            road = world.road.bent(moment.pose.along, LOOK_AHEAD_M, push)
            moved = steering_deg(road, moment.pose) - moment.steering_deg
            low, high = (push, high) if moved < change else (low, push)
        assert moved == pytest.approx(change, abs=1e-6)
        # without objects, a scene on the bent road is the same image
        other = World(scene, 6, road, SMALL)
        expected += np.abs(other.clean(moment) - here).mean(axis=2) / 2
    np.testing.assert_allclose(world.evidence(moment, "road", 3.0), expected, atol=1e-3)
    assert expected.max() > 20


def test_a_larger_change_makes_more_evidence(seen, evidence):
    world, moment, _ = seen
    means = [world.evidence(moment, "road", delta).mean() for delta in (0.5, 2.0, 8.0)]
    assert means[0] < 0.8 * means[1] < 0.64 * means[2]
    np.testing.assert_array_equal(world.evidence(moment, "road", 2.0), evidence)


def test_the_readings_differ(seen, evidence):
    world, moment, _ = seen
    car = world.evidence(moment, "car")
    assert np.corrcoef(evidence.ravel(), car.ravel())[0, 1] < 0.7  # 0.3 to 0.6 in six scenes
    assert car.mean() > evidence.mean()


def test_evidence_does_not_depend_on_the_sensor():
    pictures = [
        World.drawn(SceneParameters(noise=noise, jpeg_quality=quality), 5, 600, TINY)
        for noise, quality in ((0.0, 100), (20.0, 25))
    ]
    one, other = (world.evidence(place(world, 70)) for world in pictures)
    np.testing.assert_array_equal(one, other)
    moment = place(pictures[0], 70)
    np.testing.assert_array_equal(one, pictures[0].evidence(dataclasses.replace(moment, seed=99)))


@pytest.mark.parametrize("delta", [0, -2.0, float("nan"), float("inf"), 300.0, 1e4, 1e9])
@pytest.mark.parametrize("reading", ["road", "car"])
def test_impossible_changes_are_refused(reading, delta):
    world = World.drawn(SceneParameters(**BARE), 1, 600, TINY)
    with pytest.raises(OptionError, match="a change of the label") as caught:
        world.evidence(place(world, 60), reading, delta)
    assert "\n" not in str(caught.value)


def test_an_unknown_reading_is_refused():
    world = World.drawn(SceneParameters(**BARE), 1, 600, TINY)
    with pytest.raises(OptionError, match="road or car, but 'raod'"):
        world.evidence(place(world, 60), "raod")


# ---- a shortcut to the label


def ties(name, strength=1.0):
    """(n, 2) labels and brightness of the nuisance along a winding road."""
    scene = SceneParameters(shortcut=name, shortcut_strength=strength, straight_share=0.0, **BARE)
    world = World.drawn(scene, 3, 900, TINY)
    chances = np.random.default_rng(0).uniform(-1, 1, 40)
    rows = []
    for along, chance in zip(np.linspace(20, 600, 40), chances, strict=True):
        moment = place(world, along, chance=float(chance))
        picture, masks = world.clean(moment).astype(float), world.masks(moment)
        where = masks["hood"] if name == "lamp" else masks["sky"]
        rows.append((np.clip(moment.steering_deg, -20, 20), picture[where][:, 0].mean()))
    return np.array(rows)


@pytest.mark.parametrize("name", ["lamp", "sky"])
def test_a_nuisance_correlates_with_the_label_as_strongly_as_set(name):
    tied, half, chance = (ties(name, strength) for strength in (1.0, 0.5, 0.0))
    assert tied[:, 0].std() > 5
    assert np.corrcoef(tied.T)[0, 1] > 0.9
    assert 0.35 < np.corrcoef(half.T)[0, 1] < 0.97
    assert abs(np.corrcoef(chance.T)[0, 1]) < 0.35
    assert chance[:, 1].std() > 0.3 * tied[:, 1].std() > 0


@pytest.mark.parametrize("name", ["none", "trees", "lamp", "sky"])
def test_a_tie_shows_on_the_nuisance_and_nowhere_else(name):
    world = World.drawn(SceneParameters(shortcut=name), 2, 600, SMALL)
    moment = place(world, 80)
    low, high = (world.clean(dataclasses.replace(moment, tie=tie)).astype(int) for tie in (-1.0, 1.0))
    changed = np.abs(high - low).max(axis=2) > 0
    masks = world.masks(moment)
    if name in ("none", "trees"):
        assert not changed.any()
        return
    where = {"lamp": masks["hood"], "sky": np.arange(120)[:, None] <= world.scene.horizon * 120 + 1}[name]
    assert changed.sum() > 50
    assert not (changed & ~where).any()
    brighter = high[changed].mean() - low[changed].mean()
    assert brighter > 30
    if name == "lamp":
        assert world.evidence(moment)[interior(masks["hood"])].max() == 0


def inside_of_bends(strength):
    """The share of plants in bends that are on the inside."""
    shares = []
    for seed in range(6):
        scene = SceneParameters(
            shortcut="trees", shortcut_strength=strength, straight_share=0.0, **BARE | {"trees": 1.0}
        )
        world = World.drawn(scene, seed, 900, TINY)
        places, road = world.scenery.objects.position, world.road
        assert {OBJECTS[kind] for kind in world.scenery.objects.kind} <= {
            "broadleaf",
            "conifer",
            "bush",
            "thicket",
        }
        index = np.hypot(places[:, :1] - road.x, places[:, 1:] - road.y).argmin(axis=1)
        x, y = (places - np.stack([road.x, road.y], axis=1)[index]).T
        left = y * np.cos(road.heading[index]) - x * np.sin(road.heading[index])
        bend = np.abs(road.curvature[index]) > 1 / 400
        assert bend.sum() > 30
        shares.append(np.mean(np.sign(left[bend]) == np.sign(road.curvature[index][bend])))
    return np.mean(shares)


def test_trees_are_on_the_inside_of_bends():
    assert inside_of_bends(1.0) > 0.97
    assert 0.6 < inside_of_bends(0.5) < 0.92
    assert 0.35 < inside_of_bends(0.0) < 0.65


# ---- objects


def test_no_object_is_on_the_road():
    for seed in range(6):
        scene = SceneParameters.drawn(np.random.default_rng(seed), trees=1.0, posts=1.0, poles=1.0, signs=1.0)
        world = World.drawn(scene, seed, 900, TINY)
        places, road = world.scenery.objects.position, world.road
        away = np.hypot(places[:, :1] - road.x, places[:, 1:] - road.y).min(axis=1)
        assert len(away) > 100
        assert away.min() > scene.lane_width_m / 2


def test_traffic_moves_and_keeps_to_its_lanes():
    world = World.drawn(SceneParameters(vehicles=1.0, straight_share=1.0, lanes_outside=1), 3, 900, TINY)
    vehicles = [world.scenery.vehicles(world.road, time, 100.0) for time in (0.0, 1.0)]
    before, after = ({(v.kind, v.paint, round(v.y, 3)): v for v in some} for some in vehicles)
    moved = {key: after[key].x - before[key].x for key in before.keys() & after.keys()}
    oncoming = [far for key, far in moved.items() if key[2] == 3.5]
    assert oncoming
    assert max(oncoming) < 0  # oncoming on the left
    same_way = [v for v in vehicles[0] if abs(v.heading) < 1 and v.y < 1]
    assert same_way
    assert all(np.cos(v.heading) < 0 for v in vehicles[0] if round(v.y, 3) == 3.5)


def test_a_vehicle_is_drawn_at_its_position():
    world = World.drawn(
        SceneParameters(**BARE | {"vehicles": 1.0}, straight_share=1.0, lanes_beyond=1), 3, 900, SMALL
    )
    camera = Camera.of(world.scene, world.size)
    found = 0
    for along in range(20, 300, 20):
        moment = place(world, along)
        mask = world.masks(moment)["vehicles"]
        for vehicle in world.scenery.vehicles(world.road, 0.0, moment.pose.along):
            x, y = camera_frame(moment.pose, np.array([vehicle.x, vehicle.y]))
            if 15 < x < 80:
                (u, v), _ = camera.project(np.array([x, y, 0.7]))
                if 2 < u < 158 and 2 < v < 118:
                    assert mask[int(v), int(u)]
                    found += 1
    assert found >= 8


def test_vehicles_are_at_their_position_of_the_moments_time():
    world = World.drawn(SceneParameters(**BARE | {"vehicles": 1.0}, straight_share=1.0), 3, 900, SMALL)
    now, later = (world.masks(place(world, 100, time_s=time_s)) for time_s in (0.0, 1.0))
    assert now["vehicles"].sum() > 30
    assert np.mean(now["vehicles"] != later["vehicles"]) > 0.002
    np.testing.assert_array_equal(now["sky"] & ~later["vehicles"], later["sky"] & ~now["vehicles"])


def test_a_passing_cloud_removes_the_shadows():
    world = World.drawn(SceneParameters(trees=1.0, overcast=0.0), 1, 600, SMALL)
    moment = place(world, 100)
    masks = world.masks(moment)
    assert masks["shadow"].sum() > 30
    shaded = masks["shadow"] & masks["road"] & ~masks["markings"]
    sunny = masks["road"] & ~masks["shadow"] & ~masks["markings"]
    contrast = []
    for cloud in (0.0, 1.0):
        picture = world.clean(dataclasses.replace(moment, cloud=cloud)).astype(float)
        contrast.append(picture[shaded].mean() / picture[sunny].mean())
    assert contrast[0] < 0.7
    assert contrast[1] > contrast[0] + 0.15


def test_night_is_dark_and_day_is_not():
    pictures = {}
    for light in ("day", "dusk", "night"):
        world = World.drawn(SceneParameters(light=light), 1, 600, TINY)
        pictures[light] = world.clean(place(world, 60)).mean()
    assert pictures["night"] < 0.8 * pictures["dusk"]
    assert pictures["dusk"] < 0.8 * pictures["day"]


# ---- single frames


@pytest.fixture(scope="module")
def shuffled():
    return list(stills(3, 120, TINY))


def test_stills_are_counted_and_shuffled(shuffled):
    assert [moment.seed for _, moment in shuffled] == list(range(120))
    assert sorted(moment.index for _, moment in shuffled) == list(range(120))
    scenes = [world.seed for world, _ in sorted(shuffled, key=lambda still: still[1].index)]
    assert len(set(scenes)) == 120 / STILLS_PER_SCENE
    assert all(scenes.count(scene) == STILLS_PER_SCENE for scene in scenes)
    assert np.mean([one == other for one, other in itertools.pairwise(scenes)]) < 0.25
    assert len({world.scene for world, _ in shuffled}) == 10


def test_the_labels_of_stills_are_spread(shuffled):
    labels = np.array([moment.steering_deg for _, moment in shuffled])
    assert 6 < labels.std() < 25
    assert abs(labels.mean()) < 5
    assert min(np.mean(labels > 5), np.mean(labels < -5)) > 0.15
    for world, moment in shuffled:
        off = np.hypot(*(world.road.beside(moment.pose.along, 0.0) - [moment.pose.x, moment.pose.y]))
        assert off < 1.01
        assert moment.steering_deg == steering_deg(world.road, moment.pose)


def test_stills_are_determined_by_their_seed(shuffled):
    for (world, moment), (same_world, same) in zip(shuffled[:12], stills(3, 120, TINY), strict=False):
        assert moment == same
        assert world.scene == same_world.scene
    one, other = (next(stills(seed, 120, TINY)) for seed in (3, 4))
    np.testing.assert_array_equal(one[0].image(one[1]), shuffled[0][0].image(shuffled[0][1]))
    assert one[1] != other[1]


def test_the_frames_of_one_scene_are_those_of_the_stills(shuffled):
    by_frame = {moment.seed: (world, moment) for world, moment in shuffled}
    some = list(scene_stills(3, 2, TINY))
    assert len(some) == STILLS_PER_SCENE
    for world, moment in some:
        same_world, same = by_frame[moment.seed]
        assert (world.seed, world.scene) == (same_world.seed, same_world.scene)
        assert dataclasses.replace(moment, index=same.index) == same


def test_held_parameters_are_fixed():
    for world, _ in stills(1, 30, TINY, light="night", trees=0.25):
        assert (world.scene.light, world.scene.trees) == ("night", 0.25)


@pytest.mark.parametrize("count", [0, -1])
def test_counts_that_are_refused(count):
    with pytest.raises(OptionError, match=f"one frame or more, up to 10000000, but {count}"):
        next(stills(1, count))


def test_unknown_parameters_are_refused():
    with pytest.raises(OptionError, match="did you mean trees"):
        next(stills(1, 3, TINY, treees=1.0))


def test_a_step_along_the_road_changes_little():
    """No line or edge jumps when the selection of the road's points changes."""
    scene = SceneParameters(straight_share=0.0, tightest_radius_m=60.0, **BARE)
    world = World.drawn(scene, 6, 600, (320, 240))
    for along in (30.0, 47.5, 61.0):
        before, after = (world.clean(place(world, along + step)).astype(int) for step in (-1e-6, 1e-6))
        assert (np.abs(before - after).max(axis=2) > 4).sum() < 60


def test_evidence_grows_with_the_change_of_the_label():
    world = World.drawn(SceneParameters(), 3, 600, (320, 240))
    moment = place(world, 60.0)
    for reading in ("road", "car"):
        assert (world.evidence(moment, reading, 1e-4) > 4).sum() < 60


def test_evidence_is_never_on_occluders_however_soft_the_lens():
    world = World.drawn(
        SceneParameters(hood=0.15, vehicles=1.0, blur_px=3.0, motion_blur_px=8.0), 4, 700, (640, 480)
    )
    moment = place(world, 60.0, time_s=2.0)
    masks, evidence = world.masks(moment), world.evidence(moment)
    assert masks["hood"].any()
    assert evidence[interior(masks["hood"])].max() == 0
    assert evidence[masks["sky"]].max() == 0


@pytest.mark.parametrize("wear", [0.0, 0.9])
def test_worn_paint_is_in_the_markings_mask(wear):
    masks = [
        World.drawn(SceneParameters(wear=value, **BARE), 6, 600, SMALL).masks(
            place(World.drawn(SceneParameters(), 6, 600, SMALL), 40.0)
        )
        for value in (wear, 0.3)
    ]
    np.testing.assert_array_equal(masks[0]["markings"], masks[1]["markings"])


def test_there_is_no_shadow_without_an_object():
    scene = SceneParameters(
        trees=1.0, vehicles=0.0, sun_azimuth_deg=-80.0, sun_elevation_deg=20.0, overcast=0.0
    )
    worlds = [World.drawn(dataclasses.replace(scene, overcast=value), 4, 700, SMALL) for value in (0.0, 0.95)]
    clear, grey = ([world.masks(place(world, at))["shadow"].mean() for at in (30, 60, 90)] for world in worlds)
    assert max(clear) > 0.02
    assert max(grey) == 0


def test_motion_blur_is_stronger_nearby_than_far_away():
    still, moving = (
        World.drawn(
            SceneParameters(noise=0.0, jpeg_quality=100, blur_px=0.0, motion_blur_px=value), 3, 600, (640, 480)
        )
        for value in (0.0, 8.0)
    )
    change = np.abs(
        still.image(place(still, 60.0)).astype(int) - moving.image(place(moving, 60.0)).astype(int)
    ).mean(axis=2)
    assert change[-60:].mean() > 2 * change[190:230, 280:360].mean()
    assert change[-60:].mean() > 1


def test_with_left_hand_traffic_signs_and_cars_change_sides():
    counts = []
    for traffic in ("right", "left"):
        scene = SceneParameters(
            traffic=traffic, signs=1.0, vehicles=1.0, trees=0.0, posts=0.0, poles=0.0, straight_share=1.0
        )
        scenery = World.drawn(scene, 5, 4000, TINY).scenery
        signs = scenery.objects.position[scenery.objects.kind == 4]
        counts.append(
            (np.mean(signs[:, 1] > 0), np.mean([t.left_m > 0 for t in scenery.traffic if t.speed_m_s < 0]))
        )
        for one in scenery.parked:
            faces_us = np.cos(one.heading) < 0
            assert faces_us == ((one.y > 0) == (traffic == "right"))
    assert counts[0][0] < 0.5 < counts[1][0]
    assert (counts[0][1], counts[1][1]) == (1, 0)
