"""What a figure of a path shows, on screen and in print: lines, chords, the shaded deviation, images and words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from lrviz.figures.axis import fit_axis
from lrviz.figures.style import INK, class_colour
from lrviz.measures.curve import Curve, thin

PATH_TITLE = "L2 distance along the path"
_ROOM = 0.035
_MOST_IMAGES = 16

UnitName = Callable[[int], str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """One output of one model along the path.

    Attributes:
        name: What the legend calls it.
        colour: Its colour.
        curve: The model's outputs.
        output: Which of them.
        layer_names: Names of the layers of the model's network.
        unit_name: Names a unit of that network.
    """

    name: str
    colour: str
    curve: Curve
    output: int
    layer_names: tuple[str, ...] = ()
    unit_name: UnitName = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The part of a path that is drawn, in L2 distance from its start.

    Attributes:
        low: Where it begins.
        high: Where it ends.
        baseline: "zero", "chord" or "view", see `lrviz.views.view.BASELINES`.
    """

    low: float
    high: float
    baseline: str = "zero"

    @property
    def room(self) -> float:
        """What the axis shows beyond either end, so that images at the ends are whole."""
        return _ROOM * (self.high - self.low)

    @property
    def range(self) -> list[float]:
        """The range of the axis."""
        return [self.low - self.room, self.high + self.room]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathDrawing:
    """What a figure of a path shows.

    Attributes:
        lines: What to draw; the deviation of the first one is shaded, and the breakpoints are those of its curve.
        stretch: Which part of the path.
        images: The image at every anchor of the path, to show above it.
        all_chords: Whether every line has its chord, and none is shaded, as fits the classes of one model.
    """

    lines: Sequence[Line]
    stretch: Stretch
    images: Sequence[UInt8[np.ndarray, "3 h w"]] | UInt8[np.ndarray, "n 3 h w"] = ()
    all_chords: bool = False

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers whose breakpoints are shown."""
        return self.lines[0].layer_names if self.lines else ()

    @property
    def is_shaded(self) -> bool:
        """Whether the deviation of the first line is shaded."""
        return not self.all_chords and self.stretch.baseline != "view"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnLine:
    """A line and its chord at some positions, few enough to draw.

    Attributes:
        line: What is drawn.
        position: (N,) L2 distances along the path.
        values: (N,) of the line, its baseline subtracted.
        chord: (N,) likewise; None where none is drawn.
        chord_colour: The line's own where there are several chords.
        is_first: Whether it stands for the others in a legend of chords.
        is_shaded: Whether the area up to the chord is.
    """

    line: Line
    position: Float[np.ndarray, " n"]
    values: Float[np.ndarray, " n"]
    chord: Float[np.ndarray, " n"] | None
    chord_colour: str
    is_first: bool
    is_shaded: bool


def drawn_lines(drawing: PathDrawing, num_columns: int) -> list[DrawnLine]:
    """All lines for so many columns of pixels; the first is the last, so that it lies above the others."""
    found = []
    for index, line in reversed(list(enumerate(drawing.lines))):
        every = line_points(line, drawing.stretch)
        position, values = thin(every[0], every[1], num_columns)
        has_chord = drawing.stretch.baseline != "view" and (index == 0 or drawing.all_chords)
        found.append(
            DrawnLine(
                line=line, position=position, values=values,
                chord=chord_values(line, drawing.stretch, position) if has_chord else None,
                chord_colour=line.colour if drawing.all_chords else INK,
                is_first=index == 0, is_shaded=index == 0 and drawing.is_shaded,
            )
        )  # fmt: skip
    return found


def class_lines(line: Line, class_names: tuple[str, ...]) -> tuple[Line, ...]:
    """All outputs of a line's model, each in the colour of its class."""
    return tuple(
        replace(line, name=class_names[k], colour=class_colour(k), output=k) for k in range(line.curve.values.shape[1])
    )


def line_points(line: Line, stretch: Stretch) -> Float[np.ndarray, "2 n"]:
    """Positions and values of a line, its baseline subtracted, at all knots that the axis shows and at its ends."""
    curve = line.curve
    low, high = max(stretch.range[0], 0.0), min(stretch.range[1], curve.length)
    if low >= high:
        return np.zeros((2, 0))
    inner = curve.knots_between(low, high)
    position = np.concatenate([[low], curve.position[inner], [high]])
    values = np.concatenate(
        [curve.at(position[:1], line.output), curve.values[inner, line.output], curve.at(position[-1:], line.output)]
    )
    return np.stack([position, values - baseline_at(line, stretch, position)])


def baseline_at(line: Line, stretch: Stretch, position: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """What is subtracted from a line."""
    if stretch.baseline == "chord":
        return line.curve.chord_at(position, line.output)
    if stretch.baseline == "view":
        ends = np.clip([stretch.low, stretch.high], 0, line.curve.length)
        first, last = line.curve.at(ends, line.output)
        return first + (last - first) / max(ends[1] - ends[0], np.finfo(float).tiny) * (position - ends[0])
    return np.zeros_like(position)


def seen_anchors(drawing: PathDrawing) -> dict[int, float]:
    """Numbers and positions of the anchors in the view."""
    curve, stretch = drawing.lines[0].curve, drawing.stretch
    position = curve.position[curve.anchors]
    return {k: float(x) for k, x in enumerate(position) if stretch.low <= x <= stretch.high}


def shown_images(drawing: PathDrawing) -> dict[float, tuple[str, UInt8[np.ndarray, "3 h w"]]]:
    """Images by position, with their names: those of the anchors in the view, and of its ends if these are few."""
    images, stretch = drawing.images, drawing.stretch
    curve = drawing.lines[0].curve
    anchors = curve.position[curve.anchors]
    if len(images) < len(anchors):
        return {}
    shown = {x: (f"anchor {k}", images[k]) for k, x in seen_anchors(drawing).items()}
    if len(shown) < 3:
        ends = (max(stretch.low, 0.0), min(stretch.high, curve.length))
        shown = {x: ("", image_at(anchors, images, x)) for x in ends} | shown
    return {x: shown[x] for x in sorted(shown)[:: 1 + len(shown) // _MOST_IMAGES]}


def image_at(
    anchors: Float[np.ndarray, "n"],
    images: Sequence[UInt8[np.ndarray, "3 h w"]] | UInt8[np.ndarray, "n 3 h w"],
    position: float,
) -> UInt8[np.ndarray, "3 h w"]:
    """The image at a position of the path, between two anchors."""
    left = int(np.clip(np.searchsorted(anchors, position, side="right") - 1, 0, len(anchors) - 2))
    share = (position - anchors[left]) / (anchors[left + 1] - anchors[left])
    return np.rint((1 - share) * images[left] + share * images[left + 1].astype(float)).astype(np.uint8)


def value_range(drawing: PathDrawing) -> list[float]:
    """What all lines take; the chord as well, unless it is so far away that the line would look flat."""
    stretch, first = drawing.stretch, drawing.lines[0]
    points = [line_points(line, stretch) for line in drawing.lines]
    own = np.concatenate([values for _, values in points])
    if not own.size:
        return [-1.0, 1.0]
    low, high = float(own.min()), float(own.max())
    if drawing.is_shaded:
        chord = chord_values(first, stretch, points[0][0])
        both = min(low, float(chord.min())), max(high, float(chord.max()))
        if both[1] - both[0] <= 4 * (high - low):
            low, high = both
    magnitude = max(float(np.abs(line.curve.values[:, line.output]).max()) for line in drawing.lines)
    axis = fit_axis([low, high], magnitude=magnitude)
    return [axis.low, axis.high]


def chord_values(line: Line, stretch: Stretch, position: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """The chords of a line at some positions, its baseline subtracted."""
    return line.curve.chord_at(position, line.output) - baseline_at(line, stretch, position)


def value_title(stretch: Stretch) -> str:
    """What the vertical axis shows, with its unit."""
    return f"{baseline_title(stretch)} (logit)"


def baseline_title(stretch: Stretch) -> str:
    """What is drawn."""
    return {"zero": "f", "chord": "f − chord", "view": "f − line of the view"}[stretch.baseline]
