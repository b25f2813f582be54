from __future__ import annotations

import threading
import wave
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesal.errors import DamagedInputError, InputError, OptionError
from drivesal.recordings import open_recording
from drivesal.types import Recording, Span
from tests.clips import SHARED, cut, make_clip, number, overwrite_packets, picture, times

GOPS = {"closed.mp4": {}, "open.mp4": {"open_gop": True}, "hevc.mkv": {"codec": "libx265", "open_gop": True}}
COUNT = 40


@pytest.fixture(scope="module", params=[*GOPS, "stream.ts"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = tmp_path_factory.mktemp("clips") / request.param
    return open_recording(make_clip(path, COUNT, **GOPS.get(request.param, {})))


def indexed_numbers(frames: object) -> list[tuple[int, int]]:
    """(index, number encoded in the image) of each frame; they are equal if the index is correct."""
    return [(frame.index, number(frame.image)) for frame in frames]


def test_sequential_reading_yields_every_frame_with_its_time(clip: Recording) -> None:
    frames = list(clip.frames())
    assert indexed_numbers(frames) == [(i, i) for i in range(COUNT)]
    assert [frame.time_s for frame in frames] == [float(time) for time in times(clip.info.path)]
    assert clip.info.length == COUNT
    assert clip.info.rate == 20
    assert clip.losses == []


@settings(max_examples=25, deadline=None)
@given(
    start=st.integers(0, COUNT - 1), length=st.integers(1, 9), every=st.integers(1, 5), seconds=st.booleans()
)
def test_a_seek_yields_the_same_frames_as_sequential_reading(
    clip: Recording, start: int, length: int, every: int, seconds: bool
) -> None:
    stop = min(start + length, COUNT)
    bounds: tuple[float, float] | tuple[int, int] = (start, stop)
    if seconds:
        offset = float(times(clip.info.path)[0])
        bounds = (offset + start / 20, offset + stop / 20)
    frames = list(clip.frames(Span(*bounds, every)))
    assert indexed_numbers(frames) == [(i, i) for i in range(start, stop, every)]
    assert clip.losses == []


def test_seconds_are_container_timestamps(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "late.mkv", 20, pts=range(40, 60))
    with open_recording(path) as recording:
        assert [frame.index for frame in recording.frames(Span(2.1, 2.2))] == [2, 3]
        assert "begin at 2.000 s" in " ".join(recording.info.notes)
        assert recording.info.duration_s == 1.0
        assert recording.at(2.149).index == 2


def test_frames_before_the_edit_list_are_skipped(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "trimmed.mp4", 40, pts=range(-15, 25))
    with open_recording(path) as recording:
        assert [(i, n - 15) for i, n in indexed_numbers(recording.frames())] == [(i, i) for i in range(25)]
        assert [(i, n - 15) for i, n in indexed_numbers(recording.frames(Span(20, 22)))] == [(20, 20), (21, 21)]
        assert recording.info.length == 25
        assert recording.losses == []


def test_at_returns_the_displayed_frame(clip: Recording) -> None:
    offset = float(times(clip.info.path)[0])
    assert indexed_numbers([clip.at(31), clip.at(3)]) == [(31, 31), (3, 3)]
    assert indexed_numbers([clip.at(offset + 0.5), clip.at(offset + 0.549)]) == [(10, 10)] * 2
    with pytest.raises(InputError, match=r"40 frames .*#40 matches none"):
        clip.at(40)


def test_a_time_before_the_first_frame_is_rejected(tmp_path: Path) -> None:
    with open_recording(make_clip(tmp_path / "late.mkv", 20, pts=range(40, 60))) as recording:
        assert [recording.at(2.0).index, recording.at(1.98).index] == [0, 0]
        for before in (1.97, 0.0, -1.0):
            with pytest.raises(InputError, match=r"from 2\.000 s to 2\.950 s, but .* s matches none"):
                recording.at(before)


@pytest.mark.parametrize("span", [Span(40), Span(5, 5), Span(99.0), Span(0.301, 0.349), Span(None, 0)])
def test_the_error_for_an_empty_span_states_the_length(tmp_path: Path, span: Span) -> None:
    with (
        open_recording(make_clip(tmp_path / "a.mp4")) as recording,
        pytest.raises(InputError, match=r"40 frames \(#0 to #39\) from 0\.000 s to 1\.950 s"),
    ):
        recording.frames(span)


def test_every_must_be_positive(clip: Recording) -> None:
    with pytest.raises(OptionError, match="N is 0"):
        clip.frames(Span(every=0))


def test_concurrent_iterators_are_independent(clip: Recording) -> None:
    other: list[tuple[int, int]] = []
    thread = threading.Thread(target=lambda: other.extend(indexed_numbers(clip.frames(Span(20)))))
    mine = clip.frames()
    assert indexed_numbers(islice(mine, 5)) == [(i, i) for i in range(5)]
    thread.start()
    assert indexed_numbers(clip.sample(4)) == [(i, i) for i in (0, 12, 24, 36)]
    assert indexed_numbers(mine) == [(i, i) for i in range(5, COUNT)]
    thread.join()
    assert other == [(i, i) for i in range(20, COUNT)]


def test_a_sample_is_spread_over_the_span(tmp_path: Path) -> None:
    with open_recording(make_clip(tmp_path / "a.mp4", 60)) as recording:
        assert indexed_numbers(recording.sample(3)) == [(i, i) for i in (0, 24, 48)]
        assert indexed_numbers(recording.sample(8)) == [(i, i) for i in (0, 12, 24, 36, 48)]
        # there are too few keyframes: frames after them are added
        assert indexed_numbers(recording.sample(20)) == [
            (i + n, i + n) for i in (0, 12, 24, 36, 48) for n in (0, 3, 6, 9)
        ]
        assert indexed_numbers(recording.sample(6, Span(20, 30))) == [(i, i) for i in (20, 21, 22, 24, 25, 26)]
        assert indexed_numbers(recording.sample(4, Span(20, 30, 2))) == [(i, i) for i in (20, 22, 24, 26)]
        assert len(list(recording.sample(500))) == 60
        assert recording.losses == []
        straight = {frame.index: frame.image for frame in recording.frames()}
        for frame in recording.sample(8):
            np.testing.assert_array_equal(frame.image, straight[frame.index])


def test_variable_rate_and_ntsc_are_exact(tmp_path: Path) -> None:
    steps = np.cumsum([0, 17, 40, 33, 250, 1, 9, 33, 33, 80])
    path = make_clip(tmp_path / "vfr.mp4", 10, time_base=Fraction(1, 1000), pts=[int(one) for one in steps])
    with open_recording(path) as recording:
        assert [frame.time_s for frame in recording.frames()] == [one / 1000 for one in steps]
    path = make_clip(tmp_path / "ntsc.mp4", 12, rate=Fraction(30000, 1001))
    with open_recording(path) as recording:
        assert recording.info.rate == Fraction(30000, 1001)
        assert [frame.time_s for frame in recording.frames()] == [i * 1001 / 30000 for i in range(12)]


@pytest.mark.parametrize(("name", "codec"), [("raw.h264", "libx264"), ("raw.hevc", "libx265")])
def test_frames_of_a_raw_stream_are_counted(tmp_path: Path, name: str, codec: str) -> None:
    path = make_clip(tmp_path / name, 30, codec=codec)
    with open_recording(path) as recording:
        assert indexed_numbers(recording.frames(Span(7, 23, 5))) == [(i, i) for i in (7, 12, 17, 22)]
        assert not recording.info.seekable
        assert recording.info.length == 30
        assert recording.info.rate == 20
        assert "no timestamps" in recording.info.notes[0]
        assert "guessed" in recording.info.notes[0]
        assert indexed_numbers(recording.sample(3)) == [(0, 0), (10, 10), (20, 20)]
    with open_recording(path, rate=Fraction(30000, 1001)) as recording:
        frames = list(recording.frames(Span(0.5)))
        assert [frame.time_s for frame in frames] == [i * 1001 / 30000 for i in range(15, 30)]
        assert recording.losses == []


def test_frames_of_an_avi_with_b_frames_are_counted(tmp_path: Path) -> None:
    with open_recording(make_clip(tmp_path / "a.avi")) as recording:
        assert indexed_numbers(recording.frames()) == [(i, i) for i in range(COUNT)]
        assert indexed_numbers(recording.frames(Span(25, 28))) == [(i, i) for i in (25, 26, 27)]
        assert not recording.info.seekable


def test_a_rate_for_a_file_with_timestamps_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="has its own"):
        open_recording(make_clip(tmp_path / "a.mp4", 3), rate=Fraction(20))


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_applied(tmp_path: Path, rotation: int) -> None:
    with open_recording(make_clip(tmp_path / "turned.mp4", 4, rotation=rotation)) as recording:
        frame = recording.at(2)
        # The file specifies a counter-clockwise rotation: undoing it gives the stored image.
        stored = np.rot90(frame.image, -rotation // 90)
        assert number(stored) == 2
        assert np.abs(stored.astype(int) - picture(2)).mean() < 6
        assert frame.image.shape == (recording.info.height, recording.info.width, 3)
        assert (recording.info.height > recording.info.width) == (rotation != 180)
        assert any("counter-clockwise" in note for note in recording.info.notes)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("gray.mkv", "ffv1", "gray", (96, 64)),
        ("gray16.mkv", "ffv1", "gray16le", (96, 64)),
        ("ten.mkv", "ffv1", "yuv420p10le", (96, 64)),
        ("rgb48.mkv", "ffv1", "gbrp16le", (96, 64)),
        ("odd.mkv", "ffv1", "yuv420p", (97, 65)),
        ("full.mp4", "libx264", "yuvj420p", (96, 64)),
        ("chroma.mp4", "libx264", "yuv444p", (97, 65)),
        ("motion.avi", "mjpeg", "yuvj422p", (96, 64)),
    ],
)
def test_pixel_formats_are_converted_to_rgb(
    tmp_path: Path, name: str, codec: str, pix_fmt: str, size: tuple[int, int]
) -> None:
    with open_recording(make_clip(tmp_path / name, 6, codec=codec, pix_fmt=pix_fmt, size=size)) as recording:
        frames = list(recording.frames())
    assert indexed_numbers(frames) == [(i, i) for i in range(6)]
    image = frames[5].image
    assert (image.dtype, image.shape, image.flags.c_contiguous) == (np.uint8, (size[1], size[0], 3), True)
    expected = picture(5, size).astype(int)
    if "gray" in pix_fmt:
        expected = np.repeat((expected @ [0.299, 0.587, 0.114])[..., None], 3, axis=2)
    assert np.abs(image - expected).mean() < 5


@pytest.mark.parametrize("matrix", [1, 6])
def test_the_colour_matrix_is_honoured(tmp_path: Path, matrix: int) -> None:
    kr, kb = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}[matrix]
    red, green, blue = 1.0, 0.5, 0.0
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    planes = 16 + 219 * luma, 128 + 112 * (blue - luma) / (1 - kb), 128 + 112 * (red - luma) / (1 - kr)
    frame = av.VideoFrame(64, 64, "yuv420p")
    frame.colorspace, frame.color_range = matrix, 1
    for plane, value in zip(frame.planes, planes, strict=True):
        plane.update(bytes([round(value)]) * plane.buffer_size)
    with av.open(str(tmp_path / "orange.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=20, options={"qp": "1"})
        stream.width = stream.height = 64
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 1
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_recording(tmp_path / "orange.mp4") as recording:
        np.testing.assert_allclose(recording.at(0).image[32, 32], (255, 128, 0), atol=3)
        assert recording.info.length == 1


def test_frames_of_another_size_are_letterboxed(tmp_path: Path) -> None:
    wide = make_clip(tmp_path / "wide.h264", 6)
    tall = make_clip(tmp_path / "tall.h264", 6, size=(48, 64), first=6)
    (tmp_path / "both.h264").write_bytes(wide.read_bytes() + tall.read_bytes())
    with open_recording(tmp_path / "both.h264") as recording:
        frames = list(recording.frames())
        assert [frame.index for frame in frames] == list(range(12))
        assert {frame.image.shape for frame in frames} == {(64, 96, 3)}
        assert frames[11].image[:, :24].max() == 0
        assert frames[11].image[:, 72:].max() == 0
        assert number(np.ascontiguousarray(frames[11].image[:, 24:72])) == 11
        assert sum("size changes" in note for note in recording.info.notes) == 1
        assert recording.losses == []


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("late", [0, 5], ids=["same", "behind"])
def test_backward_timestamps_are_continued(tmp_path: Path, bframes: int, late: int) -> None:
    pieces = [
        make_clip(tmp_path / f"{i}.ts", 10, first=i * 10, bframes=bframes, pts=range(start, start + 10))
        for i, start in enumerate((10, 10, 10 + late))
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    offset = times(pieces[0])[0]
    with open_recording(path) as recording:
        frames = list(recording.frames())
        assert indexed_numbers(frames) == [(i, i) for i in range(30)]
        assert [frame.time_s for frame in frames] == [float(offset + Fraction(i, 20)) for i in range(30)]
        assert (
            "timestamps go backwards at frame #10 and 1× more: later times continue from the previous frame"
            in recording.info.notes[0]
        )
        assert not recording.info.seekable
        assert indexed_numbers(recording.frames(Span(18, 22))) == [(i, i) for i in range(18, 22)]
        assert indexed_numbers([recording.at(25), recording.at(float(offset) + 0.76)]) == [(25, 25), (15, 15)]
        assert indexed_numbers(recording.sample(3)) == [(0, 0), (10, 10), (20, 20)]
        assert recording.info.duration_s == pytest.approx(1.5)
        assert recording.losses == []


def test_repeated_timestamps_are_noted(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "twice.mkv", 6, codec="ffv1", pts=[0, 1, 2, 2, 3, 4])
    with open_recording(path) as recording:
        assert len(list(recording.frames())) == recording.info.length == 5
        assert recording.info.notes == ("frames left out because they repeat a timestamp: 1",)


def test_a_gap_in_the_timestamps_is_kept(tmp_path: Path) -> None:
    pieces = [
        make_clip(tmp_path / f"{i}.ts", 10, first=i * 10, bframes=0, pts=range(i * 40, i * 40 + 10))
        for i in (0, 1)
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    with open_recording(path) as recording:
        frames = list(recording.frames())
        assert indexed_numbers(frames) == [(i, i) for i in range(20)]
        assert frames[10].time_s - frames[0].time_s == pytest.approx(2.0)
        assert recording.info.seekable


# Damage


def test_the_truncation_message_counts_the_decoded_frames(tmp_path: Path) -> None:
    data = make_clip(tmp_path / "whole.mp4", 60).read_bytes()
    for size in range(len(data) * 5 // 10, len(data) * 9 // 10, len(data) // 40):
        path = tmp_path / "cut.mp4"
        path.write_bytes(data[:size])
        with open_recording(path) as recording:
            count = len(list(recording.frames()))
            assert recording.losses == [f"the file is cut short: it ends after {count} of 60 frames"]


def test_frame_indices_survive_a_loss_in_a_concatenated_file(tmp_path: Path) -> None:
    pieces = [make_clip(tmp_path / f"{i}.ts", 24, first=i * 24, bframes=0) for i in (0, 1)]
    path = tmp_path / "joined.ts"
    whole = [one.read_bytes() for one in pieces]
    path.write_bytes(whole[0][: len(whole[0]) * 7 // 10 // 188 * 188] + whole[1])
    with open_recording(path) as recording:
        frames = list(recording.frames())
        length = recording.info.length or 0
        assert length > 24
        assert [frame.index for frame in frames[-24:]] == list(range(length - 24, length))
        assert [number(frame.image) for frame in frames[-24:]] == list(range(24, 48))


def test_a_truncated_file_yields_the_remaining_frames(tmp_path: Path) -> None:
    path = cut(make_clip(tmp_path / "cut.mp4", 80), 0.6)
    with open_recording(path) as recording:
        frames = indexed_numbers(recording.frames())
        assert 20 < len(frames) < 70
        assert frames == [(i, i) for i in range(len(frames))]
        assert "of 80 frames" in recording.losses[-1]
    with open_recording(path) as recording:
        assert indexed_numbers(recording.frames(Span(0, 10))) == [(i, i) for i in range(10)]
        assert recording.losses == []  # the requested range is complete
    with open_recording(path, strict=True) as recording, pytest.raises(DamagedInputError, match="cut short"):
        list(recording.frames())


def test_a_truncated_matroska_file_is_reported(tmp_path: Path) -> None:
    with open_recording(cut(make_clip(tmp_path / "cut.mkv", 80), 0.5)) as recording:
        frames = indexed_numbers(recording.frames())
        assert frames == [(i, i) for i in range(len(frames))]
        assert "of 4.00 s" in recording.losses[-1]


def test_a_frame_that_does_not_decode_keeps_its_index(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mov", 30, codec="mjpeg", pix_fmt="yuvj420p")
    overwrite_packets(path, [10, 11, 20])
    with open_recording(path) as recording:
        assert indexed_numbers(recording.frames()) == [(i, i) for i in range(30) if i not in (10, 11, 20)]
        assert recording.losses == [
            "2 frames from #10 (0.50 s) could not be decoded",
            "frame #20 (1.00 s) could not be decoded",
        ]
        list(recording.frames(Span(5, 15)))
        assert len(recording.losses) == 2  # the same loss is reported once
        assert indexed_numbers(recording.frames(Span(11, 13))) == [(12, 12)]
        with pytest.raises(InputError, match=r"#20 .* is damaged"):
            recording.at(20)
    with open_recording(path, strict=True) as recording:
        assert indexed_numbers(recording.frames(Span(0, 10))) == [(i, i) for i in range(10)]
        with pytest.raises(DamagedInputError, match=r"2 frames from #10 \(0\.50 s\)"):
            list(recording.frames())


def test_decoding_continues_after_a_damaged_group(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 48)
    overwrite_packets(path, range(12, 16), b"\xff")
    with open_recording(path) as recording:
        frames = indexed_numbers(recording.frames())
    assert frames[:10] == [(i, i) for i in range(10)]
    assert [one for one in frames if one[0] >= 24] == [(i, i) for i in range(24, 48)]
    assert 44 >= len(frames) >= 34
    assert recording.losses
    assert "could not be decoded" in recording.losses[0]


def test_many_losses_are_summarized(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mov", 40, codec="mjpeg", pix_fmt="yuvj420p")
    overwrite_packets(path, range(1, 40, 3))
    with open_recording(path) as recording:
        assert len(list(recording.frames())) == 27
        assert recording.losses == [
            "13 frames in 13 places from #1 (0.05 s) to #37 (1.85 s) could not be decoded"
        ]


def test_trailing_garbage_is_ignored(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes() + bytes(range(256)) * 20)
    with open_recording(path) as recording:
        assert indexed_numbers(recording.frames()) == [(i, i) for i in range(COUNT)]
        assert recording.losses == []


def test_the_error_for_an_unusable_path_states_the_cause(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("dear diary\n" * 100)
    (tmp_path / "notes.txt").write_text("dear diary\n" * 100)
    make_clip(tmp_path / "slow.mp4", 40)
    data = (tmp_path / "slow.mp4").read_bytes()
    (tmp_path / "torn.mp4").write_bytes(data.replace(b"moov", b"xxxx"))
    with wave.open(str(tmp_path / "sound.mp4"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    data = make_clip(tmp_path / "junk.mkv", 5).read_bytes()
    (tmp_path / "junk.mkv").write_bytes(data[: data.find(bytes.fromhex("1f43b675"))])  # without clusters
    expected = {
        "gone.mp4": "does not exist",
        ".": "is a folder",
        "empty.mp4": r"is empty \(0 bytes\)",
        "text.mp4": "cannot be read as one",
        "notes.txt": "is text|cannot be read as one",
        "torn.mp4": "MP4 without its index",
        "sound.mp4": "only audio",
        "junk.mkv": "has none|none; check|cannot be read as one",
    }
    for name, came in expected.items():
        with pytest.raises(InputError, match=came) as caught:
            open_recording(tmp_path / name)
        assert str(tmp_path) in str(caught.value)


def test_a_file_name_may_contain_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_clip(tmp_path / "a.mp4", 3).rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    with open_recording("12:30.mp4") as recording:
        assert len(list(recording.frames())) == 3


@pytest.mark.skipif(not (SHARED / "highway.mp4").is_file(), reason="needs the real drives beside the checkout")
def test_a_real_drive(tmp_path: Path) -> None:
    with open_recording(SHARED / "highway.mp4") as recording:
        info = recording.info
        assert (info.length, info.rate, info.width, info.height) == (221, 25, 960, 540)
        last = list(recording.frames(Span(215)))
        assert [frame.index for frame in last] == list(range(215, 221))
        assert recording.losses == []
    with open_recording(SHARED / "udacity_ch2" / "run.mp4") as recording:
        assert recording.info.length == 3400
        frames = list(recording.frames(Span(170.0 - 5 / 20)))
        assert [frame.index for frame in frames] == list(range(3395, 3400))
        assert len({frame.index for frame in recording.sample(16)}) == 16
