"""A synthetic road: one scene with its road and surroundings, seen from any position on the road.

    drive = SyntheticDrive(seed=7, seconds=60)
    for moment in drive.moments:
        image, angle = drive.world.image(moment), moment.steering_deg      # (480, 640, 3) uint8 RGB, degrees
        evidence = drive.world.evidence(moment)                            # (480, 640) float32

The same seed, size and parameters give the same pixels. Frames are independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from drivesal.errors import OptionError
from drivesal.synthetic.car import (
    LOOK_AHEAD_M,
    Pose,
    curvature_of,
    drive,
    nearest_along,
    steering_deg,
)
from drivesal.synthetic.frame_renderer import (
    FURNITURE,
    HOOD,
    LAND,
    ROAD,
    SKY,
    VEGETATION,
    VEHICLE,
    FrameRenderer,
)
from drivesal.synthetic.lens import expose, tone
from drivesal.synthetic.road import TURN_LIMIT_DEG, Road
from drivesal.synthetic.scene_parameters import SceneParameters
from drivesal.synthetic.scenery import Scenery
from drivesal.synthetic.smooth_noise import smooth
from drivesal.synthetic.vehicles import Placed

if TYPE_CHECKING:
    from drivesal.types import Doubles, Floats, Image, Mask

Reading = Literal["road", "car"]

DELTA_DEG = 2.0
"""The change of the label, in both directions, that defines the evidence."""
BEYOND_M = 600.0
"""The length of road beyond the last frame's position."""
_LARGEST_DEG = 60.0
_SHADED = 100
"""The value of the shadow map from which a pixel counts as shadow: half shade."""


@dataclass(frozen=True, slots=True)
class SyntheticMoment:
    """The state of one frame: time, the car's pose and the random quantities.

    `steering_deg` is the label: degrees at the steering wheel, left positive. `cloud` 0..1 covers the sun,
    `tie` -1..1 is the value shown by a shortcut's nuisance, `seed` determines the camera's noise.
    """

    index: int
    time_s: float
    pose: Pose
    steering_deg: float
    cloud: float
    tie: float
    seed: int


class World:
    """A scene along a road, with all its surroundings determined by `seed`; `size` is (width, height).

    Raises `OptionError` for a size that is too small or too large, and for a road that turns back.
    """

    def __init__(
        self, scene: SceneParameters, seed: int, road: Road, size: tuple[int, int] = (640, 480)
    ) -> None:
        width, height = size
        if not (32 <= width <= 4096 and 32 <= height <= 4096):
            raise OptionError("a size from 32x32 to 4096x4096 pixels", f"{width}x{height}", "choose another")
        turned = float(np.degrees(np.abs(road.heading).max()))
        if turned > TURN_LIMIT_DEG + 5:
            came = f"it turns by {turned:.0f} degrees"
            raise OptionError(
                f"a road within {TURN_LIMIT_DEG:g} degrees of where it starts", came, "straighten it"
            )
        self.scene, self.seed, self.road, self.size = scene, seed, road, size
        self.scenery = Scenery.generate(scene, road, np.random.default_rng([seed, 2]))
        self._renderer = FrameRenderer(scene, size, seed)

    @classmethod
    def drawn(
        cls, scene: SceneParameters, seed: int, length_m: float, size: tuple[int, int] = (640, 480)
    ) -> World:
        """A scene along a random road, at least `length_m` long."""
        return cls(scene, seed, Road.drawn(scene, length_m, np.random.default_rng([seed, 1])), size)

    def image(self, moment: SyntheticMoment) -> Image:
        """(height, width, 3) uint8 RGB: the camera's frame with blur, noise and compression."""
        return expose(self.clean(moment), self.scene, np.random.default_rng([self.seed, moment.seed]))

    def clean(self, moment: SyntheticMoment) -> Image:
        """(height, width, 3) uint8 RGB: the frame before blur, noise and compression."""
        return self._drawn(moment, self.road, moment.pose)

    def evidence(
        self, moment: SyntheticMoment, reading: Reading = "road", delta_deg: float = DELTA_DEG
    ) -> Floats:
        """(height, width) float32, 0..255: how much each pixel changes when the steering label changes.

        The mean over the colours and over both signs of |frame(label ± delta_deg) − frame(label)|, before
        blur, noise and compression. For "road" the road is bent within the look-ahead (a raised cosine: 0 at
        the rear axle, full at the look-ahead, 0 again at twice that) while land, plants, vehicles, shadows and
        the grain of all surfaces stay: this is what the label depends on in a given scene. For "car" the car
        is shifted sideways instead: everything near moves, which shows what a network can see of its own
        position, not what determines the label. All scores use "road".

        Raises `OptionError` if delta_deg is not above 0, or if the road cannot be bent that far.
        """
        if not delta_deg > 0:
            raise OptionError("a change of the label above 0 degrees", f"{delta_deg!r}", "give a positive one")
        original = self.clean(moment).astype(np.int16)
        total = np.zeros(original.shape[:2], np.float32)
        for change in (delta_deg, -delta_deg):
            changed = self._changed(moment, reading, change)
            total += np.abs(changed.astype(np.int16) - original).mean(axis=2, dtype=np.float32) / 2
        return total

    def masks(self, moment: SyntheticMoment) -> dict[str, Mask]:
        """Segmentation masks, (height, width) bool by name.

        sky, land, road, vegetation, vehicles, furniture (posts, poles, signs) and hood partition the image.
        markings (however worn) and visible shadow overlap road and land.
        """
        segmentation = self._renderer.segmentation(
            moment.pose, self.road, self.scenery, self._vehicles(moment), moment.cloud
        )
        names = {"sky": SKY, "land": LAND, "road": ROAD, "vegetation": VEGETATION, "vehicles": VEHICLE}
        names |= {"furniture": FURNITURE, "hood": HOOD}
        masks = {name: segmentation.classes == value for name, value in names.items()}
        return masks | {"markings": segmentation.markings > 127, "shadow": segmentation.shadow > _SHADED}

    def moment(
        self, index: int, time_s: float, pose: Pose, *, cloud: float = 0.0, chance: float = 0.0, seed: int = 0
    ) -> SyntheticMoment:
        """The moment with its label; `chance` -1..1 is the random part of a shortcut's nuisance."""
        angle = steering_deg(self.road, pose)
        strength = self.scene.shortcut_strength
        tie = strength * float(np.clip(angle / 20, -1, 1)) + (1 - strength) * chance
        return SyntheticMoment(index, time_s, pose, angle, cloud, tie, seed)

    def _vehicles(self, moment: SyntheticMoment) -> list[Placed]:
        return self.scenery.vehicles(self.road, moment.time_s, moment.pose.along)

    def _drawn(self, moment: SyntheticMoment, road: Road, pose: Pose) -> Image:
        placed = self._vehicles(moment)
        return tone(
            self._renderer.image(pose, road, self.scenery, placed, moment.cloud, moment.tie), self.scene
        )

    def _changed(self, moment: SyntheticMoment, reading: Reading, change_deg: float) -> Image:
        """The frame with the road bent, or the car shifted, so that the label changes by `change_deg`."""
        target = moment.steering_deg + change_deg
        if reading == "road":

            def bent(left_m: float) -> Road:
                return self.road.bent(moment.pose.along, LOOK_AHEAD_M, left_m)

            left = _solve(lambda left_m: steering_deg(bent(left_m), moment.pose) - target, change_deg)
            return self._drawn(moment, bent(left), moment.pose)
        if reading != "car":
            raise OptionError("road or car", f"{reading!r}", "choose one of them")

        def shifted(left_m: float) -> Pose:
            x = moment.pose.x - left_m * float(np.sin(moment.pose.heading))
            y = moment.pose.y + left_m * float(np.cos(moment.pose.heading))
            return moment.pose._replace(x=x, y=y, along=nearest_along(self.road, x, y, moment.pose.along))

        left = _solve(lambda left_m: steering_deg(self.road, shifted(left_m)) - target, -change_deg)
        return self._drawn(moment, self.road, shifted(left))


def _solve(error: Callable[[float], float], change_deg: float) -> float:
    """The displacement [m] at which `error` [deg] is 0, by the secant method; `change_deg` gives the start."""
    impossible = OptionError(
        "a change of the label that the road can make", f"{change_deg:g} degrees", "give a smaller one"
    )
    if abs(change_deg) > _LARGEST_DEG:
        raise impossible
    last, left = 0.0, curvature_of(change_deg) * LOOK_AHEAD_M**2 / 2
    try:
        error_last = error(last)
        for _ in range(30):
            error_here = error(left)
            if abs(error_here) < 1e-6:
                return left
            if error_here == error_last:
                break
            step = error_here * (left - last) / (error_here - error_last)
            last, left, error_last = left, left - step, error_here
    except ValueError:  # displaced so far that the road ends within the look-ahead
        raise impossible from None
    raise impossible


class SyntheticDrive:
    """A drive through one scene. `moments` are its frames.

    Raises `OptionError` for a length or a rate out of range, and like `World` and `SceneParameters`.
    """

    def __init__(
        self,
        seed: int,
        seconds: float,
        rate: float = 20.0,
        size: tuple[int, int] = (640, 480),
        scene: SceneParameters | None = None,
        road: Road | None = None,
    ) -> None:
        if not 0 < seconds <= 3600:
            raise OptionError("a length above 0 and up to 3600 seconds", f"{seconds:g}", "choose another")
        if not 1 <= rate <= 240:
            raise OptionError("a rate from 1 to 240 frames a second", f"{rate:g}", "choose another")
        scene = scene or SceneParameters.drawn(np.random.default_rng([seed, 0]))
        self.given_road = road is not None
        self.rate, self.frames = rate, max(1, round(seconds * rate))
        if road is None:
            self.world = World.drawn(scene, seed, self.frames / rate * scene.speed_m_s + BEYOND_M, size)
        else:
            self.world = World(scene, seed, road, size)
        rng = np.random.default_rng([seed, 3])
        try:
            motion = drive(self.world.road, scene, self.frames, rate, rng)
        except ValueError as error:
            raise OptionError("a road as long as the drive", str(error), "give a longer one") from error
        clouds = _clouds(scene, self.frames, rate, rng)
        chances = smooth(lambda count: rng.uniform(-1, 1, count), self.frames, rate, 1.5)
        self.moments = [
            self.world.moment(
                index, index / rate, pose, cloud=float(clouds[index]), chance=float(chances[index]), seed=index
            )
            for index, pose in enumerate(motion.poses)
        ]


def _clouds(scene: SceneParameters, frames: int, rate: float, rng: np.random.Generator) -> Doubles:
    """(frames,) 0..1: the share of the sun behind a passing cloud; transitions take about two seconds."""
    noise = 1.5 * smooth(lambda count: rng.uniform(-1, 1, count), frames, rate, 0.25)
    covered = np.clip(0.5 + 2.5 * (noise - 1.5 * (1 - 2 * scene.passing_clouds)), 0, 1)
    return covered * (scene.passing_clouds > 0)
