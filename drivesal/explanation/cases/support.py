"""The case support: pixels that keep the prediction away from the one on the clip's mean image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivesal.explanation.registry import Case, register

if TYPE_CHECKING:
    from drivesal.types import ClipStatistics, Explained, Floats


def _heat(explained: Explained, _: ClipStatistics) -> Floats:
    """max(±C, 0): contributions C relative to the mean image x0, with the sign of f(x) − f(x0)."""
    import cv2

    assert explained.contribution is not None
    assert explained.baseline_score is not None
    sign = 1.0 if explained.score >= explained.baseline_score else -1.0
    return cv2.max(explained.contribution * sign, 0)  # type: ignore[no-any-return]


register(
    Case(
        name="support",
        reads="contribution",
        scale="support",
        colour=(220, 160, 250),
        order=40,
        meaning={"": "pushes away from the mean image's prediction"},
        heat=_heat,
        shown="named",
        key="4",
    )
)
