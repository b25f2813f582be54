"""The case increase: pixels that raise the score; for an angle, to the left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivesal.explanation.registry import Case, Lane, register

if TYPE_CHECKING:
    from drivesal.types import ClipStatistics, Explained, Floats


def _heat(explained: Explained, _: ClipStatistics) -> Floats:
    """max(S, 0), S the signed sum over the channels."""
    import cv2

    return cv2.max(explained.attribution, 0)  # type: ignore[no-any-return]


register(
    Case(
        name="increase",
        reads="attribution",
        scale="signed",
        colour=(240, 150, 20),
        order=10,
        meaning={
            "sensitivity": "brighter here → {more}",
            "contribution": "what is here pushes {to}",
            "": "evidence for {side}",
        },
        heat=_heat,
        shown="signed",
        side="left",
        lane=Lane(light=(196, 111, 0), dark=(240, 150, 20), order=40),
        key="1",
    )
)
