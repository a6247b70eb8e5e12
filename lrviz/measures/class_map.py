"""Sampled class maps: their connected areas, and the outlines of classes. What is exact is in `boundary`."""

import numpy as np
from jaxtyping import Float, Int


def num_sampled_areas(predicted: Int[np.ndarray, "height width"]) -> int:
    """Number of connected areas of one class in a raster: the fragmentation of Somepalli et al. 2022 (dbViz).

    Areas that meet in a corner only are not connected. Those that are smaller than a pixel may be missed, and narrow
    ones may be seen as several: `lrviz.measures.boundary.num_class_areas` is exact.

    Args:
        predicted: (H, W) class of each pixel; -1 outside.

    >>> num_sampled_areas(np.array([[0, 0, 1], [1, 0, -1]]))
    3
    """
    from skimage.measure import label  # noqa: PLC0415  slow to import

    return int(label(predicted, background=-1, connectivity=1).max(initial=0))


def class_outlines(
    predicted: Int[np.ndarray, "height width"],
    u: Float[np.ndarray, " width"],
    v: Float[np.ndarray, " height"],
    values: Float[np.ndarray, "height width outputs"] | None = None,
) -> list[Float[np.ndarray, "_ 2"]]:
    """Lines in the plane where the class of a sampled map changes, by marching squares; closed, or from rim to rim.

    A line between two classes that are both not the largest stands for each of them.

    Args:
        predicted: (H, W) class of each pixel; -1 outside.
        u: (W,) evenly spaced centres of the columns.
        v: (H,) likewise of the rows.
        values: (H, W, K) the outputs there, between which the lines are interpolated; halfway between pixels if None.
    """
    from skimage.measure import find_contours  # noqa: PLC0415  slow to import

    inside = predicted >= 0
    classes, size = np.unique(predicted[inside], return_counts=True)
    if len(classes) < 2 or min(predicted.shape) < 2:
        return []
    lines = []
    for k in np.delete(classes, size.argmax()).tolist():  # the largest borders on nothing but the others
        lead = np.where(predicted == k, 1.0, -1.0)
        if values is not None:
            lead = np.where(inside, values[..., k] - np.delete(values, k, axis=2).max(2), -1.0)
        lines += find_contours(lead, 0.0, mask=inside)
    return [
        np.stack([np.interp(line[:, k], np.arange(len(centres)), centres) for k, centres in ((1, u), (0, v))], 1)
        for line in lines
    ]
