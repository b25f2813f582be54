"""What is explained: one number a picture, made of the network's outputs or of a layer inside it.

These are declarations; `score.py` turns them into an expression. `Target` is a steering answer and can stand
in a card; the others have no left and right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from drivesal.angle import AngleKind, AngleSpec
from drivesal.errors import OptionError

SCORE = AngleKind("score")
"""The kind of a number that is no angle: an activation, a class's score."""


@dataclass(frozen=True, slots=True)
class Bins:
    """An output that gives probabilities over bins of the angle: the expected angle is explained.

    The bins' centres are evenly spaced from `low` to `high`, in the angle's unit.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Target:
    """A steering answer.

    `output` names one of the model's outputs, or counts it from 0 (or one number of a single output's vector);
    a sum is written `0.5*left+0.5*right`, one number of a vector `both[1]`; None where there is one output.
    `angle` says unit, what turns and which sign is left. `bins`: the output is a distribution over angles.
    `pre_activation`: what goes into the head's tanh or atan is explained, which is the same near straight
    ahead and does not flatten in sharp turns; the angle itself stays the network's.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    angle: AngleSpec
    output: str | int | None = None
    bins: Bins | None = None
    pre_activation: bool = False

    @property
    def kind(self) -> AngleKind:
        """Degrees or norm, left positive."""
        return self.angle.kind


@dataclass(frozen=True, slots=True)
class Filters:
    """The activation of a layer: the mean over space, summed over the filters; over all where none is named.

    `layer` is a name, a path inside nested models, or a number as `Model.layers` counts.
    """

    layer: str | int
    filters: tuple[int, ...] = ()

    @property
    def kind(self) -> AngleKind:
        """No angle."""
        return SCORE


@dataclass(frozen=True, slots=True)
class Class:
    """One class of a classifier, before its softmax or sigmoid.

    `output` as in `Target`, for a model with several.
    """

    index: int
    output: str | int | None = None

    @property
    def kind(self) -> AngleKind:
        """No angle."""
        return SCORE


@dataclass(frozen=True)
class Function:
    """Any function of the model's outputs.

    `function` takes the list of output tensors, (N, …) each, and gives (N,); it must be differentiable.
    """

    function: Callable[[list[Any]], Any]
    name: str = "function"

    @property
    def kind(self) -> AngleKind:
        """No angle."""
        return SCORE


@dataclass(frozen=True)
class Weighted:
    """A weighted sum of other explained numbers: an angle where all of them are of one kind."""

    terms: tuple[tuple[float, Explainable], ...]

    @property
    def kind(self) -> AngleKind:
        """The terms' kind where they share one."""
        kinds = {term.kind for _, term in self.terms}
        return kinds.pop() if len(kinds) == 1 else SCORE


Explainable = Target | Filters | Class | Function | Weighted


def describe(target: Explainable) -> str:
    """What is explained, as a person reads it: "the steering angle", "conv2d_3, filter 12"."""
    if isinstance(target, Target):
        what = "the expected angle" if target.bins else "the steering angle"
        return f"{what} before its activation" if target.pre_activation else what
    if isinstance(target, Filters):
        if not target.filters:
            return f"layer {target.layer}"
        many = "filters" if len(target.filters) > 1 else "filter"
        return f"{target.layer}, {many} {', '.join(map(str, target.filters))}"
    if isinstance(target, Class):
        return f"class {target.index}"
    if isinstance(target, Weighted):
        return " + ".join(f"{weight:g} × {describe(term)}" for weight, term in target.terms)
    return target.name


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a sum of outputs: `weight` × `output`, or one number `element` of it."""

    weight: float
    output: str | int | None
    element: int | None = None


_TERM = re.compile(
    r"(?:(?P<weight>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\*)?(?P<sign>-?)(?P<name>[^*+\[\]]+)(?:\[(?P<element>\d+)\])?"
)


def terms(output: str | int | None) -> tuple[Term, ...]:
    """ "0.5*left+0.5*right[1]" to its terms. Raises OptionError for what is no such sum."""
    if not isinstance(output, str):
        return (Term(1.0, output),)
    found = []
    for part in output.replace(" ", "").split("+"):
        match = _TERM.fullmatch(part)
        if match is None:
            raise OptionError(
                "an output as NAME, NUMBER, NAME[NUMBER] or a sum like 0.5*left+0.5*right",
                f"it is {output!r}",
                "see `drivesal model` for the outputs' names",
            )
        name, element = match["name"], match["element"]
        weight = float(match["weight"] or 1) * (-1 if match["sign"] else 1)
        chosen = int(name) if name.isdigit() else name
        found.append(Term(weight, chosen, None if element is None else int(element)))
    return tuple(found)
