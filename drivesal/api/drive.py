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
    """`recording[i]` with an index out of range."""


class Recording(types.Recording):
    """A drive opened for reading: `with Recording("run.mp4") as run: for frame in run.frames(): ...`.

    `path` is a video, an image or any recording described in docs/recordings.md. `labels` is the path of a CSV
    with steering angles; None uses the CSV next to the video with the same name, or the recording's own angles;
    False uses none. The other keywords are `RecordingSettings`, named like the command line's options.
    Supports `len(run)`, `for frame in run`, `run[4]`, `run[-1]` and `run[10:20]`. Raises InputError,
    LabelError, OptionError.
    """

    @takes(RecordingSettings, without=("no_labels",))
    def __init__(
        self, path: str | Path, *, labels: str | Path | Literal[False] | None = None, **given: Any
    ) -> None:
        label_source = {"no_labels": True} if labels is False else {"labels": labels}
        self.settings = taken(RecordingSettings, {**given, **label_source})
        self._inner = opened(path, self.settings, _log.warning)
        self.losses = self._inner.losses

    @property
    def info(self) -> RecordingInfo:  # type: ignore[override]
        """Size, rate, length, kind of labels and other metadata."""
        return self._inner.info

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """The frames of the span in order, decoded lazily; can be called more than once."""
        return self._inner.frames(span)

    def at(self, where: float | int) -> Frame:
        """The frame with this index (int), or the one shown at this time in seconds (float)."""
        return self._inner.at(position(where, "the frame"))

    def sample(self, count: int, span: Span = WHOLE) -> Iterator[Frame]:
        """Up to `count` frames spread over the span."""
        return self._inner.sample(count, span)

    def close(self) -> None:
        """Close the file."""
        self._inner.close()

    def __len__(self) -> int:
        """Number of frames, including those that cannot be decoded and that iteration skips."""
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
        """The frame at this index, counted from the end if negative; for a slice a list of frames, in memory.

        Raises NoSuchFrameError (an InputError and an IndexError), OptionError for a non-integer index.
        """
        count = len(self)
        try:
            if isinstance(which, slice):
                start, stop, step = which.indices(count)
            else:
                index = operator.index(which)
        except (TypeError, ValueError) as error:
            do = "write run[4], run[-1] or run[10:20]; run.at(1.5) takes seconds"
            raise OptionError("a frame index or a slice", f"{error}", do) from None
        if isinstance(which, slice):
            if step < 0:
                raise OptionError("a slice with a positive step", f"it is {step}", "use reversed(run[a:b])")
            return list(self.frames(Span(start, stop, step))) if start < stop else []
        if not -count <= index < count:
            came = f"#{index} was requested"
            raise NoSuchFrameError(f"a frame from #0 to #{count - 1}", came, "-1 is the last one")
        return self.at(index % count)
