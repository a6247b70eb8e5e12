"""The Streamlit component: what the browser is told, and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import plotly
import streamlit as st

from lrviz.ui.exact_map.codec import pack

FOLDER = Path(__file__).parent
SCRIPTS = ("codec.js", "pictures.js", "screen.js", "plot.js", "pane.js", "mount.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that the browser keeps: it is sent when the browser does not have it yet.

    Attributes:
        key: Names the content; equal content has an equal key.
        make: Makes the content, of JSON and arrays; called only when it is sent.
        rank: It is sent only when the browser has all parts of lower ranks, so that it delays none of them.
    """

    key: str
    make: Callable[[], Mapping[str, Any]]
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the browser told last.

    Attributes:
        turn: Counts what it told.
        asked: The turn in which it last asked for a window.
        window: u0, u1, v0, v1 of what became visible, if that is what this turn is about.
        have: Keys of the parts that it has, by name.
    """

    turn: int = 0
    asked: int = 0
    window: tuple[float, float, float, float] | None = None
    have: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, told: Any) -> "Answer":
        """Read the component's state; what no browser of ours would say counts as nothing."""
        try:
            window = told["window"]
            if window is not None:
                u0, u1, v0, v1 = map(float, window)
                window = (u0, u1, v0, v1)
            return cls(turn=int(told["turn"]), asked=int(told["asked"]), window=window, have=dict(told["have"]))
        except (KeyError, TypeError, ValueError):
            return cls()


def exact_map(
    message: Mapping[str, Any],
    parts: Mapping[str, Part],
    answer: Answer,
    *,
    key: str,
    on_map_change: Callable[[], None],
    on_click_change: Callable[[], None],
    on_pin_change: Callable[[], None],
    on_cancel_change: Callable[[], None],
) -> Any:
    """Show the map, or tell the one that is there what changed.

    Args:
        message: Plane, revision, asked, window, home, limits, status, mode, num_regions, tag, count, text, fraction,
            note, selected, pinned, lit, busy, as `pane.js` reads them.
        parts: Picture, colours, edges, facts and figure.
        answer: What the browser told last.
        key: Names the map among others.
        on_map_change: Called when it asks for a window or how far work is.
        on_click_change: Called when a region is clicked.
        on_pin_change: Called when one is clicked with shift.
        on_cancel_change: Called when it asks to stop.
    """
    own = {
        "name": key,
        "turn": answer.turn,
        "asked": answer.asked,
        "plotly": _plotly_address(),
        "parts": to_send(parts, answer.have),
    }
    data = pack({**message, **own})
    return _component()(
        data=data, key=key, on_map_change=on_map_change, on_click_change=on_click_change, on_pin_change=on_pin_change,
        on_cancel_change=on_cancel_change,
    )  # fmt: skip


def to_send(parts: Mapping[str, Part], have: Mapping[str, str]) -> dict[str, Any]:
    """Key and content of every part; no content of what the browser has, nor of what can wait until it has the rest."""
    lacking = {name: part.rank for name, part in parts.items() if have.get(name) != part.key}
    first = min(lacking.values(), default=0)
    sent = {name for name, rank in lacking.items() if rank == first}
    return {
        name: {"key": part.key, "content": dict(part.make()) if name in sent else None} for name, part in parts.items()
    }


@cache
def _component() -> Callable[..., Any]:
    script = "\n".join((FOLDER / name).read_text("utf-8") for name in SCRIPTS)
    style = (FOLDER / "exact_map.css").read_text("utf-8")
    return st.components.v2.component("lrviz.exact_map", css=style, js=script, isolate_styles=False)


@cache
def _plotly_address() -> str:
    """Where the server hands out plotly.min.js, which ships inside the package plotly."""
    folder = st.components.v1.declare_component("plotly", path=str(Path(plotly.__file__).parent / "package_data"))
    return f"component/{folder.name}/plotly.min.js?v={plotly.__version__}"
