#!/usr/bin/env python3
"""Scores all methods on the default model: is the map where the evidence is, does it follow from the network?

Writes docs/method-scores.json, the table in docs/methods.md and pictures of all methods on one frame.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from drivesal.assets import default_model
from drivesal.attribution import Context, Method, Seen, methods
from drivesal.cases import SIGNED, UNSIGNED, Case, choose
from drivesal.cli._options import Position
from drivesal.explainer import Explainer, Question
from drivesal.loading import load_model
from drivesal.model import SteeringModel
from drivesal.overlay.element import Area, Moment
from drivesal.overlay.elements.heat import Heat
from drivesal.overlay.geometry import Rect
from drivesal.overlay.palette import BACKGROUND, DIM, TEXT, case_colour
from drivesal.overlay.scene import Legend, Scene, Shown
from drivesal.overlay.style import BOLD, Style
from drivesal.painter import Look
from drivesal.recordings import open_recording
from drivesal.sanity import cascade, from_the_top, spearman
from drivesal.scale import fit, smooth
from drivesal.types import ClipStatistics, Explained, Frame
from drivesal.world.scores import evident, share_on
from drivesal.world.world import scene_stills

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

UNSEEN_SEED, SCENES, EVERY, WORLD_SIZE = 900_001, 24, 6, (400, 300)
SANITY_SEEDS, SANITY_FRAMES = (1, 2, 3), 8
FEWER = {"expected-gradients": 4, "occlusion": 4, "rise": 2}
"""Frames of the sanity check for methods that take many passes."""
RANDOM_MAPS = 20
KEPT = 0.85
"""A map that keeps a rank correlation above this with random dense layers does not notice them."""
BLIND = "does not notice the steering head"
SMOOTH = Look().smooth
CASES = ("increase", "decrease", "magnitude")
STAGES = ("last layer", "all dense layers", "every layer")
BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"

SHOWN_SCENE, SHOWN_STILL = 3, 9
SHOWN_HELD: dict[str, Any] = {"light": "day", "ground": "grass", "overcast": 0.2, "vehicles": 0.9, "noise": 2.0}
WIDTH, COLUMNS, GAP, BAR = 1600, 3, 8, 30


def say(line: str) -> None:
    """Progress, on stderr."""
    click.echo(line, err=True)


def rounded(value: float) -> float | None:
    """Three digits behind the point; None for NaN."""
    return None if math.isnan(value) else round(float(value), 3)


def mean_of(values: Iterable[float]) -> float:
    """The mean without NaN; NaN where nothing else is there."""
    kept = [value for value in values if not math.isnan(value)]
    return float(np.mean(kept)) if kept else math.nan


@dataclass(frozen=True)
class Drawn:
    """Frames (300, 400, 3) with where their evidence is, (h, w) at the model's size, and their context."""

    frames: list[Frame]
    masks: list[Mask]
    seen: Seen
    context: Context

    @property
    def clip(self) -> ClipStatistics:
        """What cases may ask of it."""
        return ClipStatistics(self.context.mean)


def draw(model: SteeringModel, scenes: int = SCENES) -> Drawn:
    """Frames of scenes that no training has seen."""
    frames: list[Frame] = []
    masks: list[Mask] = []
    for number in range(scenes):
        for world, moment in list(scene_stills(UNSEEN_SEED, number, WORLD_SIZE))[::EVERY]:
            mask = evident(world.evidence(moment), model.preprocess)
            if mask.any():
                frames.append(Frame(len(frames), 0.0, world.image(moment), moment.steering_deg))
                masks.append(mask)
    pictures = np.stack([model.prepare(frame.image) for frame in frames])
    seen = Seen(pictures, np.arange(len(frames)), model.others_of(frames))
    return Drawn(frames, masks, seen, Context(pictures.mean(axis=0).astype(np.float32), pictures))


def cases_of(method: Method) -> tuple[Case, ...]:
    """The cases that the method's map can answer."""
    return choose(CASES if method.signed else UNSIGNED)


def hit(heat: Floats, mask: Mask) -> float:
    """Pointing game: 1 where the hottest pixel of heat, as it is drawn, is on the mask, else 0; NaN without."""
    drawn = smooth(heat, SMOOTH)
    return float(mask.flat[int(drawn.argmax())]) if drawn.max() > 0 else math.nan


def on_evidence(
    model: SteeringModel, method: Method, options: Mapping[str, Any], drawn: Drawn
) -> dict[str, Any]:
    """{"share": {case: ...}, "hit": {case: ...}}: means over the frames."""
    cases = cases_of(method)
    question = Question(cases, method.name, options)
    explainer = Explainer(model, question, drawn.context.mean, drawn.context.pictures)
    heats: dict[str, list[Floats]] = {case.name: [] for case in cases}
    for explained in explainer.explain(drawn.frames):
        for case in cases:
            heats[case.name].append(case.heat(explained, drawn.clip))
    return {
        score.__name__.split("_")[0]: {
            name: rounded(mean_of(score(heat, mask) for heat, mask in zip(found, drawn.masks, strict=True)))
            for name, found in heats.items()
        }
        for score in (share_on, hit)
    }


def references(drawn: Drawn) -> dict[str, Any]:
    """What maps score that know nothing: a uniform one, and noise."""
    noise = np.random.default_rng(0)
    uniform = mean_of(mask.mean() for mask in drawn.masks)
    pairs = [
        (np.abs(noise.standard_normal(mask.shape, np.float32)), mask)
        for mask in drawn.masks
        for _ in range(RANDOM_MAPS)
    ]
    return {
        "uniform map": {"share": rounded(uniform), "hit": rounded(uniform)},
        "random map": {
            "share": rounded(mean_of(share_on(heat, mask) for heat, mask in pairs)),
            "hit": rounded(mean_of(hit(heat, mask) for heat, mask in pairs)),
        },
    }


def some(drawn: Drawn, count: int) -> Seen:
    """So many of the frames, spread over all of them."""
    chosen = np.linspace(0, len(drawn.frames) - 1, count).round().astype(int)
    return Seen(drawn.seen.pictures[chosen], drawn.seen.indices[chosen], drawn.seen.others[chosen])


def stages_of(model: SteeringModel) -> dict[str, str]:
    """Which layer of the cascade ends each of STAGES."""
    top = from_the_top(model.network)
    dense = [layer for layer in top if type(layer).__name__ == "Dense"]
    return dict(zip(STAGES, (str(one.name) for one in (top[0], dense[-1], top[-1])), strict=True))


def sanity(model: SteeringModel, asked: Mapping[str, Method], drawn: Drawn) -> dict[str, dict[str, Any]]:
    """By method, how its map correlates with what it is after each further layer became random."""
    frames = {name: some(drawn, FEWER.get(name, SANITY_FRAMES)) for name in asked}

    def maps(of: SteeringModel, method: Method) -> Floats:
        # built anew, since a builder may look at the network; what it compiled is kept by the model
        return method.build(of, drawn.context, **method.settings({}))(frames[method.name]).summed

    before = {name: maps(model, method) for name, method in asked.items()}
    found: dict[str, dict[str, list[float]]] = {name: {} for name in asked}
    copied: SteeringModel | None = None
    for seed, layer, network in cascade(model.network, SANITY_SEEDS):
        say(f"seed {seed}: {layer} and what is behind it are random")
        copied = copied or SteeringModel(network, model.card)
        for name, method in asked.items():
            pairs = zip(before[name], maps(copied, method), strict=True)
            found[name].setdefault(layer, []).append(mean_of(spearman(a, b) for a, b in pairs))
    named = stages_of(model)
    return {
        name: {
            "frames": len(frames[name]),
            **{stage: rounded(mean_of(by_layer[layer])) for stage, layer in named.items()},
            "by_layer_and_seed": {
                layer: [rounded(value) for value in values] for layer, values in by_layer.items()
            },
        }
        for name, by_layer in found.items()
    }


def measure(model: SteeringModel, drawn: Drawn) -> dict[str, Any]:
    """Everything that goes into docs/method-scores.json."""
    asked = methods()
    scored: dict[str, dict[str, Any]] = {}
    for name, method in asked.items():
        start = time.perf_counter()
        options = method.settings({})
        scored[name] = {"options": options, **on_evidence(model, method, options, drawn)}
        say(f"{name}: {time.perf_counter() - start:.0f} s, share {scored[name]['share']}")
    for name, checked in sanity(model, asked, drawn).items():
        scored[name]["sanity"] = checked
    return {
        "model": {"name": model.name, "sha256": model.sha256},
        "frames": {"seed": UNSEEN_SEED, "scenes": SCENES, "count": len(drawn.frames), "size": WORLD_SIZE},
        "hit_smoothing_px": SMOOTH,
        "sanity": {"seeds": SANITY_SEEDS, "frames": SANITY_FRAMES, "stages": stages_of(model)},
        "references": references(drawn),
        "methods": scored,
    }


def blind(scores: Mapping[str, Any]) -> bool:
    """Whether a method's map stays as it was when the dense layers are random."""
    kept = scores["sanity"]["all dense layers"]
    return kept is not None and kept > KEPT


def table(found: Mapping[str, Any]) -> str:
    """The table for docs/methods.md."""

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.0f}"

    def both(one: Mapping[str, Any], case: str) -> str:
        if case not in one["share"]:
            return ""
        return f"{percent(one['share'][case])} · {percent(one['hit'][case])}"

    def correlation(value: float | None) -> str:
        return "–" if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # never −0.00

    head = [*CASES, *(f"{stage} random" for stage in STAGES)]
    lines = [f"| method | {' | '.join(head)} | |", f"| --- |{' --- |' * (len(head) + 1)}"]
    for name, one in sorted(found["methods"].items()):
        cells = [both(one, case) for case in CASES] + [correlation(one["sanity"][stage]) for stage in STAGES]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {BLIND if blind(one) else ''} |")
    for name, one in found["references"].items():
        cell = f"{percent(one['share'])} · {percent(one['hit'])}"
        lines.append(f"| {name} | {' | '.join([cell] * len(CASES))} |{'  |' * len(STAGES)} |")
    return "\n".join(lines)


def with_table(text: str, found: Mapping[str, Any]) -> str:
    """The document with the table between its two markers."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table(found)}\n{END}{rest.split(END)[1]}"


def write_table(scores: Path, page: Path) -> None:
    """The table of the scores into the document."""
    found = json.loads(scores.read_text(encoding="utf-8"))
    page.write_text(with_table(page.read_text(encoding="utf-8"), found), encoding="utf-8")


@dataclass(frozen=True)
class Subject:
    """One frame for all methods.

    `cut` (H, W, 3) is what the model sees of it and `evidence` (h, w) where its evidence is, both None of a
    frame that may not be shown; `ratio` the height of what the model sees over its width.
    """

    frame: Frame
    context: Context
    answer: float
    ratio: float
    cut: Image | None
    evidence: Mask | None


def subject(model: SteeringModel, frame: Frame, context: Context, evidence: Mask | None) -> Subject:
    """The frame with its answer and, where the evidence is known, its crop."""
    left, top, right, bottom = model.preprocess.crop.box(frame.image.shape[1], frame.image.shape[0])
    answer = float(model.predict(model.prepare(frame.image)[None], model.others_of([frame]))[0])
    cut = np.ascontiguousarray(frame.image[top:bottom, left:right])
    ratio = (bottom - top) / (right - left)
    return Subject(frame, context, answer, ratio, None if evidence is None else cut, evidence)


def legend(case: Case) -> Legend:
    """As the overlay draws the case."""
    title = case.title(True) if case.name in SIGNED else f"{case.name} (no sign)"
    return Legend(case.name, title, "", "", case_colour(case.name))


def heats_of(model: SteeringModel, method: Method, about: Subject) -> dict[str, Floats]:
    """The method's heat on the frame by case, smoothed and on a scale of its own, 0..1."""
    cases = choose(SIGNED[:2] if method.signed else UNSIGNED)
    context = about.context
    explainer = Explainer(model, Question(cases, method.name), context.mean, context.pictures)
    explained: Explained = next(iter(explainer.explain([about.frame])))
    clip = ClipStatistics(context.mean)
    heats = {case.name: smooth(case.heat(explained, clip), SMOOTH) for case in cases}
    scale = fit({case.name: (case.scale, [heats[case.name]]) for case in cases}, dict.fromkeys(heats, ""))
    return {name: scale.apply(name, heat) for name, heat in heats.items()}


class Sheet:
    """A grid of labelled tiles under a line of text, drawn with the overlay's parts."""

    def __init__(self, model: SteeringModel, about: Subject, count: int) -> None:
        self.about, self.kind = about, model.kind
        self.width = (WIDTH - GAP * (COLUMNS + 1)) // COLUMNS
        self.height = round(self.width * about.ratio)
        rows = -(-count // COLUMNS)
        shape = (BAR + GAP + rows * (BAR + self.height + GAP), WIDTH, 3)
        self.canvas = np.full(shape, BACKGROUND, np.uint8)
        self.style = Style(18, 18)
        self._next = 0

    def head(self, text: str, legends: Sequence[Legend]) -> None:
        """What all tiles share: the text, and what the colours mean."""
        self.style.draw(self.canvas, text, GAP, BAR // 2 + 3, TEXT, 18)
        at = WIDTH - GAP
        for one in reversed(legends):
            at -= self.style.width(one.title, 18)
            self.style.draw(self.canvas, one.title, at, BAR // 2 + 3, TEXT, 18)
            self.canvas[BAR // 2 - 4 : BAR // 2 + 10, at - 22 : at - 8] = one.colour
            at -= 44

    def _place(self, title: str, note: str) -> Rect:
        """The next tile's picture, its title and note written above."""
        row, column = divmod(self._next, COLUMNS)
        self._next += 1
        left, top = GAP + column * (self.width + GAP), BAR + GAP + row * (BAR + self.height + GAP)
        middle = top + BAR // 2
        self.style.draw(self.canvas, title, left + 2, middle, TEXT, 18, BOLD)
        self.style.draw(self.canvas, note, left + self.width - 2, middle, DIM, 16, align="right")
        return Rect(left, top + BAR, self.width, self.height)

    def _beneath(self) -> Image:
        if self.about.cut is None:
            return np.zeros((self.height, self.width, 3), np.uint8)
        return cv2.resize(self.about.cut, (self.width, self.height), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]

    def plain(self, title: str, note: str, evidence: Mask) -> None:
        """The frame itself, with a line around its evidence (h, w)."""
        view = self._place(title, note).of(self.canvas)
        view[:] = self._beneath()
        large = cv2.resize(
            evidence.astype(np.uint8), (self.width, self.height), interpolation=cv2.INTER_NEAREST
        )
        lines, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        view[:] = cv2.drawContours(view.copy(), lines, -1, case_colour("maintain"), 2, cv2.LINE_AA)

    def heat(self, title: str, note: str, heats: Mapping[str, Floats], legends: tuple[Legend, ...]) -> None:
        """Heat 0..1 by case over the frame, or over nothing."""
        rect, picture = self._place(title, note), self._beneath()
        scene = Scene((self.width, self.height), (0, 0, self.width, self.height), self.kind, legends, 1.0)
        element = Heat(scene, self.style, Area(rect, rect, rect, legends))
        shown = Shown(0, 0.0, picture, 0.0, None, heats)
        element.draw(self.canvas, Moment(shown, picture, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)))

    def write(self, path: Path) -> None:
        """As a JPEG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), self.canvas[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        say(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def draw_methods(model: SteeringModel, about: Subject, path: Path) -> None:
    """All methods on one frame, each on its own scale; before them the frame where it may be shown."""
    asked = methods()
    sheet = Sheet(model, about, len(asked) + (about.cut is not None))
    side = "left" if about.answer > 0 else "right"
    legends = tuple(legend(case) for case in choose((*SIGNED[:2], *UNSIGNED)))
    what = "" if about.cut is not None else "a real frame, not shown: "
    answer = f"{what}the network answers {abs(about.answer):.0f}° {side}"
    sheet.head(f"{answer}; every method on a scale of its own; white: both ways", legends)
    if about.evidence is not None:
        sheet.plain("the frame", "outlined: the evidence", about.evidence)
    for name, method in asked.items():
        heats = heats_of(model, method, about)
        shown = tuple(one for one in legends if one.case in heats)
        sheet.heat(name, method.kind, heats, shown)
    sheet.write(path)


def drawn_subject(model: SteeringModel, drawn: Drawn) -> Subject:
    """A frame by day with lines, a bend and a car."""
    world, moment = list(scene_stills(UNSEEN_SEED, SHOWN_SCENE, (800, 600), **SHOWN_HELD))[SHOWN_STILL]
    evidence = evident(world.evidence(moment), model.preprocess)
    return subject(model, Frame(0, 0.0, world.image(moment)), drawn.context, evidence)


def real_subject(model: SteeringModel, path: Path, at: float | int) -> Subject:
    """A frame of a real drive, which is not shown: only what methods make of it."""
    with open_recording(path) as recording:
        frame = recording.at(at)
        pictures = np.stack([model.prepare(one.image) for one in recording.sample(64)])
    return subject(model, frame, Context(pictures.mean(axis=0).astype(np.float32), pictures), None)


def setting(method: Method, text: str) -> tuple[str, Any]:
    """ "name=value" to the method's option."""
    name, _, value = text.partition("=")
    kinds = {option.name: option.type for option in method.options}
    if name not in kinds:
        raise click.UsageError(f"{method.name} has no option {name!r}: it has {', '.join(kinds) or 'none'}")
    return name, kinds[name](value)


@click.command()
@click.option("--docs", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path("docs"))
@click.option("--real", type=click.Path(path_type=Path, exists=True), help="Only draw methods on a real drive.")
@click.option("--at", type=Position(), default=73.0, help="Where in it: seconds, m:ss or #frame.")
@click.option("--render", is_flag=True, help="Only write the table anew from the scores that are there.")
@click.option("--picture", is_flag=True, help="Only draw methods on a drawn frame.")
@click.option("--try", "tried", metavar="METHOD", help="Only print one method's scores on the evidence.")
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE", help="An option of --try; repeat for several."
)
def main(
    docs: Path,
    real: Path | None,
    at: float | int,
    render: bool,
    picture: bool,
    tried: str | None,
    given: tuple[str, ...],
) -> None:
    """Scores all methods on the default model; writes scores, table and pictures under --docs."""
    scores = docs / "method-scores.json"
    if render:
        write_table(scores, docs / "methods.md")
        return
    model = load_model(default_model())
    if real is not None:
        draw_methods(model, real_subject(model, real, at), docs / "images" / "methods-real.jpg")
        return
    drawn = draw(model)
    if tried is not None:
        method = methods()[tried]
        options = method.settings(dict(setting(method, text) for text in given))
        click.echo(json.dumps({"options": options, **on_evidence(model, method, options, drawn)}))
        return
    if not picture:
        text = json.dumps(measure(model, drawn), indent=1, ensure_ascii=False)
        scores.write_text(f"{text}\n", encoding="utf-8")
        write_table(scores, docs / "methods.md")
    draw_methods(model, drawn_subject(model, drawn), docs / "images" / "methods.jpg")


if __name__ == "__main__":
    main()
