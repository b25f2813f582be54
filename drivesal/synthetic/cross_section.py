"""The road's cross-section: where its edges and the land beside it lie, left of the lane's centre."""

from __future__ import annotations

from drivesal.synthetic.scene_parameters import SceneParameters


def side_of(scene: SceneParameters) -> int:
    """1 where the centre line lies to the left of the car, -1 where it lies to its right."""
    return 1 if scene.traffic == "right" else -1


def edges(scene: SceneParameters) -> tuple[float, float]:
    """How far left of the lane's centre the road's left and right edges are [m], at the edge lines."""
    width = scene.lane_width_m
    beyond, outside = width * (0.5 + scene.lanes_beyond), -width * (0.5 + scene.lanes_outside)
    return (beyond, outside) if side_of(scene) > 0 else (-outside, -beyond)


def verges(scene: SceneParameters) -> tuple[float, float]:
    """Where the land begins on the left and on the right [m]."""
    left, right = edges(scene)
    return left + scene.shoulder_m + scene.gravel_m, right - scene.shoulder_m - scene.gravel_m
