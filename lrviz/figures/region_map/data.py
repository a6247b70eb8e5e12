"""What a map of regions shows, on screen and in print: its bounds, edges, pixels and words."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from lrviz.figures.colouring import Colouring
from lrviz.figures.facts import region_facts
from lrviz.figures.rasterise import label_pixels, mark_segments, pixel_centres, shrink, with_alpha
from lrviz.figures.style import DARK, INK, layer_colour, lightness, to_rgb
from lrviz.results.regions import Regions

RASTER_SIDE = 900
_BORDER_INK = 0.45
_MEAN_INK = 0.08
"""How much thin lines darken a pixel, and a whole picture at most."""


def window_bounds(regions: Regions) -> Float[np.ndarray, "2 2"]:
    """Bounding box of the window: [[u low, v low], [u high, v high]]."""
    return np.stack([regions.window.min(0), regions.window.max(0)])


def is_dark(regions: Regions, colouring: Colouring) -> bool:
    """Whether most of the area is so dark that thin lines have to be light."""
    return float(regions.area[lightness(colouring.rgb) < DARK].sum()) > 0.5 * float(regions.area.sum())


def thin_lines(regions: Regions, colouring: Colouring, *, least: float, most: float) -> tuple[str, float, float]:
    """Colour, opacity and width of the lines between regions: thinner the more there are, between two widths."""
    colour, opacity = ("#ffffff", 0.4) if is_dark(regions, colouring) else (INK, 0.6)
    return colour, opacity, float(np.clip(24 * most / np.sqrt(max(len(regions), 1)), least, most))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerEdges:
    """The edges that the units of one layer draw.

    Attributes:
        layer: Its number, from 0.
        colour: Its colour.
        ends: (E, 2, 2) the two ends of every edge.
    """

    layer: int
    colour: str
    ends: Float[np.ndarray, "edges 2 2"]


def edges_by_layer(regions: Regions, edges: str) -> list[LayerEdges]:
    """The edges of every layer that has some; nothing where edges are not drawn by layer."""
    if edges != "layer":
        return []
    return [
        LayerEdges(
            layer=layer, colour=layer_colour(layer), ends=regions.edge_coordinates[regions.edge_layer == layer]
        )
        for layer in np.unique(regions.edge_layer[regions.edge_layer >= 0]).tolist()
    ]  # fmt: skip


def paint(
    regions: Regions, colouring: Colouring, edges: str, bounds: Float[np.ndarray, "2 2"], side: int = RASTER_SIDE
) -> UInt8[np.ndarray, "height width 4"]:
    """Regions as an RGBA image of the bounds, the lowest v first, twice sampled in both directions.

    Args:
        regions: What to draw.
        colouring: The colour of each region.
        edges: As in `lrviz.figures.region_map.screen.region_map`.
        bounds: The part of the plane that the image covers.
        side: Length in pixels of its longer side.
    """
    u, v = pixel_grid(bounds, 2 * side)
    labels = label_pixels(regions.coordinates, regions.offsets, u, v)
    image = paint_labels(labels, colouring.rgb, outlined=edges == "thin")
    for drawn in edges_by_layer(regions, edges):
        pixel, _ = mark_segments(drawn.ends, u, v)
        image.reshape(-1, 4)[pixel, :3] = to_rgb([drawn.colour])
    return shrink(image, 2)


def pixel_grid(bounds: Float[np.ndarray, "2 2"], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres u and v of an even number of pixels in both directions, about `side` along the longer one."""
    extent = bounds[1] - bounds[0]
    numbers = (2 * max(round(float(share) * side / 2), 1) for share in extent / extent.max())
    u, v = (pixel_centres(bounds[0, k], bounds[1, k], n) for k, n in enumerate(numbers))
    return u, v


def paint_labels(
    labels: Int[np.ndarray, "height width"], rgb: UInt8[np.ndarray, "regions 3"], *, outlined: bool
) -> UInt8[np.ndarray, "height width 4"]:
    """Labelled pixels in the colours of their regions; -1 is transparent.

    Args:
        labels: (H, W) the region of each pixel.
        rgb: (R, 3) colours.
        outlined: Darken the borders, or lighten them where it is dark; the more of them there are, the less, so that
            colours keep their meaning.
    """
    palette = np.vstack([rgb, [[255, 255, 255]]]).astype(np.uint8)
    image = with_alpha(palette[labels], labels >= 0)
    if outlined:
        border = np.zeros(labels.shape, bool)
        border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
        border[1:] |= labels[1:] != labels[:-1]
        ink = min(_BORDER_INK, _MEAN_INK / max(float(border.mean()), 1e-9))
        under = image[border, :3]
        line = np.where(lightness(under)[:, None] < DARK, 255, 0)
        image[border, :3] = (under * (1 - ink) + line * ink).astype(np.uint8)
    return image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hover:
    """Points that answer the pointer.

    Attributes:
        points: (N, 2) where they are.
        region: (N,) the region of each.
        texts: What is said there.
    """

    points: Float[np.ndarray, "points 2"]
    region: Int[np.ndarray, " points"]
    texts: list[str]


def find_hover(
    regions: Regions,
    colouring: Colouring,
    class_names: tuple[str, ...],
    bounds: Float[np.ndarray, "2 2"],
    *,
    side: int,
    max_missed: int,
) -> Hover:
    """A grid of points, and the centroids of some regions that the grid misses.

    Args:
        regions: What is shown.
        colouring: What is said first, and in bold.
        class_names: Names of the outputs.
        bounds: Of the grid.
        side: Points along each of its sides.
        max_missed: Most centroids.
    """
    u, v = (pixel_centres(bounds[0, k], bounds[1, k], side) for k in (0, 1))
    labels = label_pixels(regions.coordinates, regions.offsets, u, v)
    rows, columns = np.nonzero(labels >= 0)
    missed = np.setdiff1d(np.arange(len(regions)), labels[rows, columns])[:max_missed]
    region = np.concatenate([labels[rows, columns], missed])
    chosen = np.unique(region)
    facts = region_facts(regions, chosen, colouring, class_names)
    lines = (f"{first.html}<br>{'<br>'.join(fact.text for fact in rest)}" for first, *rest in facts)
    texts = dict(zip(chosen.tolist(), lines, strict=True))
    return Hover(
        points=np.concatenate([np.stack([u[columns], v[rows]], 1), regions.centroid[missed]]),
        region=region,
        texts=[texts[r] for r in region.tolist()],
    )
