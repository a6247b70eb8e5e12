"""What a session shows, for all pages: one frozen `View`, read from the link, changed, undone, and written back to it.

A page begins with `view = state.open_page(name, first)`, which reads its link, takes over what the last page showed, or
goes where the browser's Back and Forward went. Callbacks call `change(colour="jump")`; a page never sets the view
otherwise. `want_window("centroid")` asks for a window that `lrviz.ui.fitting.settle` then chooses in the background.
All that was changed between two runs of a page is one entry of the history, in the browser and for `step`; a page that
changes the view while it runs calls `write_link()`. `generation()` is part of the keys of widgets that must forget
what was selected on them when the view becomes another. `tell` says something until the user closes it.
Widgets show the view by `control`. Pages run again by `state.rerun()`, so that the address is not taken for
one that the browser went to.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import streamlit as st

from lrviz.errors import InvalidView, LrvizError
from lrviz.ui import resources
from lrviz.views.history import History
from lrviz.views.link import read_link
from lrviz.views.presets import CHECK, Wanted
from lrviz.views.view import IMAGES, MAP_PAGES, View

DEFAULT_MODEL = "cnn5-w8-noise20"

_LATE = 1.0
"""Seconds after a new address in which what the browser had sent before may still arrive, with the last one."""


def current() -> View:
    """The view of this session."""
    return st.session_state.view


def default_view() -> View:
    """What is shown where nothing says otherwise."""
    names = [card.name for card in resources.cards()]
    return View(models=(DEFAULT_MODEL if DEFAULT_MODEL in names or not names else names[0],), images=IMAGES)


def open_page(
    page: str, first: Callable[[], View] = default_view, arrive: Callable[[View], View] = lambda view: view
) -> View:
    """The view of this session, on a page.

    Args:
        page: The name of the page, as in `lrviz.views.view.ADDRESSES`.
        first: Makes the view of a session that begins here without a link.
        arrive: Suits to this page what another one showed.
    """
    session, query = st.session_state, st.query_params.to_dict()
    session.shows_view = True
    if "view" not in session:
        session.view, session.history = first().on(page), History()
        _begin(query)
        if query:
            _read(query)
    elif session.view.page != page or not session.showed_view:
        resources.wait_only_for(())
        _begin(query)
        if query:
            _go_to(page, query, first)
        else:
            session.view, session.is_arriving = arrive(_on(page, first)), True
    elif not session.get("is_own_run", False) and _is_elsewhere(query):
        _begin(query)
        _go_to(page, query, first)
    write_link()
    return session.view


def _on(page: str, first: Callable[[], View]) -> View:
    """What the session shows, on another page, or what that page shows first if it cannot show that."""
    try:
        return current().on(page)
    except InvalidView as error:
        tell(str(error))
        return first().on(page)


def _is_elsewhere(query: dict[str, str]) -> bool:
    """Whether the browser went to another address; it did not if it had just not heard of the present one."""
    session = st.session_state
    if query in (session.address, *session.earlier):
        return False
    return query not in session.left or time.monotonic() - session.left_at > _LATE


def _begin(query: dict[str, str]) -> None:
    """The address is another one, and nothing is open or pending any more."""
    session = st.session_state
    session.address, session.earlier, session.left = query, (), ()
    session.is_open, session.is_arriving = False, False
    for name in ("dialog", "replacement"):
        session.pop(name, None)


def _go_to(page: str, query: dict[str, str], first: Callable[[], View]) -> None:
    """Show what an address says that the browser went to."""
    session = st.session_state
    found = session.history.find(page, _plain(page, query))
    session.pop("wanted", None)
    session.view = _on(page, first)
    if found is not None:
        session.history = found
        session.view = found.current
    elif query:
        _read(query)
    else:
        session.view = session.history.first_of(page) or session.view
    forget_selections()


def _read(query: dict[str, str]) -> None:
    """Show what can be read of a link, and say what was left out."""
    session = st.session_state
    session.view, problems, missing, window = read_link(query, session.view)
    if window is not None:
        session.wanted = window
    elif not (problems or missing) or session.view.center is not None:
        session.pop("wanted", None)
    if problems:
        tell("Some of the link could not be read and was left out. " + " ".join(problems))
    if missing:
        tell(f"The link does not say {', '.join(missing)}: what is missing was chosen.")


def shows_view() -> bool:
    """Whether the page that runs shows the view of the session."""
    return st.session_state.get("shows_view", False)


def change(**values: Any) -> None:
    """Change fields of the view; what cannot be shown is told, and not done."""
    try:
        st.session_state.view = replace(current(), **values)
    except InvalidView as error:
        tell(str(error))
    st.session_state.is_own_run = True


def control(name: str, value: Any, choose: Callable[[Any], None]) -> dict[str, Any]:
    """Arguments `key` and `on_change` of a control whose default is a value of the view.

    Explore runs by itself while something is computed. What such a run told a control could take back what a visitor
    did meanwhile, and what it hears of one can be older than what Undo or Back put into the view. So nothing is told:
    a value that was not chosen here makes a new control, and what is heard of the last one does not count.

    Args:
        name: Of the control.
        value: Of the view.
        choose: Called with another value that the visitor chose.
    """
    session, last = st.session_state, f"last-{name}"
    number, told = session.get(last, (0, value))
    number += session.get(_numbered(name, number), told) != value
    session[last] = number, value
    key = _numbered(name, number)

    def chosen() -> None:
        if session[last][0] == number:
            choose(session[key])

    return {"key": key, "on_change": chosen}


def _numbered(name: str, number: int) -> str:
    return f"{name}-{number}" if number else name


def set_window(center: tuple[float, float], half_width: float, half_height: float | None = None) -> None:
    """Move the window, and forget the boxes that were drawn on the figures."""
    change(center=center, half_width=half_width, half_height=half_height)
    st.session_state.pop("wanted", None)
    forget_selections()


def want_window(wanted: Wanted) -> None:
    """Ask for a window; see `lrviz.views.presets`."""
    st.session_state.wanted = wanted
    st.session_state.is_own_run = True


def wanted_window() -> Wanted | None:
    """The window that was asked for and is not chosen yet."""
    return st.session_state.get("wanted")


def forget_wanted_window() -> None:
    """The window is chosen, or cannot be."""
    st.session_state.pop("wanted", None)


def generation() -> int:
    """Part of the figures' keys: a new one makes them forget what was selected."""
    return st.session_state.get("generation", 0)


def forget_selections() -> None:
    """Let figures forget what was selected on them, since they show something else."""
    st.session_state.generation = generation() + 1


def write_link(*, completes: bool = False) -> None:
    """Put the view into the address of the page, and into the history; for the time being while a window is chosen.

    Args:
        completes: Whether the page filled in what the view had left open, which is no change of its own.
    """
    session, view = st.session_state, current()
    session.pop("is_own_run", None)
    is_open = wanted_window() is not None
    if is_open and (view.center is None or wanted_window() != CHECK):
        return
    session.history = session.history.visit(view, instead=session.is_open or completes)
    query = view.to_query()
    if _plain(view.page, session.address) != query:
        if session.is_open or session.is_arriving or completes:
            session.earlier, session.replacement = (*session.earlier, session.address), query
        else:
            session.left, session.left_at = tuple(filter(None, (session.address, *session.earlier))), time.monotonic()
            session.earlier, session.replacement = (), None
            st.query_params.from_dict(query)
        session.address = query
    session.is_open = is_open
    session.is_arriving = session.is_arriving and is_open


def replacement() -> dict[str, str] | None:
    """The address that takes the place of the present one, without an entry of its own in the browser's history."""
    return st.session_state.pop("replacement", None)


def _plain(page: str, query: dict[str, str]) -> dict[str, str]:
    """A link as views write it, if it is a sound one."""
    try:
        return View.from_query(query, page).to_query()
    except InvalidView:
        return query


def can_step(by: int) -> bool:
    """Whether there is something to undo (-1) or to redo (1)."""
    return "history" in st.session_state and st.session_state.history.step(by) is not None


def step(by: int) -> None:
    """Undo (-1) or redo (1) a change."""
    session = st.session_state
    session.history, session.is_open = session.history.move(by), False
    session.notices = ()  # of what was shown until now
    forget_wanted_window()
    show(session.history.current)


def show(view: View) -> None:
    """Show a view of the page that is open, whole."""
    st.session_state.view, st.session_state.is_own_run = view, True
    forget_selections()


def go(view: View) -> NoReturn:
    """Show a view, on its own page; what shows no models keeps those of the session."""
    is_here = shows_view() and view.page == current().page
    if view.page == "sweeps" and "view" in st.session_state:
        view = replace(view, models=current().models, images=current().images)
    st.session_state.setdefault("history", History())
    show(view)
    forget_wanted_window()
    st.session_state.is_open = False
    if is_here or "pages" not in st.session_state:
        st.rerun()
    st.switch_page(st.session_state.pages[view.page], query_params=view.to_query())


def open_with(view: View) -> NoReturn:
    """Show models and images on the page of a view, on maps in a window that suits them."""
    st.session_state.setdefault("history", History())
    show(view)
    if view.page in MAP_PAGES:
        want_window("centroid")
    if "pages" not in st.session_state:
        st.rerun()
    st.switch_page(st.session_state.pages[view.page])


def rerun() -> NoReturn:
    """Run the page again."""
    st.session_state.is_own_run = True
    st.rerun()


def tell(text: str, instead_of: str | None = None) -> None:
    """Say something until the user closes it, instead of all that began with some words."""
    kept = [note for note in notices() if note != text and not (instead_of and note.startswith(instead_of))]
    st.session_state.notices = (*kept, text)


def attempt(action: Callable[..., None], *arguments: Any) -> None:
    """What a button does: what goes wrong becomes a notice."""
    try:
        action(*arguments)
    except LrvizError as error:
        tell(str(error))


def notices() -> tuple[str, ...]:
    """What was told and is not closed yet."""
    return st.session_state.get("notices", ())


def close_notice(text: str) -> None:
    """The user has read it."""
    st.session_state.notices = tuple(note for note in notices() if note != text)
