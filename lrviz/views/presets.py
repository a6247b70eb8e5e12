"""Windows that suit a network: around a place that is worth a look, as large as some number of regions asks for."""

from dataclasses import replace
from typing import Any, NamedTuple

from lrviz.engine.estimate import fitting_half_width
from lrviz.engine.requests import EstimateRequest, run
from lrviz.geometry.plane import Window
from lrviz.measures.locate import boundary_point
from lrviz.results.estimate import Estimate
from lrviz.results.store import Store
from lrviz.views.link import OpenWindow
from lrviz.views.scene import Scene
from lrviz.views.view import View

PLACES = ("centroid", "image A", "image B", "image C", "decision boundary")
"""Where a window can be put."""

HERE, CHECK = "here", "check"
"""Around the middle of the present window; and likewise, unless the present window suits."""

Wanted = str | OpenWindow
"""One of `PLACES`, `HERE` or `CHECK`; or what is known of a window."""


class Aim(NamedTuple):
    """How many regions a window is to hold.

    Attributes:
        num_regions: As many as that, if it is chosen.
        fewest: The present window suits if it holds as many as that,
        most: and no more than that.
    """

    num_regions: float
    fewest: float
    most: float


def choose_window(view: View, scene: Scene, wanted: Wanted, aim: Aim, store: Store) -> View | None:
    """The view with the window at a place; None if the triangle holds no such place.

    Args:
        view: What is shown.
        scene: Its objects.
        wanted: Where the window comes.
        aim: How large.
        store: Where estimates are kept.
    """
    if wanted == CHECK and aim.fewest <= estimate(scene, scene.window, store).num_regions <= aim.most:
        return view
    half = None
    if isinstance(wanted, str):
        center = _center(scene, wanted)
    else:
        u, v, half = wanted
        middle = _point(scene.plane.anchors.mean(0))
        center = (middle[0] if u is None else u, middle[1] if v is None else v)
    if center is None:
        return None
    half = half or fitted_half_width(scene, center, aim.num_regions, store)
    return replace(view, center=center, half_width=half, half_height=None)


def fitted_half_width(scene: Scene, center: tuple[float, float], num_regions: float, store: Store) -> float:
    """Half the width of a window around a point that holds about this many regions, to three digits.

    At most as large as the triangle: a network of few units has no such number of regions anywhere.
    """
    largest = scene.plane.triangle().radius
    half = largest / 100
    for _ in range(2):
        found = estimate(scene, Window.rectangle(center, half), store)
        half = min(fitting_half_width(max(found.pieces_per_length, 1e-3), num_regions), 100 * half, largest)
    return float(f"{half:.3g}")


def estimate(scene: Scene, window: Window, store: Store) -> Estimate:
    """How many regions a window holds."""
    return run(EstimateRequest(program=scene.program, plane=scene.plane, window=window), store).result


def _center(scene: Scene, place: str) -> tuple[float, float] | None:
    """Where the middle of the window comes; None if the triangle holds no such place."""
    anchors = scene.plane.anchors
    if place.startswith("image "):
        return _point(anchors["ABC".index(place[-1])])
    if place == "decision boundary":
        found = boundary_point(scene.program, scene.plane)
        return None if found is None else _point(found)
    return _point((scene.window.corners if place in (HERE, CHECK) else anchors).mean(0))


def _point(values: Any) -> tuple[float, float]:
    """Plane coordinates, rounded so that links stay readable."""
    return float(round(values[0], 6)), float(round(values[1], 6))
