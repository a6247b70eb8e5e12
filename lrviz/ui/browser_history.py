"""What Back and Forward leave is left: a page that was still running then does not put its address back.

Streamlit writes the address of a page when it hears that the page runs, also where that was on its way while the
browser went to another one: then that one's entry in the history is lost.
"""

import streamlit as st

_SCRIPT = """
<style>[data-testid="stLayoutWrapper"]:has(> .st-key-browser-history) {display: none;}</style>
<script>
if (!window.lrvizHistory) {
  const WHILE = 5000; // milliseconds in which a page that was left may still be heard of
  const guard = (window.lrvizHistory = { path: null, until: 0 });
  const push = history.pushState.bind(history);
  history.pushState = (state, title, url) => {
    const isLate = performance.now() < guard.until && new URL(url ?? location, location).pathname !== guard.path;
    if (!isLate) push(state, title, url);
  };
  addEventListener("popstate", () => {
    guard.path = location.pathname;
    guard.until = performance.now() + WHILE;
  });
  for (const chosen of ["pointerdown", "keydown"]) addEventListener(chosen, () => (guard.until = 0), true);
}
</script>
"""


def guard_history() -> None:
    """Watch the browser's history, once in each tab."""
    with st.container(key="browser-history"):
        st.html(_SCRIPT, unsafe_allow_javascript=True)
