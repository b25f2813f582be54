"""Scores, which have no side, and colour maps for print."""

import dataclasses

import numpy as np
import pytest

from drivesal.angle import AngleKind
from drivesal.explanation.registry import cases
from drivesal.overlay.content import Legend, Scene, Shown
from drivesal.overlay.elements.numbers import angle_parts
from drivesal.overlay.palette import coverage, named_ramp, on_paper, own_ramp
from drivesal.overlay.renderer import Renderer

SCORE = AngleKind("score")
SCENE = Scene(
    frame_size=(160, 120),
    box=(0, 0, 160, 120),
    kind=SCORE,
    legends=(Legend("magnitude", "magnitude", "counts", "1e-06", cases()["magnitude"].colour),),
    angle_range=3.0,
    answer="class 3",
)


def drawn(scene, heat, value=1.5):
    renderer = Renderer(scene)
    image = np.full((120, 160, 3), 90, np.uint8)
    shown = Shown(0, 0.0, image, value, None, {"magnitude": np.full((12, 16), heat, np.float32)})
    return renderer.draw(shown).copy()


def test_a_score_has_no_side():
    assert angle_parts(SCORE, -1.25) == ("-1.25", "")
    assert angle_parts(SCORE, 1.5e-9) == ("1.5e-09", "")
    assert angle_parts(SCORE, 123456.0) == ("1.235e+05", "")
    assert angle_parts(AngleKind("deg"), -1.25)[1] == "R"


def test_a_score_has_no_wheel():
    angle = dataclasses.replace(SCENE, kind=AngleKind("deg"))
    assert not np.array_equal(drawn(SCENE, 0.0), drawn(angle, 0.0))
    turned = np.array_equal(drawn(angle, 0.0, 40.0), drawn(angle, 0.0, -40.0))
    assert not turned
    names = [type(element).__name__ for element in Renderer(SCENE)._elements]
    assert "Wheel" not in names or all(
        element.area.rect.width == 0
        for element in Renderer(SCENE)._elements
        if type(element).__name__ == "Wheel"
    )


@pytest.mark.parametrize(
    ("name", "paper"), [("gray_r", True), ("Greys", True), ("magma", False), ("gray", False)]
)
def test_colour_maps_that_begin_bright_are_for_print(name, paper):
    assert on_paper(named_ramp(name)) is paper
    covered = coverage(np.array([0.0, 0.25, 1.0]), 0.5, 0.8, named_ramp(name))
    assert covered == pytest.approx([1, 1, 1] if paper else [0, 0.4, 0.8])


def test_the_cases_own_colours_are_not_for_print():
    for case in cases().values():
        assert not on_paper(own_ramp(case.colour))


def test_a_print_colour_map_hides_the_frame():
    paper = dataclasses.replace(SCENE, colormap="gray_r", layout="single")
    white, black = drawn(paper, 0.0), drawn(paper, 1.0)
    top, left = white.shape[0] // 4, white.shape[1] // 2
    assert (white[top, left] == 255).all()
    assert (black[top, left] == 0).all()
