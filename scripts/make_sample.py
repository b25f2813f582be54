#!/usr/bin/env python3
"""Draws the sample drive: a plain road with a bend each way, as data/run.mp4, and its steering as data/run.csv.

The same pixels every time. The ground is flat, x ahead of the car, y to its left [m]; the path is what the car
follows, the middle of the right-hand lane, given by its curvature [1/m, left positive] along its length.

The label is the steering-wheel angle of a kinematic bicycle on that path,
degrees(atan(WHEELBASE_M · curvature)) · STEERING_RATIO, left positive, with the camera taken to stand over the
rear axle.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import click
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

WHEELBASE_M, STEERING_RATIO = 2.85, 14.8  # a large saloon
SPEED_M_S, RATE, SECONDS = 15.0, 20, 8
FRAMES = RATE * SECONDS

WIDTH, HEIGHT = 640, 480
FOCAL_PX, HORIZON_PX, CENTRE_PX = 800.0, 215.0, WIDTH / 2  # the optical axis is level
CAMERA_HEIGHT_M = 1.25

LANE_M, LINE_M = 3.6, 0.14  # width of a lane and of a painted line
CENTRE_LINE_M, LEFT_EDGE_M, RIGHT_EDGE_M = LANE_M / 2, 1.5 * LANE_M, -LANE_M / 2  # from the path, left positive
DASH_M, DASH_PERIOD_M = 3.0, 9.0
SHOULDER_M, GRAVEL_M = 0.7, 1.1  # asphalt beyond the edge line, gravel beyond the asphalt
POST_EVERY_M, POST_HEIGHT_M, POST_WIDTH_M = 25.0, 1.0, 0.14

ASPHALT, WHITE, YELLOW = (84, 85, 88), (214, 213, 208), (196, 152, 62)
GRAVEL, GREEN, STRAW = (128, 120, 106), (74, 84, 50), (132, 119, 78)
FAR_FIELD, TREES, HILL = (118, 116, 88), (42, 50, 36), (92, 101, 88)
HAZE, SKY = (208, 216, 224), (122, 158, 204)


def steering_deg(curvature: Floats) -> Floats:
    """Steering-wheel angle [deg, left positive] on a path of this curvature [1/m, left positive]."""
    return np.degrees(np.arctan(WHEELBASE_M * curvature)) * STEERING_RATIO


def sample_curvature(along: Floats) -> Floats:
    """The sample's path: straight, a left bend of radius 110 m, straight, a right one of 85 m, straight.

    `along` [m] from the start. Far behind the end the road bends left once more, so that it does not run
    straight into the horizon.
    """
    bends = ((10.0, 60.0, 1 / 110), (66.0, 112.0, -1 / 85), (140.0, 300.0, 1 / 260))
    ramp = 13.0  # over which the curvature of a bend comes and goes
    total = np.zeros_like(along)
    for start, end, curvature in bends:
        inside = np.clip(np.minimum(along - start, end - along) / ramp, 0, 1)
        total += curvature * (1 - np.cos(np.pi * inside)) / 2
    return total


@dataclass(frozen=True, slots=True)
class Path2D:
    """A path on the ground, every 0.25 m: `along` [m], `x`, `y` [m] and `heading` [rad, left positive]."""

    along: Floats
    x: Floats
    y: Floats
    heading: Floats

    @classmethod
    def from_curvature(cls, curvature: Callable[[Floats], Floats], length_m: float = 1700.0) -> Path2D:
        """The path that starts at the origin straight ahead."""
        step = 0.25
        along = np.arange(-20.0, length_m, step)
        heading = np.cumsum(curvature(along)) * step
        # The heading in the middle of a step: the chord of an arc points there.
        middle = heading - curvature(along) * step / 2
        x, y = np.cumsum(np.cos(middle)) * step, np.cumsum(np.sin(middle)) * step
        return cls(along, x, y, heading).seen_from(0.0)

    def seen_from(self, place_m: float) -> Path2D:
        """The same path in the frame of a car at `place_m` along it."""
        x, y, turn = (np.interp(place_m, self.along, v) for v in (self.x, self.y, self.heading))
        cos, sin = np.cos(turn), np.sin(turn)
        ahead, left = self.x - x, self.y - y
        return Path2D(self.along, cos * ahead + sin * left, cos * left - sin * ahead, self.heading - turn)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the pixels below the horizon see of the ground, each (rows, WIDTH).

    `along` and `lateral` [m] are along the path and left of it; `blur_along` and `blur_lateral` [m] how much
    of each one pixel covers.
    """

    along: Floats
    lateral: Floats
    blur_along: Floats
    blur_lateral: Floats


def look_down(path: Path2D, place_m: float) -> Ground:
    """The ground as the camera of a car at `place_m` along the path sees it.

    A pixel's place on the ground is exact. Its place along and beside the path is that of the nearest point of
    the path, found by sliding along the path from the point straight left or right of it.
    """
    near = path.seen_from(place_m)
    first = int(np.searchsorted(path.along, place_m))
    turned = np.flatnonzero(np.diff(near.x[first:]) <= 0)  # from where the path comes back it is out of sight
    keep = slice(max(first - 8, 0), first + int(turned[0]) if turned.size else None)
    below = np.arange(int(HORIZON_PX), HEIGHT)[:, None] + 0.5 - HORIZON_PX
    across = np.arange(WIDTH)[None] + 0.5 - CENTRE_PX
    ahead = FOCAL_PX * CAMERA_HEIGHT_M / below
    left = -across * CAMERA_HEIGHT_M / below
    beside, turn, start = (np.interp(ahead, near.x[keep], v[keep]) for v in (near.y, near.heading, path.along))
    along = start + (left - beside) * np.sin(turn)
    for _ in range(2):
        x, y, heading = (np.interp(along, path.along, v) for v in (near.x, near.y, near.heading))
        cos, sin = np.cos(heading), np.sin(heading)
        lateral = (left - y) * cos - (ahead - x) * sin
        along = along + (ahead - x) * cos + (left - y) * sin
    row_m, column_m = ahead / below, CAMERA_HEIGHT_M / below
    return Ground(
        along,
        lateral,
        np.abs(cos) * row_m + np.abs(sin) * column_m,
        np.abs(sin) * row_m + np.abs(cos) * column_m,
    )


def strip(ground: Ground, middle_m: float, width_m: float) -> Floats:
    """How much of each pixel, 0..1, lies on a strip along the path, `middle_m` to its left."""
    reach = (width_m + ground.blur_lateral) / 2 - np.abs(ground.lateral - middle_m)
    return np.clip(reach, 0, np.minimum(width_m, ground.blur_lateral)) / ground.blur_lateral


def dashes(ground: Ground) -> Floats:
    """How much of each pixel, 0..1, lies where the dashed line is painted, along the path."""

    def painted(along: Floats) -> Floats:
        whole, rest = np.divmod(along, DASH_PERIOD_M)
        return whole * DASH_M + np.minimum(rest, DASH_M)

    half = ground.blur_along / 2
    return (painted(ground.along + half) - painted(ground.along - half)) / ground.blur_along


@functools.cache
def noise_tile(seed: int) -> NDArray[np.float32]:
    """(512, 512) normal noise that repeats at its edges."""
    return np.random.default_rng(seed).standard_normal((512, 512)).astype(np.float32)


def texture(ground: Ground, grain_m: float, seed: int, stretch: float = 1.0) -> Floats:
    """Noise fixed to the ground, about -1..1, lumps of `grain_m`, `stretch` times longer along the path.

    It fades where a pixel covers several grains.
    """
    across = np.mod(ground.lateral / grain_m, 512).astype(np.float32)
    along = np.mod(ground.along / (grain_m * stretch), 512).astype(np.float32)
    noise = cv2.remap(noise_tile(seed), across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    covered = np.maximum(ground.blur_lateral, ground.blur_along / stretch) / grain_m
    faded: Floats = noise * np.clip(1.6 - covered, 0, 1)
    return faded


def mix(below: Floats, colour: tuple[int, int, int], share: Floats) -> Floats:
    """(…, 3) with `colour` laid over it where `share` (…) is 1."""
    return below + (np.array(colour, float) - below) * share[..., None]


def draw_ground(ground: Ground) -> Floats:
    """(rows, WIDTH, 3) RGB of grass, gravel, asphalt and paint."""
    patches = texture(ground, 7.0, 1) + 0.6 * texture(ground, 2.2, 2)
    blades = 0.6 * texture(ground, 0.5, 3) + texture(ground, 0.14, 4)
    meadow = np.broadcast_to(np.array(GREEN, float), (*ground.lateral.shape, 3))
    meadow = mix(meadow, STRAW, np.clip(0.4 + 0.28 * patches, 0, 1)) * (1 + 0.13 * blades)[..., None]
    middle = (LEFT_EDGE_M + RIGHT_EDGE_M) / 2
    asphalt_m = LEFT_EDGE_M - RIGHT_EDGE_M + 2 * SHOULDER_M
    edge_m = 0.25 * texture(ground, 1.1, 5)  # no verge is cut with a ruler
    ragged = Ground(ground.along, ground.lateral + edge_m, ground.blur_along, ground.blur_lateral)
    gravel = np.array(GRAVEL, float) * (1 + 0.12 * texture(ground, 0.12, 6))[..., None]
    scene = meadow + (gravel - meadow) * strip(ragged, middle, asphalt_m + 2 * GRAVEL_M)[..., None]
    tracks = sum(
        np.exp(-(((ground.lateral - lane - side) / 0.35) ** 2)) for lane in (0, LANE_M) for side in (-0.8, 0.8)
    )
    worn = 1 - 0.06 * tracks + 0.07 * texture(ground, 0.06, 7) + 0.04 * texture(ground, 1.5, 8, 6.0)
    asphalt = np.array(ASPHALT, float) * worn[..., None]
    scene = scene + (asphalt - scene) * strip(ground, middle, asphalt_m)[..., None]
    chipped = 0.92 + 0.06 * texture(ground, 0.2, 9)
    for edge in (LEFT_EDGE_M, RIGHT_EDGE_M):
        scene = mix(scene, WHITE, strip(ground, edge, LINE_M) * chipped)
    return mix(scene, YELLOW, strip(ground, CENTRE_LINE_M, LINE_M) * dashes(ground) * chipped)


def draw_sky(heading: float) -> Floats:
    """(rows, WIDTH, 3) RGB above the horizon: sky, hills and trees, far enough to turn with the car only."""
    rows, columns = np.mgrid[: int(HORIZON_PX), :WIDTH] + 0.5
    height = (HORIZON_PX - rows) / FOCAL_PX
    azimuth = heading - np.arctan((columns - CENTRE_PX) / FOCAL_PX)
    scene = np.broadcast_to(np.array(HAZE, float), (*rows.shape, 3))
    scene = mix(scene, SKY, np.clip(height / 0.42, 0, 1) ** 0.8)
    hills = 0.075 + 0.035 * np.sin(3.1 * azimuth + 0.6) + 0.014 * np.sin(11 * azimuth + 2)
    slope = np.sin(23 * azimuth + 60 * height) * np.sin(41 * azimuth - 35 * height + 1)  # woods and clearings
    wooded = mix(scene, HILL, np.ones_like(height)) * (1 + 0.07 * slope)[..., None]
    scene = scene + (wooded - scene) * np.clip((hills - height) * FOCAL_PX + 0.5, 0, 1)[..., None]
    steps = np.arange(-512, 512)
    tops = np.random.default_rng(10).uniform(0.012, 0.05, len(steps))
    trees = np.interp(azimuth * 70, steps, tops) + 0.004 * np.sin(900 * azimuth) * np.sin(311 * azimuth)
    return mix(scene, TREES, np.clip((trees - height) * FOCAL_PX + 0.5, 0, 1))


def draw_posts(picture: Image, path: Path2D, place_m: float) -> None:
    """Marker posts along both verges, far ones first, into (HEIGHT, WIDTH, 3)."""
    near = path.seen_from(place_m)
    first = np.floor(place_m / POST_EVERY_M) * POST_EVERY_M
    for post in np.arange(first + 6 * POST_EVERY_M, first, -POST_EVERY_M):
        x, y, heading = (np.interp(post, path.along, v) for v in (near.x, near.y, near.heading))
        for side in (LEFT_EDGE_M + 1.4, RIGHT_EDGE_M - 1.4):
            ahead, left = x - side * np.sin(heading), y + side * np.cos(heading)
            if ahead < 3:
                continue
            for bottom, top, colour in ((0, 1, WHITE), (0.62, 0.86, (30, 30, 32))):
                edges = [CENTRE_PX - FOCAL_PX * (left + s * POST_WIDTH_M / 2) / ahead for s in (1, -1)]
                rows = [
                    HORIZON_PX + FOCAL_PX * (CAMERA_HEIGHT_M - share * POST_HEIGHT_M) / ahead
                    for share in (bottom, top)
                ]
                corners = np.array([[u - 0.5, v - 0.5] for v in rows for u in edges])
                outline = np.round(corners[[0, 1, 3, 2]] * 16).astype(np.int32)
                cv2.fillConvexPoly(picture, outline, colour, cv2.LINE_AA, shift=4)


def draw(path: Path2D, place_m: float) -> Image:
    """(HEIGHT, WIDTH, 3) uint8 RGB: what the camera sees from `place_m` along the path."""
    heading = float(np.interp(place_m, path.along, path.heading))
    ground = look_down(path, place_m)
    land = draw_ground(ground)
    land = mix(land, FAR_FIELD, 1 - np.exp(-ground.blur_along / 25))  # air between, only what lies far fades
    scene = np.concatenate([draw_sky(heading), land])
    picture: Image = np.clip(scene, 0, 255).round().astype(np.uint8)
    draw_posts(picture, path, place_m)
    return picture


def sample_frame(index: int) -> Image:
    """Frame `index` of the sample, (HEIGHT, WIDTH, 3) uint8 RGB."""
    return draw(Path2D.from_curvature(sample_curvature), index * SPEED_M_S / RATE)


def sample_angles() -> Floats:
    """(FRAMES,) steering-wheel angles of the sample [deg, left positive]."""
    return steering_deg(sample_curvature(np.arange(FRAMES) * SPEED_M_S / RATE))


def write_video(file: Path) -> None:
    """All frames as H.264 that browsers play. One encoder thread: the file is the same on every run."""
    options = {"crf": "26", "preset": "slow", "threads": "1"}
    with av.open(file, "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(sample_frame(index), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_labels(file: Path) -> None:
    """frame, time_s, steering_angle_deg, a row a frame."""
    rows = [f"{i},{i / RATE:.3f},{angle + 0.0:.4f}" for i, angle in enumerate(sample_angles())]
    file.write_text("\n".join(["frame,time_s,steering_angle_deg", *rows, ""]), encoding="utf-8")


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("data"), show_default=True)
def main(out: Path) -> None:
    """Draws run.mp4 and run.csv into the folder OUT."""
    out.mkdir(parents=True, exist_ok=True)
    write_video(out / "run.mp4")
    write_labels(out / "run.csv")
    size = (out / "run.mp4").stat().st_size
    click.echo(f"{out / 'run.mp4'}: {FRAMES} frames, {size / 1e6:.2f} MB; labels in {out / 'run.csv'}")


if __name__ == "__main__":
    main()
