#!/usr/bin/env python3
"""Score all methods on the default model: is the map on the evidence, and does it depend on the network?

Writes docs/method-scores.json, the table in docs/methods.md and figures of all methods on one frame.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from method_sheets import SMOOTH, Subject, draw_methods, say, subject
from score_table import CASES, STAGES, write_table

from drivesal.attribution.registry import Context, Method, ModelInputs, methods
from drivesal.cli._options import Position
from drivesal.explanation.explainer import Explainer
from drivesal.explanation.registry import Case, choose, usual
from drivesal.explanation.scale import smooth
from drivesal.model.readers import load_model
from drivesal.model.shipped import default_model
from drivesal.model.steering_model import SteeringModel
from drivesal.recordings import open_recording
from drivesal.settings import ExplainSettings
from drivesal.synthetic.evidence import evident, share_on
from drivesal.synthetic.still_frames import scene_stills
from drivesal.trust.randomization import cascade, from_the_top, spearman
from drivesal.types import ClipStatistics, Frame

if TYPE_CHECKING:
    from drivesal.types import Floats, Mask

UNSEEN_SEED, SCENES, EVERY, WORLD_SIZE = 900_001, 24, 6, (400, 300)
SANITY_SEEDS, SANITY_FRAMES = (1, 2, 3), 8
FEWER = {"expected-gradients": 4, "occlusion": 4, "rise": 2}
"""The number of frames in the sanity check for methods with many passes."""
RANDOM_MAPS = 20

SHOWN_SCENE, SHOWN_STILL = 3, 9
SHOWN_HELD: dict[str, Any] = {"light": "day", "ground": "grass", "overcast": 0.2, "vehicles": 0.9, "noise": 2.0}


def rounded(value: float) -> float | None:
    """The value with three decimals; None for NaN."""
    return None if math.isnan(value) else round(float(value), 3)


def mean_of(values: Iterable[float]) -> float:
    """The mean of the values that are not NaN; NaN if there are none."""
    kept = [value for value in values if not math.isnan(value)]
    return float(np.mean(kept)) if kept else math.nan


@dataclass(frozen=True)
class Drawn:
    """Synthetic frames (300, 400, 3), the masks (h, w) of their evidence at the model's size, and their
    context."""

    frames: list[Frame]
    masks: list[Mask]
    seen: ModelInputs
    context: Context

    @property
    def clip(self) -> ClipStatistics:
        """The clip statistics for the cases."""
        return ClipStatistics(self.context.mean)


def draw(model: SteeringModel, scenes: int = SCENES) -> Drawn:
    """Frames of scenes that were never used for training."""
    frames: list[Frame] = []
    masks: list[Mask] = []
    for number in range(scenes):
        for world, moment in list(scene_stills(UNSEEN_SEED, number, WORLD_SIZE))[::EVERY]:
            mask = evident(world.evidence(moment), model.preprocess)
            if mask.any():
                frames.append(Frame(len(frames), 0.0, world.image(moment), moment.steering_deg))
                masks.append(mask)
    pictures = np.stack([model.prepare(frame.image) for frame in frames])
    seen = ModelInputs(pictures, np.arange(len(frames)), model.auxiliary_inputs_of(frames))
    return Drawn(frames, masks, seen, Context(pictures.mean(axis=0).astype(np.float32), pictures))


def cases_of(method: Method) -> tuple[Case, ...]:
    """The cases that are defined for the method's map."""
    return choose(CASES if method.signed else usual(False))


def hit(heat: Floats, mask: Mask) -> float:
    """Pointing game: 1 if the maximum of the heat, smoothed as in the overlay, is on the mask, else 0; NaN
    without."""
    drawn = smooth(heat, SMOOTH)
    return float(mask.flat[int(drawn.argmax())]) if drawn.max() > 0 else math.nan


def on_evidence(
    model: SteeringModel, method: Method, options: Mapping[str, Any], drawn: Drawn
) -> dict[str, Any]:
    """{"share": {case: ...}, "hit": {case: ...}}: means over the frames."""
    cases = cases_of(method)
    settings = ExplainSettings(method=method.name, options=options, cases=tuple(case.name for case in cases))
    explainer = Explainer(model, settings, drawn.context.mean, drawn.context.images)
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
    """The scores of uninformed maps: a uniform one, and noise."""
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


def some(drawn: Drawn, count: int) -> ModelInputs:
    """`count` of the frames, evenly spread."""
    chosen = np.linspace(0, len(drawn.frames) - 1, count).round().astype(int)
    return ModelInputs(drawn.seen.images[chosen], drawn.seen.indices[chosen], drawn.seen.auxiliary[chosen])


def stages_of(model: SteeringModel) -> dict[str, str]:
    """The last layer of the cascade in each of STAGES."""
    top = from_the_top(model.network)
    dense = [layer for layer in top if type(layer).__name__ == "Dense"]
    return dict(zip(STAGES, (str(one.name) for one in (top[0], dense[-1], top[-1])), strict=True))


def sanity(model: SteeringModel, asked: Mapping[str, Method], drawn: Drawn) -> dict[str, dict[str, Any]]:
    """By method, the rank correlation of its map with the map after each further layer was randomised."""
    frames = {name: some(drawn, FEWER.get(name, SANITY_FRAMES)) for name in asked}

    def maps(of: SteeringModel, method: Method) -> Floats:
        # rebuilt, since a builder may inspect the network; compiled functions are cached by the model
        return method.build(of, drawn.context, **method.settings({}))(frames[method.name]).summed

    before = {name: maps(model, method) for name, method in asked.items()}
    found: dict[str, dict[str, list[float]]] = {name: {} for name in asked}
    copied: SteeringModel | None = None
    for seed, layer, network in cascade(model.network, SANITY_SEEDS):
        say(f"seed {seed}: {layer} and all later layers are random")
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
    """The content of docs/method-scores.json."""
    asked = methods()
    scored: dict[str, dict[str, Any]] = {}
    for name, method in asked.items():
        start = time.perf_counter()
        scored[name] = {"options": method.settings({}), **on_evidence(model, method, {}, drawn)}
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


def drawn_subject(model: SteeringModel, drawn: Drawn) -> Subject:
    """A daytime frame with lines, a bend and a car."""
    world, moment = list(scene_stills(UNSEEN_SEED, SHOWN_SCENE, (800, 600), **SHOWN_HELD))[SHOWN_STILL]
    evidence = evident(world.evidence(moment), model.preprocess)
    return subject(model, Frame(0, 0.0, world.image(moment)), drawn.context, evidence)


def real_subject(model: SteeringModel, path: Path, at: float | int) -> Subject:
    """A frame of a real drive, of which only the maps are published."""
    with open_recording(path) as recording:
        frame = recording.at(at)
        pictures = np.stack([model.prepare(one.image) for one in recording.sample(64)])
    return subject(model, frame, Context(pictures.mean(axis=0).astype(np.float32), pictures), None)


def setting(method: Method, text: str) -> tuple[str, Any]:
    """Parse "name=value" as an option of the method."""
    name, _, value = text.partition("=")
    kinds = {option.name: option.type for option in method.options}
    if name not in kinds:
        raise click.UsageError(f"{method.name} has no option {name!r}: it has {', '.join(kinds) or 'none'}")
    return name, kinds[name](value)


@click.command()
@click.option("--docs", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path("docs"))
@click.option("--real", type=click.Path(path_type=Path, exists=True), help="Only draw maps on this real drive.")
@click.option("--at", type=Position(), default=73.0, help="Position in --real: seconds, m:ss or #frame.")
@click.option("--render", is_flag=True, help="Only rewrite the table from the existing scores.")
@click.option("--picture", is_flag=True, help="Only draw the methods on a synthetic frame.")
@click.option("--try", "tried", metavar="METHOD", help="Only print this method's scores on the evidence.")
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an option of --try; repeat for several.",
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
    """Score all methods on the default model; write scores, table and figures to --docs."""
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
        asked = dict(setting(method, text) for text in given)
        options = method.settings(asked)
        click.echo(json.dumps({"options": options, **on_evidence(model, method, asked, drawn)}))
        return
    if not picture:
        text = json.dumps(measure(model, drawn), indent=1, ensure_ascii=False)
        scores.write_text(f"{text}\n", encoding="utf-8")
        write_table(scores, docs / "methods.md")
    draw_methods(model, drawn_subject(model, drawn), docs / "images" / "methods.jpg")


if __name__ == "__main__":
    main()
