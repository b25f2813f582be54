"""The registry of cases: increase, decrease, maintain, support and others.

A case turns one frame's `Explained` into heat, (h, w) float32 ≥ 0, unsmoothed and unscaled. "Increase" always
means to the left, because left is positive inside drivesal. Everything that lists cases reads this registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from drivesal.errors import OptionError, nearest
from drivesal.registry import Registry

if TYPE_CHECKING:
    from drivesal.attribution.registry import Kind
    from drivesal.overlay.content import Layout
    from drivesal.overlay.palette import Colour
    from drivesal.settings import ExplainSettings
    from drivesal.types import ClipStatistics, Explained, Floats

Reads = Literal["attribution", "negated_attribution", "map", "gradient", "contribution"]
Shown = Literal["signed", "unsigned", "named"]


@dataclass(frozen=True, slots=True)
class Lane:
    """A case's line on the review timeline: its total heat over time.

    `light` and `dark` are its colours in the page's two themes. Lines are drawn by ascending `order`. If
    `usual` is False, the line is hidden until its box is ticked.
    """

    light: Colour
    dark: Colour
    order: int
    usual: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """The declaration of a case.

    - `reads`: the map of `Explained` that it needs, which decides what is computed. "attribution" and
      "negated_attribution" need a signed map, "map" does not.
    - `scale`: cases with the same value share one scale.
    - `colour` of its heat; `order` among the cases.
    - `meaning`: what bright pixels mean, by the kind of the method's unit, "" for all other kinds. `{more}`,
      `{to}` and `{side}` are replaced by a direction.
    - `side`: the direction in which it pushes an angle, "" for neither.
    - `relative`: what its heat measures if it has no unit, else "".
    - `shown`: shown by default for signed or for unsigned maps; "named": only on request, because it costs
      passes of its own.
    - `alone`: not drawn over an image together with other cases unless requested.
    - `lane`: its line on the review timeline; `key`: its key on the review page.
    - `variants`: its alternatives, by the values of the setting that has the case's name.
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
            raise ValueError(f"the case {self.name} is shown on request only and cannot have a timeline lane")

    @property
    def signed(self) -> bool:
        """Whether it needs a signed map."""
        return self.reads in ("attribution", "negated_attribution")

    def title(self, sided: bool) -> str:
        """The case's name, with its side if the score is an angle: "increase (left)"."""
        return f"{self.name} ({self.side})" if sided and self.side else self.name

    def means(self, kind: str, sided: bool) -> str:
        """What bright pixels mean for a method of this kind of unit, for an angle or another score."""
        meaning = self.meaning.get(kind, self.meaning[""])
        if sided:
            return meaning.format(more=f"more {self.side}", to=self.side, side=self.side)
        up = self.side == "left"
        return meaning.format(
            more="higher" if up else "lower", to="up" if up else "down", side="more" if up else "less"
        )

    def kind(self, of_method: Kind) -> Kind:
        """The kind of unit of its heat for a method of this kind."""
        if self.relative:
            return "relative"
        own: dict[str, Kind] = {"gradient": "sensitivity", "contribution": "contribution"}
        return own.get(self.reads, of_method)

    def exists(self, signed: bool) -> bool:
        """Whether signed, or unsigned, maps have this case."""
        return signed or not (self.signed or self.shown == "signed")


_registry: Registry[Case] = Registry("drivesal.explanation.cases")


def register(case: Case) -> None:
    """Register a case; its module is that of `heat`. Raises ValueError if another module has the name."""
    _registry.add(case, case.heat.__module__, case.name)


def cases() -> dict[str, Case]:
    """All cases by name, in order."""
    found = _registry.items().values()
    return {case.name: case for case in sorted(found, key=lambda one: (one.order, one.name))}


def usual(signed: bool, layout: Layout = "grid") -> tuple[str, ...]:
    """The cases that are shown by default for signed or unsigned maps."""
    kind, together = "signed" if signed else "unsigned", layout == "single"
    return tuple(one.name for one in cases().values() if one.shown == kind and not (together and one.alone))


def standard_cases(signed: bool) -> tuple[str, ...]:
    """All cases of signed or unsigned maps except those that are shown on request only."""
    return tuple(case.name for case in cases().values() if case.shown != "named" and case.exists(signed))


def chosen(settings: ExplainSettings) -> tuple[Case, ...]:
    """The cases named in the settings, possibly none. Raises OptionError."""
    return choose(settings.cases, settings.maintain) if settings.cases else ()


def contributors(of: Iterable[Case]) -> list[str]:
    """The names of the cases that read contributions relative to the clip's mean."""
    return [case.name for case in of if case.reads == "contribution"]


def choose(names: Iterable[str], maintain: str = "product") -> tuple[Case, ...]:
    """The cases of these names without duplicates; `maintain` names the variant of that case.

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
