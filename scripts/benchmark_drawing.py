"""The latency of frames in the review, and the rendering speed of synthetic drives."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from benchmark_timing import Row, seconds_of
from benchmark_video import make_clip


def review(source: Path, folder: Path, jumps: int = 100, steps: int = 150) -> list[Row]:
    """The latency of random, next and previous frames of a 1920x1080 clip."""
    from drivesal.recordings import open_recording
    from drivesal.review.compute.frame_store import FrameStore

    def times(store: FrameStore, indices: Iterable[int], pause_s: float = 0) -> tuple[float, float]:
        """Median and 95th percentile [ms]."""
        taken = []
        for index in indices:
            taken.append(1e3 * seconds_of(store.at, index))
            time.sleep(pause_s)
        return float(np.median(taken)), float(np.percentile(taken, 95))

    def measured(store: FrameStore, length: int, of: str, jump: str, step: str) -> list[Row]:
        rng = np.random.default_rng(0)
        requests = {
            f"a random frame, {of}": (rng.integers(0, length, jumps).tolist(), jump),
            f"a step forward, ten a second, {of}": (range(length // 3, length // 3 + steps), step),
            f"a step back, ten a second, {of}": (range(length - 1, length - 1 - steps, -1), ""),
        }
        rows: list[Row] = []
        for what, (indices, target) in requests.items():
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


def world(scenes: int = 12, seconds: float = 3.0) -> list[Row]:
    """The rendering speed of synthetic drives at 640x480 over many scenes, including each scene's setup."""
    from concurrent.futures import ThreadPoolExecutor

    from drivesal.synthetic.world import SyntheticDrive, SyntheticMoment

    def drives() -> Iterable[SyntheticDrive]:
        return (SyntheticDrive(seed, seconds) for seed in range(100, 100 + scenes))

    def rates(draw: Callable[[SyntheticDrive], object]) -> list[float]:
        return [one.frames / seconds_of(draw, one) for one in drives()]

    def images(one: SyntheticDrive) -> None:
        for moment in one.moments:
            one.world.image(moment)

    def evidence(one: SyntheticDrive) -> None:
        for moment in one.moments[::10]:
            one.world.evidence(moment)

    def pooled(one: SyntheticDrive) -> None:
        def image(moment: SyntheticMoment) -> object:
            return one.world.image(moment)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(image, one.moments))

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for one in drives():  # sprites and noise are drawn only once
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
