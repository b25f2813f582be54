"""A review as one HTML file that opens from disk, without a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from drivesal.errors import InputError
from drivesal.review.compute import frame_images
from drivesal.review.compute.page_data import describe_drive, describe_frame, describe_note, describe_view
from drivesal.review.compute.whatif import NO_EDIT
from drivesal.review.server.bundle import page

if TYPE_CHECKING:
    from drivesal.review.compute.drive_explainer import ExplainedFrame, View
    from drivesal.review.compute.session import Session

IMAGE_BUDGET = 60_000_000
"""Bytes of images up to which every frame is exported; longer drives are thinned out to every Nth frame."""
WIDTH = 960
"""Maximum width of an image [px]."""
_SAMPLES = 6
"""Frames drawn to estimate the size."""
_WORST = 30
"""Frames with the largest errors, which are exported in any case."""
_BASE64 = 4 / 3


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of an export: every `every`th frame, those with the largest errors and those with notes.

    `frames` is their number, `size` the estimated total number of bytes.
    """

    every: int
    frames: int
    size: int


class Exporter:
    """Exports the drive of a session in one view, with the heat of one case.

    Raises OptionError for a case that the view does not have.
    """

    def __init__(self, session: Session, view: View, case: str) -> None:
        self._session, self._view, self._case = session, view, case
        self._painter = self._run_job(lambda tick: session.explainer.painter(view, tick))
        frame_images.check_case(case, [legend.case for legend in self._painter.scene.legends])
        self._head, self._tail = page()

    def extent(self, every: int | None = None) -> Extent:
        """The extent of an export of every `every`th frame, by default as many as fit into IMAGE_BUDGET."""
        count = self._session.count
        indices = sorted({round(i * (count - 1) / (_SAMPLES - 1)) for i in range(_SAMPLES)})
        results = [(index, result) for index in indices if (result := self._explain(index)) is not None]
        if not results:
            raise InputError("a drive with a frame that decodes", "none of the sampled ones does", "check it")
        sizes = [len(self._image(index, result)) for index, result in results]
        mean_size = sum(sizes) / len(sizes) * _BASE64
        if every is None:
            every = max(1, -(-count * int(mean_size) // IMAGE_BUDGET))
        frames = len(self._exported_frames(every))
        return Extent(every, frames, round(frames * mean_size) + len(self._head) + len(self._tail))

    def write(self, file: TextIO, extent: Extent, progress: Callable[[int], object] = lambda _: None) -> None:
        """Write the page with the frames of the extent. Reads the whole drive for the timeline."""
        file.write(self._head)
        explained: dict[int, Any] = {}
        for index in self._exported_frames(extent.every):
            result = self._explain(index)
            if result is not None:
                explained[index] = describe_frame(result, self._painter)
                data = base64.b64encode(self._image(index, result)).decode("ascii")
                file.write(f'<script type="text/plain" id="heat-{index}">{data}</script>\n')
            progress(1)
        facts = _json(self._facts(extent, explained))
        file.write(f'<script type="application/json" id="exported">{facts}</script>\n')
        file.write(self._tail)

    def _facts(self, extent: Extent, explained: dict[int, Any]) -> dict[str, Any]:
        self._session.analysis.wait()
        analysis = self._session.analysis
        drive = describe_drive(self._session)
        view = describe_view(self._view)
        options = [f"{name} {value}" for name, value in view["options"].items()]
        drive["exported"] = {
            "every": extent.every,
            "frames": sorted(explained),
            "method": ", ".join([view["title"], *options]),
        }
        drive["cases"] = [case for case in drive["cases"] if case["name"] == self._case]
        drive["methods"] = [item for item in drive["methods"] if item["name"] == self._view.settings.method]
        totals = analysis.first
        return {
            "drive": drive,
            "timelines": [{"columns": columns.since(0, len(columns))} for columns in analysis.numbers],
            "totals": {
                "of": describe_view(totals.view),
                "error": analysis.totals(self._view).columns[0].error,
                "columns": [columns.since(0, len(columns)) for columns in totals.columns],
            },
            "explained": explained,
            "notes": [describe_note(note) for note in self._session.notes.all()],
        }

    def _exported_frames(self, every: int) -> list[int]:
        """The exported frames, including those that the notes and the list of the largest errors refer to."""
        with_notes = {note.frame for note in self._session.notes.all()}
        return sorted(with_notes.union(range(0, self._session.count, every), self._worst()))

    def _worst(self) -> list[int]:
        """The frames with the largest errors, at least a second apart. Waits until the whole drive is read."""
        analysis = self._session.analysis
        analysis.wait()
        columns = analysis.numbers[0].since(0, len(analysis.numbers[0]))
        pairs = enumerate(zip(columns["angle"], columns["truth"], strict=True))
        errors = {i: abs(a - t) for i, (a, t) in pairs if a is not None and t is not None}
        worst: list[int] = []
        for index in sorted(errors, key=lambda i: -errors[i]):
            if all(abs(index - other) >= self._session.recording.info.rate for other in worst):
                worst.append(index)
            if len(worst) == _WORST:
                break
        return worst

    def _run_job(self, compute: Callable[[Any], Any]) -> Any:
        return self._session.jobs.submit(object(), "export", compute).future.result()

    def _explain(self, index: int) -> ExplainedFrame | None:
        """Explain a frame; None if it does not decode."""
        explainer = self._session.explainer
        try:
            result: ExplainedFrame = self._run_job(
                lambda tick: explainer.explain(self._view, index, NO_EDIT, tick)
            )
        except InputError:
            return None
        return result

    def _image(self, index: int, result: ExplainedFrame) -> bytes:
        frame = self._session.explainer.frame(index)
        return frame_images.encode_jpeg(
            frame_images.heat_image(self._painter, result, frame, self._case, WIDTH)
        )


def _json(value: Any) -> str:
    """JSON that is safe inside a script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
