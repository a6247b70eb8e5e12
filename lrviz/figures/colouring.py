"""From a quantity to one colour per region, with what a colour bar or a legend has to say about it."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from lrviz.figures.style import (
    Scale,
    class_colours,
    fit_scale,
    region_colour_index,
    region_colours,
    to_hex,
)
from lrviz.measures.window import QUANTITIES, colour_values
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples

COLOUR_MAPS = {
    "slope": "batlow",
    "jump": "lajolla_r",
    "variation": "tokyo",
    "deviation": "acton_r",
    "similarity": "lapaz",
    "area": "oslo",
    "density": "davos",
}
LOGARITHMIC = ("area",)
"""Quantities whose colour is the logarithm of the value."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Colouring:
    """One colour per region, and its legend.

    Attributes:
        quantity: What is shown.
        title: Name and unit of the quantity.
        rgb: (R, 3) colours.
        values: (R,) what a continuous quantity is in each region, None for a categorical one.
        scale: The scale of a continuous quantity.
        categories: Name and colour of what a categorical quantity can be, for a legend; empty if there is none.
        class_index: The output that slopes, jumps and the like are of; None for all together.
    """

    quantity: str
    title: str
    rgb: UInt8[np.ndarray, "regions 3"]
    values: Float[np.ndarray, " regions"] | None = None
    scale: Scale | None = None
    categories: tuple[tuple[str, str], ...] = ()
    class_index: int | None = None


def colour_regions(
    regions: Regions,
    quantity: str,
    *,
    class_index: int | None = None,
    class_names: tuple[str, ...] = (),
) -> Colouring:
    """Choose a colour for every region.

    Args:
        regions: What is shown.
        quantity: One of `lrviz.measures.window.QUANTITIES`.
        class_index: The output that slopes, jumps, variations and deviations are of; all outputs together if None.
        class_names: Names of the outputs.
    """
    same: dict[str, Any] = {
        "quantity": quantity, "title": title_of(quantity, class_index, class_names), "class_index": class_index,
    }  # fmt: skip
    if quantity == "region":
        return Colouring(rgb=region_colours()[region_colour_index(regions.pattern)], **same)
    if quantity == "class":
        share = np.bincount(regions.predicted, weights=regions.area, minlength=regions.num_outputs)
        return _colour_classes(regions.predicted, share, class_names, class_index)
    return colour_numbers(shown_values(regions, quantity, class_index), COLOUR_MAPS[quantity], **same)


def colour_samples(
    samples: Samples, quantity: str, *, class_index: int | None = None, class_names: tuple[str, ...] = ()
) -> Colouring:
    """Choose a colour for every pixel of samples, row by row.

    Args:
        samples: What is shown.
        quantity: "region" or "class"; of everything else a single pixel tells the slope, and that is what is shown.
        class_index: The output that slopes are of; all outputs together if None.
        class_names: Names of the outputs.
    """
    quantity = quantity if quantity in ("region", "class") else "slope"
    same: dict[str, Any] = {
        "quantity": quantity, "title": title_of(quantity, class_index, class_names), "class_index": class_index,
    }  # fmt: skip
    if quantity == "region":
        return Colouring(rgb=region_colours()[region_colour_index(samples.pattern.ravel())], **same)
    if quantity == "class":
        return colour_predicted(samples.predicted, samples.values.shape[2], class_names, class_index)
    outputs = slice(None) if class_index is None else slice(class_index, class_index + 1)
    values = np.linalg.norm(samples.slope[:, :, outputs].reshape(len(samples.u) * len(samples.v), -1), axis=1)
    return colour_numbers(values, COLOUR_MAPS[quantity], **same)


def rescale(colouring: Colouring, scale: Scale) -> Colouring:
    """The same values on another scale, such as one shared between panels; a categorical colouring stays as it is."""
    if colouring.values is None:
        return colouring
    return replace(colouring, rgb=scale.colours(colouring.values), scale=scale)


def shown_values(regions: Regions, quantity: str, class_index: int | None = None) -> Float[np.ndarray, " regions"]:
    """The number (R,) that the colour bar of a continuous quantity shows: areas and densities as log10."""
    values = np.asarray(colour_values(regions, quantity, class_index), float)
    if quantity in LOGARITHMIC:
        return np.log10(np.maximum(values, np.finfo(float).tiny))
    return values


def colour_numbers(values: Float[np.ndarray, " n"], colour_map: str, **words: Any) -> Colouring:
    """Colours of numbers on the scale that fits them; the other attributes of a colouring are given."""
    known = QUANTITIES.get(words["quantity"])  # the overview has others
    scale = fit_scale(values, colour_map, limits=known.limits if known else (-math.inf, math.inf))
    return Colouring(rgb=scale.colours(values), values=values, scale=scale, **words)


def colour_predicted(
    predicted: Int[np.ndarray, "height width"],
    num_outputs: int,
    class_names: tuple[str, ...] = (),
    class_index: int | None = None,
) -> Colouring:
    """The colour of the predicted class at every pixel, row by row; -1, which is outside, has that of some class."""
    share = np.bincount(predicted[predicted >= 0], minlength=num_outputs)
    return _colour_classes(predicted.ravel(), share, class_names, class_index)


def _colour_classes(
    predicted: Int[np.ndarray, " n"],
    share: Shaped[np.ndarray, " classes"],
    class_names: tuple[str, ...],
    class_index: int | None,
) -> Colouring:
    """Colours of classes, and those of them that have a share, the largest first."""
    colours = class_colours(len(share))
    present = [k for k in np.argsort(-share, kind="stable").tolist() if share[k] > 0]
    return Colouring(
        quantity="class", title=title_of("class"), class_index=class_index, rgb=colours[predicted],
        categories=tuple((class_name(k, class_names), to_hex(colours[k])) for k in present),
    )  # fmt: skip


def title_of(quantity: str, class_index: int | None = None, class_names: tuple[str, ...] = ()) -> str:
    """What a colour bar says: the quantity, its class and its unit."""
    unit, name = QUANTITIES[quantity].unit, name_of(quantity, class_index, class_names)
    name = f"log10 {name}" if quantity in LOGARITHMIC else name
    return f"{name} ({unit})" if unit else name


def name_of(quantity: str, class_index: int | None = None, class_names: tuple[str, ...] = ()) -> str:
    """A quantity, and the class that it is of."""
    known = QUANTITIES[quantity]
    if class_index is None or not known.per_class:
        return known.label
    return f"{known.label} of {class_name(class_index, class_names)}"


def class_name(index: int, class_names: tuple[str, ...]) -> str:
    """The name of an output, or its number where it has none."""
    return class_names[index] if index < len(class_names) else f"output {index}"
