"""Any frame of a recording at once, exactly, in bounded memory."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Self

from drivesal.errors import InputError
from drivesal.io.stages import stand_back
from drivesal.review.compute.copies import LosslessCopy, free_bytes, progress
from drivesal.review.compute.frame_cache import FrameCache
from drivesal.types import Frame, Recording, Span

CACHE_BYTES = 192 << 20
"""Bytes of pictures that are kept: 32 of 1920x1080, 72 of 1280x720, 218 of 640x480."""
COPY_BYTES = 8 << 30
"""The largest copy that is made on disk."""
FARTHEST_KEYFRAMES = 60
"""Frames between keyframes beyond which a copy is made."""

_NEAR = 8
"""A frame so little ahead is always reached by reading on, one so little behind is a step back."""
_MOST_BEHIND = 32
"""The most frames that a step back decodes at once."""
_SLOW_S = 0.5
_JUMPS = 5
"""Where the median of so many jumps takes longer than that, a copy is made."""

_log = logging.getLogger(__name__)


class FrameStore:
    """The frames of a recording by their index, each the very picture that reading from the start gives.

    Keeps the frames used last, at most `cache_bytes` of them, and one open reader behind the frame asked for
    last, so that a step forward decodes one frame; a step back decodes several that lead to it, and who goes
    on in that direction has more of them decoded beforehand in a thread.

    Where a jump would decode more than `FARTHEST_KEYFRAMES` frames, or turns out slow, a lossless copy of all
    frames is made on disk in a thread that stands back; one of more than `copy_bytes`, or than half of the
    free room, is not made. Until it holds a frame, that one comes from the recording.

    For any thread. The recording stays the caller's, to be closed after the store.
    """

    def __init__(
        self, recording: Recording, *, cache_bytes: int = CACHE_BYTES, copy_bytes: int = COPY_BYTES
    ) -> None:
        info = recording.info
        self._recording, self._copy_bytes = recording, copy_bytes
        self._cache = FrameCache(cache_bytes)
        # from a keyframe, half the way between two is decoded on average
        self._on = max(_NEAR, info.keyframe_gap // 2)
        self._behind = max(1, min(_MOST_BEHIND, cache_bytes // (3 * info.width * info.height) // 3))
        self._reading = threading.Lock()  # held by whoever uses what is below
        self._live: Iterator[Frame] = iter(())
        self._next: int | None = None
        self._lost: set[int] = set()
        self._jumps: deque[float] = deque(maxlen=_JUMPS)

        self._planning = threading.Lock()  # held for moments only
        self._closed = threading.Event()
        self._last = -1
        self._pool = ThreadPoolExecutor(1, "frames-beforehand")
        self._filling: tuple[range, Future[None]] | None = None

        self._copy: LosslessCopy | None = None
        self._copier: threading.Thread | None = None
        self._why = ""
        self._note: str | None = None
        if not info.seekable and info.keyframe_gap > FARTHEST_KEYFRAMES:
            self._make_copy("the recording cannot be entered in its middle")
        elif info.keyframe_gap > FARTHEST_KEYFRAMES:
            self._make_copy(f"keyframes are {info.keyframe_gap} frames apart")

    @property
    def note(self) -> str | None:
        """What makes jumps slow and what is done about it, in words for the person; else None."""
        return self._note

    def at(self, index: int) -> Frame:
        """The frame with this index; its picture is shared and must not be changed.

        Raises `InputError` where there is none or it does not decode, `DamagedInputError` where the
        recording is strict, `ValueError` after `close`.
        """
        moved, self._last = index - self._last, index
        back = -_NEAR <= moved < 0
        frame = self._cache.get(index)
        if frame is None:
            self._await(index)
            with self._reading:
                # another thread may have decoded it meanwhile
                frame = self._cache.get(index) or self._read(index, back)
        if moved and abs(moved) <= _NEAR:
            self._look_on(index, -1 if back else 1)
        return frame

    def close(self) -> None:
        """Ends the threads, deletes the copy and lets go of the frames. Safe to call twice."""
        with self._planning:
            self._closed.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._copier is not None:
            self._copier.join()
        with self._reading:
            self._leave()
            if self._copy is not None:
                self._copy.close()
            self._cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # From the recording

    def _read(self, index: int, back: bool) -> Frame:
        if self._closed.is_set():
            raise ValueError("the frames are closed")
        length = self._recording.info.length
        if index < 0 or (length is not None and index >= length):
            return self._recording.at(index)  # which says what there is
        if index in self._lost:
            raise self._damaged(index)
        if self._next is not None and 0 <= index - self._next <= self._on:
            return self._go_on(index)
        if (frame := self._copied(index)) is not None:
            self._cache.put(frame)
            return frame
        started = time.perf_counter()
        self._leave()
        self._next = max(0, index - self._behind + 1) if back else index
        self._live = self._recording.frames(Span(start=self._next))
        frame = self._go_on(index)
        self._jumps.append(time.perf_counter() - started)
        if len(self._jumps) == _JUMPS and (usual := statistics.median(self._jumps)) > _SLOW_S:
            self._make_copy(f"a jump takes {usual:.1f} s")
        return frame

    def _go_on(self, index: int) -> Frame:
        """The frame, and all before it into the cache."""
        assert self._next is not None
        found = None
        try:
            for frame in self._live:
                self._cache.put(frame)
                self._lost.update(range(self._next, frame.index))
                self._next = frame.index + 1
                if frame.index >= index:
                    found = frame
                    break
            else:
                self._lost.update(range(self._next, index + 1))
                self._next = None
        except BaseException:
            self._next = None
            raise
        if found is None or found.index != index:
            raise self._damaged(index)
        return found

    def _leave(self) -> None:
        if isinstance(self._live, Generator):
            self._live.close()
        self._live, self._next = iter(()), None

    def _damaged(self, index: int) -> InputError:
        path = self._recording.info.path
        return InputError(
            "a frame that can be decoded", f"frame #{index} of {path} is damaged", "ask for another"
        )

    # Going on

    def _await(self, index: int) -> None:
        """Waits where the frame is being decoded, unless the copy has it sooner."""
        filling = self._filling
        if filling is not None and index in filling[0] and (self._copy is None or index not in self._copy):
            wait([filling[1]])

    def _look_on(self, index: int, step: int) -> None:
        """Has the next frames in a direction (1 or -1) decoded, where few of them are left in the cache."""
        near = self._behind // 2
        for found in range(near + 1):
            place = index + step * (found + 1)
            if not self._have(place):
                break
        else:
            return
        length = self._recording.info.length or place
        places = range(place, min(max(-1, place + step * self._behind), length), step)
        from_copy = self._copy is not None and all(one in self._copy for one in places)
        # forward, a reader of the recording is quick enough
        if not places or (step > 0 and (not from_copy or self._next == index + 1)):
            return
        with self._planning:
            if self._closed.is_set() or (self._filling is not None and not self._filling[1].done()):
                return
            self._filling = (places, self._pool.submit(self._fill, places, from_copy))

    def _have(self, index: int) -> bool:
        return index in self._cache or index in self._lost

    def _fill(self, places: range, from_copy: bool) -> None:
        frames: Iterator[Frame] = iter(())
        try:
            if from_copy and self._copy is not None:
                frames = map(self._copy.at, places)
            else:
                frames = self._recording.frames(Span(min(places), max(places) + 1))
            for frame in frames:
                if self._closed.is_set():
                    return
                self._cache.put(frame)
        except Exception as error:  # who needs such a frame is told when asking for it
            _log.info("frames from %d not decoded beforehand: %s", places.start, error)
        finally:
            if isinstance(frames, Generator):
                frames.close()

    # The copy

    def _copied(self, index: int) -> Frame | None:
        if self._copy is None or index not in self._copy:
            return None
        try:
            return self._copy.at(index)
        except OSError as error:
            _log.warning("frame %d cannot be read from the copy: %s", index, error)
            return None

    def _make_copy(self, why: str) -> None:
        if self._copier is not None:
            return
        self._why = why
        self._note = f"{why}: a copy that steps quickly is being made"
        self._copier = threading.Thread(target=self._write_copy, name="frames-copy", daemon=True)
        self._copier.start()

    def _write_copy(self) -> None:
        stand_back()
        frames: Iterator[Frame] = iter(())
        try:
            self._copy = copy = LosslessCopy()
            frames = self._recording.frames()
            most = min(self._copy_bytes, free_bytes() // 2)
            for number, frame in enumerate(frames, 1):
                if self._closed.is_set():
                    return
                copy.add(frame)
                length = self._recording.info.length
                state, fits = progress(number, frame.index + 1, length, copy.size, most)
                self._note = f"{self._why}{state}"
                if not fits:
                    return
            self._note = None
        except Exception as error:  # the recording itself still serves
            _log.warning("no copy of %s: %s", self._recording.info.path, error)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            self._note = f"{self._why}, and the copy that would step quickly stopped: {reason}"
        finally:
            if isinstance(frames, Generator):
                frames.close()
