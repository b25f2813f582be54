"""Several labelled recordings as one set, their angles of one kind."""

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
    """A labelled recording, what its labels are multiplied with to be of the set's kind, and that kind."""

    recording: Recording
    factor: float
    kind: AngleKind

    def frames(self, span: Span = WHOLE, read: Callable[[int], object] = lambda _: None) -> Iterator[Frame]:
        """The frames of the span that have a label, in order, the label in the set's kind.

        `read` is called with 1 for every frame, with a label or without.
        """
        for frame in self.recording.frames(span):
            read(1)
            if frame.steering is not None:
                yield dataclasses.replace(frame, steering=frame.steering * self.factor)


def of_one_kind(
    recordings: Sequence[Recording], wanted: AngleKind, steering_ratio: float | None = None
) -> list[Drive]:
    """The recordings with their labels in the kind `wanted`.

    `steering_ratio` is the degrees that the steering wheel turns for one degree of the road wheels. Raises
    `LabelError` for a recording without labels and for one whose labels cannot be brought to that kind.
    """
    return [Drive(one, _factor(one, wanted, steering_ratio), wanted) for one in recordings]


def _factor(recording: Recording, wanted: AngleKind, steering_ratio: float | None) -> float:
    path, kind = recording.info.path, recording.info.angle
    if kind is None:
        raise LabelError("a recording with steering angles", f"{path} has none", "give a table with --labels")
    factor = kind.factor_to(wanted, steering_ratio)
    if factor is not None:
        return factor
    raise LabelError(
        f"angles of one kind, {wanted.phrase}",
        f"those of {path} are {kind.phrase}",
        f"{ways(kind, wanted, table=not recording.info.own_labels)}, or do them apart",
    )
