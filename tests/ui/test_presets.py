"""Windows that suit: at their place, and as large as asked for."""

from dataclasses import replace

import numpy as np
import pytest

from lrviz.engine.find_regions import find_regions
from lrviz.results.store import MemoryStore
from lrviz.views.presets import CHECK, HERE, PLACES, Aim, choose_window
from lrviz.views.scene import resolve
from lrviz.views.view import View

VIEW = View(
    models=("cnn5-w1-noise20",), images=("samples:0", "samples:1", "samples:4"), center=(35.0, 18.0), half_width=0.2,
    half_height=0.1,
)  # fmt: skip
AIM = Aim(num_regions=150, fewest=0, most=1e9)


@pytest.fixture(scope="module")
def store():
    return MemoryStore()


def choose(wanted, store, aim=AIM, view=VIEW):
    return choose_window(view, resolve(view), wanted, aim, store)


def test_a_window_that_suits_is_kept_as_it_is(store):
    assert choose(CHECK, store) is VIEW


@pytest.mark.parametrize("aim", [Aim(150, 1e8, 1e9), Aim(150, 0, 1)])
def test_one_that_does_not_is_replaced_around_its_middle(store, aim):
    found = choose(CHECK, store, aim)
    assert found.center == VIEW.center and found.half_height is None
    assert found.half_width != VIEW.half_width
    assert choose(HERE, store, aim) == found


def test_a_network_of_few_regions_gets_a_window_as_large_as_the_triangle(store):
    found = choose(HERE, store, Aim(1e9, 0, 1e9))
    assert found.half_width == pytest.approx(resolve(VIEW).plane.triangle().radius, rel=1e-2)


@pytest.mark.parametrize("place", PLACES)
def test_every_place_gets_a_window_of_that_size(store, place):
    found = choose(place, store)
    scene = resolve(found)
    number = len(find_regions(scene.program, scene.plane, scene.window))
    assert AIM.num_regions / 5 < number < 5 * AIM.num_regions
    anchors = scene.plane.anchors
    expected = {"centroid": anchors.mean(0), "image A": anchors[0], "image B": anchors[1], "image C": anchors[2]}
    if place in expected:
        np.testing.assert_allclose(found.center, expected[place], atol=1e-6)
    assert replace(found, center=VIEW.center, half_width=VIEW.half_width, half_height=0.1) == VIEW


def test_what_is_known_of_a_window_is_kept(store):
    middle = tuple(resolve(VIEW).plane.anchors.mean(0).round(6))
    assert choose((None, 18.0, 0.3), store).center == (middle[0], 18.0)
    assert choose((0.0, None, 0.3), store).center == (0.0, middle[1])
    assert choose((0.0, None, 0.3), store).half_width == 0.3
    around = choose((35.0, 18.0, None), store)
    assert around == choose(HERE, store)


def test_a_triangle_of_one_class_holds_no_boundary(store, monkeypatch):
    monkeypatch.setattr("lrviz.views.presets.boundary_point", lambda *_: None)
    assert choose("decision boundary", store) is None
