"""How wide the page is in the browser, for figures that lay themselves out by it."""

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

USUAL = 1100
"""Pixels of the page until the browser has told: as on a screen of 1440 pixels, beside an open sidebar."""

_KEY = "page-width"

_SCRIPT = """
const REST = 150; // milliseconds without a change after which it is told
const LEAST = 24; // pixels of a change that matters

export default function mount({ data, parentElement, setStateValue }) {
  let timer;
  const look = () => {
    const width = Math.round(parentElement.getBoundingClientRect().width);
    if (width && Math.abs(width - data.known) >= LEAST) setStateValue("width", width);
  };
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(look, REST);
  });
  observer.observe(parentElement);
  return () => {
    clearTimeout(timer);
    observer.disconnect();
  };
}
"""


def page_width() -> int:
    """Pixels between the margins of the page; it runs again when they change."""
    known = st.session_state.setdefault("page_pixels", USUAL)
    with st.container(key="page-width-place"):
        _component()(data={"known": known}, key=_KEY, on_width_change=_told)
    return known


def _told() -> None:
    width = (st.session_state.get(_KEY) or {}).get("width")
    if isinstance(width, int) and width > 0:
        st.session_state.page_pixels = width


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component("lrviz.page_width", js=_SCRIPT, isolate_styles=False)
