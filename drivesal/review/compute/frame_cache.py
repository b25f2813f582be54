"""A cache of the most recently used frames in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

from drivesal.types import Frame


class FrameCache:
    """The most recently used frames, at most `capacity` bytes of images. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._lock = capacity, threading.Lock()
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self.size = 0
        """Bytes of the images in the cache."""

    def __contains__(self, index: int) -> bool:
        return index in self._frames

    def get(self, index: int) -> Frame | None:
        """The frame with this index, marked as used; None if it is not in the cache."""
        with self._lock:
            if index in self._frames:
                self._frames.move_to_end(index)
            return self._frames.get(index)

    def put(self, frame: Frame) -> None:
        """Add the frame and evict the least recently used ones; ignore a frame larger than the cache."""
        with self._lock:
            old = self._frames.pop(frame.index, None)
            self.size -= 0 if old is None else old.image.nbytes
            while self._frames and self.size + frame.image.nbytes > self._capacity:
                self.size -= self._frames.popitem(last=False)[1].image.nbytes
            if frame.image.nbytes <= self._capacity:
                self._frames[frame.index] = frame
                self.size += frame.image.nbytes

    def clear(self) -> None:
        """Remove all frames."""
        with self._lock:
            self._frames.clear()
            self.size = 0
