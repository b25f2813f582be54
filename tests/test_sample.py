"""The synthetic sample drive: its files match its script, and its content is as described."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
VIDEO, LABELS = ROOT / "data" / "run.mp4", ROOT / "data" / "run.csv"


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drive():
    return load_script("make_sample").sample()


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.genfromtxt(LABELS, delimiter=",", names=True)


@pytest.fixture(scope="module")
def shipped() -> list[av.VideoFrame]:
    with av.open(VIDEO) as container:
        return list(container.decode(video=0))


def test_video_and_labels_agree_in_frames_and_times(labels, shipped):
    assert labels.dtype.names == ("frame", "time_s", "steering_angle_deg")
    assert len(shipped) == len(labels) == 400
    np.testing.assert_array_equal(labels["frame"], np.arange(len(labels)))
    np.testing.assert_allclose([frame.time for frame in shipped], labels["time_s"], atol=1e-3)
    assert (shipped[0].width, shipped[0].height) == (640, 480)
    assert VIDEO.stat().st_size < 4e6


def test_shipped_video_plays_in_a_browser():
    with av.open(VIDEO) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 20
    data = VIDEO.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart


def test_shipped_files_match_the_script(drive, labels, shipped):
    angles = [moment.steering_deg for moment in drive.moments]
    np.testing.assert_allclose(labels["steering_angle_deg"], angles, atol=1e-4)
    for index in (0, 75, 250, 399):
        decoded = shipped[index].to_ndarray(format="rgb24").astype(float)
        drawn = drive.world.image(drive.moments[index]).astype(float)
        assert np.sqrt(np.mean((decoded - drawn) ** 2)) < 8  # of 255: what the encoder cost


def test_there_is_a_bend_each_way(labels):
    angles = labels["steering_angle_deg"]
    assert (angles > 10).sum() > 20
    assert (angles < -10).sum() > 20


def test_there_are_shadows_on_the_road_another_car_and_a_change_of_light(drive):
    masks = [drive.world.masks(moment) for moment in drive.moments[::10]]
    shaded = [(mask["shadow"] & mask["road"]).sum() / mask["road"].sum() for mask in masks]
    assert max(shaded) > 0.1
    assert max(mask["vehicles"].mean() for mask in masks) > 0.02
    clouds = np.array([moment.cloud for moment in drive.moments])
    assert (clouds < 0.1).mean() > 0.2
    assert (clouds > 0.9).mean() > 0.2
