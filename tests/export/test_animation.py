"""Short clips as GIF and WebP."""

import json
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

import drivesal
from drivesal.errors import OptionError
from drivesal.export.animation import AnimationWriter
from drivesal.export.mp4 import planes
from tests.clips import make_clip, number, picture
from tests.models import convolutional, steering


def chunks(path):
    """(name, data) of every chunk of a WebP, parsed by the format's specification alone."""
    data = path.read_bytes()
    assert (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[place : place + 8])
        yield name, data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def delays_of_gif(path):
    """The delays [1/100 s] of a GIF's frames, from its graphic control extensions."""
    data = path.read_bytes()
    return [
        struct.unpack("<H", data[place + 4 : place + 6])[0]
        for place in range(len(data))
        if data[place : place + 3] == b"\x21\xf9\x04" and data[place + 7 : place + 8] == b"\0"
    ]


def write(path, times, size=(96, 64), rate=Fraction(10)):
    with AnimationWriter(path, size, rate, Fraction(1, 90_000), name=path) as writer:
        for index, time_s in enumerate(times):
            writer.write_planes(planes(picture(index, size)), time_s)
    return path


TIMES = [0, 0.1, 0.2, 0.333, 0.4, 0.5, 0.9]


def test_a_gif_has_every_frame_at_its_time_and_loops_forever(tmp_path):
    path = write(tmp_path / "x.gif", TIMES)
    with av.open(str(path)) as video:
        frames = list(video.decode(video=0))
    assert [number(frame.to_ndarray(format="rgb24")) for frame in frames] == list(range(len(TIMES)))
    assert delays_of_gif(path) == [10, 10, 13, 7, 10, 40, 10]
    assert b"NETSCAPE2.0\x03\x01\0\0" in path.read_bytes()
    assert [one.name for one in tmp_path.iterdir()] == ["x.gif"]


def test_a_webp_has_every_frame_at_its_time_and_loops_forever(tmp_path):
    path = write(tmp_path / "x.webp", TIMES)
    found = list(chunks(path))
    assert dict(found)[b"ANIM"][4:6] == b"\0\0"
    durations = [int.from_bytes(data[12:15], "little") for name, data in found if name == b"ANMF"]
    assert durations == [100, 100, 133, 67, 100, 400, 100]
    assert [one.name for one in tmp_path.iterdir()] == ["x.webp"]


def test_the_colours_match_the_clip(tmp_path):
    path = write(tmp_path / "x.gif", [0, 0.1])
    with av.open(str(path)) as video:
        shown = next(video.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(shown.astype(float) - picture(0)).mean() < 6


def test_an_interrupted_animation_leaves_no_files(tmp_path):
    def interrupted():
        yield 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "x.gif", interrupted())
    assert list(tmp_path.iterdir()) == []


def test_too_many_frames_for_an_animation(tmp_path):
    with pytest.raises(OptionError, match="1200 frames for a GIF"):
        write(tmp_path / "x.gif", (i / 100 for i in range(1202)), size=(16, 16))


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_the_command_writes_an_animation_of_a_short_clip(inside, model_path, tmp_path, ending):
    make_clip(tmp_path / "run.mp4", 30, rate=30)
    ran = inside("video", "run.mp4", "--model", model_path, "--out", f"run{ending}", "--json")
    assert ran.code == 0, ran
    assert json.loads(ran.out)["frames"] == 10  # every third: 10 a second
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["encoding"]["format"] == ending[1:]
    assert facts["span"]["every"] == 3
    assert len((tmp_path / "run.csv").read_text().splitlines()) == 11
    head = (tmp_path / f"run{ending}").read_bytes()[:12]
    assert head.startswith(b"GIF89a") if ending == ".gif" else head.endswith(b"WEBP")
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(
        ["run.mp4", f"run{ending}", "run.csv", "run.json"]
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["long.mp4", "--out", "x.gif"], "at most 60 s and 1200 frames for a GIF, but 650 frames over 65 s"),
        (["long.mp4", "--out", "x.webp", "--every", "1", "--end", "4s", "--crf", "9"], "--crf"),
        (["fast.mp4", "--out", "x.gif", "--every", "1"], "use --every 2 or more"),
        (["fast.mp4", "--out", "x.gif", "--preset", "slow"], "encoder presets"),
        (["fast.mp4", "--out", "x.apng"], ".mp4, .gif or .webp"),
    ],
)
def test_animations_that_are_rejected(inside, tmp_path, arguments, says):
    make_clip(tmp_path / "long.mp4", 650, rate=10, size=(16, 16))
    make_clip(tmp_path / "fast.mp4", 20, rate=60)
    ran = inside("video", *arguments)
    assert ran.code == 1, ran
    assert says in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["fast.mp4", "long.mp4"]


def test_render_writes_an_animation(tmp_path):
    model = steering(convolutional(), scale=1 / 255)
    path = make_clip(tmp_path / "run.mp4", 12, rate=25)
    facts = drivesal.render(path, model, tmp_path / "x.gif", cases=["increase"], width=400)
    assert facts["frames"] == 6
    assert sum(delays_of_gif(tmp_path / "x.gif")) == 48
    assert drivesal.render(path, model, tmp_path / "y.gif", cases=["increase"], every=1)["frames"] == 12
