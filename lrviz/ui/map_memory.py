"""What a session remembers of its map, and what its visitor does there."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, log10
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Float

from lrviz.geometry.plane import Window
from lrviz.results.regions import Regions
from lrviz.ui import pins, state
from lrviz.ui.exact_map.component import Answer, Part
from lrviz.views.view import View

KEY = "exact-map"


@dataclass(slots=True)
class Memory:
    """What a session remembers of its map.

    Attributes:
        name: Tells the map of this session from those of sessions before.
        jumps: How often the view changed by other means than a movement on the map.
        window: The window that the browser knows of: u0, u1, v0, v1.
        asked: The turn in which the browser asked for it.
        turn: The last turn of the browser that was answered.
        parts: What was shown last.
        mode: How.
        has_arrived: Whether the browser has answered.
        regions: The regions of it, if it is exact.
        plane: The network, and the plane that is shown of it.
        pieces_per_length: In that plane, as they were found last.
        pinned: When the last pins were set or taken out, by the browser's clock.
    """

    name: str = field(default_factory=lambda: secrets.token_hex(4))
    jumps: int = 0
    window: tuple[float, ...] = ()
    asked: int = 0
    turn: int = 0
    parts: Mapping[str, Part] = field(default_factory=dict)
    mode: str = "sampled"
    has_arrived: bool = False
    regions: Regions | None = None
    plane: str = ""
    pieces_per_length: float | None = None
    pinned: tuple[Any, ...] = ()

    def place(self, plane: str, window: tuple[float, ...]) -> None:
        """Note the plane and the window that are shown, and whether they are others than the browser knows of."""
        if plane != self.plane:
            self.plane, self.parts, self.pieces_per_length = plane, {}, None
        if window != self.window:
            self.window, self.jumps = window, self.jumps + 1


def has_arrived() -> bool:
    """Whether the browser shows the map of this session; until then nothing is shown that would delay it."""
    return recall().has_arrived


def bounds_of(corners: Float[np.ndarray, "corners 2"]) -> tuple[float, ...]:
    """u0, u1, v0, v1 of a window."""
    return tuple(float(bound) for bound in np.stack([corners.min(0), corners.max(0)]).T.ravel())


def recall() -> Memory:
    """What this session remembers."""
    return st.session_state.setdefault("map", Memory())


def last_answer() -> Answer:
    """What the browser answered last."""
    return Answer.read(said().get("map"))


def said() -> Mapping[str, Any]:
    """Everything that the browser said last."""
    return st.session_state.get(KEY) or {}


def moved() -> None:
    """Make what is visible the window."""
    answer, memory = last_answer(), recall()
    if answer.window is None or answer.asked == memory.asked:
        return
    memory.asked = answer.asked
    u0, u1, v0, v1 = answer.window
    center, half_width, half_height = rounded_window((u0 + u1) / 2, (v0 + v1) / 2, (u1 - u0) / 2, (v1 - v0) / 2)
    state.change(center=center, half_width=half_width, half_height=half_height)
    state.forget_wanted_window()
    memory.window = bounds_of(Window.rectangle(center, half_width, half_height).corners)


def rounded_window(
    u: float, v: float, half_width: float, half_height: float
) -> tuple[tuple[float, float], float, float]:
    """Centre and half extents of a window with no more digits than one sees, so that links stay short."""
    digits = max(ceil(-log10(half_width)) + 4, 0)
    return (round(u, digits), round(v, digits)), float(f"{half_width:.4g}"), float(f"{half_height:.4g}")


def clicked() -> None:
    """Open a region, or close it."""
    index, regions = _chosen(said().get("click")), recall().regions
    open_pattern(None if index is None or regions is None else f"{regions.pattern[index]:016x}")


def pinned() -> None:
    """Pin what was clicked since the last time."""
    memory, told = recall(), said().get("pin")
    for pin in told if isinstance(told, list) else ():
        index = _chosen(pin)
        if index is not None and memory.regions is not None and pin.get("time") not in memory.pinned:
            memory.pinned = (*memory.pinned[-9:], pin.get("time"))
            pins.toggle(memory.plane, memory.regions, index)


def _chosen(told: Any) -> int | None:
    """The index of the region that was clicked, if it is one of those that are shown."""
    memory = recall()
    match told:
        case {"picture": str(picture), "region": int(region)}:
            is_shown = "picture" in memory.parts and picture == memory.parts["picture"].key
            return region if is_shown and memory.regions is not None and 0 <= region < len(memory.regions) else None
    return None


def open_pattern(pattern: str | None) -> None:
    """Open a region by its id; None closes it."""
    state.change(region=pattern)


def open_region(regions: Regions) -> int | None:
    """Index of the region that the user opened, if the window holds it."""
    return find_region(regions, state.current().region)


def find_region(regions: Regions, pattern: str | None) -> int | None:
    """Index of a region by its id; None if the window does not hold it."""
    if pattern is None:
        return None
    found = np.flatnonzero(regions.pattern == np.uint64(int(pattern, 16)))
    return int(found[0]) if len(found) else None


def lit_range(view: View) -> list[float] | None:
    """The values that were brushed in the histogram of what is coloured; None for all."""
    scheme, values = st.session_state.get("lit", (None, None))
    return values if scheme == (view.colour, view.class_index) else None


def light(view: View, values: list[float] | None) -> None:
    """Light up the regions with values in a range; None for all."""
    st.session_state.lit = ((view.colour, view.class_index), values)
