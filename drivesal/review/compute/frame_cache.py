"""The frames used last, in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

from drivesal.types import Frame


class FrameCache:
    """The frames used last, never more than `most` bytes of images. For any thread."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self.size = 0
        """Bytes of the images that are kept."""

    def __contains__(self, index: int) -> bool:
        return index in self._frames

    def get(self, index: int) -> Frame | None:
        """The frame with this index, which counts as used; None where it is not kept."""
        with self._lock:
            if index in self._frames:
                self._frames.move_to_end(index)
            return self._frames.get(index)

    def put(self, frame: Frame) -> None:
        """Keeps the frame in place of the ones used longest ago; one larger than the cache is not kept."""
        with self._lock:
            old = self._frames.pop(frame.index, None)
            self.size -= 0 if old is None else old.image.nbytes
            while self._frames and self.size + frame.image.nbytes > self._most:
                self.size -= self._frames.popitem(last=False)[1].image.nbytes
            if frame.image.nbytes <= self._most:
                self._frames[frame.index] = frame
                self.size += frame.image.nbytes

    def clear(self) -> None:
        """Drops all frames."""
        with self._lock:
            self._frames.clear()
            self.size = 0
