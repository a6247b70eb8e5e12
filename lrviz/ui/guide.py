"""A guide in three steps for who comes for the first time; the browser remembers that it was closed."""

import streamlit as st

_COOKIE = "lrviz-guide"
_YEAR = 365 * 24 * 3600

STEPS = (
    (
        "exact",
        "The exact map",
        "Each cell is one linear region: there the network is one affine function. Scroll to zoom and drag to move; "
        "the regions of what is visible are found anew. Shift and drag zooms to a box, a double click goes back out.",
    ),
    (
        "sampled",
        "The overview",
        "The triangle between the images A, B and C, sampled; the red frame is what the map shows. Drag a box in it to "
        "go there. Another model and other images are chosen in the bar at the top.",
    ),
    (
        "controls",
        "Colours and numbers",
        "Colour the regions by slope, jump, deviation and more. A click on the map opens a region below: its numbers, "
        "neighbours and slope as an image; shift and click pins two to compare. Share holds the link to the view.",
    ),
)
"""The place on the page that each step is about, its title and what it says."""


def show_guide() -> None:
    """The step that is open, if there is one."""
    session = st.session_state
    step = session.get("guide", None if _COOKIE in st.context.cookies.to_dict() else 0)
    if step is None:
        if session.get("guide-closed", False):
            _remember()
        return
    place, title, text = STEPS[step]
    with st.container(border=True, key="guide", gap="small"):
        st.html(
            f'<div class="lr-head"><span class="t">{title}</span>'
            f'<span class="s">{step + 1} of {len(STEPS)}</span></div><div class="lr-sub">{text}</div>'
            f"<style>.st-key-{place} {{outline: 2px solid var(--st-primary-color, #00798c); outline-offset: 5px; "
            "border-radius: 4px;}</style>"
        )
        with st.container(horizontal=True):
            is_last = step + 1 == len(STEPS)
            if not is_last:
                st.button("Next", type="primary", key="guide-next", on_click=open_guide, args=(step + 1,))
            st.button("Done" if is_last else "Skip the guide", key="guide-close", on_click=_close)


def open_guide(step: int = 0) -> None:
    """Show a step."""
    st.session_state.guide = step


def _close() -> None:
    st.session_state.guide = None
    st.session_state["guide-closed"] = True


def _remember() -> None:
    with st.container(key="remember-guide"):
        st.html(
            f"<script>document.cookie = '{_COOKIE}=closed; max-age={_YEAR}; path=/; SameSite=Lax'</script>",
            unsafe_allow_javascript=True,
        )
