"""Ways on from a view that cannot be shown: bring its models, take others like them, or inputs that fit."""

from collections.abc import Callable
from difflib import get_close_matches

import streamlit as st

from lrviz.errors import LrvizError
from lrviz.files import shown
from lrviz.models.inspection import fitting_images
from lrviz.models.opening import is_file
from lrviz.ui import resources, state, triplet
from lrviz.ui.markdown import plain
from lrviz.ui.own_networks import take_file
from lrviz.ui.visit import changed_at, find_card
from lrviz.views.presets import CHECK
from lrviz.views.view import View

_MOST = 3


def offer_others(view: View, first: Callable[[], View]) -> None:
    """Buttons that bring models that are not there, open ones of similar names, take inputs that fit, or begin anew.

    Args:
        view: What cannot be shown.
        first: Makes the view that the page shows by default.
    """
    known = [card.name for cards in resources.checkpoints().values() for card in cards]
    with st.container(horizontal=True):
        meant = {
            close: name
            for name in view.models
            for close in (get_close_matches(name, known, n=_MOST) if name not in known else ())
        }
        for close, name in meant.items():
            st.button(f"Open {plain(close)}", key=f"instead-{close}", on_click=_replace, args=(name, close))
        images = _fitting(view)
        if images:
            st.button("Inputs that fit", key="fitting-inputs", type="primary", on_click=_take_inputs, args=(images,))
        st.button("Default view", key="default-view", on_click=_start_again, args=(first,))
    for name in filter(is_file, view.models):
        if not changed_at(name):
            _offer_upload(name)


def _fitting(view: View) -> tuple[str, ...]:
    """A triplet for the first model, where it is there and does not take the present images."""
    present = view.path_images if view.page == "paths" else view.images
    try:
        images = fitting_images(present, find_card(view.model).input_shape)
    except LrvizError:
        return ()
    return images if images != present else ()


def _take_inputs(images: tuple[str, ...]) -> None:
    if state.current().page == "paths":
        state.change(images=images, kind="triplet", start=None, end=None)
    else:
        triplet.set_images(images)


def _offer_upload(name: str) -> None:
    """A drop area for a network that a link names and this server lacks; the same file gets the same name again."""
    taken = take_file(f"This server does not have {plain(shown(name))}: drop its file here.", f"missing-{name}")
    if taken is not None:
        _replace(name, taken[0])
        state.rerun()


def _replace(name: str, other: str) -> None:
    models = (other if model == name else model for model in state.current().models)
    state.change(models=tuple(dict.fromkeys(models)))
    state.want_window(CHECK)


def _start_again(first: Callable[[], View]) -> None:
    state.forget_wanted_window()
    state.show(first().on(state.current().page))
