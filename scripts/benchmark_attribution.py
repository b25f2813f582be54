"""The cost of cases and methods against a bare gradient or forward pass of the same network."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmark_timing import Row, interleaved, ratio


def attribution(rounds: int, batch: int = 32) -> list[Row]:
    """The cost of cases on model inputs against a bare gradient of the same network."""
    from drivesal.attribution.registry import ModelInputs
    from drivesal.explanation.explainer import Explainer
    from drivesal.explanation.frame_batches import Batch
    from drivesal.explanation.registry import choose
    from drivesal.model.backend import tensorflow
    from drivesal.model.readers import load_model
    from drivesal.model.shipped import default_model
    from drivesal.settings import ExplainSettings
    from drivesal.types import ClipStatistics, Frame

    tf = tensorflow()
    model = load_model(default_model())
    height, width = model.preprocess.size
    pictures = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
    frames = [Frame(i, i / 20, picture) for i, picture in enumerate(pictures)]
    clip = ClipStatistics(pictures.mean(axis=0).astype(np.float32), 1e-3, np.ones((height, width), bool))
    inputs = tf.constant(pictures.astype(np.float32) / 127.5 - 1)

    @tf.function(input_signature=[tf.TensorSpec([None, height, width, 3], tf.float32)])  # type: ignore[untyped-decorator]
    def bare(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = model.network(x, training=False)
        return tape.gradient(output, x)

    def run(names: str) -> Callable[[], object]:
        cases = choose(names.split(","))
        settings = ExplainSettings(method="gradient", cases=tuple(case.name for case in cases))
        explainer = Explainer(model, settings, clip.mean_image, pictures)
        given = Batch(frames, ModelInputs(pictures, np.arange(batch), np.zeros((batch, 0), np.float32)))
        return lambda: [[case.heat(e, clip) for case in cases] for e in explainer.explain_batch(given)]

    taken = interleaved(
        {
            "bare": lambda: bare(inputs).numpy(),
            "two": run("increase,decrease"),
            "three": run("increase,decrease,maintain"),
        },
        rounds,
    )
    milliseconds = 1e3 * statistics.median(taken["bare"]) / batch
    return [
        (f"bare compiled gradient, batch {batch}", milliseconds, "ms a frame", ""),
        ("increase and decrease / bare gradient", ratio(taken, "two", "bare"), "times", "≤ 1.1"),
        ("with maintain / bare gradient", ratio(taken, "three", "bare"), "times", "≤ 1.25"),
    ]


METHODS: tuple[tuple[str, dict[str, Any], str, float | None], ...] = (
    ("gradient", {}, "g", None),
    ("gradient-x-input", {}, "g", None),
    ("guided", {}, "g", 1.3),
    ("rectified", {}, "g", 1.3),
    ("integrated-gradients", {"steps": 32}, "g", 1.1),
    ("expected-gradients", {"samples": 32}, "g", None),
    ("smoothgrad", {"samples": 25}, "g", 1.1),
    ("squared-smoothgrad", {"samples": 25}, "g", None),
    ("vargrad", {"samples": 25}, "g", None),
    ("grad-cam", {}, "g", 1.3),
    ("grad-cam++", {}, "g", 1.3),
    ("layer-cam", {}, "g", 1.3),
    ("score-cam", {}, "f", None),
    ("visualbackprop", {}, "f", 2.0),
    ("occlusion", {}, "f", 1.1),
    ("rise", {"masks": 1000}, "f", 1.2),
    ("lrp", {}, "g", None),
)
"""Each method's options, the kind of its passes (g gradient, f forward), and the target cost of one in bare
passes."""


def by_method(rounds: int, batch: int = 32) -> list[Row]:
    """The cost per pass of every method against a bare compiled gradient or forward pass on the same images."""
    from drivesal.attribution.registry import Context, ModelInputs, method
    from drivesal.model.backend import tensorflow
    from drivesal.model.readers import load_model
    from drivesal.model.shipped import default_model

    tf = tensorflow()
    model = load_model(default_model())
    height, width = model.preprocess.size
    pictures = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
    context = Context(pictures.mean(axis=0).astype(np.float32), pictures, batch)
    seen = ModelInputs(pictures, np.arange(batch), np.zeros((batch, 0), np.float32))
    inputs = tf.constant(pictures.astype(np.float32) / 127.5 - 1)
    spec = [tf.TensorSpec([None, height, width, 3], tf.float32)]

    @tf.function(input_signature=spec)  # type: ignore[untyped-decorator]
    def gradient(x: Any) -> Any:
        return tf.gradients(model.network(x, training=False), x)[0]

    forward = tf.function(lambda x: model.network(x, training=False), input_signature=spec)
    rows: list[Row] = []
    for name, options, base, most in METHODS:
        chosen = method(name)
        settings = chosen.settings(options)
        attribute = chosen.build(model, context, **settings)
        passes = chosen.passes_of(settings, (height, width), model)
        # about 256 passes of each against four bare batches, so that both take about as long
        few = slice(0, max(1, min(batch, 256 // passes)))
        some = ModelInputs(seen.images[few], seen.indices[few], seen.auxiliary[few])
        bare = {"g": gradient, "f": forward}[base]
        taken = interleaved(
            {
                "bare": lambda bare=bare: [bare(inputs).numpy() for _ in range(4)],  # type: ignore[misc]
                "ours": lambda a=attribute, s=some: a(s),  # type: ignore[misc]
            },
            rounds,
        )
        a_pass = [ours / len(some) / passes * 4 * batch for ours in taken["ours"]]
        times = statistics.median(a / b for a, b in zip(a_pass, taken["bare"], strict=True))
        label = f"{name}, {passes} passes / {passes} {base}" if passes > 1 else f"{name} / {base}"
        rows.append((label, times, "times", f"≤ {most:g}" if most else ""))
    return rows
