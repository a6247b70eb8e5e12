"""Networks of the user's own: brought as files, reported on, described, kept in the library, opened on the pages."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from lrviz.errors import InvalidRequest, LrvizError, Refusal, UnsupportedOperation
from lrviz.files import format_size
from lrviz.models.access import FOLDERS_VARIABLE, TRUST_VARIABLE
from lrviz.models.card import Card
from lrviz.models.catalogue import Model
from lrviz.models.description import FIELDS, PRESETS, Description, read_description
from lrviz.models.inspection import Inspection, default_images, inspect_model
from lrviz.models.library import Library, is_upload
from lrviz.models.opening import SUFFIXES
from lrviz.network.refusals import alternative
from lrviz.ui import following, look, resources, state
from lrviz.ui.following import Task
from lrviz.ui.jobs import Job
from lrviz.ui.markdown import plain
from lrviz.ui.state import open_with
from lrviz.ui.visit import load_model, remember, remembered
from lrviz.views.view import View
from lrviz.words import counted, duration

MAX_UPLOAD_MB = 500
"""Largest file that is taken."""

_PAGES = {"explore": "Explore", "compare": "Compare", "paths": "Paths"}
_REFUSED = "background-color: rgba(209, 73, 91, 0.18)"


def show_own_networks() -> None:
    """The section of the Models page."""
    _take_upload()
    _take_path()
    name = st.session_state.get("own-network")
    if name:
        _show_report(name)
    _show_library()


def _take_upload() -> None:
    taken = take_file(f"A network: {', '.join(SUFFIXES)}", "own")
    if taken is not None:
        _choose(*taken)


def _choose(name: str, title: str) -> None:
    """Show the report on a network."""
    st.session_state["own-network"], st.session_state["own-title"] = name, title
    st.session_state["own-said"] = {}


def take_file(label: str, key: str) -> tuple[str, str] | None:
    """A drop area for a network, which goes into the library; what that calls it and its title, once for each file.

    Args:
        label: What stands above it.
        key: Of its own on the page.
    """
    file = st.file_uploader(
        label, type=[suffix[1:] for suffix in SUFFIXES], max_upload_size=MAX_UPLOAD_MB, key=f"{key}-upload"
    )
    if file is None or st.session_state.get(f"{key}-taken") == file.file_id:
        return None
    st.session_state[f"{key}-taken"] = file.file_id
    try:
        return Library.of_user().keep(file.getvalue(), Path(file.name).suffix.lower()), Path(file.name).stem
    except LrvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


def _take_path() -> None:
    def chosen() -> None:
        name = st.session_state["own-path"].strip()
        _choose(name, Path(name).stem)

    st.text_input(
        "Or the path of a file on the server", key="own-path", on_change=chosen, placeholder="/data/net.onnx",
        help=f"A file below the folders that the operator allows by {FOLDERS_VARIABLE}.",
    )  # fmt: skip


def _show_report(name: str) -> None:
    said = st.session_state.get("own-said", {})
    job = _inspect(name, said)
    if not job.wait(following.PATIENCE):
        following.follow([Task("Looking at the network", job, can_cancel=False)])
        return
    found = job.result if job.error is None else job.error
    with st.container(border=True):
        if isinstance(found, Inspection):
            title = st.session_state.get("own-title") or found.model.name
            model = replace(found.model, name=title)
            if is_upload(name) or said:
                _keep(name, model)
            _show_facts(name, found, model)
            offer_pages("report", name, model.card)
        elif isinstance(found, UnsupportedOperation):
            st.error(plain(str(found).partition(" Supported are: ")[0]), icon=":material/error:")
            _show_refusals(found.refusals)
        else:
            st.error(plain(found), icon=":material/error:")
        _ask(found if isinstance(found, Inspection) else None)


def _inspect(name: str, said: dict[str, Any]) -> Job:
    """Look at a network in the background; the result is an `Inspection`, or the error that names what it uses."""

    def work(report, cancelled) -> Inspection | UnsupportedOperation:  # type: ignore[no-untyped-def]
        report(0.0, "reading, tracing and trying the network")
        try:
            return inspect_model(load_model(name, **said))
        except UnsupportedOperation as error:
            return error

    key = f"inspect {name} {sorted(said.items())}"
    with suppress(LrvizError):  # looking at it tells what is wrong
        note = remembered(name)
        key = f"inspect {name} {note.content} {Description(**said).over(note.said)} {note.confirmed}"
    return resources.submit(key, work)


def _keep(name: str, model: Model, *, confirm: bool = False) -> None:
    """Remember what was said of a network, or say why not."""
    try:
        remember(name, model, confirm=confirm)
    except LrvizError as error:
        st.error(plain(str(error)), icon=":material/error:")


def _show_facts(name: str, found: Inspection, model: Model) -> None:
    card = model.card
    st.markdown(f"**{plain(model.name)}**")
    look.numbers(
        [
            ("parameters", f"{card.num_parameters:,}"),
            ("units", f"{found.program.num_units:,}"),
            ("layers", f"{len(found.program.layers):,}"),
            ("error of the conversion", f"{found.error:.1e}"),
        ]
    )
    if found.model.assumed:
        st.info(
            f"Nobody says otherwise, so these are assumed: {plain('; '.join(found.model.assumed))}.",
            icon=":material/info:",
        )
        st.button(
            "They are right", key="own-confirm", icon=":material/check:", help="Say below what is not so.",
            on_click=lambda: _keep(name, model, confirm=True),
        )  # fmt: skip
    for note in (*found.program.notes, *([found.image.notice] if found.image.notice else [])):
        st.caption(plain(note))
    st.dataframe(
        [
            {
                "layer": layer.name, "shape": " x ".join(map(str, layer.shape)) or "1", "units": layer.num_units,
                "kind": layer.kind,
            }
            for layer in found.program.layers
        ],
        hide_index=True, height=36 * (min(len(found.program.layers), 8) + 1), key="own-layers",
        column_config={"units": st.column_config.NumberColumn(format="localized")},
    )  # fmt: skip
    images = ", ".join(f"`{name}`" for name in default_images(card.input_shape))
    for half, estimate in found.estimates.items():
        st.caption(
            f"A window of half width {half:.3g} around the middle of {images}: "
            f"about {counted(round(estimate.num_regions), 'region')}, {duration(estimate.seconds)}."
        )


def _show_refusals(refusals: tuple[Refusal, ...]) -> None:
    """What is not supported, in colour."""
    import pandas as pd  # noqa: PLC0415

    table = pd.DataFrame(
        [
            {
                "operation": refusal.operation, "module": refusal.module, "kind": refusal.kind,
                "why": refusal.reason or "not piecewise linear", "use instead": alternative(refusal.operation),
            }
            for refusal in refusals
        ]
    )  # fmt: skip
    if len(table):
        st.dataframe(table.style.map(lambda _: _REFUSED), hide_index=True, key="own-refusals")


def _ask(found: Inspection | None) -> None:
    """Fields for what is not said, with what is assumed as their examples."""
    with st.expander("Say what the file does not", expanded=found is None), st.form("own-say", border=False):
        texts = {name: st.text_input(field.label.capitalize(), key=f"own-{name}", placeholder=field.example)
                 for name, field in FIELDS.items() if name != "dataset"}  # fmt: skip
        dataset = st.selectbox("Trained on", list(PRESETS), index=None, key="own-dataset")
        if st.form_submit_button("Look again", key="own-again"):
            try:
                said = read_description({name: text for name, text in texts.items() if text.strip()})
            except InvalidRequest as error:
                st.error(plain(str(error)))
                return
            st.session_state["own-said"] = said | ({"dataset": dataset} if dataset else {})
            st.rerun()
    st.caption(
        "Files that run code when they are opened (.pt2, TorchScript) are refused unless the operator sets "
        f"{TRUST_VARIABLE}=1."
    )


def offer_pages(place: str, name: str, card: Card) -> None:
    """Buttons that open a network on the other pages, where `place` on this page tells them from others."""
    with st.container(horizontal=True):
        for page, label in _PAGES.items():
            if st.button(f"Open in {label}", key=f"{place}-open-{page}-{name}"):
                open_with(view_of(page, name, card))


def view_of(page: str, name: str, card: Card) -> View:
    """A view of a network on a page, with inputs that it takes."""
    view = View(page=page, models=(name,), images=default_images(card.input_shape))
    return replace(view, kind="triplet") if page == "paths" and len(card.input_shape) != 3 else view


def _show_library() -> None:
    """The networks that were brought, and how much room they take."""
    library, networks = Library.of_user(), resources.own_notes()
    for name, note in networks.items():
        card = note.card
        with st.container(horizontal=True, vertical_alignment="center"):
            shape = " x ".join(map(str, card.input_shape))
            st.markdown(
                f"**{plain(card.name)}** {plain(card.architecture[:60])}, inputs {shape}, {len(card.classes):,} outputs"
            )
            st.button("Look", key=f"own-look-{name}", on_click=_choose, args=(name, card.name))
            offer_pages("library", name, card)
            _offer_delete(name)
        if note.assumed:
            st.caption(f"Assumed, and not confirmed: {plain('; '.join(note.assumed))}.")
    _show_others(library, [name for name in library.references if name not in networks])
    st.caption(
        f"Uploaded networks and images are kept in {plain(str(library.folder))}: {format_size(library.size_bytes)} of "
        f"{format_size(library.max_bytes)}. Links to them work as long as they are there."
    )


def _show_others(library: Library, names: list[str]) -> None:
    """Images, and networks that could not be opened."""
    if not names:
        return
    with st.expander(f"{counted(len(names), 'other upload')}: images, and files that did not open"):
        for name in names:
            path = library.path(name)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{plain(name)} {format_size(path.stat().st_size)}")
                _offer_delete(name)


def _offer_delete(name: str) -> None:
    st.button(
        "Delete", key=f"own-delete-{name}", icon=":material/delete:", on_click=state.attempt, args=(_delete, name)
    )


def _delete(name: str) -> None:
    Library.of_user().delete(name)
    if st.session_state.get("own-network") == name:
        del st.session_state["own-network"]
