"""The table of cases: what increases the answer, what decreases it, what it ignores, what holds it.

A case turns one frame's `Explained` into heat, (h, w) float32 ≥ 0, unsmoothed and unscaled. "Increase" is
always to the left, because inside drivesal left is positive. Everything that lists cases reads this table.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from drivesal.errors import OptionError, nearest

if TYPE_CHECKING:
    from drivesal.attribution.registry import Kind
    from drivesal.overlay.content import Layout
    from drivesal.overlay.palette import Colour
    from drivesal.settings import ExplainSettings
    from drivesal.types import ClipStatistics, Explained, Floats

Reads = Literal["push", "pull", "map", "gradient", "contribution"]
Shown = Literal["signed", "unsigned", "named"]


@dataclass(frozen=True, slots=True)
class Lane:
    """A case's line on the review's timeline, its total heat over time.

    `light` and `dark` are its colours in the page's two themes; a line of a higher `order` is drawn over the
    others; without `usual` it is shown only when its box is ticked.
    """

    light: Colour
    dark: Colour
    order: int
    usual: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it declares itself.

    `reads`: the map of `Explained` that it needs, which decides what is computed ("push" and "pull" need a
    sign, "map" does not); `scale`: cases with the same word share one scale; `colour` of its heat;
    `order` among the cases; `meaning` by the kind of the method's unit, with "" for every other kind, names in
    braces standing for where it pushes; `side` the way it pushes an angle, "" for neither; `relative`: what
    its heat is where that has no unit, else "".

    `shown`: the maps of which it is shown where no cases are named, those with a sign or those without;
    "named": only where it is named, because it costs passes of its own. `alone`: it is not shown on one image
    together with others unless it is named. `lane`: its line on the review's timeline; `key`: its key on the
    review page. `variants`: what else it can show, by the values of the setting of its name.
    """

    name: str
    reads: Reads
    scale: str
    colour: Colour
    order: int
    meaning: Mapping[str, str]
    heat: Callable[[Explained, ClipStatistics], Floats]
    shown: Shown
    alone: bool = False
    side: Literal["left", "right", ""] = ""
    relative: str = ""
    lane: Lane | None = None
    key: str = ""
    variants: Mapping[str, Case] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.lane is not None and self.shown == "named":
            raise ValueError(f"the case {self.name} is shown only where it is named: the timeline never is")

    @property
    def signed(self) -> bool:
        """Whether it needs a map with a sign."""
        return self.reads in ("push", "pull")

    def title(self, sided: bool) -> str:
        """The case with its side where the score is an angle: "increase (left)"."""
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

    def kind(self, of_method: Kind) -> Kind:
        """The kind of unit that its heat has under a method of this kind."""
        if self.relative:
            return "relative"
        own: dict[str, Kind] = {"gradient": "sensitivity", "contribution": "contribution"}
        return own.get(self.reads, of_method)

    def exists(self, signed: bool) -> bool:
        """Whether maps with a sign, or those without, have this case."""
        return signed or not (self.signed or self.shown == "signed")


_cases: dict[str, Case] = {}


def register(case: Case) -> None:
    """Adds a case to the table."""
    _cases[case.name] = case


def cases() -> dict[str, Case]:
    """All cases by name, in their order."""
    package = importlib.import_module("drivesal.explanation.cases")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return {case.name: case for case in sorted(_cases.values(), key=lambda one: (one.order, one.name))}


def usual(signed: bool, layout: Layout = "grid") -> tuple[str, ...]:
    """The cases that are shown of a map with or without a sign where none are named."""
    kind, together = "signed" if signed else "unsigned", layout == "single"
    return tuple(one.name for one in cases().values() if one.shown == kind and not (together and one.alone))


def without_asking(signed: bool) -> tuple[str, ...]:
    """The cases of a map with or without a sign, but for those that have to be named."""
    known = [one for one in cases().values() if one.shown != "named" and one.exists(signed)]
    return tuple(one.name for one in known)


def chosen(settings: ExplainSettings) -> tuple[Case, ...]:
    """The cases that the settings name; none where they name none. Raises OptionError."""
    return choose(settings.cases, settings.maintain) if settings.cases else ()


def contributors(of: Iterable[Case]) -> list[str]:
    """The names of those cases that read contributions against the clip's mean."""
    return [case.name for case in of if case.reads == "contribution"]


def choose(names: Iterable[str], maintain: str = "product") -> tuple[Case, ...]:
    """The cases of these names, each once, maintain as the variant of this name.

    Raises OptionError with the valid names and the nearest one.
    """
    known = cases()
    variants = known["maintain"].variants
    if maintain not in variants:
        do = nearest(maintain, variants, "choose one of them")
        raise OptionError(f"maintain among {', '.join(variants)}", f"it is {maintain!r}", do)
    known["maintain"] = variants[maintain]
    chosen: dict[str, Case] = {}
    for name in names:
        if name not in known:
            do = nearest(name, known, "give them separated by commas")
            raise OptionError(f"cases among {', '.join(known)}", f"one is {name!r}", do)
        chosen[name] = known[name]
    if not chosen:
        raise OptionError(f"at least one case of {', '.join(known)}", "none was given", "leave --cases out")
    return tuple(chosen.values())
