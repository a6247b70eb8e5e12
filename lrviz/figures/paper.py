"""What all files share: the paper, its style, its words, the description inside."""

import html
import io
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, NullLocator

from lrviz.errors import InvalidRequest
from lrviz.figures.axis import Axis
from lrviz.figures.style import INK

PRINTED = (".pdf", ".svg", ".png")
_LAYOUT_ROUNDS = 3
"""Maps keep their shape, so that making room for the words around them takes some rounds."""

_CHARACTER = 0.58
"""Mean width of a character, as a fraction of its height in points."""

FONT_POINTS = 8
_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": FONT_POINTS,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "path.simplify": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a figure is printed on.

    Attributes:
        width_inches: Width of the figure.
        height_inches: Height of the figure.
        dpi: Dots per inch of what is not vector graphics.
    """

    width_inches: float = 6.0
    height_inches: float = 5.0
    dpi: int = 300


def require_suffix(suffix: str, known: Sequence[str]) -> None:
    """Raise InvalidRequest unless a suffix is one of those that are known."""
    if suffix not in known:
        raise InvalidRequest(f"Expected a file ending in {', '.join(known)}; got {suffix!r}. Rename it.")


def print_figure(suffix: str, paper: Paper, draw: Callable[[Figure], None], *, title: str, description: str) -> bytes:
    """A PDF, SVG or PNG of what `draw` puts on an empty figure; it carries the description as metadata."""
    with mpl.rc_context(_STYLE):
        layout = ConstrainedLayoutEngine()
        figure = Figure(figsize=(paper.width_inches, paper.height_inches), dpi=paper.dpi, layout=layout)
        FigureCanvasAgg(figure)
        draw(figure)
        for _ in range(_LAYOUT_ROUNDS):
            layout.execute(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], dpi=paper.dpi, metadata=_metadata(suffix, title, description))
    return buffer.getvalue()


def _metadata(suffix: str, title: str, description: str) -> dict[str, str | None]:
    if suffix == ".pdf":
        return {"Title": title, "Creator": "lrviz", "Subject": description, "CreationDate": None}
    if suffix == ".svg":
        return {"Title": title, "Creator": "lrviz", "Description": description, "Date": None}
    return {"Software": "lrviz", "lrviz": description}


def write_page(figures: Sequence[go.Figure], *, title: str, description: str) -> bytes:
    """Plotly figures under each other as one page that needs no network; it carries the description in its head."""
    config = {"scrollZoom": True, "displaylogo": False}
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=k == 0, config=config) for k, figure in enumerate(figures)
    ]
    head = (
        f'<meta charset="utf-8"><meta name="lrviz" content="{html.escape(description, quote=True)}">'
        f"<title>{html.escape(title)}</title>"
    )
    return f"<!doctype html><html><head>{head}</head><body>{''.join(parts)}</body></html>".encode()


def typeset(title: str) -> str:
    """A title with its symbols as in formulas.

    >>> typeset("u (L2 distance)")
    '$u$ ($L_2$ distance)'
    """
    return re.sub(r"\b([kuv])\b", r"$\1$", re.sub(r"\bL2\b", "$L_2$", as_is(title)))


def as_is(text: str) -> str:
    """A text of somebody's, which matplotlib prints as it is: it reads formulas between dollar signs."""
    return text.replace("$", r"\$")


def wrap(text: str, inches: float, points: float) -> str:
    """A text of some size in lines that are no longer than some inches."""
    return textwrap.fill(text, max(int(72 * inches / (_CHARACTER * points)), 8))


def fit_axes(axes: Axes, x: Axis, y: Axis, *, num_steps: int = 4) -> None:
    """Give a diagram its two axes: with at most that many steps from tick to tick where they do not say which."""
    for axis, shown in ((x, axes.xaxis), (y, axes.yaxis)):
        name = shown.axis_name
        # The limits come first: no scale is then guessed from values that it cannot show.
        axes.set(**{f"{name}lim": (axis.low, axis.high)})
        axes.set(**{f"{name}scale": "log" if axis.logarithmic else "linear"})
        if axis.ticks:
            shown.set_ticks(axis.ticks, axis.labels)
            shown.set_minor_locator(NullLocator())
        else:
            shown.set_major_locator(MaxNLocator(num_steps, steps=[1, 2, 2.5, 5, 10]))
