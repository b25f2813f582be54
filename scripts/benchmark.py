#!/usr/bin/env python3
"""Speed and memory as ratios taken in one run, because machines are noisy: a table, or JSON with --json.

Attribution is compared with one bare compiled batched gradient of the same network; `drivesal video` with its
floor, decoding the same input and encoding the same output frames with nothing between. The cost a frame is
the slope between a short and a long clip, so that starting up does not count.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np

WIDTH, HEIGHT, RATE = 1280, 720, 20
SHORT_S, LONG_S = 10, 40
Row = tuple[str, float, str, str]
"""(what, value, unit, target)."""


def interleaved(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every function, taken in turns so that a busy moment hits all of them."""
    for function in functions.values():
        function()
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            taken[name].append(time.perf_counter() - start)
    return taken


def ratio(taken: dict[str, list[float]], name: str, base: str) -> float:
    """Median over the rounds of one time over the other of the same round."""
    return statistics.median(a / b for a, b in zip(taken[name], taken[base], strict=True))


def attribution(rounds: int, batch: int = 32) -> list[Row]:
    """Cases on pictures of the model's size against a bare gradient of the same network."""
    from drivesal.assets import default_model
    from drivesal.attribution import Seen
    from drivesal.backend import tensorflow
    from drivesal.cases import choose
    from drivesal.explainer import Batch, Explainer, Question
    from drivesal.loading import load_model
    from drivesal.types import ClipStatistics, Frame

    tf = tensorflow()
    model = load_model(default_model())
    height, width = model.preprocess.size
    pictures = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
    frames = [Frame(i, i / RATE, picture) for i, picture in enumerate(pictures)]
    clip = ClipStatistics(pictures.mean(axis=0).astype(np.float32), 1e-3, np.ones((height, width), bool))
    inputs = tf.constant(pictures.astype(np.float32) / 127.5 - 1)

    @tf.function(input_signature=[tf.TensorSpec([None, height, width, 3], tf.float32)])  # type: ignore[untyped-decorator]
    def bare(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            answer = model.network(x, training=False)
        return tape.gradient(answer, x)

    def run(names: str) -> Callable[[], object]:
        cases = choose(names.split(","))
        explainer = Explainer(model, Question(cases), clip.mean_picture, pictures)
        given = Batch(frames, Seen(pictures, np.arange(batch), np.zeros((batch, 0), np.float32)))
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
"""Every method: its options, whether its passes are gradients (g) or forward passes (f), and the most of
them that a pass may cost."""


def by_method(rounds: int, batch: int = 32) -> list[Row]:
    """Every method, a pass, against one bare compiled gradient or forward pass of the same pictures."""
    from drivesal.assets import default_model
    from drivesal.attribution import Context, Seen, method
    from drivesal.backend import tensorflow
    from drivesal.loading import load_model

    tf = tensorflow()
    model = load_model(default_model())
    height, width = model.preprocess.size
    pictures = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
    context = Context(pictures.mean(axis=0).astype(np.float32), pictures, batch)
    seen = Seen(pictures, np.arange(batch), np.zeros((batch, 0), np.float32))
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
        # some 256 passes of each, against four batches of bare ones, so that both take about as long
        few = slice(0, max(1, min(batch, 256 // passes)))
        some = Seen(seen.pictures[few], seen.indices[few], seen.others[few])
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


def make_clip(
    source: Path,
    path: Path,
    seconds: float,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    gop: int = 2 * RATE,
) -> None:
    """The source scaled and cropped to `size` at 20 fps, played again and again for `seconds`."""
    width, height = size
    with av.open(str(source)) as drive:
        pictures = []
        for frame in drive.decode(video=0):
            scale = max(width / frame.width, height / frame.height)
            scaled = (round(frame.width * scale), round(frame.height * scale))
            large = cv2.resize(frame.to_ndarray(format="rgb24"), scaled, interpolation=cv2.INTER_CUBIC)
            top = scaled[1] - height
            pictures.append(cv2.cvtColor(large[top // 2 : top // 2 + height, :width], cv2.COLOR_RGB2YUV_I420))
            if len(pictures) == SHORT_S * RATE:
                break
    encode(path, itertools.islice(itertools.cycle(pictures), round(seconds * RATE)), size, gop=gop)


def encode(
    path: Path,
    pictures: Iterable[Any],
    size: tuple[int, int],
    form: str = "yuv420p",
    gop: int = 2 * RATE,
) -> None:
    """Frames, I420 ("yuv420p") or "rgb24", as `drivesal video` encodes them by default."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = gop
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format=form)
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def floor(clip: Path, pictures: list[Any], size: tuple[int, int], scratch: Path, form: str) -> float:
    """Seconds to decode the clip and encode as many output frames, nothing between.

    With "yuv420p" frames stay as the decoder gives and the encoder wants them, with "rgb24" they are arrays
    of RGB on both sides, which is what anything that draws on them needs.
    """
    start = time.perf_counter()
    with av.open(str(clip)) as drive:
        drive.streams.video[0].thread_type = "AUTO"
        decoded: Iterable[Any] = drive.decode(video=0)
        if form == "rgb24":
            decoded = (frame.to_ndarray(format="rgb24") for frame in decoded)
        encode(scratch, (pictures[i % len(pictures)] for i, _ in enumerate(decoded)), size, form)
    return time.perf_counter() - start


def drivesal(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory [MB] of one run of the command."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "drivesal", *arguments]
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            # not ru_maxrss, which begins with the size of the process that starts the command
            peak = max(peak, resident_peak(process.pid))
            time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, peak


def resident_peak(pid: int) -> float:
    """The most memory [MB] that a running process has held so far; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def output_pictures(video: Path, form: str, count: int = 100) -> list[Any]:
    """The first frames of an overlay video as arrays."""
    with av.open(str(video)) as file:
        return [frame.to_ndarray(format=form) for frame in itertools.islice(file.decode(video=0), count)]


def video(source: Path, folder: Path, layout: str, rounds: int) -> list[Row]:
    """The cost a frame of `drivesal video` against its floors."""
    clips = {seconds: folder / f"clip{seconds}.mp4" for seconds in (SHORT_S, LONG_S)}
    for seconds, clip in clips.items():
        if not clip.exists():
            make_clip(source, clip, seconds)
    out, scratch = folder / f"{layout}.mp4", folder / "floor.mp4"

    def ours(seconds: int) -> float:
        return drivesal("video", str(clips[seconds]), "--layout", layout, "--out", str(out), "--overwrite")[0]

    ours(SHORT_S)
    height, width, _ = output_pictures(out, "rgb24", 1)[0].shape
    forms = ("yuv420p", "rgb24")
    costs: dict[str, list[float]] = {name: [] for name in ("ours", *forms)}
    frames = (LONG_S - SHORT_S) * RATE
    for _ in range(rounds):
        costs["ours"].append((ours(LONG_S) - ours(SHORT_S)) / frames)
        for form in forms:
            pictures = output_pictures(out, form)
            taken = [floor(clips[s], pictures, (width, height), scratch, form) for s in (LONG_S, SHORT_S)]
            costs[form].append((taken[0] - taken[1]) / frames)
    name = f"video, {layout}, {width}x{height} out"
    rows: list[Row] = [(f"{name}", 1e3 * statistics.median(costs["ours"]), "ms a frame", "")]
    for form in forms:
        rows.append((f"{name}: floor, {form}", 1e3 * statistics.median(costs[form]), "ms a frame", ""))
        rows.append((f"{name} / floor, {form}", ratio(costs, "ours", form), "times", "≤ 1.25"))
    return rows


def memory(source: Path, folder: Path) -> list[Row]:
    """Peak memory for a clip and for one ten times as long."""
    short, long = folder / "clip10.mp4", folder / "clip100.mp4"
    for clip, seconds in ((short, SHORT_S), (long, 10 * SHORT_S)):
        if not clip.exists():
            make_clip(source, clip, seconds)
    peaks = [
        drivesal("video", str(clip), "--out", str(folder / "memory.mp4"), "--overwrite")[1]
        for clip in (short, long)
    ]
    return [
        (f"peak memory, {WIDTH}x{HEIGHT}, grid, {SHORT_S} s", peaks[0], "MB", "≤ 1200"),
        ("peak memory, ten times as long", peaks[1], "MB", "≤ 1200"),
        ("long / short", peaks[1] / peaks[0], "times", "≤ 1.05"),
    ]


def review(source: Path, folder: Path, jumps: int = 100, steps: int = 150) -> list[Row]:
    """How soon any frame of a 1920x1080 clip is there, and the next and the one before."""
    from drivesal.recordings import open_recording
    from drivesal.review.frames import FrameStore

    def times(store: FrameStore, indices: Iterable[int], pause_s: float = 0) -> tuple[float, float]:
        """Median and 95th percentile [ms]."""
        taken = []
        for index in indices:
            taken.append(1e3 * _seconds(store.at, index))
            time.sleep(pause_s)
        return float(np.median(taken)), float(np.percentile(taken, 95))

    def measured(store: FrameStore, length: int, of: str, jump: str, step: str) -> list[Row]:
        rng = np.random.default_rng(0)
        places = {
            f"a random frame, {of}": (rng.integers(0, length, jumps).tolist(), jump),
            f"a step forward, ten a second, {of}": (range(length // 3, length // 3 + steps), step),
            f"a step back, ten a second, {of}": (range(length - 1, length - 1 - steps, -1), ""),
        }
        rows: list[Row] = []
        for what, (indices, target) in places.items():
            store.at(indices[0] - 1 if "forward" in what else indices[0])
            median, high = times(store, indices[1:], 0.1 if "step" in what else 0)
            rows += [(f"{what}: median", median, "ms", ""), (f"{what}: 95th percentile", high, "ms", target)]
        return rows

    rows: list[Row] = []
    for gop in (60, 250):
        clip = folder / f"keyframes{gop}.mp4"
        make_clip(source, clip, 30, (1920, 1080), gop)
        with open_recording(clip) as recording:
            length = recording.info.length or 0
            of = f"1920x1080, keyframes every {gop}"
            if gop == 60:
                with FrameStore(recording) as store:
                    rows += measured(store, length, of, "≤ 150", "≤ 30")
                continue
            start = time.perf_counter()
            with FrameStore(recording) as store:
                rng = np.random.default_rng(0)
                rows += [
                    (f"a random frame, {of}, copy begun: {name}", value, "ms", "")
                    for name, value in zip(
                        ("median", "95th percentile"),
                        times(store, rng.integers(length // 2, length, 20).tolist()),
                        strict=True,
                    )
                ]
                while store.note is not None:
                    if "being made" not in store.note:
                        raise SystemExit(store.note)
                    time.sleep(0.1)
                rows.append((f"the copy, {of}", 1e3 * (time.perf_counter() - start) / length, "ms a frame", ""))
                rows += measured(store, length, f"{of}, copied", "≤ 150", "≤ 30")
    return rows


def starting(rounds: int) -> list[Row]:
    """How soon the help is there."""
    times = [drivesal("--help")[0] for _ in range(rounds)]
    return [("drivesal --help", statistics.median(times), "s", "≤ 0.3")]


def world(scenes: int = 12, seconds: float = 3.0) -> list[Row]:
    """How fast worlds are drawn at 640x480: drives of many scenes, what is set up for a scene included."""
    from concurrent.futures import ThreadPoolExecutor

    from drivesal.world.world import Drive, Moment

    def drives() -> Iterable[Drive]:
        return (Drive(seed, seconds) for seed in range(100, 100 + scenes))

    def rates(draw: Callable[[Drive], object]) -> list[float]:
        return [one.frames / _seconds(draw, one) for one in drives()]

    def images(one: Drive) -> None:
        for moment in one.moments:
            one.world.image(moment)

    def evidence(one: Drive) -> None:
        for moment in one.moments[::10]:
            one.world.evidence(moment)

    def pooled(one: Drive) -> None:
        def image(moment: Moment) -> object:
            return one.world.image(moment)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(image, one.moments))

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for one in drives():  # sprites and noise are drawn once for all
            one.world.image(one.moments[0])
        both = [(rates(images), rates(pooled)) for _ in range(3)]
        scored = [rate / 10 for rate in rates(evidence)]
    finally:
        cv2.setNumThreads(threads)
    single = [statistics.median(rates) for rates in zip(*(one for one, _ in both), strict=True)]
    gain = [sum(pool) / sum(one) for one, pool in both]
    return [
        ("world, 640x480, one core, median scene", statistics.median(single), "frames a second", "≥ 60"),
        ("world, the slowest of 12 scenes", min(single), "frames a second", ""),
        ("world, evidence alone", statistics.median(scored), "frames a second", ""),
        (f"world, {os.cpu_count()} cores / one", statistics.median(gain), "times", ""),
    ]


def _seconds(draw: Callable[[Any], object], one: Any) -> float:
    start = time.perf_counter()
    draw(one)
    return time.perf_counter() - start


def machine() -> str:
    """The machine and the versions in a line."""
    from importlib.metadata import version

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), cpu
        )
    names = ("tensorflow", "keras", "av", "numpy")
    packages = ", ".join([f"OpenCV {cv2.__version__}", *(f"{name} {version(name)}" for name in names)])
    return f"{os.cpu_count()} cores, {cpu}, Python {platform.python_version()}, {packages}"


PARTS = ["start", "attribution", "methods", "video", "memory", "review", "world"]


@click.command()
@click.option("--clip", type=click.Path(path_type=Path, exists=True), help="A drive for the video rows.")
@click.option("--only", type=click.Choice(PARTS), multiple=True)
@click.option("--rounds", default=3, show_default=True, help="Of the video rows; others take more.")
@click.option("--json", "as_json", is_flag=True)
def main(clip: Path | None, only: tuple[str, ...], rounds: int, as_json: bool) -> None:
    """Measure drivesal on this machine."""
    from drivesal.assets import asset

    source = clip or asset("data", "run.mp4")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        parts: dict[str, Callable[[], list[Row]]] = {
            "start": lambda: starting(10),
            "attribution": lambda: attribution(40),
            "methods": lambda: by_method(25),
            "video": lambda: [
                r for layout in ("single", "grid") for r in video(source, folder, layout, rounds)
            ],
            "memory": lambda: memory(source, folder),
            "review": lambda: review(source, folder),
            "world": world,
        }
        for name, measure in parts.items():
            if not only or name in only:
                rows += measure()
    if as_json:
        names = ("what", "value", "unit", "target")
        click.echo(json.dumps({"machine": machine(), "rows": [dict(zip(names, r, strict=True)) for r in rows]}))
        return
    click.echo(f"{machine()}\n")
    click.echo("| what | measured | target |\n| --- | --- | --- |")
    for what, value, unit, target in rows:
        click.echo(f"| {what} | {value:.3g} {unit} | {target} |")


if __name__ == "__main__":
    main()
