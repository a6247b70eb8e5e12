"""How every figure looks: the template, the colour maps and the colour scales."""

import html
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas  # noqa: F401  plotly uses it as soon as another thread has begun to import it, so it is whole before
import plotly.graph_objects as go
from jaxtyping import Float, Int, UInt8, UInt64

from lrviz.figures.axis import fit_axis

INK = "#1b2733"
FAINT = "#c9d1d9"
MISSING = "#e8ebee"
ACCENT = "#d1495b"
QUIET = "#5b6875"
"""Colour of small notes."""

FONT = "Inter, 'Source Sans 3', 'Source Sans Pro', 'Segoe UI', Helvetica, Arial, sans-serif"

CLASS_COLOURS = (
    "#4e79a7", "#a0cbe8", "#f28e2b", "#ffbe7d", "#3d7d4a", "#8cd17d", "#b6992d", "#f1ce63", "#86508f", "#d4a6c8",
)  # fmt: skip
"""One colour per class, in light and dark pairs that colour-blind readers tell apart; for more, see `class_colour`."""

LAYER_COLOURS = ("#0b3954", "#d1495b", "#edae49", "#00798c", "#8f5da8", "#66a182", "#7a4419", "#e377c2")
"""One colour per layer; repeated beyond eight."""

MODEL_COLOURS = ("#00798c", "#d1495b", "#b6820f", "#8f5da8", "#4f7cac", "#66a182")
"""One colour per model, that colour-blind readers tell apart."""

PIN_COLOURS = ("#00798c", "#edae49")
"""Colours of the two pinned regions, also in `pane.js`."""

DARK = 0.3
"""Lightness below which lines are drawn light on a colour."""

NUM_REGION_COLOURS = 64

_AXIS = {
    "showgrid": False, "zeroline": False, "showline": True, "linecolor": FAINT, "linewidth": 1, "mirror": True,
    "ticks": "outside", "ticklen": 4, "tickcolor": FAINT, "tickfont": {"size": 11},
}  # fmt: skip
_TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "margin": {"l": 56, "r": 12, "t": 34, "b": 46},
        "title": {"font": {"size": 14}, "x": 0.0, "xanchor": "left", "xref": "container", "pad": {"l": 4}},
        "hoverlabel": {"font": {"family": FONT, "size": 12, "color": INK}, "bgcolor": "white", "bordercolor": FAINT},
        "modebar": {"bgcolor": "rgba(255,255,255,0)", "color": "#9aa5b1", "activecolor": INK},
        "xaxis": {**_AXIS, "title": {"standoff": 6, "font": {"size": 12}}},
        "yaxis": {**_AXIS, "title": {"standoff": 4, "font": {"size": 12}}},
        "legend": {"font": {"size": 12}, "itemsizing": "constant"},
    }
)  # fmt: skip


def literal(text: str) -> str:
    """A text of somebody's, which Plotly shows as it is: it reads some tags and entities.

    >>> literal("a<b> & c")
    'a&lt;b&gt; &amp; c'
    """
    return html.escape(text, quote=False)


def template() -> go.layout.Template:
    """The look that all figures share: white ground, thin frame, no grid."""
    return _TEMPLATE


_ON_DARK = {
    INK: "#e4e9ee", FAINT: "#39424c", QUIET: "#9aa7b3", MISSING: "#2a313a", "white": "#14181d",
    "rgba(255,255,255,0.8)": "rgba(20,24,29,0.8)", "rgba(255,255,255,0.85)": "rgba(20,24,29,0.85)",
}  # fmt: skip


def on_dark_ground(figure: go.Figure) -> go.Figure:
    """The same figure for a dark page: what is ink becomes light, and white becomes the ground."""

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: turned(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [turned(item) for item in value]
        return _ON_DARK.get(value, value) if isinstance(value, str) else value

    return go.Figure(turned(figure.to_plotly_json()), skip_invalid=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How a continuous quantity becomes colour.

    Attributes:
        name: The colour map, by its published name.
        low: Value at its first colour.
        high: Value at its last colour, above the first.
    """

    name: str
    low: float
    high: float

    def positions(self, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Where values lie on the scale, from 0 to 1; NaN stays NaN."""
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)

    def colours(self, values: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "... 3"]:
        """RGB of values; NaN becomes the colour of missing data."""
        positions = self.positions(np.asarray(values, float))
        index = np.nan_to_num(positions * 255).round().astype(np.intp)
        return np.where(np.isnan(positions)[..., None], to_rgb([MISSING])[0], colour_table(self.name)[index])


def fit_scale(
    values: Float[np.ndarray, "..."],
    name: str,
    *,
    symmetric: bool = False,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Scale:
    """A scale that covers all values but the outer half per cent on either side; equal ones have its middle colour.

    Args:
        values: What will be coloured; NaN is ignored.
        name: The colour map.
        symmetric: Put zero in the middle.
        limits: Where a scale that is not symmetric ends at the latest.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Scale(name=name, low=0.0, high=1.0)
    if symmetric:
        reach = float(np.quantile(np.abs(finite), 0.995)) or 1.0
        return Scale(name=name, low=-reach, high=reach)
    extent = fit_axis(np.quantile(finite, (0.005, 0.995)), room=0)
    return Scale(name=name, low=max(extent.low, limits[0]), high=min(extent.high, limits[1]))


@cache
def colour_table(name: str) -> UInt8[np.ndarray, "256 3"]:
    """The 256 colours of a colour map, one of Crameri's (batlow, vik, ...) or of matplotlib's (viridis, ...)."""
    from cmcrameri import cm  # noqa: PLC0415  (slow to import, and the first page can do without)
    from matplotlib import colormaps  # noqa: PLC0415

    colormap = cm.cmaps.get(name) or colormaps[name]
    table = (colormap(np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8)
    table.setflags(write=False)
    return table


def plotly_scale(name: str, steps: int = 32) -> list[list[float | str]]:
    """A colour map the way Plotly reads it."""
    table = colour_table(name)[np.linspace(0, 255, steps).round().astype(int)]
    return [[float(x), to_hex(rgb)] for x, rgb in zip(np.linspace(0, 1, steps), table, strict=True)]


@cache
def region_colours() -> UInt8[np.ndarray, "64 3"]:
    """Sixty-four soft colours: sixteen hues in four lightnesses, made in the OKLCH space."""
    index = np.arange(NUM_REGION_COLOURS)
    hue = (index % 16) / 16 * 2 * np.pi + 0.2
    lightness = np.array([0.66, 0.87, 0.76, 0.95])[index // 16]
    chroma = np.array([0.105, 0.075, 0.10, 0.035])[index // 16]
    colours = _oklch_to_rgb(lightness, chroma, hue)
    colours.setflags(write=False)
    return colours


def region_colour_index(pattern: UInt64[np.ndarray, " regions"]) -> Int[np.ndarray, " regions"]:
    """Index (R,) into `region_colours`, by pattern id alone.

    Ids of neighbours differ by the key of one unit, so their lowest six bits agree for one unit in sixty-four only:
    a region keeps its colour in every window, and neighbours differ.
    """
    return (pattern % np.uint64(NUM_REGION_COLOURS)).astype(np.intp)


def layer_colour(layer: int) -> str:
    """The colour of a layer, from 0."""
    return LAYER_COLOURS[layer % len(LAYER_COLOURS)]


def class_colour(index: int) -> str:
    """The colour of a class, from 0; after the first ten, hues a golden angle apart in turns of lightness."""
    if index < len(CLASS_COLOURS):
        return CLASS_COLOURS[index]
    lightness, chroma = ((0.72, 0.13), (0.55, 0.12), (0.86, 0.09))[index % 3]
    golden = np.pi * (3 - 5**0.5)
    return to_hex(_oklch_to_rgb(np.array([lightness]), np.array([chroma]), np.array([index * golden]))[0])


def class_colours(number: int) -> UInt8[np.ndarray, "classes 3"]:
    """RGB of each class."""
    return to_rgb([class_colour(k) for k in range(number)])


def lightness(rgb: UInt8[np.ndarray, "... 3"]) -> Float[np.ndarray, "..."]:
    """How light colours are, 0 to 1, by the weights of ITU-R BT.601."""
    return rgb @ np.array([0.299, 0.587, 0.114]) / 255


def to_rgb(colours: list[str]) -> UInt8[np.ndarray, "n 3"]:
    """RGB of colours such as "#1b2733"."""
    return np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours], np.uint8)


def translucent(colour: str, opacity: float) -> str:
    """A colour through which others are seen, the way Plotly reads it."""
    red, green, blue = to_rgb([colour])[0].tolist()
    return f"rgba({red},{green},{blue},{opacity})"


def to_hex(rgb: UInt8[np.ndarray, "3"]) -> str:
    """The name of a colour, such as "#1b2733"."""
    return "#" + bytes(np.asarray(rgb, np.uint8).tolist()).hex()


def _oklch_to_rgb(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Colours of the OKLCH space in sRGB (B. Ottosson, A perceptual color space for image processing, 2020)."""
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    to_cone = np.array([[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728],
                        [1, -0.0894841775, -1.2914855480]])  # fmt: skip
    to_linear = np.array([[4.0767416621, -3.3077115913, 0.2309699292], [-1.2684380046, 2.6097574011, -0.3413193965],
                          [-0.0041960863, -0.7034186147, 1.7076147010]])  # fmt: skip
    linear = np.clip((np.stack([lightness, a, b], 1) @ to_cone.T) ** 3 @ to_linear.T, 0, 1)
    gamma = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (gamma * 255).round().astype(np.uint8)
