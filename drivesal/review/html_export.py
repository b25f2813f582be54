"""A review as one HTML file that opens from disk, without a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from drivesal.errors import InputError
from drivesal.review.compute import pictures
from drivesal.review.compute.describe import described, noted, numbers, view_of
from drivesal.review.compute.whatif import NOTHING
from drivesal.review.server.bundle import page

if TYPE_CHECKING:
    from drivesal.review.compute.desk import Told, View
    from drivesal.review.compute.session import Session

ROOM = 60_000_000
"""Bytes of pictures up to which every frame is kept; of longer drives every Nth."""
WIDTH = 960
"""Of a picture, at most [px]."""
_TRIED = 6
"""Frames drawn to foretell the size."""
_WORST = 30
"""Frames with the largest errors that are kept whatever the step."""
_BASE64 = 4 / 3


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is exported: every `every`th frame, the worst and those with notes, `frames` of them, and about
    how many `size` bytes in all.
    """

    every: int
    frames: int
    size: int


class Exporter:
    """Exports the drive of a session under one view, with the heat of one case.

    Raises OptionError for a case that the view has not.
    """

    def __init__(self, session: Session, view: View, case: str) -> None:
        self._session, self._view, self._case = session, view, case
        self._painter = self._asked(lambda tick: session.desk.painter(view, tick))
        pictures.check_case(case, [legend.case for legend in self._painter.scene.legends])
        self._head, self._tail = page()

    def extent(self, every: int | None = None) -> Extent:
        """What an export of every `every`th frame, or of as many as there is ROOM for, comes to."""
        count = self._session.count
        tried = sorted({round(place * (count - 1) / (_TRIED - 1)) for place in range(_TRIED)})
        sizes = [len(picture) for index in tried if (picture := self._shown(index)) is not None]
        if not sizes:
            raise InputError("a drive with a frame that decodes", "none of those tried does", "check it")
        each = sum(sizes) / len(sizes) * _BASE64
        if every is None:
            every = max(1, -(-count * int(each) // ROOM))
        frames = len(self._held(every))
        return Extent(every, frames, round(frames * each) + len(self._head) + len(self._tail))

    def write(self, file: TextIO, extent: Extent, progress: Callable[[int], object] = lambda _: None) -> None:
        """Writes the page with the frames of the extent. It reads the whole drive for the timeline."""
        file.write(self._head)
        told: dict[int, Any] = {}
        for index in self._held(extent.every):
            found = self._told(index)
            if found is not None:
                told[index] = numbers(found, self._painter)
                data = base64.b64encode(self._picture(index, found)).decode("ascii")
                file.write(f'<script type="text/plain" id="heat-{index}">{data}</script>\n')
            progress(1)
        file.write(
            f'<script type="application/json" id="exported">{_json(self._facts(extent, told))}</script>\n'
        )
        file.write(self._tail)

    def _facts(self, extent: Extent, told: dict[int, Any]) -> dict[str, Any]:
        self._session.analysis.wait()
        analysis = self._session.analysis
        drive = described(self._session)
        of = view_of(self._view)
        options = [f"{name} {value}" for name, value in of["options"].items()]
        drive["exported"] = {
            "every": extent.every,
            "frames": sorted(told),
            "method": ", ".join([of["title"], *options]),
        }
        drive["cases"] = [one for one in drive["cases"] if one["name"] == self._case]
        drive["methods"] = [one for one in drive["methods"] if one["name"] == self._view.asked.method]
        totals = analysis.first
        return {
            "drive": drive,
            "timelines": [{"columns": line.since(0, len(line))} for line in analysis.numbers],
            "totals": {
                "of": view_of(totals.view),
                "error": analysis.totals(self._view).columns[0].error,
                "columns": [line.since(0, len(line)) for line in totals.columns],
            },
            "explained": told,
            "notes": [noted(note) for note in self._session.notes.all()],
        }

    def _held(self, every: int) -> list[int]:
        """The frames that are kept: a note is of no use without its frame, nor the list without the worst."""
        noted = {note.frame for note in self._session.notes.all()}
        return sorted(noted.union(range(0, self._session.count, every), self._worst()))

    def _worst(self) -> list[int]:
        """The frames with the largest errors, a second apart; it waits for the whole drive to be read."""
        analysis = self._session.analysis
        analysis.wait()
        columns = analysis.numbers[0].since(0, len(analysis.numbers[0]))
        pairs = enumerate(zip(columns["angle"], columns["truth"], strict=True))
        errors = {i: abs(a - t) for i, (a, t) in pairs if a is not None and t is not None}
        chosen: list[int] = []
        for index in sorted(errors, key=lambda one: -errors[one]):
            if all(abs(index - one) >= self._session.recording.info.rate for one in chosen):
                chosen.append(index)
            if len(chosen) == _WORST:
                break
        return chosen

    def _asked(self, compute: Callable[[Any], Any]) -> Any:
        return self._session.work.ask(object(), "export", compute).future.result()

    def _told(self, index: int) -> Told | None:
        """The frame explained; None for one that does not decode."""
        desk = self._session.desk
        try:
            found: Told = self._asked(lambda tick: desk.told(self._view, index, NOTHING, tick))
        except InputError:
            return None
        return found

    def _shown(self, index: int) -> bytes | None:
        return None if (found := self._told(index)) is None else self._picture(index, found)

    def _picture(self, index: int, told: Told | None = None) -> bytes:
        told = told or self._told(index)
        assert told is not None
        frame = self._session.desk.frame(index)
        return pictures.jpeg(pictures.heated(self._painter, told, frame, self._case, WIDTH))


def _json(value: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
