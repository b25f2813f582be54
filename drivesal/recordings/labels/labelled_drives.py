"""Several labelled recordings with their labels converted to one kind of angle."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesal.errors import LabelError
from drivesal.recordings.labels.comparing import ways
from drivesal.types import WHOLE, Frame, Recording, Span

if TYPE_CHECKING:
    from drivesal.angle import AngleKind


@dataclass(frozen=True, slots=True)
class Drive:
    """A labelled recording, and the factor that converts its labels to `kind`."""

    recording: Recording
    factor: float
    kind: AngleKind

    def frames(self, span: Span = WHOLE, read: Callable[[int], object] = lambda _: None) -> Iterator[Frame]:
        """Frames of the span that have a label, in order, with the label converted to `kind`.

        `read` is called with 1 for every frame read, labelled or not.
        """
        for frame in self.recording.frames(span):
            read(1)
            if frame.steering is not None:
                yield dataclasses.replace(frame, steering=frame.steering * self.factor)


def of_one_kind(
    recordings: Sequence[Recording], target: AngleKind, steering_ratio: float | None = None
) -> list[Drive]:
    """The recordings with their labels converted to the kind `target`.

    `steering_ratio` is steering wheel degrees per degree of the road wheels. Raises `LabelError` for a
    recording without labels and for one whose labels cannot be converted.
    """
    return [Drive(recording, _factor(recording, target, steering_ratio), target) for recording in recordings]


def _factor(recording: Recording, target: AngleKind, steering_ratio: float | None) -> float:
    path, kind = recording.info.path, recording.info.angle
    if kind is None:
        raise LabelError("a recording with steering angles", f"{path} has none", "give a table with --labels")
    factor = kind.factor_to(target, steering_ratio)
    if factor is not None:
        return factor
    raise LabelError(
        f"angles of one kind, {target.phrase}",
        f"those of {path} are {kind.phrase}",
        f"{ways(kind, target, table=not recording.info.own_labels)}, or process the recordings separately",
    )
