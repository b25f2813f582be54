"""A drawn world: one scene, its road and what stands about it, seen from any place on the road.

    drive = SyntheticDrive(seed=7, seconds=60)
    for moment in drive.moments:
        image, angle = drive.world.image(moment), moment.steering_deg      # (480, 640, 3) uint8 RGB, degrees
        evidence = drive.world.evidence(moment)                            # (480, 640) float32

The same seed, size and parameters give the same pixels. Frames do not depend on one another.
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
from drivesal.synthetic.drift import smooth
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
from drivesal.synthetic.vehicles import Placed

if TYPE_CHECKING:
    from drivesal.types import Doubles, Floats, Image, Mask

Reading = Literal["road", "car"]

DELTA_DEG = 2.0
"""Evidence is what changes where the label moves by so much at the steering wheel, either way."""
BEYOND_M = 600.0
"""The road goes on so far behind the last frame's place."""
_LARGEST_DEG = 60.0
_SHADED = 100
"""From this value of the shadow map on, a pixel counts as shadow: half shade."""


@dataclass(frozen=True, slots=True)
class SyntheticMoment:
    """What a frame shows: where the car is, when, and what is chance about it.

    `steering_deg` is the label: degrees at the steering wheel, left positive. `cloud` 0..1 covers the sun,
    `tie` -1..1 is what a shortcut's nuisance shows, `seed` makes the camera's noise.
    """

    index: int
    time_s: float
    pose: Pose
    steering_deg: float
    cloud: float
    tie: float
    seed: int


class World:
    """A scene along a road, with everything about it drawn from `seed`; `size` is (width, height).

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
        self.scenery = Scenery.laid_out(scene, road, np.random.default_rng([seed, 2]))
        self._renderer = FrameRenderer(scene, size, seed)

    @classmethod
    def drawn(
        cls, scene: SceneParameters, seed: int, length_m: float, size: tuple[int, int] = (640, 480)
    ) -> World:
        """A world along a road drawn from the seed, at least `length_m` long."""
        return cls(scene, seed, Road.drawn(scene, length_m, np.random.default_rng([seed, 1])), size)

    def image(self, moment: SyntheticMoment) -> Image:
        """(height, width, 3) uint8 RGB: the frame as the camera's file has it: soft, noisy, compressed."""
        return expose(self.clean(moment), self.scene, np.random.default_rng([self.seed, moment.seed]))

    def clean(self, moment: SyntheticMoment) -> Image:
        """(height, width, 3) uint8 RGB: the frame before blur, noise and compression."""
        return self._drawn(moment, self.road, moment.pose)

    def evidence(
        self, moment: SyntheticMoment, reading: Reading = "road", delta_deg: float = DELTA_DEG
    ) -> Floats:
        """(height, width) float32, 0..255: how much a pixel changes where the steering label does.

        The mean over the colours and over both signs of |frame(label ± delta_deg) − frame(label)|, before blur,
        noise and compression. For "road" the road is bent within the look-ahead (a raised cosine, nothing at
        the rear axle, all of it at the look-ahead, nothing again at twice that) while land, plants, vehicles,
        shadows and the grain of all surfaces stay where they are: what the label depends on in a world that is
        given. For "car" the car is shifted to the side instead: all that is near moves, which tells what a
        network can see of its own place, not what the label follows from. Everything scored uses "road".

        Raises `OptionError` where delta_deg is not above 0, or the road cannot be bent so far.
        """
        if not delta_deg > 0:
            raise OptionError("a change of the label above 0 degrees", f"{delta_deg!r}", "give a positive one")
        here = self.clean(moment).astype(np.int16)
        total = np.zeros(here.shape[:2], np.float32)
        for change in (delta_deg, -delta_deg):
            other = self._changed(moment, reading, change)
            total += np.abs(other.astype(np.int16) - here).mean(axis=2, dtype=np.float32) / 2
        return total

    def masks(self, moment: SyntheticMoment) -> dict[str, Mask]:
        """What the pixels show, (height, width) bool by name.

        sky, land, road, vegetation, vehicles, furniture (posts, poles, signs) and hood share the picture out.
        markings (however worn) and shadow (where it is to be seen) lie on the road and the land.
        """
        seen = self._renderer.meaning(
            moment.pose, self.road, self.scenery, self._vehicles(moment), moment.cloud
        )
        names = {"sky": SKY, "land": LAND, "road": ROAD, "vegetation": VEGETATION, "vehicles": VEHICLE}
        names |= {"furniture": FURNITURE, "hood": HOOD}
        parts = {name: seen.what == value for name, value in names.items()}
        return parts | {"markings": seen.markings > 127, "shadow": seen.shadow > _SHADED}

    def moment(
        self, index: int, time_s: float, pose: Pose, *, cloud: float = 0.0, chance: float = 0.0, seed: int = 0
    ) -> SyntheticMoment:
        """The moment with its label; `chance` -1..1 is what a shortcut's nuisance would show by chance."""
        angle = steering_deg(self.road, pose)
        strength = self.scene.shortcut_strength
        tie = strength * float(np.clip(angle / 20, -1, 1)) + (1 - strength) * chance
        return SyntheticMoment(index, time_s, pose, angle, cloud, tie, seed)

    def _vehicles(self, moment: SyntheticMoment) -> list[Placed]:
        return self.scenery.vehicles(self.road, moment.time_s, moment.pose.along)

    def _drawn(self, moment: SyntheticMoment, road: Road, pose: Pose) -> Image:
        placed = self._vehicles(moment)
        return tone(
            self._renderer.picture(pose, road, self.scenery, placed, moment.cloud, moment.tie), self.scene
        )

    def _changed(self, moment: SyntheticMoment, reading: Reading, change_deg: float) -> Image:
        """The frame with the road bent, or the car shifted, so that the label moves by `change_deg`."""
        wanted = moment.steering_deg + change_deg
        if reading == "road":

            def bent(push_m: float) -> Road:
                return self.road.bent(moment.pose.along, LOOK_AHEAD_M, push_m)

            push = _solve(lambda push_m: steering_deg(bent(push_m), moment.pose) - wanted, change_deg)
            return self._drawn(moment, bent(push), moment.pose)
        if reading != "car":
            raise OptionError("road or car", f"{reading!r}", "choose one of them")

        def shifted(left_m: float) -> Pose:
            x = moment.pose.x - left_m * float(np.sin(moment.pose.heading))
            y = moment.pose.y + left_m * float(np.cos(moment.pose.heading))
            return moment.pose._replace(x=x, y=y, along=nearest_along(self.road, x, y, moment.pose.along))

        push = _solve(lambda left_m: steering_deg(self.road, shifted(left_m)) - wanted, -change_deg)
        return self._drawn(moment, self.road, shifted(push))


def _solve(error: Callable[[float], float], change_deg: float) -> float:
    """The push [m] for which `error` [deg] is 0, by secants; `change_deg` tells the side and about how far."""
    impossible = OptionError(
        "a change of the label that the road can make", f"{change_deg:g} degrees", "give a smaller one"
    )
    if abs(change_deg) > _LARGEST_DEG:
        raise impossible
    last, push = 0.0, curvature_of(change_deg) * LOOK_AHEAD_M**2 / 2
    try:
        error_last = error(last)
        for _ in range(30):
            error_here = error(push)
            if abs(error_here) < 1e-6:
                return push
            if error_here == error_last:
                break
            step = error_here * (push - last) / (error_here - error_last)
            last, push, error_last = push, push - step, error_here
    except ValueError:  # pushed so far that the road ends within the look-ahead
        raise impossible from None
    raise impossible


class SyntheticDrive:
    """A drive of some seconds through one world. `moments` are its frames.

    Raises `OptionError` for a length or a rate that is not above 0, and as `World` and `SceneParameters` do.
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
    """(frames,) 0..1: how much of the sun a passing cloud covers; it comes and goes in about two seconds."""
    noise = 1.5 * smooth(lambda count: rng.uniform(-1, 1, count), frames, rate, 0.25)
    covered = np.clip(0.5 + 2.5 * (noise - 1.5 * (1 - 2 * scene.passing_clouds)), 0, 1)
    return covered * (scene.passing_clouds > 0)
