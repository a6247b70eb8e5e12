"""The controls of the Paths page: path, models, class, and the part that is drawn."""

from collections.abc import Callable, Sequence

import streamlit as st

from lrviz.measures.curve import Curve
from lrviz.models.paths import FEW_ANCHORS, NUM_ANCHORS
from lrviz.ui import dialogs, look, path_state, resources, state, triplet
from lrviz.ui.gallery import choose_image
from lrviz.ui.visit import readable_image
from lrviz.views.view import ALL, MAX_ANCHORS, MAX_MODELS, NUM_IMAGES, PREDICTED, View

_KINDS = {
    "closed": "closed: moved on a circle",
    "open": "open: moved down",
    "triplet": "edges of a triplet",
    "images": "list of images",
}
_BASELINES = {"zero": "f", "chord": "f − chord", "view": "f − view"}


def choose_path() -> None:
    """The kind of path, its images, and how far an image is moved."""
    view = state.current()
    kinds = list(_KINDS)
    st.selectbox(
        "Path", kinds, kinds.index(view.kind), format_func=lambda kind: _KINDS[kind],
        **state.control("p-kind", view.kind, path_state.set_kind),
    )  # fmt: skip
    _show_images(view)
    if view.kind in ("closed", "open"):
        _choose_translations(view)


def _show_images(view: View) -> None:
    fewest, most = NUM_IMAGES[view.kind]
    for index, reference in enumerate(view.path_images):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            _show_image(index, reference)
            _offer(f"p-change-{index}", "Change", index)
            if len(view.path_images) > fewest:
                st.button(
                    "", icon=":material/close:", key=f"p-remove-{index}", help="Leave this image out",
                    on_click=path_state.remove_image, args=(index,),
                )  # fmt: skip
    if len(view.path_images) < most:
        _offer("p-add", "Add an image", len(view.path_images))


def _show_image(index: int, reference: str) -> None:
    record = readable_image(reference)
    letter = str(index)
    if record is None:
        st.markdown(f"**{letter}** not readable")
    else:
        look.image_card(letter, record.image, record.label or triplet.origin(reference), reference[-24:])


def _offer(key: str, label: str, index: int) -> None:
    what = f"image {index} of the path"
    dialogs.offer(key, label, lambda: choose_image(what, lambda reference: path_state.set_image(index, reference)))


def _choose_translations(view: View) -> None:
    left, right = st.columns(2, gap="small")
    left.number_input(
        "anchors", 2, MAX_ANCHORS, view.num_anchors,
        help=f"Translations of the image on the path. The paper takes {NUM_ANCHORS}, or {FEW_ANCHORS}.",
        **state.control("p-anchors", view.num_anchors, lambda number: path_state.change_path(num_anchors=number)),
    )  # fmt: skip
    right.number_input(
        "radius (pixels)", min(0.5, view.radius), max(31.0, view.radius), view.radius, step=0.5, format="%.1f",
        help="How far the image is moved. The paper takes 4; offsets are rounded to whole pixels.",
        **state.control("p-radius", view.radius, lambda radius: path_state.change_path(radius=radius)),
    )  # fmt: skip


def choose_models() -> None:
    """One or more models, and the one whose deviation and breakpoints are drawn."""
    view = state.current()
    names = resources.model_names()
    models = in_order(view.models)

    def written(name: str) -> str:
        return names.get(name, name)

    st.multiselect(
        "Models", [*dict.fromkeys((*names, *models))], models, format_func=written,
        max_selections=MAX_MODELS["paths"], **state.control("p-models", list(models), _change_models),
    )  # fmt: skip
    if len(models) > 1:
        st.selectbox(
            "Deviation and breakpoints of", models, models.index(view.model), format_func=written,
            **state.control("p-focus", view.model, _focus),
        )  # fmt: skip


def _change_models(chosen: list[str]) -> None:
    view = state.current()
    if not chosen:
        state.tell("A path needs at least one model, so the last one was kept.")
        return
    kept = [name for name in view.models if name in chosen]
    state.change(models=(*kept, *(name for name in chosen if name not in kept)))


def _focus(name: str) -> None:
    models = state.current().models
    state.change(models=(name, *(other for other in models if other != name)))


def in_order(models: Sequence[str]) -> tuple[str, ...]:
    """Models in the order of the list of all models, whichever is chosen first: so each keeps its colour."""
    place = {card.name: k for k, card in enumerate(resources.cards())}
    return tuple(sorted(models, key=lambda name: (place.get(name, len(place)), name)))


def choose_output(classes: tuple[str, ...], predicted: int | None) -> None:
    """Which output is drawn, and what is subtracted from it."""
    view = state.current()
    names = {PREDICTED: "predicted class", ALL: "all classes"} | {str(k): name for k, name in enumerate(classes)}
    if predicted is not None:
        names[PREDICTED] += f" ({classes[predicted]})"
    if view.output not in names:
        state.tell(
            f"The network has the outputs 0 to {len(classes) - 1}, not {view.output}: the predicted one is shown."
        )
        state.change(output=PREDICTED)
        state.write_link(completes=True)
    output, outputs = state.current().output, list(names)
    st.selectbox(
        "Class", outputs, outputs.index(output), format_func=lambda key: names[key],
        **state.control("p-output", output, lambda chosen: state.change(output=chosen)),
        help="The predicted class is that of the first image, by the first model. All classes are those of one model.",
    )  # fmt: skip
    st.segmented_control(
        "Draw", list(_BASELINES), default=view.baseline, format_func=lambda key: _BASELINES[key], required=True,
        **state.control("p-baseline", view.baseline, lambda chosen: state.change(baseline=chosen)), width="stretch",
        help="f itself; f minus its chord, whose area is the deviation; or f minus the line through its values at both "
        "ends of the view, which makes single pieces visible.",
    )  # fmt: skip


def choose_device() -> str:
    """Where the engine works."""
    return st.selectbox("Device", resources.devices(), key="w-device", format_func=str.upper)


def choose_part(curve: Curve) -> None:
    """The part of the path that is drawn: a segment, numbers, and steps from there."""
    view = state.current()
    stretch = path_state.stretch_of(view, curve.length)
    columns = st.columns([1.6, 1.2, 1.2, 3.3], gap="small", vertical_alignment="bottom")
    with columns[0]:
        _choose_segment(curve, (stretch.low, stretch.high))
    step = (stretch.high - stretch.low) / 4
    columns[1].number_input(
        "from", 0.0, curve.length, stretch.low, step=step, format="%.8g",
        **state.control("p-start", stretch.low, lambda low: _show_part(curve, low=low)),
    )  # fmt: skip
    columns[2].number_input(
        "to", 0.0, curve.length, stretch.high, step=step, format="%.8g",
        **state.control("p-end", stretch.high, lambda high: _show_part(curve, high=high)),
    )  # fmt: skip
    size, middle = stretch.high - stretch.low, (stretch.low + stretch.high) / 2
    whole = size >= curve.length
    moves: tuple[tuple[str, str, str, Callable[[], None], bool], ...] = (
        ("", ":material/chevron_left:", "Move back", _move(curve, stretch.low - size / 2, size), whole),
        ("", ":material/chevron_right:", "Move on", _move(curve, stretch.low + size / 2, size), whole),
        ("Zoom out", "", "Three times as much", _move(curve, middle - 1.5 * size, 3 * size), whole),
        (
            "Single pieces", "", f"Show {path_state.FEW_PIECES} pieces around the middle of the view",
            lambda: path_state.show_few_pieces(curve), not curve.is_exact,
        ),
    )  # fmt: skip
    with columns[3].container(horizontal=True, gap="small"):
        for label, icon, explanation, move, disabled in moves:
            st.button(
                label, icon=icon or None, help=explanation, on_click=move, disabled=disabled, width="stretch",
                key=f"p-move-{explanation}",
            )  # fmt: skip


def _show_part(curve: Curve, low: float | None = None, high: float | None = None) -> None:
    stretch = path_state.stretch_of(state.current(), curve.length)
    path_state.show_part(stretch.low if low is None else low, stretch.high if high is None else high, curve.length)


def _choose_segment(curve: Curve, shown: tuple[float, float]) -> None:
    ends = curve.position[curve.anchors]
    parts = {"whole path": (0.0, curve.length)} | {
        f"segment {k + 1}": (float(ends[k]), float(ends[k + 1])) for k in range(curve.num_segments)
    }
    near = [name for name, part in parts.items() if max(abs(a - b) for a, b in zip(part, shown, strict=True)) < 1e-9]
    here = near[0] if near else None
    part = state.control("p-part", here, lambda name: path_state.show_part(*parts[name or "whole path"], curve.length))
    st.session_state.setdefault(part["key"], here)  # Only a list without a default can be cleared.
    st.selectbox("Part", list(parts), None, placeholder="a part", **part)


def _move(curve: Curve, low: float, size: float) -> Callable[[], None]:
    """A step that keeps its size at the ends of the path."""
    low = min(max(low, 0.0), max(curve.length - size, 0.0))
    return lambda: path_state.show_part(low, low + size, curve.length)
