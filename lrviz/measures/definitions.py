"""What every measure is, in words: for colour bars, diagrams, menus, tables, the help of the app, and the README."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Something that is measured.

    Attributes:
        label: What a colour bar, a diagram, a menu or a table calls it.
        help: What it is.
        unit: Its unit; empty if it has none.
        formula: The same in symbols: f is an output, g its slope, r a region and s its neighbour, A an area, L the
            length of an edge, t the distance along a path.
        source: Who defined it, if it was others.
        per_class: Whether it can be asked for one class.
        limits: What it cannot lie below, and not above.
    """

    label: str
    help: str
    unit: str = ""
    formula: str = ""
    source: str = ""
    per_class: bool = False
    limits: tuple[float, float] = (-math.inf, math.inf)


_SLOPE_UNIT = "logit per unit of L2 distance"
_AREA_UNIT = "squared L2 distance"
_PAPER = "Gamba et al., AISTATS 2022"
_DBVIZ = "Somepalli et al., CVPR 2022"

QUANTITIES: dict[str, Quantity] = {
    "region": Quantity(
        label="region",
        help="A colour of its own for every region, the same one wherever the region is seen.",
    ),
    "class": Quantity(label="predicted class", help="The largest output at the region's centroid."),
    "slope": Quantity(
        label="slope",
        help="Norm of the gradient in the plane, the same everywhere in a region: how steeply an output changes; over "
        "all outputs together the Frobenius norm.",
        unit=_SLOPE_UNIT,
        formula="|g_r|",
        per_class=True,
    ),
    "jump": Quantity(
        label="jump of the slope",
        help="Norm of the difference of the slopes on the two sides of an edge; mean over the region's edges, weighted "
        "by their length.",
        unit=_SLOPE_UNIT,
        formula="Σ L |g_r − g_s| / Σ L over the edges of r",
        per_class=True,
    ),
    "variation": Quantity(
        label="variation within the region",
        help="The largest change of an output within the region: its largest minus its smallest value at the region's "
        "vertices, exact; over all outputs the largest of them.",
        unit="logit",
        formula="max f − min f over r",
        per_class=True,
    ),
    "deviation": Quantity(
        label="mean absolute deviation",
        help="Mean over the region of |f - affine interpolation of f at the window's corners|, exact; over all outputs "
        "their mean.",
        unit="logit",
        formula="∫ |f − interpolation| over r / A_r",
        per_class=True,
    ),
    "similarity": Quantity(
        label="similarity to neighbours",
        help="Cosine of the angle between the slopes on the two sides of an edge, 1 if both are zero and 0 if one is; "
        "mean over the region's edges, weighted by their length.",
        unit="cosine",
        formula="Σ L cos(g_r, g_s) / Σ L over the edges of r",
        per_class=True,
        limits=(-1, 1),
    ),
    "area": Quantity(label="area", help="Area of the region.", unit=_AREA_UNIT, formula="A_r"),
    "density": Quantity(
        label="log10 density",
        help="One region per its area.",
        unit=f"log10 of regions per {_AREA_UNIT}",
        formula="log10(1 / A_r)",
    ),
}
"""What regions can be coloured by."""

ERROR_QUANTITIES: dict[str, Quantity] = {
    "test_error": Quantity(
        label="test error",
        help="Share of the test images that is classified wrongly.",
        unit="share of the test images",
        limits=(0, 1),
    ),
    "train_error": Quantity(
        label="train error",
        help="Share of the training images that is classified wrongly, by the labels it was taught.",
        unit="share of the training images",
        limits=(0, 1),
    ),
}
"""What a card says of a network's errors."""

SUMMARY_QUANTITIES: dict[str, Quantity] = {
    "num_regions": Quantity(label="regions", help="How many regions were found.", unit="number in the window"),
    "density": Quantity(
        label="density", help="Regions per squared unit of L2 distance.", unit=f"regions per {_AREA_UNIT}"
    ),
    "deviation_per_area": Quantity(
        label="mean absolute deviation",
        help="Mean over the window of |f - affine interpolation of f at its corners|, exact; mean over outputs.",
        unit="logit",
    ),
    "mean_slope": Quantity(
        label="mean slope", help="Mean over the window of the slope of all outputs together.", unit=_SLOPE_UNIT
    ),
    "mean_jump": Quantity(
        label="mean jump",
        help="Mean over the edges, by their length, of the norm of the difference of the slopes on their two sides.",
        unit=_SLOPE_UNIT,
    ),
    "mean_similarity": Quantity(
        label="similarity of neighbours",
        help="Mean over the edges, by their length, of the cosine of the slopes on their two sides.",
        unit="cosine",
    ),
}
"""What is said of a whole window, beside `WINDOW_TERMS`."""

WINDOW_TERMS: dict[str, Quantity] = {
    "boundary": Quantity(
        label="decision boundary",
        help="Where the class changes: every region is cut where its two largest outputs are equal, exactly. Where "
        "outputs tie on a whole area, the lowest counts.",
    ),
    "boundary_length": Quantity(
        label="length of the decision boundary", help="Total length of the decision boundary.", unit="L2 distance"
    ),
    "num_class_areas": Quantity(
        label="connected class areas",
        help="Number of connected areas of one class, exact; areas that meet in a point only are two. It is the "
        "fragmentation of dbViz, which counts pixels.",
        source=_DBVIZ,
    ),
    "agreement": Quantity(
        label="agreement",
        help="Share of the window's area in which two networks predict the same class, exact: the reproducibility of "
        "dbViz, which counts pixels.",
        source=_DBVIZ,
    ),
}
"""What is said about the classes in a window."""

PATH_QUANTITIES: dict[str, Quantity] = {
    "density": Quantity(
        label="density",
        help="Pieces per unit of L2 distance, between normalised images.",
        unit="pieces per unit of L2 distance",
        formula="number of pieces / length",
        source=_PAPER,
        limits=(0, math.inf),
    ),
    "deviation": Quantity(
        label="deviation",
        help="Integral along a segment of |f - chord|, exact; the chord joins the values at the segment's ends. Mean "
        "over classes and segments.",
        unit="logit × L2 distance",
        formula="∫ |f − chord| dt",
        source=_PAPER,
        per_class=True,
        limits=(0, math.inf),
    ),
    "variation": Quantity(
        label="variation",
        help="Sum over the pieces of a segment of |change of f|. Mean over classes and segments.",
        unit="logit",
        formula="Σ |Δf|",
        source=f"{_PAPER}, whose code adds signed changes",
        per_class=True,
        limits=(0, math.inf),
    ),
    "deviation_as_published": Quantity(
        label="deviation as published",
        help="What the published code adds up instead of the integral, to compare: several times larger.",
        unit="logit × L2 distance",
        formula="Σ |a| Δt + |b| Δ(t²) / 2, where f − chord = a + b t",
        source=f"the code of {_PAPER}",
        per_class=True,
        limits=(0, math.inf),
    ),
    "similarity": Quantity(
        label="similarity of consecutive pieces",
        help="Cosine of the slopes (derivatives along the path) of the two pieces that meet at a breakpoint; of one "
        "class: 1 where the sign stays, -1 where it changes; 1 if both slopes are zero, 0 if one is. Mean over "
        "breakpoints, classes and segments.",
        unit="cosine",
        formula="cos(g_k, g_(k+1)) at breakpoint k",
        per_class=True,
        limits=(-1, 1),
    ),
    "joint_similarity": Quantity(
        label="joint similarity of consecutive pieces",
        help="The same cosine of the slopes of all classes together, taken as one vector. Mean over breakpoints and "
        "segments.",
        unit="cosine",
        limits=(-1, 1),
    ),
    "input_similarity": Quantity(
        label="similarity of the input gradients",
        help="Cosine of the full gradients by the input, pixel by pixel, of the two pieces that meet at a breakpoint, "
        "evaluated in the middle of each; only with `--gradients`. Mean over breakpoints (at most 200 of a segment, "
        "chosen at random), classes and segments.",
        unit="cosine",
        per_class=True,
        limits=(-1, 1),
    ),
    "jump": Quantity(
        label="jump of the slope",
        help="|difference of the slopes of the two pieces| at a breakpoint. Mean over breakpoints, classes and "
        "segments.",
        unit=_SLOPE_UNIT,
        formula="|g_(k+1) − g_k| at breakpoint k",
        per_class=True,
        limits=(0, math.inf),
    ),
    "slope": Quantity(
        label="slope",
        help="Root mean square along a segment of the slope, the derivative of f along the path. Mean over classes and "
        "segments.",
        unit=_SLOPE_UNIT,
        formula="(∫ g² dt / length)^½",
        per_class=True,
        limits=(0, math.inf),
    ),
}
"""What paths are measured by."""

CONSTANT = "A slope that is a rounding error counts as zero."
"""What constant pieces have to do with similarities."""

PUBLISHED = (
    "The code published with the paper adds signed changes of f as its variation, so that the sum telescopes to the "
    "difference of the ends; ours are absolute. And on its closed paths it normalises image k (8 - k) times; here "
    "every image is normalised once. So absolute values there and here cannot be compared."
)
"""Why numbers differ from those of the published code."""

IMAGE_KINDS = {
    "test": "test images",
    "samples": "test images (shipped)",
    "samples-cifar100": "CIFAR-100 test images (shipped)",
    "train-clean": "training images, clean labels",
    "train-noisy": "training images, noisy labels",
    "random": "random pixels",
}
"""What a user calls the kinds of images that paths start from, in this order."""
