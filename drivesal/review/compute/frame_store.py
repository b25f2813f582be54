"""Fast and exact random access to the frames of a recording, in bounded memory."""

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
from drivesal.review.compute.frame_cache import FrameCache
from drivesal.review.compute.lossless_copy import LosslessCopy, free_bytes, progress
from drivesal.types import Frame, Recording, Span

CACHE_BYTES = 192 << 20
"""Bytes of cached images: 32 of 1920x1080, 72 of 1280x720, 218 of 640x480."""
COPY_BYTES = 8 << 30
"""Maximum size of the copy on disk."""
MAX_KEYFRAME_GAP = 60
"""Frames between keyframes above which a copy is made."""

_NEAR = 8
"""A frame up to this far ahead is reached by decoding on; one up to this far behind is a step back."""
_MAX_BEHIND = 32
"""Maximum number of frames that a step back decodes at once."""
_SLOW_S = 0.5
_JUMPS = 5
"""A copy is made if the median of this many jumps takes longer than `_SLOW_S`."""

_log = logging.getLogger(__name__)


class FrameStore:
    """The frames of a recording by index, identical to those of reading it from the start.

    Keeps at most `cache_bytes` of recently used frames, and an open reader after the last requested frame, so
    that a step forward decodes one frame. A step back decodes several frames before it at once; further steps
    in the same direction are prefetched in a thread.

    If a jump would decode more than `MAX_KEYFRAME_GAP` frames or turns out to be slow, a low-priority thread
    writes a lossless copy of all frames to disk, of at most `copy_bytes` and half of the free space. Frames
    that the copy does not have yet come from the recording.

    Thread-safe. The caller closes the recording, after the store.
    """

    def __init__(
        self, recording: Recording, *, cache_bytes: int = CACHE_BYTES, copy_bytes: int = COPY_BYTES
    ) -> None:
        info = recording.info
        self._recording, self._copy_bytes = recording, copy_bytes
        self._cache = FrameCache(cache_bytes)
        # a jump decodes half the gap between two keyframes on average: decoding on costs no more up to there
        self._max_ahead = max(_NEAR, info.keyframe_gap // 2)
        self._behind = max(1, min(_MAX_BEHIND, cache_bytes // (3 * info.width * info.height) // 3))
        self._reader_lock = threading.Lock()  # guards the attributes below
        self._reader: Iterator[Frame] = iter(())
        self._next: int | None = None
        self._damaged: set[int] = set()
        self._jumps: deque[float] = deque(maxlen=_JUMPS)

        self._prefetch_lock = threading.Lock()  # held briefly
        self._closed = threading.Event()
        self._last = -1
        self._pool = ThreadPoolExecutor(1, "frames-prefetch")
        self._prefetching: tuple[range, Future[None]] | None = None

        self._copy: LosslessCopy | None = None
        self._copier: threading.Thread | None = None
        self._copy_reason = ""
        self._note: str | None = None
        if not info.seekable and info.keyframe_gap > MAX_KEYFRAME_GAP:
            self._make_copy("the recording is not seekable")
        elif info.keyframe_gap > MAX_KEYFRAME_GAP:
            self._make_copy(f"keyframes are {info.keyframe_gap} frames apart")

    @property
    def note(self) -> str | None:
        """The reason for slow seeking and the state of the copy, for the user; else None."""
        return self._note

    def at(self, index: int) -> Frame:
        """The frame with this index; its image is shared and must not be modified.

        Raises `InputError` if it does not exist or cannot be decoded, `DamagedInputError` if the recording is
        strict, `ValueError` after `close`.
        """
        moved, self._last = index - self._last, index
        back = -_NEAR <= moved < 0
        frame = self._cache.get(index)
        if frame is None:
            self._wait_for_prefetch(index)
            with self._reader_lock:
                # another thread may have decoded it in the meantime
                frame = self._cache.get(index) or self._read(index, back)
        if moved and abs(moved) <= _NEAR:
            self._prefetch(index, -1 if back else 1)
        return frame

    def close(self) -> None:
        """End the threads, delete the copy and free the frames. Safe to call twice."""
        with self._prefetch_lock:
            self._closed.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._copier is not None:
            self._copier.join()
        with self._reader_lock:
            self._close_reader()
            if self._copy is not None:
                self._copy.close()
            self._cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading the recording

    def _read(self, index: int, back: bool) -> Frame:
        if self._closed.is_set():
            raise ValueError("the frame store is closed")
        length = self._recording.info.length
        if index < 0 or (length is not None and index >= length):
            return self._recording.at(index)  # raises with the valid range
        if index in self._damaged:
            raise self._damaged_error(index)
        if self._next is not None and 0 <= index - self._next <= self._max_ahead:
            return self._read_until(index)
        if (frame := self._from_copy(index)) is not None:
            self._cache.put(frame)
            return frame
        started = time.perf_counter()
        self._close_reader()
        self._next = max(0, index - self._behind + 1) if back else index
        self._reader = self._recording.frames(Span(start=self._next))
        frame = self._read_until(index)
        self._jumps.append(time.perf_counter() - started)
        if len(self._jumps) == _JUMPS and (median := statistics.median(self._jumps)) > _SLOW_S:
            self._make_copy(f"a jump takes {median:.1f} s")
        return frame

    def _read_until(self, index: int) -> Frame:
        """Decode up to the frame, with all frames before it added to the cache."""
        assert self._next is not None
        result = None
        try:
            for frame in self._reader:
                self._cache.put(frame)
                self._damaged.update(range(self._next, frame.index))
                self._next = frame.index + 1
                if frame.index >= index:
                    result = frame
                    break
            else:
                self._damaged.update(range(self._next, index + 1))
                self._next = None
        except BaseException:
            self._next = None
            raise
        if result is None or result.index != index:
            raise self._damaged_error(index)
        return result

    def _close_reader(self) -> None:
        if isinstance(self._reader, Generator):
            self._reader.close()
        self._reader, self._next = iter(()), None

    def _damaged_error(self, index: int) -> InputError:
        path = self._recording.info.path
        return InputError(
            "a frame that can be decoded", f"frame #{index} of {path} is damaged", "choose another frame"
        )

    # Prefetching

    def _wait_for_prefetch(self, index: int) -> None:
        """Wait if the frame is being prefetched and the copy does not have it yet."""
        running = self._prefetching
        if running is not None and index in running[0] and (self._copy is None or index not in self._copy):
            wait([running[1]])

    def _prefetch(self, index: int, step: int) -> None:
        """Prefetch the next frames in a direction (1 or -1) if few of them are left in the cache."""
        for distance in range(1, self._behind // 2 + 2):
            first = index + step * distance
            if not self._is_known(first):
                break
        else:
            return
        length = self._recording.info.length or first
        indices = range(first, min(max(-1, first + step * self._behind), length), step)
        from_copy = self._copy is not None and all(i in self._copy for i in indices)
        # forward, the open reader is fast enough
        if not indices or (step > 0 and (not from_copy or self._next == index + 1)):
            return
        with self._prefetch_lock:
            if self._closed.is_set() or (self._prefetching is not None and not self._prefetching[1].done()):
                return
            self._prefetching = (indices, self._pool.submit(self._fill_cache, indices, from_copy))

    def _is_known(self, index: int) -> bool:
        return index in self._cache or index in self._damaged

    def _fill_cache(self, indices: range, from_copy: bool) -> None:
        frames: Iterator[Frame] = iter(())
        try:
            if from_copy and self._copy is not None:
                frames = map(self._copy.at, indices)
            else:
                frames = self._recording.frames(Span(min(indices), max(indices) + 1))
            for frame in frames:
                if self._closed.is_set():
                    return
                self._cache.put(frame)
        except Exception as error:  # a request for such a frame raises it again
            _log.info("frames from %d could not be prefetched: %s", indices.start, error)
        finally:
            if isinstance(frames, Generator):
                frames.close()

    # Copying to disk

    def _from_copy(self, index: int) -> Frame | None:
        if self._copy is None or index not in self._copy:
            return None
        try:
            return self._copy.at(index)
        except OSError as error:
            _log.warning("frame %d cannot be read from the copy: %s", index, error)
            return None

    def _make_copy(self, reason: str) -> None:
        if self._copier is not None:
            return
        self._copy_reason = reason
        self._note = f"{reason}: writing a copy for fast seeking"
        self._copier = threading.Thread(target=self._write_copy, name="frames-copy", daemon=True)
        self._copier.start()

    def _write_copy(self) -> None:
        stand_back()
        frames: Iterator[Frame] = iter(())
        try:
            self._copy = copy = LosslessCopy()
            frames = self._recording.frames()
            limit = min(self._copy_bytes, free_bytes() // 2)
            for count, frame in enumerate(frames, 1):
                if self._closed.is_set():
                    return
                copy.add(frame)
                length = self._recording.info.length
                state, fits = progress(count, frame.index + 1, length, copy.size, limit)
                self._note = f"{self._copy_reason}{state}"
                if not fits:
                    return
            self._note = None
        except Exception as error:  # frames still come from the recording
            _log.warning("no copy of %s: %s", self._recording.info.path, error)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            self._note = f"{self._copy_reason}, and the copy for fast seeking failed: {reason}"
        finally:
            if isinstance(frames, Generator):
                frames.close()
