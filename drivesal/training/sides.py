"""The left and the right camera of a drive: what they see asks for other steering than the label says.

A camera at the left sees the car as if it stood too far left, so its label is corrected to the right, and the
other way round (section 3 of Bojarski et al. 2016). A share of 0.2 of full lock is what networks for Udacity's
simulator are trained with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesal.errors import OptionError
from drivesal.recordings.labels.converted import ConvertedRecording

if TYPE_CHECKING:
    from drivesal.angle import AngleKind
    from drivesal.types import Recording, RecordingInfo

USUAL = "0.2"
SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Correction:
    """By how much labels of the side cameras are corrected: a share of full lock, or degrees of the labels."""

    amount: float
    degrees: bool

    @classmethod
    def parse(cls, text: str) -> Correction | None:
        """0.2, 5deg, or none (0) for no correction. Raises OptionError."""
        plain = text.strip().lower()
        found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(deg|°)?", plain)
        if plain != "none" and found is None:
            raise OptionError(
                "--side-correction as a share of full lock (0.2), degrees (5deg) or none",
                f"it is {text!r}",
                "mend it",
            )
        amount = 0.0 if found is None else float(found[1])
        if found is not None and not found[2] and amount > 1:
            raise OptionError(
                "--side-correction as a share of full lock, up to 1",
                f"it is {text}",
                f"write {text}deg for degrees",
            )
        return cls(amount, bool(found and found[2])) if amount else None

    def angle(self, info: RecordingInfo) -> float | None:
        """The correction in the unit of the recording's labels; None where nothing says what full lock is."""
        lock = info.norm_deg if info.own_labels else info.full_lock_deg
        if info.angle is None or (info.angle.unit == "norm" and self.degrees and lock is None):
            return None
        if info.angle.unit == "norm":
            return self.amount / lock if self.degrees and lock else self.amount
        if self.degrees:
            return self.amount
        return None if lock is None else self.amount * lock

    def text(self, info: RecordingInfo) -> str:
        """The correction in words, in both units where both are known."""
        angle, kind = self.angle(info), info.angle
        if self.degrees or angle is None or kind is None:
            return f"{self.amount:g}°{_at(kind)}"
        return f"{self.amount:g} norm" + (f" ({angle:g}°{_at(kind)})" if kind.unit == "deg" else "")


def _at(kind: AngleKind | None) -> str:
    return "" if kind is None or kind.turns == "unknown" else f" at the {kind.turns.replace('-', ' ')}"


def corrected(recording: Recording, correction: Correction) -> Recording:
    """The recording of a side camera with its labels corrected; that of the centre as it is.

    Raises OptionError where nothing says what full lock is in the unit of its labels.
    """
    info = recording.info
    if info.camera not in SIDES or info.angle is None:
        return recording
    angle = correction.angle(info)
    if angle is None:
        raise OptionError(
            "--side-correction in degrees" if not correction.degrees else "--side-correction as a share",
            f"the labels of {info.path} are {info.angle.phrase} with no known full lock",
            "give it like 5deg, or --side-correction none" if not correction.degrees else "give it like 0.2",
        )
    left = info.camera == "left"
    note = (
        f"labels of the {info.camera} camera corrected by {correction.text(info)} to the "
        f"{'right' if left else 'left'}"
    )
    return ConvertedRecording(recording, 1.0, info.angle, note, offset=-angle if left else angle)
