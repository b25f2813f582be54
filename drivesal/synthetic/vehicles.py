"""Other vehicles: a few convex boxes each, with windows, lights and wheels, drawn in perspective."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesal.synthetic.camera import NEAR_M, Camera
from drivesal.synthetic.light import Light

if TYPE_CHECKING:
    from drivesal.types import Doubles, Image

PAINTS: tuple[tuple[int, int, int], ...] = (
    *((206, 208, 210), (188, 190, 194), (118, 122, 128), (44, 46, 50), (24, 26, 30)),
    *((132, 26, 28), (34, 58, 112), (72, 88, 64), (176, 150, 96)),
)
KINDS = ("saloon", "suv", "van", "truck")
_GLASS, _TYRE, _RED, _LAMP, _PLATE = (38, 44, 50), (20, 20, 22), (176, 24, 22), (236, 234, 222), (214, 214, 200)


class Face:
    """A flat polygon: `corners` (n, 3) [m] counter-clockwise from outside, `colour` RGB; `glow` for lamps."""

    def __init__(self, corners: Doubles, colour: tuple[float, float, float], glow: bool = False) -> None:
        self.corners, self.colour, self.glow = corners, np.array(colour, float), glow
        across = np.cross(corners[1] - corners[0], corners[2] - corners[1])
        self.normal = across / np.linalg.norm(across)
        self.lit = 0.8 + 0.3 * float(self.normal[2]) + 0.08 * abs(float(self.normal[1]))


class Placed(NamedTuple):
    """A vehicle's pose: centre (x, y) on the ground [m] and `heading` [rad]; `kind` and `paint` are indices."""

    x: float
    y: float
    heading: float
    kind: int
    paint: int


def draw(
    image: Image,
    classes: Image | None,
    vehicle: Placed,
    camera: Camera,
    light: Light,
    shine: Doubles,
    value: int,
) -> None:
    """Draw a vehicle into `image` (H, W, 3) and, if given, its silhouette with `value` into `classes` (H, W).

    `vehicle` is in the camera's ground frame; `shine` (3,) is the light on it.
    """
    cos, sin = np.cos(vehicle.heading), np.sin(vehicle.heading)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    middle = np.array([vehicle.x, vehicle.y, 0.0])
    transmission = float(light.transmission(np.hypot(vehicle.x, vehicle.y)))
    eye = (np.array([0, 0, camera.height_m]) - middle) @ turn  # in the vehicle's frame
    night = light.headlights > 0
    model = _model(KINDS[vehicle.kind], PAINTS[vehicle.paint], bool(eye[0] > 0))
    if camera.focal_px * 1.5 < 4 * vehicle.x:  # less than 4 pixels high
        return
    facing = np.flatnonzero(np.einsum("fi,fi->f", model.normals, eye - model.corners[model.first]) > 0)
    points = model.corners @ turn.T + middle
    columns, depths = camera.project(points)
    colours = model.colours * (shine * model.lit[:, None])
    if night:
        glow = np.minimum(1.0, 1.3 * light.headlights + 0.3)
        colours[model.glows] = np.maximum(colours, model.colours * glow)[model.glows]
    colours = np.clip(colours * transmission + light.air * (1 - transmission), 0, 255)
    whole = depths.min() >= NEAR_M
    for face in facing.tolist():
        part = slice(model.first[face], model.first[face] + model.sizes[face])
        outline = columns[part] if whole else camera.outline(points[part])
        if outline is None:
            continue
        corners = np.round(np.clip(outline - 0.5, -3000, 3000) * 16).astype(np.int32)
        cv2.fillConvexPoly(image, corners, colours[face].tolist(), cv2.LINE_AA, shift=4)
        if classes is not None:
            cv2.fillConvexPoly(classes, corners, value, cv2.LINE_8, shift=4)
    if night:
        _glare(image, camera, turn, middle, eye, light)


def footprint(vehicle: Placed) -> Doubles:
    """(4, 2) outline of the ground under a vehicle, slightly larger than its length and width."""
    length, width = _size(KINDS[vehicle.kind])[:2]
    cos, sin = np.cos(vehicle.heading), np.sin(vehicle.heading)
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [length / 2 + 0.05, width / 2 + 0.08]
    outline: Doubles = corners @ np.array([[cos, sin], [-sin, cos]]) + [vehicle.x, vehicle.y]
    return outline


def _glare(image: Image, camera: Camera, turn: Doubles, middle: Doubles, eye: Doubles, light: Light) -> None:
    """The glow around head or tail lamps that face the camera."""
    front = eye[0] > 0
    place = np.array([[2.3, side * 0.65, 0.72] for side in (1, -1)]) * [1 if front else -1, 1, 1]
    columns, depths = camera.project(place @ turn.T + middle)
    for (u, v), depth in zip(columns, depths, strict=True):
        radius = int(min(camera.focal_px * (1.2 if front else 0.5) / max(depth, 4.0), 90)) + 2
        left, top = int(u) - radius, int(v) - radius
        rows = slice(max(top, 0), min(top + 2 * radius + 1, image.shape[0]))
        cols = slice(max(left, 0), min(left + 2 * radius + 1, image.shape[1]))
        if depth < 2 or rows.stop <= rows.start or cols.stop <= cols.start:
            continue
        spot = _spot(radius)[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left, None]
        colour = np.array([255, 244, 220] if front else [170, 20, 16]) * min(1.0, light.headlights)
        image[rows, cols] = np.minimum(image[rows, cols] + spot * colour, 255).astype(np.uint8)


@functools.lru_cache(maxsize=128)
def _spot(radius: int) -> NDArray[np.float32]:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1] / radius
    away = np.hypot(x, y)
    spot: NDArray[np.float32] = (0.5 * np.clip(1 - away, 0, 1) ** 3 + np.exp(-((away * 7) ** 2))).astype(
        np.float32
    )
    return spot


def _size(kind: str) -> tuple[float, float, float]:
    """Length, width and height [m]."""
    return {
        "saloon": (4.6, 1.82, 1.45),
        "suv": (4.7, 1.92, 1.75),
        "van": (5.3, 2.0, 2.3),
        "truck": (8.2, 2.45, 3.5),
    }[kind]


class Model(NamedTuple):
    """All faces of a vehicle in drawing order: face f has `sizes[f]` corners from `first[f]` on."""

    corners: Doubles
    first: NDArray[np.int64]
    sizes: NDArray[np.int64]
    normals: Doubles
    colours: Doubles
    lit: Doubles
    glows: NDArray[np.bool_]


@functools.cache
def _model(kind: str, paint: tuple[float, float, float], front: bool) -> Model:
    faces = [face for part in _parts(kind, paint, front) for face in part]
    sizes = np.array([len(face.corners) for face in faces])
    return Model(
        np.concatenate([face.corners for face in faces]),
        np.concatenate([[0], np.cumsum(sizes)[:-1]]),
        sizes,
        np.array([face.normal for face in faces]),
        np.array([face.colour for face in faces]),
        np.array([face.lit for face in faces]),
        np.array([face.glow for face in faces]),
    )


def _parts(kind: str, paint: tuple[float, float, float], front: bool) -> tuple[tuple[Face, ...], ...]:
    """The vehicle's convex parts in drawing order if its front, or else its rear, is visible.

    x points forward; the vehicle's centre is the origin.
    """
    length, width, height = _size(kind)
    half, side = length / 2, width / 2
    tyres = tuple(_wheel(x, y) for y in (side - 0.02, -side + 0.02) for x in (half - 0.9, -half + 0.9))
    if kind == "truck":
        load = _hexahedron((-half, half - 2.0), (-half, half - 2.0), side, side, 0.7, height, (198, 196, 190))
        cabin = _hexahedron((half - 1.9, half), (half - 1.9, half - 0.3), side, side, 0.45, 2.7, paint)
        screen = _pane(half - 0.06, half - 0.26, side - 0.12, 1.55, 2.5, _GLASS)
        low = _hexahedron((-half, half), (-half, half), side * 0.9, side * 0.9, 0.4, 0.7, (40, 40, 42))
        rear = _lamps(-half - 0.01, side - 0.2, 0.75, 0.18, 0.14, _RED)
        if not front:
            return (low, tyres, cabin, load, rear)
        return (low, tyres, load, cabin, (screen,), _lamps(half + 0.01, side - 0.25, 0.75, 0.2, 0.2, _LAMP))
    sill, waist = 0.28, height * (0.6 if kind != "van" else 0.5)
    body = _hexahedron((-half, half), (-half + 0.06, half - 0.1), side, side - 0.05, sill, waist, paint)
    back, hood = {"saloon": (0.75, 1.25), "suv": (0.15, 1.2), "van": (0.05, 0.75)}[kind]
    base = (-half + back, half - hood)
    slope_back, slope_front = {"saloon": (0.55, 0.85), "suv": (0.25, 0.75), "van": (0.05, 0.7)}[kind]
    roof = (base[0] + slope_back, base[1] - slope_front)
    cabin = _hexahedron(base, roof, side - 0.06, side - 0.24, waist, height, paint)
    glass = _windows(base, roof, side - 0.06, side - 0.24, waist, height)
    lamps = _lamps(half + 0.01, side - 0.3, waist - 0.18, 0.22, 0.09, _LAMP)
    tails = _lamps(-half - 0.01, side - 0.22, waist - 0.15, 0.18, 0.1, _RED)
    dark = (34, 34, 36)
    grille = _pane(half + 0.01, half + 0.01, 0.45, 0.4, waist - 0.2, dark)
    plate = _pane(-half - 0.01, -half - 0.01, 0.26, waist - 0.32, waist - 0.2, _PLATE, rear=True)
    bumper = _pane(-half - 0.005, -half - 0.005, side - 0.05, sill, 0.42, dark, rear=True)
    return (body, tyres, (*lamps, *tails, grille, bumper, plate), cabin, glass)


def _hexahedron(
    base: tuple[float, float],
    roof: tuple[float, float],
    side: float,
    roof_side: float,
    low: float,
    high: float,
    colour: tuple[float, float, float],
) -> tuple[Face, ...]:
    """A box whose roof may be shorter and narrower than its base."""
    (b0, b1), (r0, r1) = base, roof
    bottom = [(b0, -side, low), (b1, -side, low), (b1, side, low), (b0, side, low)]
    top = [(r0, -roof_side, high), (r1, -roof_side, high), (r1, roof_side, high), (r0, roof_side, high)]
    faces = [top]
    for i in range(4):
        j = (i + 1) % 4
        faces.append([bottom[i], bottom[j], top[j], top[i]])
    return tuple(Face(np.array(face), colour) for face in faces)


def _windows(
    base: tuple[float, float], roof: tuple[float, float], side: float, roof_side: float, low: float, high: float
) -> tuple[Face, ...]:
    """Inset windows on the four sides of a cabin."""
    faces = _hexahedron(base, roof, side, roof_side, low, high, _GLASS)[1:]
    panes = []
    for face in faces:
        middle = face.corners.mean(axis=0)
        inset = middle + (face.corners - middle) * [0.88, 0.88, 0.8]
        panes.append(Face(inset + 0.01 * face.normal, _GLASS))
    return tuple(panes)


def _pane(
    x_low: float,
    x_high: float,
    side: float,
    low: float,
    high: float,
    colour: tuple[float, float, float],
    *,
    rear: bool = False,
) -> Face:
    """A transverse upright plate that faces forward, or to the rear."""
    corners = np.array([(x_low, -side, low), (x_low, side, low), (x_high, side, high), (x_high, -side, high)])
    return Face(corners[::-1].copy() if rear else corners, colour)


def _lamps(
    x: float, y: float, z: float, wide: float, tall: float, colour: tuple[float, float, float]
) -> tuple[Face, ...]:
    """Two lamps that face away from the vehicle's centre."""
    lamps = []
    for middle in (y, -y):
        corners = np.array(
            [
                (x, middle - wide, z - tall),
                (x, middle + wide, z - tall),
                (x, middle + wide, z + tall),
                (x, middle - wide, z + tall),
            ]
        )
        lamps.append(Face(corners if x > 0 else corners[::-1].copy(), colour, glow=True))
    return tuple(lamps)


def _wheel(x: float, y: float) -> Face:
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False) * (-1 if y > 0 else 1)
    out = y + (0.03 if y > 0 else -0.03)
    corners = np.stack([x + 0.33 * np.cos(angles), np.full(14, out), 0.33 + 0.33 * np.sin(angles)], axis=1)
    return Face(corners, _TYRE)
