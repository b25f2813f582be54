"""The road's cross-section: positions of its edges and verges, left of the lane's centre."""

from __future__ import annotations

from drivesal.synthetic.scene_parameters import SceneParameters


def side_of(scene: SceneParameters) -> int:
    """1 if the centre line is to the left of the car, -1 if it is to its right."""
    return 1 if scene.traffic == "right" else -1


def edges(scene: SceneParameters) -> tuple[float, float]:
    """The left and right edges of the road [m left of the lane's centre], at the edge lines."""
    width = scene.lane_width_m
    beyond, outside = width * (0.5 + scene.lanes_beyond), -width * (0.5 + scene.lanes_outside)
    return (beyond, outside) if side_of(scene) > 0 else (-outside, -beyond)


def verges(scene: SceneParameters) -> tuple[float, float]:
    """The left and right ends of the gravel [m left of the lane's centre], where the land begins."""
    left, right = edges(scene)
    return left + scene.shoulder_m + scene.gravel_m, right - scene.shoulder_m - scene.gravel_m
