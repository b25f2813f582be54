from __future__ import annotations

import resource
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from drivesal.errors import OutputError
from drivesal.export.mp4 import VideoWriter, planes
from drivesal.types import AudioSource
from tests.clips import make_clip, number, overwrite_packets, picture, times

SIZE = (96, 64)
NTSC = Fraction(30000, 1001)


def write(
    path: Path, stamps: list[float], rate: Fraction, time_base: Fraction, **options: object
) -> VideoWriter:
    with VideoWriter(path, SIZE, rate, time_base, **options) as writer:
        for index, stamp in enumerate(stamps):
            writer.write(picture(index), stamp)
    return writer


@pytest.mark.parametrize("time_base", [Fraction(1, 30000), Fraction(1001, 30000), Fraction(1, 90000)])
def test_a_constant_rate_reads_back_exactly(tmp_path: Path, time_base: Fraction) -> None:
    write(tmp_path / "a.mp4", [i * 1001 / 30000 for i in range(75)], NTSC, time_base)
    assert times(tmp_path / "a.mp4") == [i * Fraction(1001, 30000) for i in range(75)]
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == NTSC
        assert stream.duration * stream.time_base == 75 / NTSC
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        keys = [frame.pts * frame.time_base for frame in container.decode(stream) if frame.key_frame]
        assert max(b - a for a, b in pairwise(keys)) <= Fraction(21, 10)
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")


def test_a_variable_rate_stays_variable(tmp_path: Path) -> None:
    stamps = [int(one) for one in np.cumsum([0, 17, 40, 33, 250, 1, 9, 33, 33, 80])]
    write(tmp_path / "a.mp4", [one / 1000 for one in stamps], Fraction(20), Fraction(1, 1000))
    assert times(tmp_path / "a.mp4") == [Fraction(one, 1000) for one in stamps]
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert [number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)] == list(
            range(10)
        )


def test_one_frame(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [0.0], Fraction(1), Fraction(1))
    assert times(tmp_path / "a.mp4") == [0]


def test_colours_survive_encoding(tmp_path: Path) -> None:
    orange, blue = (255, 128, 0), (0, 60, 255)
    image = np.zeros((64, 96, 3), dtype=np.uint8)
    image[:32], image[32:] = orange, blue
    with VideoWriter(tmp_path / "a.mp4", SIZE, Fraction(20), Fraction(1, 20)) as writer:
        for index in range(5):
            writer.write(image, index / 20)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = list(container.decode(video=0))[-1]
    assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (6, 1, 1, 1)
    back = frame.to_ndarray(format="rgb24")
    np.testing.assert_allclose(back[12, 48], orange, atol=4)
    np.testing.assert_allclose(back[52, 48], blue, atol=4)


def test_the_shared_buffer_does_not_mix_frames(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 255, (64, 96, 3), dtype=np.uint8) for _ in range(40)]
    with VideoWriter(tmp_path / "a.mp4", SIZE, Fraction(20), Fraction(1, 20), crf=0) as writer:
        for index, image in enumerate(images):
            writer.write(image, index / 20)
    with av.open(str(tmp_path / "a.mp4")) as container:
        back = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
    expected = [cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420) for image in images]
    np.testing.assert_array_equal(back, expected)  # crf 0 is lossless


def test_invalid_frames_are_rejected(tmp_path: Path) -> None:
    for size in ((97, 64), (96, 63), (0, 0)):
        with pytest.raises(ValueError, match="even"):
            VideoWriter(tmp_path / "odd.mp4", size, Fraction(20), Fraction(1, 20))
    with VideoWriter(tmp_path / "a.mp4", SIZE, Fraction(20), Fraction(1, 20)) as writer:
        writer.write(picture(0), 0.0)
        with pytest.raises(ValueError, match="uint8 frame is needed"):
            writer.write(picture(1)[:, :-2], 0.05)
        with pytest.raises(ValueError, match="float32"):
            writer.write(picture(1).astype(np.float32), 0.05)
        for stamp in (0.0, 0.01, -1.0):
            with pytest.raises(ValueError, match="not after"):
                writer.write(picture(1), stamp)
        writer.write(picture(1), 0.05)
    assert len(times(tmp_path / "a.mp4")) == 2


def test_an_exception_propagates_and_the_file_is_closed(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "a.mp4", SIZE, Fraction(20), Fraction(1, 20))

    def run() -> None:
        with writer:
            writer.write(picture(0), 0.0)
            raise KeyError

    with pytest.raises(KeyError):
        run()
    writer.close()
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(OutputError, match="writing failed"):
        VideoWriter(tmp_path / "gone" / "a.mp4", SIZE, Fraction(20), Fraction(1, 20))


def noise(path: Path, count: int) -> None:
    generator = np.random.default_rng(0)
    with VideoWriter(path, SIZE, Fraction(20), Fraction(1, 20), crf=1) as writer:
        for index in range(count):
            writer.write(generator.integers(0, 255, (64, 96, 3), dtype=np.uint8), index / 20)


@pytest.mark.parametrize("count", [3, 200])
def test_a_full_disk_is_an_output_error(count: int) -> None:
    """With few frames, the disk is only written at the end, with the index."""
    with pytest.raises(OutputError, match="room on the disk for /dev/full"):
        noise(Path("/dev/full"), count)


def test_a_limit_on_the_files_size_is_an_output_error(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="may not grow"):
            noise(tmp_path / "a.mp4", 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# Sound


def beep_times(path: Path) -> tuple[list[float], float]:
    """Start times of the beeps and end of the sound [s]."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=48000)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    start = frames[0].time
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    loud = np.flatnonzero(np.abs(samples) > 0.2)
    beeps = loud[np.flatnonzero(np.diff(loud, prepend=-48000) > 4800)]
    return [start + int(one) / 48000 for one in beeps], start + len(samples) / 48000


def with_sound(path: Path, source: Path, start: float, end: float | None, count: int) -> list[str]:
    sound = AudioSource(source, start, end)
    return write(path, [i / 20 for i in range(count)], Fraction(20), Fraction(1, 20), audio=sound).notes


SOURCES = [
    ("copied.mp4", "aac", 48000),
    ("copied.mkv", "aac", 44100),
    ("again.ts", "aac", 48000),
    ("again.mp4", "libmp3lame", 44100),
    ("again.mkv", "libopus", 48000),
    ("odd.mkv", "pcm_s16le", 7350),
]


@pytest.mark.parametrize(("name", "codec", "rate"), SOURCES)
def test_sound_keeps_its_time(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    source = make_clip(tmp_path / name, 80, audio=codec, audio_rate=rate)
    beeps, _ = beep_times(source)
    assert len(beeps) == 4
    for start, end, count in ((0.0, None, 80), (1.5, 2.9, 28), (0.75, None, 20)):
        target = tmp_path / f"{start}.mp4"
        assert with_sound(target, source, start, end, count) == []
        last = count / 20
        mine, ends = beep_times(target)
        assert mine == pytest.approx([one - start for one in beeps if start <= one < start + last], abs=0.003)
        assert ends == pytest.approx(min(last, 4.0), abs=0.05 if rate > 8000 else 0.15)
        with av.open(str(target)) as container:
            assert container.streams.audio[0].codec_context.name == "aac"
            assert abs(container.duration / 1e6 - last) < 0.1


def test_aac_is_copied_unchanged(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", 40, audio="aac")
    with_sound(tmp_path / "b.mp4", source, 0.0, None, 40)

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert packets(tmp_path / "b.mp4") == packets(source)[: len(packets(tmp_path / "b.mp4"))]
    assert len(packets(tmp_path / "b.mp4")) > 90


def test_a_source_without_sound_gives_no_note(tmp_path: Path) -> None:
    assert with_sound(tmp_path / "b.mp4", make_clip(tmp_path / "a.mp4", 5), 0.0, None, 5) == []
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert not container.streams.audio


def test_broken_sound_does_not_stop_the_video(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", 80, audio="libmp3lame")
    overwrite_packets(source, range(60, 70), kind="audio")
    notes = with_sound(tmp_path / "b.mp4", source, 0.0, None, 80)
    assert len(times(tmp_path / "b.mp4")) == 80
    assert "s of sound are missing, replaced by silence" in notes[0]
    assert beep_times(tmp_path / "b.mp4")[0] == pytest.approx([0, 1, 2, 3], abs=0.003)
    overwrite_packets(source, range(60, 140), kind="audio")
    assert with_sound(tmp_path / "c.mp4", source, 0.0, None, 80)
    assert len(times(tmp_path / "c.mp4")) == 80
    assert beep_times(tmp_path / "c.mp4")[0] == pytest.approx([0, 1], abs=0.003)


def test_a_source_that_cannot_be_opened_costs_only_the_sound(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no sound here")
    notes = with_sound(tmp_path / "b.mp4", tmp_path / "a.mp4", 0.0, None, 5)
    assert "no sound: a.mp4 cannot be opened" in notes[0]
    assert len(times(tmp_path / "b.mp4")) == 5


def test_damaged_video_packets_do_not_affect_the_sound(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", 40, audio="aac")
    overwrite_packets(source, range(10))
    assert with_sound(tmp_path / "b.mp4", source, 0.0, None, 40) == []
    assert len(beep_times(tmp_path / "b.mp4")[0]) == 2


@pytest.mark.parametrize("size", [(96, 64), (96, 66), (98, 66), (642, 482), (960, 798)])
def test_every_even_size_keeps_its_colours_in_place(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[:] = (45, 135, 240)
    image[: height // 2 // 2 * 2] = (240, 150, 20)
    with VideoWriter(tmp_path / "x.mp4", size, Fraction(20), Fraction(1, 20), crf=0) as writer:
        for i in range(3):
            writer.write(image, i / 20)
    with av.open(str(tmp_path / "x.mp4")) as video:
        for frame in video.decode(video=0):
            assert np.array_equal(frame.to_ndarray(format="yuv420p"), planes(image))
