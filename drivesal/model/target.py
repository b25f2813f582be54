"""Targets: what is explained, one number per image computed from the network's outputs or an inner layer.

These are declarations; `score.py` turns them into an expression. `Target` is a steering prediction and can be
stored in a card. The other kinds are scores, without left and right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from drivesal.angle import AngleKind, AngleSpec
from drivesal.errors import OptionError

SCORE = AngleKind("score")
"""The kind of a number that is not an angle: an activation, a class score."""


@dataclass(frozen=True, slots=True)
class Bins:
    """An output that is a probability distribution over angle bins; the expected angle is explained.

    The bin centres are evenly spaced from `low` to `high`, in the angle's unit.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Target:
    """A steering prediction.

    `output` is the name or index of one of the model's outputs, or the index of an element if the model has a
    single vector output. Write a sum as `0.5*left+0.5*right` and an element of a vector as `both[1]`; None
    selects the only output. `angle` declares the unit, what turns and which sign is left. `bins`: the output is
    a distribution over angles. `pre_activation`: explain the input of the head's tanh or atan, which is
    equivalent near straight ahead and does not saturate in sharp turns; the predicted angle is unaffected.
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
    """The activation of a layer: the spatial mean, summed over `filters`; the mean over all if none is named.

    `layer` is a name, a path inside nested models, or an index into `Model.layers`.
    """

    layer: str | int
    filters: tuple[int, ...] = ()

    @property
    def kind(self) -> AngleKind:
        """A score, not an angle."""
        return SCORE


@dataclass(frozen=True, slots=True)
class Class:
    """The logit of one class of a classifier, before its softmax or sigmoid.

    `output` is as in `Target`, for a model with several outputs.
    """

    index: int
    output: str | int | None = None

    @property
    def kind(self) -> AngleKind:
        """A score, not an angle."""
        return SCORE


@dataclass(frozen=True)
class Function:
    """Any differentiable function of the model's outputs.

    `function` takes the list of output tensors, (N, …) each, and returns (N,).
    """

    function: Callable[[list[Any]], Any]
    name: str = "function"

    @property
    def kind(self) -> AngleKind:
        """A score, not an angle."""
        return SCORE


@dataclass(frozen=True)
class Weighted:
    """A weighted sum of other targets; an angle if all of them are angles of the same kind."""

    terms: tuple[tuple[float, Explainable], ...]

    @property
    def kind(self) -> AngleKind:
        """The terms' common kind, else a score."""
        kinds = {term.kind for _, term in self.terms}
        return kinds.pop() if len(kinds) == 1 else SCORE


Explainable = Target | Filters | Class | Function | Weighted


def describe(target: Explainable) -> str:
    """Human-readable name of the target: "the steering angle", "conv2d_3, filter 12"."""
    if isinstance(target, Target):
        name = "the expected angle" if target.bins else "the steering angle"
        return f"{name} before its activation" if target.pre_activation else name
    if isinstance(target, Filters):
        if not target.filters:
            return f"layer {target.layer}"
        noun = "filters" if len(target.filters) > 1 else "filter"
        return f"{target.layer}, {noun} {', '.join(map(str, target.filters))}"
    if isinstance(target, Class):
        return f"class {target.index}"
    if isinstance(target, Weighted):
        return " + ".join(f"{weight:g} × {describe(term)}" for weight, term in target.terms)
    return target.name


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a sum of outputs: `weight` × `output`, or × its element `element`."""

    weight: float
    output: str | int | None
    element: int | None = None


_TERM = re.compile(
    r"(?:(?P<weight>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\*)?(?P<sign>-?)(?P<name>[^*+\[\]]+)(?:\[(?P<element>\d+)\])?"
)


def terms(output: str | int | None) -> tuple[Term, ...]:
    """Parse "0.5*left+0.5*right[1]" into its terms. Raises OptionError for other syntax."""
    if not isinstance(output, str):
        return (Term(1.0, output),)
    parsed = []
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
        identifier = int(name) if name.isdigit() else name
        parsed.append(Term(weight, identifier, None if element is None else int(element)))
    return tuple(parsed)
