"""What Streamlit's theme cannot say: spacing, the row of numbers, thumbnails with sharp pixels."""

import html
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from lrviz.figures.facts import Fact
from lrviz.figures.rasterise import data_uri
from lrviz.figures.style import on_dark_ground
from lrviz.models.images import as_picture

Container = AbstractContextManager[object]
"""A place of a page, to be filled later: `with container: ...`."""

_CSS = """
<style>
.stApp {--lr-faint: color-mix(in srgb, currentColor 70%, transparent); --lr-line: rgba(128, 140, 152, 0.33);}
.stMainBlockContainer {padding: 4.1rem 2rem 1rem 2rem; max-width: none;}
.stMainBlockContainer:has(.st-key-explore) {padding: 3.6rem 1.3rem 1rem;}
.st-key-toolbar, .st-key-header {gap: 0.4rem 0.6rem; padding: 0.2rem 0;}
.st-key-header .lr-image img {width: 40px; height: 40px;} .st-key-header .lr-image {gap: 0.45rem;}
.st-key-header button {padding: 0.1rem 0.5rem; min-height: 2.1rem;}
@media (max-width: 640px) {.st-key-toolbar button {padding: 0.1rem 0.5rem;}}
.st-key-step-Undo p, .st-key-step-Redo p {font-size: 0;}
.stSidebar .stColumn [data-testid^="stNumberInputStep"] {display: none;}
.st-key-sampled {gap: 0.4rem; min-height: 24rem;}
.st-key-controls {display: grid; grid-template-columns: 1fr 1fr; gap: 0.5rem 0.8rem; align-items: end;}
@media (max-width: 1390px) {.exact-map {height: min(calc(100vh - 11.6rem), 60vw) !important;}}
@media (min-width: 641px) {.stColumn:has(.st-key-exact) {position: sticky; top: 7rem; align-self: flex-start;}}
@media (min-width: 641px) and (max-width: 1390px) {.stColumn:has(.st-key-exact) {top: 10rem;}}
.stApp:has(.st-key-notices .stAlert) .exact-map {height: calc(100vh - 13rem);}
@media (max-width: 640px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-header) {position: static;}
  .stHorizontalBlock:has(> .stColumn .st-key-exact) {flex-wrap: wrap-reverse;}
  .exact-map {height: min(75vh, 90vw + 1rem) !important;}
  :is(.st-key-header, .st-key-toolbar) [data-testid="stPopoverButton"] p {font-size: 0;}
}
.stSidebar [data-testid="stSidebarUserContent"] {padding-top: 0.4rem;}
.stSidebar [data-testid="stSidebarHeader"] {height: 2.2rem; padding-bottom: 0;}
[data-testid="stSelectboxVirtualDropdown"] {width: max-content !important; min-width: var(--trigger-width);
  max-width: 92vw;}
.lr-brand {font-size: 1.35rem; font-weight: 650; letter-spacing: -0.01em; line-height: 1.1;}
.lr-sub {color: var(--lr-faint); font-size: 0.82rem; line-height: 1.35;}
.lr-card {font-size: 0.8rem; color: var(--lr-faint); line-height: 1.5; font-variant-numeric: tabular-nums;}
.lr-card b {font-weight: 600;}
.lr-numbers {display: grid; grid-template-columns: repeat(auto-fit, minmax(8.2rem, 1fr)); margin: 0.1rem 0;
  border: 1px solid var(--lr-line); border-radius: 6px; overflow: hidden;}
.lr-number {padding: 0.4rem 0.7rem 0.35rem; box-shadow: -1px -1px 0 var(--lr-line);}
.lr-number .v {font-size: 1.12rem; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap;}
.lr-number .v.long {font-family: monospace; font-size: 0.86rem; line-height: 1.68rem; font-weight: 500;}
.lr-number .l {font-size: 0.72rem; color: var(--lr-faint);}
.lr-facts {border: 1px solid var(--lr-line); border-radius: 6px; padding: 0.3rem 0.7rem; font-size: 0.82rem;}
.lr-fact {display: grid; grid-template-columns: minmax(8rem, 12.5rem) 4.5rem 1fr; gap: 0.5rem; line-height: 1.55;}
.lr-fact .n, .lr-fact .u {color: var(--lr-faint);} .lr-fact .v {font-variant-numeric: tabular-nums; font-weight: 500;}
.lr-fact:first-child .n, .lr-fact:first-child .v {font-weight: 700;}
.lr-head {display: flex; align-items: baseline; gap: 0.55rem; min-height: 1.6rem;}
.lr-head .t {font-weight: 650; font-size: 0.98rem;}
.lr-head .s {color: var(--lr-faint); font-size: 0.8rem;}
.lr-tag {font-size: 0.68rem; font-weight: 600; padding: 0.08rem 0.42rem; border-radius: 9px; letter-spacing: 0.03em;}
.lr-exact {background: #e0f1f0; color: #00616e;}
.lr-sampled {background: #f5ecd9; color: #7b5a10;}
.lr-image {display: flex; align-items: center; gap: 0.7rem;}
.lr-image img {width: 56px; height: 56px; image-rendering: pixelated; border-radius: 4px;
  border: 1px solid var(--lr-line);}
.lr-image .n {font-weight: 600; font-size: 0.92rem;} .lr-image .r {color: var(--lr-faint); font-size: 0.75rem;}
.lr-image .k {display: inline-block; width: 1.25rem; height: 1.25rem; border-radius: 50%; background: #1b2733;
  color: white; font-size: 0.75rem; text-align: center; line-height: 1.25rem; margin-right: 0.35rem;}
[class*=st-key-gallery-] button {position: relative;}
[class*=st-key-gallery-] button::after {content: ""; position: absolute; inset: -6.2rem 0 0; z-index: 1;}
[class*=st-key-gallery-] .stVerticalBlock:has(button:is(:hover, :focus-visible)) img {outline: 3px solid #00798c;}
.lr-terms {max-width: 30rem; margin: 0; font-size: 0.82rem; line-height: 1.4;}
.lr-terms dt {font-weight: 650; margin-top: 0.5rem;} .lr-terms dd {margin: 0; color: var(--lr-faint);}
.st-key-guide {border-left: 4px solid #00798c;}
.st-key-address, .st-key-remember-guide {display: none;}
.st-key-page-width-place {position: absolute; width: 100%; height: 0; overflow: hidden;}
[data-testid="stLayoutWrapper"]:has(> :is(.st-key-toolbar, .st-key-header)) {position: sticky; top: 3.6rem; z-index: 90;
  background: var(--lr-ground);}
.st-key-preload {position: absolute; width: 10px; height: 10px; overflow: hidden; opacity: 0;}
</style>
"""


def apply_look() -> None:
    """Add the style sheet to the page."""
    ground = "#14181d" if _is_dark() else "#ffffff"
    st.html(f"{_CSS}<style>.stApp {{--lr-ground: {ground};}}</style>")


def brand(title: str, subtitle: str) -> None:
    """The name of the page at the top of the sidebar."""
    st.html(f'<div class="lr-brand">{html.escape(title)}</div><div class="lr-sub">{html.escape(subtitle)}</div>')


def heading(title: str, detail: str = "", *, tag: str = "") -> None:
    """A heading; that of a figure has a tag that tells "exact" from "sampled"."""
    mark = f'<span class="lr-tag lr-{tag}">{tag.upper()}</span>' if tag else ""
    st.html(
        f'<div class="lr-head"><span class="t">{html.escape(title)}</span>{mark}'
        f'<span class="s">{html.escape(detail)}</span></div>'
    )


def chart(figure: go.Figure, **more: Any) -> Any:
    """A Plotly figure, light or dark as the page is.

    Args:
        figure: The figure.
        more: What else `st.plotly_chart` takes.
    """
    return st.plotly_chart(_on_ground(figure, _is_dark()), theme=None, **more)


def kept_chart(shows: str, draw: Callable[[], go.Figure], **more: Any) -> Any:
    """The same of a figure that stands through many runs of the page: it is drawn once.

    Args:
        shows: Names what the figure shows; figures of one name are equal.
        draw: Draws it.
        more: What else `st.plotly_chart` takes.
    """
    return st.plotly_chart(_kept(shows, _is_dark(), draw), theme=None, **more)


@st.cache_resource(show_spinner=False, max_entries=64)
def _kept(shows: str, is_dark: bool, _draw: Callable[[], go.Figure]) -> go.Figure:
    return _on_ground(_draw(), is_dark)


def _on_ground(figure: go.Figure, is_dark: bool) -> go.Figure:
    return on_dark_ground(figure) if is_dark else figure


def _is_dark() -> bool:
    return st.context.theme.type == "dark"


def numbers(items: Sequence[tuple[str, str] | tuple[str, str, str]]) -> None:
    """A row of numbers, each with its label and what the pointer tells of it."""
    cells = "".join(
        f'<div class="lr-number" title="{html.escape(" ".join(told))}">'
        f'<div class="v{" long" if len(value) > 12 else ""}">{html.escape(value)}</div>'
        f'<div class="l">{html.escape(label)}</div></div>'
        for label, value, *told in items
    )
    st.html(f'<div class="lr-numbers">{cells}</div>')


def facts(items: list[Fact]) -> None:
    """Quantities with their units, under each other; the first one is the one that is coloured."""
    rows = "".join(
        f'<div class="lr-fact" title="{html.escape(fact.help)}"><span class="n">{html.escape(fact.name)}</span>'
        f'<span class="v">{html.escape(fact.value)}</span><span class="u">{html.escape(fact.unit)}</span></div>'
        for fact in items
    )
    st.html(f'<div class="lr-facts">{rows}</div>')


def image_card(letter: str, image: np.ndarray, name: str, detail: str) -> None:
    """A thumbnail with its letter, class and origin."""
    source = data_uri(np.ascontiguousarray(as_picture(image).transpose(1, 2, 0)), flip=False)
    st.html(
        f'<div class="lr-image"><img src="{source}" alt="image {letter}"><div><div class="n">'
        f'<span class="k">{letter}</span>{html.escape(name)}</div>'
        f'<div class="r">{html.escape(detail)}</div></div></div>'
    )


def count(value: float | int) -> str:
    """A count as a reader wants it: exact below a million."""
    return f"{value:,.0f}" if value < 1e6 else f"{value / 1e6:,.2f}".rstrip("0").rstrip(".") + " M"


def digits(value: float) -> str:
    """Three significant digits, without an exponent where that stays short."""
    if not np.isfinite(value):
        return "not defined"
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A time span in words of a few letters."""
    if seconds < 0.995:
        return f"{max(seconds, 0.001) * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min"
