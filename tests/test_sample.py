"""The drawn sample drive: its files, its label and its geometry against closed forms."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
FOCAL = 800.0  # px
VIDEO, LABELS = ROOT / "data" / "run.mp4", ROOT / "data" / "run.csv"


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


sample = load_script("make_sample")


def constant(curvature: float):
    return sample.Path2D.from_curvature(lambda along: np.full_like(along, curvature))


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.genfromtxt(LABELS, delimiter=",", names=True)


@pytest.fixture(scope="module")
def shipped() -> list[av.VideoFrame]:
    with av.open(VIDEO) as container:
        return list(container.decode(video=0))


def test_video_and_labels_agree_in_frames_and_times(labels, shipped):
    assert labels.dtype.names == ("frame", "time_s", "steering_angle_deg")
    assert len(shipped) == len(labels) == sample.FRAMES
    np.testing.assert_array_equal(labels["frame"], np.arange(len(labels)))
    np.testing.assert_allclose([frame.time for frame in shipped], labels["time_s"], atol=1e-3)
    assert (shipped[0].width, shipped[0].height) == (640, 480)
    assert VIDEO.stat().st_size < 1.5e6


def test_shipped_video_plays_in_a_browser():
    with av.open(VIDEO) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 20
    data = VIDEO.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart


def test_shipped_files_are_what_the_script_draws(labels, shipped):
    np.testing.assert_allclose(labels["steering_angle_deg"], sample.sample_angles(), atol=1e-4)
    for index in (0, 75):
        decoded = shipped[index].to_ndarray(format="rgb24").astype(float)
        drawn = sample.sample_frame(index).astype(float)
        assert np.sqrt(np.mean((decoded - drawn) ** 2)) < 8  # of 255: what the encoder cost


def test_there_is_a_bend_each_way(labels):
    angles = labels["steering_angle_deg"]
    assert angles.max() > 3
    assert angles.min() < -3
    # Each bend is one stretch that a person sees as such, not a single frame.
    assert (angles > 3).sum() > 20
    assert (angles < -3).sum() > 20


@pytest.mark.parametrize("radius", [50.0, 100.0, 400.0])
def test_label_on_a_circle_is_the_bicycle_models(radius):
    wheels = np.degrees(np.arctan2(2.85, radius))
    angles = sample.steering_deg(np.array([0.0, 1 / radius, -1 / radius]))
    np.testing.assert_allclose(angles, [0, 14.8 * wheels, -14.8 * wheels], atol=1e-9)


def test_the_path_of_constant_curvature_is_a_circle():
    path, radius = constant(1 / 80), 80.0
    ahead = (path.along > -15) & (path.along < 100)
    distance = np.hypot(path.x[ahead], path.y[ahead] - radius)
    np.testing.assert_allclose(distance, radius, rtol=1e-4)
    np.testing.assert_allclose(path.heading[ahead], path.along[ahead] / radius, atol=1e-9)


def test_the_scale_on_a_straight_road_is_the_pinhole_cameras():
    ground = sample.look_down(constant(0.0), 30.0)
    row, column = 150, 500
    below = row + int(sample.HORIZON_PX) + 0.5 - sample.HORIZON_PX
    ahead = FOCAL * 1.25 / below
    assert ground.along[row, column] == pytest.approx(30 + ahead, abs=1e-6)
    assert ground.lateral[row, column] == pytest.approx(-(column + 0.5 - 320) * ahead / FOCAL, abs=1e-6)


@pytest.mark.parametrize("radius", [60.0, -60.0, 150.0])
def test_beside_a_circle_is_the_distance_from_it(radius):
    ground = sample.look_down(constant(1 / radius), 0.0)
    below = np.arange(len(ground.along))[:, None] + int(sample.HORIZON_PX) + 0.5 - sample.HORIZON_PX
    ahead = FOCAL * 1.25 / below
    left = -(np.arange(640)[None] + 0.5 - 320) * 1.25 / below
    # The circle's middle is `radius` to the left; who stands nearer to it stands left of the path.
    expected = radius - np.sign(radius) * np.hypot(ahead, left - radius)
    road = (np.abs(expected) < 8) & np.broadcast_to(ahead < 0.6 * abs(radius), expected.shape)
    assert road.sum() > 10_000
    np.testing.assert_allclose(ground.lateral[road], expected[road], atol=0.02)


@pytest.mark.parametrize("row", [300, 380])
def test_the_right_edge_line_is_drawn_where_the_camera_must_see_it(row):
    picture = sample.draw(constant(0.0), 0.0).astype(int)
    bright = np.flatnonzero(picture[row, 320:].min(axis=1) > 160) + 320
    # Half a lane of 3.6 m to the right, from a camera 1.25 m above the road.
    expected = 320 + 1.8 / 1.25 * (row + 0.5 - sample.HORIZON_PX)
    assert bright.size
    assert bright.mean() + 0.5 == pytest.approx(expected, abs=1.0)


def test_the_mirrored_bend_is_the_mirror_image():
    left, right = (sample.look_down(constant(side / 90), 10.0) for side in (1, -1))
    np.testing.assert_allclose(right.lateral, -left.lateral[:, ::-1], atol=1e-9)
    np.testing.assert_allclose(right.along, left.along[:, ::-1], atol=1e-9)
    line = sample.strip(left, sample.RIGHT_EDGE_M, sample.LINE_M)
    mirrored = sample.strip(right, -sample.RIGHT_EDGE_M, sample.LINE_M)
    assert line.max() == 1
    np.testing.assert_allclose(mirrored, line[:, ::-1], atol=1e-9)


@pytest.mark.parametrize("place", [0.0, 1.0, 4.0])
def test_dashes_stay_where_they_are_on_the_road_and_so_come_nearer(place):
    painted = sample.dashes(sample.look_down(constant(0.0), place))[:, 0] > 0.5
    below = np.arange(len(painted)) + int(sample.HORIZON_PX) + 0.5 - sample.HORIZON_PX
    # The dash from 9 to 12 m along the road; the horizon is where ahead is infinite.
    near, far = FOCAL * 1.25 / (9 - place), FOCAL * 1.25 / (12 - place)
    assert painted[(below > far + 1) & (below < near - 1)].all()
    gap = FOCAL * 1.25 / (18 - place)
    assert not painted[(below > gap + 1) & (below < far - 1)].any()


def test_a_frame_is_drawn_the_same_twice():
    np.testing.assert_array_equal(sample.sample_frame(60), sample.sample_frame(60))
