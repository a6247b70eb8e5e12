"""Ways on from a view that names models that are not there: models of similar names, and the default view."""

from collections.abc import Callable
from difflib import get_close_matches

import streamlit as st

from lrviz.ui import resources, state
from lrviz.views.presets import CHECK
from lrviz.views.view import View

_MOST = 3


def offer_others(view: View, first: Callable[[], View]) -> None:
    """Buttons that open models with names like those that are not known, or what the page shows by default.

    Args:
        view: What names the models.
        first: Makes the view that the page shows by default.
    """
    known = [card.name for cards in resources.checkpoints().values() for card in cards]
    with st.container(horizontal=True):
        for name in view.models:
            for close in get_close_matches(name, known, n=_MOST) if name not in known else ():
                st.button(f"Open {close}", key=f"instead-{close}", on_click=_replace, args=(name, close))
        st.button("Default view", key="default-view", on_click=_start_again, args=(first,))


def _replace(name: str, other: str) -> None:
    models = (other if model == name else model for model in state.current().models)
    state.change(models=tuple(dict.fromkeys(models)))
    state.want_window(CHECK)


def _start_again(first: Callable[[], View]) -> None:
    state.forget_wanted_window()
    state.show(first().on(state.current().page))
