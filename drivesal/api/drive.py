"""A drive opened for reading."""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, overload

from drivesal import types
from drivesal.api.keywords import takes
from drivesal.errors import InputError, OptionError
from drivesal.recordings.opening import opened
from drivesal.settings import RecordingSettings, position, taken
from drivesal.types import WHOLE, Frame, RecordingInfo, Span

_log = logging.getLogger(__name__)


class NoSuchFrameError(InputError, IndexError):
    """`recording[i]` has no such frame."""


class Recording(types.Recording):
    """A drive opened for reading: `with Recording("run.mp4") as run: for frame in run.frames(): ...`.

    `path` is a video, a picture or any recording of docs/recordings.md. `labels` is the path of a CSV with
    steering angles, None for the one of the video's name beside it or the recording's own, False for none. The
    rest are `RecordingSettings`, by the names of the command line's options. `len(run)`, `for frame in run`,
    `run[4]`, `run[-1]` and `run[10:20]` work. Raises InputError, LabelError, OptionError.
    """

    @takes(RecordingSettings, without=("no_labels",))
    def __init__(
        self, path: str | Path, *, labels: str | Path | Literal[False] | None = None, **given: Any
    ) -> None:
        where = {"no_labels": True} if labels is False else {"labels": labels}
        self.settings = taken(RecordingSettings, {**given, **where})
        self._inner = opened(path, self.settings, _log.warning)
        self.losses = self._inner.losses

    @property
    def info(self) -> RecordingInfo:  # type: ignore[override]
        """Size, rate, length and kind of labels."""
        return self._inner.info

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """The frames of the span in order, decoded as they are asked for; may be called again."""
        return self._inner.frames(span)

    def at(self, where: float | int) -> Frame:
        """The frame with this index (int), or the one on screen at this time in seconds (float)."""
        return self._inner.at(position(where, "the frame"))

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` frames spread over the span."""
        return self._inner.sample(count, span)

    def close(self) -> None:
        """Releases the file."""
        self._inner.close()

    def __len__(self) -> int:
        """How many frames there are, those included that cannot be decoded and that iteration leaves out."""
        length = self.info.length
        return sum(1 for _ in self.frames()) if length is None else length

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    @overload
    def __getitem__(self, which: int) -> Frame: ...
    @overload
    def __getitem__(self, which: slice) -> list[Frame]: ...
    def __getitem__(self, which: int | slice) -> Frame | list[Frame]:
        """The frame of this index, from the end where it is negative; of a slice a list, in memory.

        Raises NoSuchFrameError (an InputError and an IndexError), OptionError for anything but whole numbers.
        """
        count = len(self)
        try:
            if isinstance(which, slice):
                start, stop, step = which.indices(count)
            else:
                index = operator.index(which)
        except (TypeError, ValueError) as error:
            do = "write run[4], run[-1] or run[10:20]; run.at(1.5) takes seconds"
            raise OptionError("a frame's number or a slice of them", f"{error}", do) from None
        if isinstance(which, slice):
            if step < 0:
                raise OptionError("a slice that goes forwards", f"its step is {step}", "use reversed(run[a:b])")
            return list(self.frames(Span(start, stop, step))) if start < stop else []
        if not -count <= index < count:
            came = f"#{index} was asked for"
            raise NoSuchFrameError(f"a frame from #0 to #{count - 1}", came, "-1 is the last one")
        return self.at(index % count)
