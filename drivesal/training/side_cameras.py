"""Label correction for the left and right cameras of a drive.

A left camera sees the road as if the car were too far left, so its label is corrected to the right, and vice
versa (section 3 of Bojarski et al. 2016). Networks for Udacity's simulator are usually trained with 0.2 of full
lock.
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

DEFAULT_CORRECTION = "0.2"
SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class SideCorrection:
    """The correction of side cameras' labels: `amount` as a share of full lock, or in degrees of the labels."""

    amount: float
    degrees: bool

    @classmethod
    def parse(cls, text: str) -> SideCorrection | None:
        """Parse 0.2, 5deg or none; None for no correction (also 0). Raises OptionError."""
        plain = text.strip().lower()
        match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(deg|°)?", plain)
        if plain != "none" and match is None:
            raise OptionError(
                "--side-correction as a share of full lock (0.2), degrees (5deg) or none",
                f"it is {text!r}",
                "write one of these",
            )
        amount = 0.0 if match is None else float(match[1])
        if match is not None and not match[2] and amount > 1:
            raise OptionError(
                "--side-correction as a share of full lock, up to 1",
                f"it is {text}",
                f"write {text}deg for degrees",
            )
        return cls(amount, bool(match and match[2])) if amount else None

    def angle(self, info: RecordingInfo) -> float | None:
        """The correction in the unit of the recording's labels; None if their full lock is unknown."""
        lock = info.norm_deg if info.own_labels else info.full_lock_deg
        if info.angle is None or (info.angle.unit == "norm" and self.degrees and lock is None):
            return None
        if info.angle.unit == "norm":
            return self.amount / lock if self.degrees and lock else self.amount
        if self.degrees:
            return self.amount
        return None if lock is None else self.amount * lock

    def text(self, info: RecordingInfo) -> str:
        """The correction in words, in both units if both are known."""
        angle, kind = self.angle(info), info.angle
        if self.degrees or angle is None or kind is None:
            return f"{self.amount:g}°{_at(kind)}"
        return f"{self.amount:g} norm" + (f" ({angle:g}°{_at(kind)})" if kind.unit == "deg" else "")


def _at(kind: AngleKind | None) -> str:
    return "" if kind is None or kind.turns == "unknown" else f" at the {kind.turns.replace('-', ' ')}"


def with_corrected_labels(recording: Recording, correction: SideCorrection) -> Recording:
    """The recording with its labels corrected if it is from a side camera, else unchanged.

    Raises OptionError if full lock is unknown in the unit of its labels.
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
