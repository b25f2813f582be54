"""What is run and kept, a section a function."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from keeper import Keeper
from made import FEED, ROOT, drives, networks

Section = Callable[[Path, Keeper], None]
SECTIONS: dict[str, Section] = {}


def section(make: Callable[[Path, Keeper], None]) -> Callable[[Path, Keeper], None]:
    """Registers what keeps one part, under its function's name."""
    SECTIONS[make.__name__] = make
    return make


@section
def recordings(inputs: Path, keep: Keeper) -> None:
    """Frames, times and labels of every format."""
    import drivesal

    for path in drives(inputs):
        with drivesal.Recording(path) as recording:
            frames = list(recording)
            info = recording.info
        keep.array(f"{path.name}: images", [frame.image for frame in frames])
        keep.array(f"{path.name}: times", [frame.time_s for frame in frames])
        labels = [np.nan if frame.steering is None else frame.steering for frame in frames]
        keep.array(f"{path.name}: labels", np.array(labels, float))
        keep.value(f"{path.name}: info", [info.width, info.height, float(info.rate), info.length, info.format])


@section
def methods(inputs: Path, keep: Keeper) -> None:
    """Predictions, every method's map, every case's heat."""
    import drivesal

    clip = inputs / "drives" / "run.mp4"
    with drivesal.Recording(clip) as recording:
        images = np.stack([frame.image for frame in recording.frames()])[::6]
    for path in [None, *networks(inputs)]:
        name = "default" if path is None else path.stem
        model = drivesal.load_model(path, feed=FEED.get(name))
        prepared = [model.prepare(image) for image in images]
        keep.array(f"{name}: prepared", prepared)
        others = np.full((len(images), 1), 0.5, np.float32) if name in FEED else None
        keep.array(f"{name}: predictions", model.predict(prepared, others))
        for method in drivesal.methods():
            _maps(keep, model, images[:2], name, method)
        if path is not None:
            for one in drivesal.explain(model, images[:2], "gradient", ["increase", "maintain", "support"]):
                for field in ("angle", "score", "gradient", "contribution"):
                    keep.array(f"{name}: explain {one.frame.index} {field}", getattr(one, field))
                keep.array(f"{name}: explain {one.frame.index} picture", one.model_input)
                keep.array(f"{name}: explain {one.frame.index} push", one.attribution)


def _maps(keep: Keeper, model: Any, images: Any, name: str, method: str) -> None:
    import drivesal

    fewer: dict[str, Any] = {"rise": {"masks": 64}}.get(method, {})
    for case in (None, "increase", "decrease", "maintain", "support", "magnitude"):
        label = f"{name}: {method} {case or 'signed'}"
        heavy = name == "default" and case in ("maintain", "support", "magnitude")
        if heavy and method != "gradient":  # the small networks show these of every method
            continue
        found = keep.attempt(label, partial(drivesal.attribute, model, images, method, case, **fewer))
        if found is not None:
            keep.array(label, found)


LOOKS: dict[str, dict[str, Any]] = {
    "grid": {},
    "row": {"layout": "row", "method": "gradient"},
    "single": {"layout": "single", "method": "gradient"},
    "two cases": {"cases": ["increase", "support"], "method": "gradient"},
    "insensitivity": {"cases": ["maintain"], "maintain": "insensitivity", "method": "gradient"},
    "colour map": {"colormap": "viridis", "method": "guided"},
    "per frame": {"scale": "frame", "smooth": 0.0, "opacity": 0.5, "method": "smoothgrad"},
    "narrow": {"width": 640, "method": "grad-cam"},
    "without a sign": {"method": "visualbackprop"},
    "relevance": {"method": "lrp"},
    "absolute": {"reduce": "sum-abs", "method": "gradient"},
}


@section
def canvases(inputs: Path, keep: Keeper) -> None:
    """What is drawn, by look, by model and by drive."""
    import drivesal

    clip, small, own = inputs / "drives" / "run.mp4", inputs / "models" / "small.keras", networks(inputs)
    for name, look in LOOKS.items():
        keep.array(name, drivesal.render(clip, small, at=7, **look))
    for path in own:
        model = drivesal.load_model(path, feed=FEED.get(path.stem))
        keep.array(f"model {path.stem}", drivesal.render(clip, model, at=5, method="gradient"))
    for path in drives(inputs):
        keep.array(f"drive {path.name}", drivesal.render(path, small, at=3, method="gradient"))
    keep.array("default", drivesal.render(ROOT / "data" / "run.mp4", at=20))


@section
def compatibility(inputs: Path, keep: Keeper) -> None:
    """keras-vis's functions."""
    from drivesal.compat import keras_vis as saliency
    from tests.models import convolutional

    network = convolutional()
    seed = np.random.default_rng(0).random((24, 32, 3)).astype(np.float32)
    for modifier in (None, "guided", "rectified"):
        for gradient in ("absolute", "negate", "small_values", "invert", "relu", None):
            found = saliency.visualize_saliency(network, -1, 0, seed, None, modifier, gradient, keepdims=True)
            keep.array(f"saliency {modifier} {gradient}", found)
        keep.array(f"cam {modifier}", saliency.visualize_cam(network, -1, 0, seed, None, modifier))


CLIP, SMALL, LABELS = "IN/drives/run.mp4", "IN/models/small.keras", "IN/drives/run.csv"
COMMANDS: dict[str, list[str]] = {
    "video": ["video", CLIP, "--model", SMALL, "--labels", LABELS, "--save-maps", "m.npz", "--json"],
    "video of a tub": ["video", "IN/drives/tub", "--model", SMALL, "--every", "2", "--method", "gradient"],
    "video norm": ["video", CLIP, "--model", "IN/models/norm.keras", "--layout", "single", "--crop", "10:-8"],
    "animation": ["video", CLIP, "--model", SMALL, "--end", "#6", "--out", "a.gif", "--method", "gradient"],
    "old model": [
        *("video", CLIP, "--model", "IN/models/old.h5", "--end", "#4", "--method", "gradient"),
        *("--input-scale=-1..1", "--color", "YUV", "--angle-unit", "norm", "--full-lock", "25"),
    ],
    "default model": ["video", "ROOT/data/run.mp4", "--end", "#6", "--json"],
    "image": ["image", CLIP, "--at", "#5", "--model", SMALL, "--labels", LABELS, "--json"],
    "image of a layer": ["image", CLIP, "--at", "#5", "--model", SMALL, "--layer", "conv2d", "--filter", "1"],
    "evaluate": ["evaluate", SMALL, CLIP, "--labels", LABELS, "--json"],
    "evaluate a simulator": ["evaluate", "IN/models/norm.keras", "IN/drives/simulator", "--full-lock", "25"],
    "fit-settings": ["fit-settings", SMALL, CLIP, "--labels", LABELS, "--json"],
    "info": ["info", "IN/drives/run.mp4", "IN/drives/tub", "IN/drives/simulator", "IN/drives/ch2", "--json"],
    "model": ["model", SMALL, "--json"],
    "model without card": ["model", "IN/models/old.h5", "--json"],
    "model default": ["model", "--json"],
    "methods": ["methods", "--json"],
    "train": [
        *("train", CLIP, "--labels", LABELS, "--out", "t.keras", "--arch", "toy-car", "--epochs", "1"),
        *("--batch", "8", "--angle-unit", "deg", "--label-turns", "steering-wheel"),
    ],
    "world": ["world", "--seed", "3", "--seconds", "0.5", "--size", "160x120", "--evidence", "--out", "w"],
    "review export": ["review", CLIP, "--model", SMALL, "--export", "r.html", "--every", "6"],
    "no such method": ["image", CLIP, "--at", "#5", "--model", SMALL, "--method", "gradcam"],
    "no such drive": ["video", "nothing.mp4"],
    "no label": ["evaluate", SMALL, "IN/drives/images"],
}


@section
def commands(inputs: Path, keep: Keeper) -> None:
    """Every command: its exit code, what it prints, every file that it writes."""
    for name, words in COMMANDS.items():
        with tempfile.TemporaryDirectory() as folder:
            given = [re.sub("^IN/", f"{inputs.resolve()}/", re.sub("^ROOT/", f"{ROOT}/", one)) for one in words]
            code, out, err = _ran(Path(folder), given)
            keep.value(f"{name}: exit code", code)
            if "--json" in words:
                keep.value(f"{name}: out", [json.loads(line) for line in _documents(out)])
            else:
                keep.value(f"{name}: text", out)
            keep.value(f"{name}: errors", err)
            keep.files(name, Path(folder))


def _documents(out: str) -> list[str]:
    """A JSON document, or one a line."""
    try:
        json.loads(out)
        return [out]
    except ValueError:
        return out.splitlines()


def _ran(folder: Path, words: list[str]) -> tuple[int, str, str]:
    from drivesal.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([*words, *([] if words[0] in ("model", "methods") else ["--quiet"])])
        except SystemExit as stop:
            return int(stop.code or 0), out.getvalue(), err.getvalue()
    raise AssertionError("a command ends by leaving")
