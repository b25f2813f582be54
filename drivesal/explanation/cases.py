"""The cases of a regression: what increases the answer, what decreases it, what it ignores, what holds it.

A case turns one frame's `Explained` into heat, (h, w) float32 ≥ 0, unsmoothed and unscaled. "Increase" is
always to the left, because inside drivesal left is positive. Magnitude is the one case of a map without a sign.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from drivesal.errors import OptionError, nearest

if TYPE_CHECKING:
    from drivesal.overlay.content import Layout
    from drivesal.settings import ExplainSettings
    from drivesal.types import ClipStatistics, Explained, Floats, Image

Map = Literal["push", "pull", "map", "gradient", "contribution"]

PATCH = 5
"""Side [model px] of the patch over which maintain takes its means; stride-2 checkerboards average out."""


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it declares itself.

    `reads`: which maps of `Explained` it needs ("push" and "pull" need a sign, "map" does not); `scale`: cases
    with the same word share one scale; `side` the way it pushes an angle, "" for neither; `meaning` by the kind
    of the method's unit, with "" for every other kind, names in braces standing for where it pushes;
    `relative`: what its heat is where that has no unit, else "".
    """

    name: str
    reads: Map
    scale: str
    meaning: Mapping[str, str]
    heat: Callable[[Explained, ClipStatistics], Floats]
    side: Literal["left", "right", ""] = ""
    relative: str = ""

    def title(self, sided: bool) -> str:
        """The case as the picture names it, with its side where the score is an angle: "increase (left)"."""
        return f"{self.name} ({self.side})" if sided and self.side else self.name

    def means(self, kind: str, sided: bool) -> str:
        """What bright means under a method of this unit kind, for an angle or for another score."""
        meaning = self.meaning.get(kind, self.meaning[""])
        if sided:
            return meaning.format(more=f"more {self.side}", to=self.side, side=self.side)
        up = self.side == "left"
        return meaning.format(
            more="higher" if up else "lower", to="up" if up else "down", side="more" if up else "less"
        )


def patch_mean(values: Floats) -> Floats:
    """(h, w) float32 to its mean over PATCH × PATCH neighbours."""
    import cv2

    return cv2.blur(values, (PATCH, PATCH))  # type: ignore[no-any-return]


def patch_sensitivity(gradient: Floats) -> Floats:
    """(h, w) patch mean of |gradient| (h, w), in the angle's unit per 1/255."""
    import numpy as np

    return patch_mean(np.abs(gradient))


def local_contrast(picture: Image) -> Floats:
    """(h, w) float32: standard deviation of the brightness [0..255] over each patch of (h, w, 3) uint8 RGB."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = patch_mean(grey)
    variance = cv2.subtract(patch_mean(cv2.multiply(grey, grey)), cv2.multiply(mean, mean))
    return cv2.sqrt(cv2.max(variance, 0))  # type: ignore[no-any-return]


def _increase(explained: Explained, _: ClipStatistics) -> Floats:
    import cv2

    return cv2.max(explained.push, 0)  # type: ignore[no-any-return]


def _decrease(explained: Explained, _: ClipStatistics) -> Floats:
    import cv2

    pull = -explained.push if explained.pull is None else explained.pull
    return cv2.max(pull, 0)  # type: ignore[no-any-return]


def _magnitude(explained: Explained, _: ClipStatistics) -> Floats:
    import numpy as np

    return np.abs(explained.push)


def insensitivity(explained: Explained, clip: ClipStatistics) -> Floats:
    """(h, w) in 0..1: ε / (g + ε), g the patch-mean |gradient|, ε its median over the clip; 0 out of reach."""
    import numpy as np

    assert explained.gradient is not None
    if clip.sensitivity <= 0:
        calm = np.ones(explained.gradient.shape, np.float32)
    else:
        epsilon = np.float32(clip.sensitivity)
        calm = epsilon / (patch_sensitivity(explained.gradient) + epsilon)
    if clip.reach is not None:
        calm *= clip.reach
    return calm


def _maintain(explained: Explained, clip: ClipStatistics) -> Floats:
    return local_contrast(explained.picture) * insensitivity(explained, clip)


def _contrast(explained: Explained, _: ClipStatistics) -> Floats:
    return local_contrast(explained.picture)


def _support(explained: Explained, _: ClipStatistics) -> Floats:
    import cv2

    assert explained.contribution is not None
    assert explained.baseline_score is not None
    towards = 1.0 if explained.score >= explained.baseline_score else -1.0
    return cv2.max(explained.contribution * towards, 0)  # type: ignore[no-any-return]


_MAINTAIN_CASE = Case(
    "maintain",
    "gradient",
    "maintain",
    {"": "ignored: small gradient where the picture has contrast"},
    _maintain,
    relative="contrast × insensitivity",
)

_CASES = (
    Case(
        "increase",
        "push",
        "push",
        {
            "sensitivity": "brighter here → {more}",
            "contribution": "what is here pushes {to}",
            "": "speaks for {side}",
        },
        _increase,
        "left",
    ),
    Case(
        "decrease",
        "pull",
        "push",
        {
            "sensitivity": "brighter here → {more}",
            "contribution": "what is here pushes {to}",
            "": "speaks for {side}",
        },
        _decrease,
        "right",
    ),
    _MAINTAIN_CASE,
    Case(
        "support",
        "contribution",
        "support",
        {"": "holds the answer away from the mean picture's"},
        _support,
    ),
    Case(
        "magnitude",
        "map",
        "magnitude",
        {
            "sensitivity": "brightness matters here, either way",
            "contribution": "counts, either way",
            "": "counts, whichever way",
        },
        _magnitude,
    ),
)


MAINTAIN: Mapping[str, Case] = {
    "product": _MAINTAIN_CASE,
    "insensitivity": dataclasses.replace(
        _MAINTAIN_CASE,
        meaning={"": "ignored: small gradient"},
        heat=insensitivity,
        relative="insensitivity",
    ),
    "contrast": dataclasses.replace(
        _MAINTAIN_CASE, meaning={"": "structure, whatever the answer does"}, heat=_contrast, relative="contrast"
    ),
}
"""What maintain shows: contrast times insensitivity, or one of the two factors alone."""


def cases() -> dict[str, Case]:
    """All cases by name, in their usual order."""
    return {case.name: case for case in _CASES}


SIGNED = ("increase", "decrease", "maintain")
"""What is shown of a signed map where nobody says, a panel each."""
TOGETHER = ("increase", "decrease")
"""The same on one picture: maintain's green would cover cars and trees, and be taken for what counts."""
UNSIGNED = ("magnitude",)
"""The same of a map without a sign."""


def usual(signed: bool, layout: Layout) -> tuple[str, ...]:
    """The cases that are shown where nobody says."""
    if not signed:
        return UNSIGNED
    return TOGETHER if layout == "single" else SIGNED


def chosen(settings: ExplainSettings) -> tuple[Case, ...]:
    """The cases that the settings name; none where they name none. Raises OptionError."""
    return choose(settings.cases, settings.maintain) if settings.cases else ()


def choose(names: Iterable[str], maintain: str = "product") -> tuple[Case, ...]:
    """The cases of these names, each once, maintain by the factors of `MAINTAIN`.

    Raises OptionError with the valid names and the nearest one.
    """
    known = cases()
    if maintain not in MAINTAIN:
        do = nearest(maintain, MAINTAIN, "choose one of them")
        raise OptionError(f"maintain among {', '.join(MAINTAIN)}", f"it is {maintain!r}", do)
    known["maintain"] = MAINTAIN[maintain]
    chosen: dict[str, Case] = {}
    for name in names:
        if name not in known:
            do = nearest(name, known, "give them separated by commas")
            raise OptionError(f"cases among {', '.join(known)}", f"one is {name!r}", do)
        chosen[name] = known[name]
    if not chosen:
        raise OptionError(f"at least one case of {', '.join(known)}", "none was given", "leave --cases out")
    return tuple(chosen.values())
