"""The case decrease: pixels that lower the score; for an angle, to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivesal.explanation.registry import Case, Lane, register

if TYPE_CHECKING:
    from drivesal.types import ClipStatistics, Explained, Floats


def _heat(explained: Explained, _: ClipStatistics) -> Floats:
    """max(−S, 0); for a method that is not antisymmetric, the positive part of the map of −f."""
    import cv2

    negated = -explained.attribution if explained.negated_attribution is None else explained.negated_attribution
    return cv2.max(negated, 0)  # type: ignore[no-any-return]


register(
    Case(
        name="decrease",
        reads="negated_attribution",
        scale="signed",
        colour=(45, 135, 240),
        order=20,
        meaning={
            "sensitivity": "brighter here → {more}",
            "contribution": "what is here pushes {to}",
            "": "evidence for {side}",
        },
        heat=_heat,
        shown="signed",
        side="right",
        lane=Lane(light=(28, 111, 208), dark=(77, 156, 245), order=30),
        key="2",
    )
)
