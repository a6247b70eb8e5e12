"""What the map shows: regions, or samples while they are not found and where they are too many."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from lrviz.engine.estimate import expected_regions, rounded_down
from lrviz.figures.colouring import colour_samples
from lrviz.figures.facts import fact_columns, sample_columns
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples
from lrviz.ui import look, resources
from lrviz.ui.exact_map import parts
from lrviz.ui.exact_map.component import Part
from lrviz.ui.map_memory import bounds_of
from lrviz.views.scene import Scene
from lrviz.views.view import View
from lrviz.words import counted


class Content(NamedTuple):
    """What a map shows.

    Attributes:
        parts: For the browser.
        mode: "vector", "raster" or "sampled".
        num_regions: In the window, as far as that is known.
        words: The same in words.
    """

    parts: Mapping[str, Part]
    mode: str
    num_regions: int
    words: str


def of_regions(view: View, scene: Scene, regions: Regions, *, more_to_come: bool = False) -> Content:
    """Regions in the colours of a view; all of a window, or those that were found so far."""
    classes = scene.model.classes
    name = resources.regions_name(view, scene, regions)
    scheme = f"{view.colour} {view.class_index}"
    colouring = resources.colouring_of(view, scene, regions)
    mode = parts.mode_of(regions)
    edges = "layer" if view.layer_edges else "thin"
    edges_of = name if view.layer_edges else ""
    layers = tuple(layer.name for layer in scene.program.layers)
    shown = {
        "picture": Part(key=name, make=partial(parts.picture, regions)),
        "colours": Part(key=f"{name} {scheme}", make=partial(parts.colours, name, scheme, colouring)),
        "edges": Part(key=f"{edges} {edges_of}", make=partial(parts.edges, regions, edges)),
        "figure": Part(
            key=f"{name} {scheme} {edges} {view.boundary}", rank=1,
            make=partial(parts.figure, colouring, regions, edges, layers, boundary=view.boundary and not more_to_come),
        ),
    }  # fmt: skip
    if not more_to_come:
        shown["facts"] = Part(
            key=f"{name} {scheme}", rank=2,
            make=lambda: parts.facts(name, fact_columns(regions, colouring, classes)),
        )  # fmt: skip
    where = "shown" if more_to_come else "in view"
    return Content(shown, mode, len(regions), f"{counted(len(regions), 'region')} {where}")


def of_samples(view: View, scene: Scene, samples: Samples, pieces_per_length: float | None) -> Content:
    """Samples in the colours of a view; the pieces per length say about how many regions they stand for."""
    classes = scene.model.classes
    name = f"{scene.digest} {bounds_of(samples.window)} {samples.predicted.shape}"
    scheme = f"{view.colour} {view.class_index}"
    colouring = colour_samples(samples, view.colour, class_index=view.class_index, class_names=classes)
    number, count = 0, ""
    if pieces_per_length is not None:
        expected = rounded_down(expected_regions(pieces_per_length, scene.window))
        number, count = round(expected), f"about {look.count(expected)} regions in view"
    return Content(
        {
            "picture": Part(key=name, make=partial(parts.sampled_picture, samples)),
            "colours": Part(key=f"{name} {scheme}", make=partial(parts.colours, name, scheme, colouring)),
            "edges": Part(key="none", make=partial(parts.edges, None, "none")),
            "figure": Part(key=f"{name} {scheme}", rank=1, make=partial(parts.figure, colouring)),
            "facts": Part(
                key=f"{name} {scheme}", rank=2,
                make=lambda: parts.facts(name, sample_columns(samples, colouring, classes)),
            ),
        },
        "sampled",
        number,
        count,
    )  # fmt: skip
