"""Time and memory of `drivesal video` against decoding and encoding alone."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
from benchmark_timing import Row, drivesal, ratio

WIDTH, HEIGHT, RATE = 1280, 720, 20
SHORT_S, LONG_S = 10, 40


def make_clip(
    source: Path,
    path: Path,
    seconds: float,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    gop: int = 2 * RATE,
) -> None:
    """Write the source scaled and cropped to `size` at 20 fps, repeated for `seconds`."""
    width, height = size
    with av.open(str(source)) as drive:
        images = []
        for frame in drive.decode(video=0):
            scale = max(width / frame.width, height / frame.height)
            scaled = (round(frame.width * scale), round(frame.height * scale))
            large = cv2.resize(frame.to_ndarray(format="rgb24"), scaled, interpolation=cv2.INTER_CUBIC)
            top = scaled[1] - height
            images.append(cv2.cvtColor(large[top // 2 : top // 2 + height, :width], cv2.COLOR_RGB2YUV_I420))
            if len(images) == SHORT_S * RATE:
                break
    encode(path, itertools.islice(itertools.cycle(images), round(seconds * RATE)), size, gop=gop)


def encode(
    path: Path,
    images: Iterable[Any],
    size: tuple[int, int],
    form: str = "yuv420p",
    gop: int = 2 * RATE,
) -> None:
    """Encode frames, I420 ("yuv420p") or "rgb24", with the defaults of `drivesal video`."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = gop
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format=form)
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def floor(clip: Path, images: list[Any], size: tuple[int, int], scratch: Path, form: str) -> float:
    """Seconds to decode the clip and encode as many output frames, without anything between.

    With "yuv420p" frames keep the codec's format; with "rgb24" they are RGB arrays on both sides, as drawing
    needs.
    """
    start = time.perf_counter()
    with av.open(str(clip)) as drive:
        drive.streams.video[0].thread_type = "AUTO"
        decoded: Iterable[Any] = drive.decode(video=0)
        if form == "rgb24":
            decoded = (frame.to_ndarray(format="rgb24") for frame in decoded)
        encode(scratch, (images[i % len(images)] for i, _ in enumerate(decoded)), size, form)
    return time.perf_counter() - start


def output_images(video: Path, form: str, count: int = 100) -> list[Any]:
    """The first frames of an overlay video as arrays."""
    with av.open(str(video)) as file:
        return [frame.to_ndarray(format=form) for frame in itertools.islice(file.decode(video=0), count)]


def video(source: Path, folder: Path, layout: str, rounds: int) -> list[Row]:
    """The cost per frame of `drivesal video` with `gradient` against its floors, and with the default
    method."""
    from drivesal.attribution.registry import USUAL

    clips = {seconds: folder / f"clip{seconds}.mp4" for seconds in (SHORT_S, LONG_S)}
    for seconds, clip in clips.items():
        if not clip.exists():
            make_clip(source, clip, seconds)
    out, scratch = folder / f"{layout}.mp4", folder / "floor.mp4"

    def ours(seconds: int, method: str = "gradient") -> float:
        given = ("--layout", layout, "--method", method, "--out", str(out), "--overwrite")
        return drivesal("video", str(clips[seconds]), *given)[0]

    ours(SHORT_S)
    height, width, _ = output_images(out, "rgb24", 1)[0].shape
    forms = ("yuv420p", "rgb24")
    costs: dict[str, list[float]] = {name: [] for name in ("ours", "usual", *forms)}
    frames = (LONG_S - SHORT_S) * RATE
    for _ in range(rounds):
        costs["usual"].append((ours(LONG_S, USUAL) - ours(SHORT_S, USUAL)) / frames)
        costs["ours"].append((ours(LONG_S) - ours(SHORT_S)) / frames)
        for form in forms:
            images = output_images(out, form)
            taken = [floor(clips[s], images, (width, height), scratch, form) for s in (LONG_S, SHORT_S)]
            costs[form].append((taken[0] - taken[1]) / frames)
    name = f"video, {layout}, {width}x{height} out"
    rows: list[Row] = [
        (f"{name}", 1e3 * statistics.median(costs["ours"]), "ms a frame", ""),
        (f"{name}, {USUAL} / gradient", ratio(costs, "usual", "ours"), "times", ""),
    ]
    for form in forms:
        rows.append((f"{name}: floor, {form}", 1e3 * statistics.median(costs[form]), "ms a frame", ""))
        rows.append((f"{name} / floor, {form}", ratio(costs, "ours", form), "times", "≤ 1.25"))
    return rows


def memory(source: Path, folder: Path) -> list[Row]:
    """Peak memory for a clip and for a clip ten times as long."""
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
