from __future__ import annotations

import errno
import itertools
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesal.errors import InputError
from drivesal.recordings import open_recording, read_labels
from drivesal.recordings.decoding import decoder as decoding
from drivesal.review.compute import frame_store as store_module
from drivesal.review.compute.frame_store import FrameStore
from drivesal.review.compute.lossless_copy import LosslessCopy
from drivesal.types import Frame, Recording, Span
from tests.clips import cut, make_clip, overwrite_packets
from tests.recordings.drives import comma, images, tub

COUNT = 90
SIZE = 96 * 64 * 3
"""Bytes of an image of `make_clip`."""


def labelled(folder: Path) -> Recording:
    """A clip with its angles in a table."""
    table = folder / "labels.csv"
    table.write_text("frame,steering_deg\n" + "".join(f"{i},{i / 2}\n" for i in range(COUNT)))
    return open_recording(make_clip(folder / "l.mp4", COUNT), labels=read_labels(table))


def damaged(folder: Path, packets: list[int], **options: object) -> Recording:
    """A clip with overwritten packets; 0, 12, 24 … are keyframes."""
    path = make_clip(folder / "d.mp4", COUNT, **options)  # type: ignore[arg-type]
    overwrite_packets(path, packets, b"\x5a")
    return open_recording(path)


def vfr(folder: Path) -> Recording:
    """A clip with a variable frame rate."""
    pts = [int(t) for t in np.cumsum(np.random.default_rng(0).integers(1, 200, COUNT))]
    return open_recording(make_clip(folder / "v.mp4", COUNT, time_base=Fraction(1, 1000), pts=pts))


MAKERS: dict[str, Callable[[Path], Recording]] = {
    "b-frames": lambda folder: open_recording(make_clip(folder / "b.mp4", COUNT, bframes=3)),
    "open": lambda folder: open_recording(make_clip(folder / "o.mp4", COUNT, bframes=3, open_gop=True)),
    "pyramid": lambda folder: open_recording(
        make_clip(folder / "p.mp4", COUNT, bframes=7, gop=30, options={"preset": "medium"})
    ),
    "stream": lambda folder: open_recording(make_clip(folder / "s.ts", COUNT, open_gop=True)),
    "hevc": lambda folder: open_recording(
        make_clip(folder / "h.mkv", COUNT, codec="libx265", open_gop=True, bframes=4)
    ),
    "long": lambda folder: open_recording(make_clip(folder / "long.mp4", COUNT, gop=250)),
    "raw": lambda folder: open_recording(make_clip(folder / "r.hevc", COUNT, codec="libx265")),
    "avi": lambda folder: open_recording(make_clip(folder / "a.avi", COUNT)),
    "vfr": vfr,
    "images": lambda folder: open_recording(images(folder / "images", 30)),
    "tub": lambda folder: open_recording(tub(folder / "tub", 30)),
    "comma": lambda folder: open_recording(comma(folder / "comma", 80)),
    "labelled": labelled,
    "damaged": lambda folder: damaged(folder, [5, 31, 32, 60], bframes=3),
    "damaged keyframe": lambda folder: damaged(folder, [24, 36, 60]),
    "damaged, long": lambda folder: damaged(folder, [20, 50], gop=250, bframes=3),
    "cut": lambda folder: open_recording(cut(make_clip(folder / "c.mp4", COUNT, audio="aac"), 0.7)),
}


@pytest.fixture(scope="module", params=MAKERS)
def drive(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Recording, dict[int, Frame]]]:
    """A recording, and its frames by index from a sequential read."""
    with MAKERS[request.param](tmp_path_factory.mktemp("drives")) as recording:
        yield recording, {frame.index: frame for frame in recording.frames()}


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def check(store: FrameStore, index: int, sequential: dict[int, Frame]) -> None:
    """Check that the store returns the frame of the sequential read, or raises if that has none."""
    if index not in sequential:
        with pytest.raises(InputError, match=rf"frame #{index} .* is damaged|image that can be read"):
            store.at(index)
        return
    got, wanted = store.at(index), sequential[index]
    assert (got.index, got.time_s, got.steering, got.extras) == (
        wanted.index,
        wanted.time_s,
        wanted.steering,
        wanted.extras,
    )
    np.testing.assert_array_equal(got.image, wanted.image)


def settled(store: FrameStore) -> FrameStore:
    """Wait until the store's copy is complete."""
    if store._copier is not None:
        store._copier.join()
    return store


def walk(seed: int, length: int, steps: int = 60) -> Iterator[int]:
    """Indices as a user moves: steps forward and back, small hops, jumps."""
    chance, place = random.Random(seed), 0
    while steps > 0:
        move = chance.choice(["forward", "back", "hop", "jump"])
        run = chance.randint(1, 12) if move in ("forward", "back") else 1
        for _ in range(run):
            step = {"forward": 1, "back": -1, "hop": chance.randint(-20, 20)}.get(move)
            place = chance.randrange(length) if step is None else min(max(place + step, 0), length - 1)
            steps -= 1
            yield place


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), held=st.sampled_from([0, 7, 30, 1000]), wait_first=st.booleans())
def test_random_access_equals_a_sequential_read(
    drive: tuple[Recording, dict[int, Frame]], seed: int, held: int, wait_first: bool
) -> None:
    recording, sequential = drive
    length = recording.info.length
    assert length is not None
    with FrameStore(recording, cache_bytes=held * SIZE) as store:
        if wait_first:
            settled(store)
        for index in walk(seed, length):
            check(store, index, sequential)


def test_reading_from_any_index_equals_a_sequential_read(drive: tuple[Recording, dict[int, Frame]]) -> None:
    recording, sequential = drive
    length = recording.info.length or 0
    for index in range(length):
        if index in sequential:
            frame = next(iter(recording.frames(Span(index))))
            assert frame.index == index
            np.testing.assert_array_equal(frame.image, sequential[index].image)


def test_indices_out_of_range_are_rejected(drive: tuple[Recording, dict[int, Frame]]) -> None:
    recording, sequential = drive
    length = recording.info.length or 0
    with FrameStore(recording) as store:
        for index in (-1, length, 10**9):
            with pytest.raises(InputError, match=f"#{index} matches none"):
                store.at(index)
        check(store, max(sequential), sequential)


def test_several_threads_at_once(drive: tuple[Recording, dict[int, Frame]]) -> None:
    recording, sequential = drive
    length = recording.info.length or 0
    wrong: list[BaseException] = []

    def user(seed: int) -> None:
        try:
            for index in walk(seed, length, 40):
                check(store, index, sequential)
        except BaseException as error:
            wrong.append(error)

    with FrameStore(recording, cache_bytes=20 * SIZE) as store:
        threads = [threading.Thread(target=user, args=(seed,)) for seed in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert not wrong


@pytest.mark.parametrize(
    ("name", "gap"),
    [("b-frames", 12), ("stream", 12), ("long", COUNT), ("raw", COUNT), ("avi", COUNT), ("images", 1)],
)
def test_a_recording_states_its_keyframe_gap(tmp_path: Path, name: str, gap: int) -> None:
    with MAKERS[name](tmp_path) as recording:
        assert recording.info.keyframe_gap == gap


def test_only_reference_frames_are_decoded_on_the_way_to_a_frame(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 80, bframes=3, gop=60)
    with open_recording(path) as recording, decoding.open_container(path) as container:
        stream = container.streams.video[0]
        pts = [int(packet.pts) for packet in container.demux(stream) if packet.pts is not None]
        container.seek(0)
        taken = sum(1 for _ in decoding._decode_packets(container, stream, sorted(pts)[56]))
        assert taken < 80 - 56 + 40
        np.testing.assert_array_equal(recording.at(56).image, list(recording.frames(Span(0, 57)))[56].image)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """The entry point and the thread of every decoding since the fixture was created."""
    seen: list[tuple[int, str]] = []
    real = decoding._decode_from_keyframe

    def spy(container: object, path: Path, index: object, entry: int, *more: int) -> object:
        seen.append((entry, threading.current_thread().name))
        return real(container, path, index, entry, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(decoding, "_decode_from_keyframe", spy)
    return seen


def test_steps_forward_use_the_open_reader(tmp_path: Path, reads: list[tuple[int, str]]) -> None:
    with open_recording(make_clip(tmp_path / "a.mp4", COUNT, gop=30)) as recording:
        reads.clear()
        with FrameStore(recording, cache_bytes=3 * SIZE) as store:
            for index in [*range(40, 80), 84, 89]:
                store.at(index)
    assert [entry for entry, _ in reads] == [30]


def test_steps_back_decode_several_frames_at_once(tmp_path: Path, reads: list[tuple[int, str]]) -> None:
    with open_recording(make_clip(tmp_path / "a.mp4", COUNT, gop=30)) as recording:
        reads.clear()
        with FrameStore(recording, cache_bytes=60 * SIZE) as store:
            for index in range(80, -1, -1):
                store.at(index)
    mine = [entry for entry, thread in reads if not thread.startswith("frames-prefetch")]
    assert len(reads) < 10
    assert len(mine) < 8


def test_steps_back_are_prefetched(tmp_path: Path, reads: list[tuple[int, str]]) -> None:
    with open_recording(make_clip(tmp_path / "a.mp4", COUNT, gop=30)) as recording:
        reads.clear()
        with FrameStore(recording, cache_bytes=60 * SIZE) as store:
            for index in range(80, -1, -1):
                store.at(index)
                while store._prefetching is not None and not store._prefetching[1].done():
                    time.sleep(0.001)
    mine = [entry for entry, thread in reads if not thread.startswith("frames-prefetch")]
    assert mine == [60, 60]  # the jump, the first step back


@pytest.mark.parametrize("held", [0, 1, 5, 40])
def test_the_cache_stays_within_its_bytes(tmp_path: Path, held: int) -> None:
    with open_recording(make_clip(tmp_path / "a.mp4", 400, gop=30)) as recording:
        most = held * SIZE + SIZE // 2
        with FrameStore(recording, cache_bytes=most) as store:
            largest = 0
            for index in itertools.chain(range(300), range(399, 200, -3), walk(1, 400, 200)):
                store.at(index)
                largest = max(largest, store._cache.size)
                kept = sum(frame.image.nbytes for frame in list(store._cache._frames.values()))
                assert kept <= most
            assert largest <= most
            assert held == 0 or largest >= SIZE
        assert store._cache.size == 0


# Copying to disk


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("long", "keyframes are 90 frames apart"),
        ("raw", "the recording is not seekable"),
        ("avi", "the recording is not seekable"),
    ],
)
def test_a_copy_is_made_if_keyframes_are_far_apart(
    tmp_path: Path, name: str, why: str, reads: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    going, reached = threading.Event(), threading.Event()
    real = LosslessCopy.add

    def slow(self: LosslessCopy, frame: Frame) -> None:
        if frame.index == 70:
            reached.set()
            assert going.wait(30)
        real(self, frame)

    monkeypatch.setattr(LosslessCopy, "add", slow)
    with MAKERS[name](tmp_path) as recording:
        sequential = {frame.index: frame for frame in recording.frames()}
        with FrameStore(recording) as store:
            assert reached.wait(30)
            assert store.note is not None
            assert store.note.startswith(f"{why}: writing a copy for fast seeking, 77 % of about")
            check(store, 80, sequential)  # from the recording
            going.set()
            assert settled(store).note is None
            reads.clear()
            for index in (3, 85, 20, 19, 18, 60):
                check(store, index, sequential)
            assert reads == []


@pytest.mark.parametrize("name", ["b-frames", "images", "tub", "labelled"])
def test_no_copy_is_made_if_seeking_is_fast(tmp_path: Path, name: str) -> None:
    with MAKERS[name](tmp_path) as recording, FrameStore(recording) as store:
        assert store._copier is None
        assert store.note is None


def test_a_copy_is_made_if_jumps_turn_out_to_be_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_SLOW_S", 1e-9)
    with open_recording(make_clip(tmp_path / "a.mp4", COUNT)) as recording, FrameStore(recording) as store:
        sequential = {frame.index: frame for frame in recording.frames()}
        for index in (80, 10, 60, 30):
            store.at(index)
        assert store._copier is None
        store.at(0)
        assert settled(store)._copy is not None
        check(store, 45, sequential)


def test_the_copy_is_deleted_at_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with MAKERS["long"](tmp_path) as recording:
        with settled(FrameStore(recording)) as store:
            assert store._copy is not None
            assert store._copy.size > 10_000
            file = store._copy._file
        store.close()
        assert file.closed
        assert list(folder.iterdir()) == []
        with pytest.raises(ValueError, match="closed"):
            store.at(3)


def test_closing_stops_the_copying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Event()
    added: list[int] = []

    def slow(_: LosslessCopy, frame: Frame) -> None:
        added.append(frame.index)
        started.set()
        time.sleep(0.02)

    monkeypatch.setattr(LosslessCopy, "add", slow)
    with MAKERS["long"](tmp_path) as recording:
        store = FrameStore(recording)
        assert started.wait(30)
        store.close()
        assert len(added) < COUNT
        assert not store._copier.is_alive()  # type: ignore[union-attr]


def test_a_full_disk_is_reported_and_frames_come_from_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = LosslessCopy.add

    def full(self: LosslessCopy, frame: Frame) -> None:
        if frame.index == 40:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, frame)

    monkeypatch.setattr(LosslessCopy, "add", full)
    with MAKERS["long"](tmp_path) as recording:
        sequential = {frame.index: frame for frame in recording.frames()}
        with settled(FrameStore(recording)) as store:
            assert store.note == (
                "keyframes are 90 frames apart, and the copy for fast seeking failed: No space left on device"
            )
            for index in (70, 10, 50, 39, 40):
                check(store, index, sequential)


def test_a_copy_that_would_be_too_large_is_not_made(tmp_path: Path) -> None:
    with MAKERS["long"](tmp_path) as recording:
        sequential = {frame.index: frame for frame in recording.frames()}
        with settled(FrameStore(recording)) as store:
            assert store._copy is not None
            size = store._copy.size
        with settled(FrameStore(recording, copy_bytes=size // 2 + 4000)) as store:
            assert store._copy is not None
            assert store._copy.size < size * 0.7
            assert store.note is not None
            assert "seeking is slow. A copy for fast seeking would take" in store.note
            for index in (70, 10, 50, 39):
                check(store, index, sequential)


def test_the_copy_is_lossless() -> None:
    rng = np.random.default_rng(0)
    for size in ((64, 96), (33, 47), (1, 1), (120, 160)):
        copy = LosslessCopy()
        expected = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(5)]
        for i, image in enumerate(expected):
            copy.add(Frame(2 * i, i / 3, image, 0.5, {"speed": 2.0}))
        for i in (3, 0, 4, 1, 1):
            frame = copy.at(2 * i)
            assert (frame.index, frame.time_s, frame.steering, frame.extras) == (
                2 * i,
                i / 3,
                0.5,
                {"speed": 2.0},
            )
            np.testing.assert_array_equal(frame.image, expected[i])
            assert 2 * i + 1 not in copy
        with pytest.raises(ValueError, match="the copy has frames of"):
            copy.add(Frame(99, 99, np.zeros((8, 8, 3), np.uint8)))
        copy.close()
        copy.close()
