"""The controls of the Explore page."""

import html

import streamlit as st

from lrviz.files import format_size
from lrviz.measures.definitions import QUANTITIES, WINDOW_TERMS
from lrviz.models.card import Card
from lrviz.models.inspection import fitting_images
from lrviz.ui import resources, state, triplet
from lrviz.views.presets import CHECK
from lrviz.views.scene import Scene

_LADDER = [float(f"{m}e{e}") for e in range(-6, 3) for m in (1, 1.5, 2, 3, 5, 7)]
_BUDGETS = (10_000, 50_000, 200_000, 500_000, 1_000_000)


def choose_model() -> None:
    """The model picker."""
    view, card, names = state.current(), _card(), resources.model_names()
    shown = view.model if card is None else card.training
    options = [*names] if shown in names else [shown, *names]
    st.selectbox(
        "Model", options, options.index(shown), **state.control("w-model", shown, _change_model),
        format_func=lambda name: names.get(name, name),
        width=190, label_visibility="collapsed",
    )  # fmt: skip


def show_model() -> None:
    """The card of the chosen model, and its epochs where there are several."""
    name, card, own = state.current().model, _card(), resources.own_notes()
    if card is not None:
        _choose_epoch(card)
        _show_card(card)
    elif name in own:
        _show_own(own[name])


def _card() -> Card | None:
    """The card of the chosen model, if it is a shipped one."""
    name = state.current().model
    return next((card for cards in resources.checkpoints().values() for card in cards if card.name == name), None)


def _choose_epoch(card: Card) -> None:
    """Go through the epochs of a training of which several checkpoints are there."""
    names = {member.epochs: member.name for member in resources.checkpoints()[card.training]}
    if len(names) > 1:
        st.select_slider(
            "Epoch", list(names), card.epochs, help="Checkpoints from the course of its training.",
            **state.control("w-epoch", card.epochs, lambda epoch: _change_model(names[epoch])),
        )  # fmt: skip


def _change_model(name: str) -> None:
    others = tuple(other for other in state.current().models if other != name)
    state.change(models=(name, *others) if name in state.current().models else (name,), class_index=None)
    card = _card() or resources.own_cards().get(name)
    images = state.current().images if card is None else fitting_images(state.current().images, card.input_shape)
    if images == state.current().images:
        state.want_window(CHECK)
    else:
        triplet.set_images(images)


def _show_card(card: Card) -> None:
    noise = f", {card.label_noise:.0%} label noise" if card.label_noise else ""
    st.html(
        f'<div class="lr-card">{html.escape(card.family)}, width <b>{card.width}</b>, '
        f"{card.num_parameters:,} parameters<br>{card.num_train_images:,} images of {html.escape(card.data)}{noise}<br>"
        f"test error <b>{card.test_error:.3f}</b> &nbsp; train error <b>{card.train_error:.3f}</b></div>"
    )


def _show_own(note: resources.OwnNote) -> None:
    card = note.card
    assumed = f"<br>assumed: {html.escape('; '.join(note.assumed)[:400])}" if note.assumed else ""
    shape = " x ".join(map(str, card.input_shape))
    st.html(
        f'<div class="lr-card">{html.escape(card.architecture[:100])}<br>{card.num_parameters:,} parameters, inputs '
        f"{shape}, {len(card.classes):,} outputs{assumed}</div>"
    )


def choose_colour(classes: tuple[str, ...]) -> None:
    """What a map shows, and of which outputs."""
    view = state.current()
    quantities = list(QUANTITIES)
    st.selectbox(
        "Colour regions by", quantities, quantities.index(view.colour), format_func=_colour_name,
        **state.control("w-colour", view.colour, lambda name: state.change(colour=name)),
        help=QUANTITIES[view.colour].help,
    )  # fmt: skip
    shown = -1 if view.class_index is None else view.class_index
    st.selectbox(
        "Outputs", range(-1, len(classes)), shown + 1, **state.control("w-class", shown, _change_class),
        format_func=lambda k: "all classes" if k < 0 else classes[k],
        disabled=not QUANTITIES[view.colour].per_class,
        help="Slope, jump, variation, deviation and similarity can be those of one class, or of all logits together.",
    )  # fmt: skip


def choose_edges() -> None:
    """How edges are drawn."""
    view = state.current()
    st.toggle(
        "Edges coloured by layer", view.layer_edges,
        **state.control("w-edges", view.layer_edges, lambda on: state.change(layer_edges=on)),
    )  # fmt: skip
    st.toggle(
        "Decision boundary", view.boundary, help=WINDOW_TERMS["boundary"].help,
        **state.control("w-boundary", view.boundary, lambda on: state.change(boundary=on)),
    )  # fmt: skip


def _change_class(chosen: int) -> None:
    state.change(class_index=None if chosen < 0 else chosen)


def _colour_name(quantity: str) -> str:
    return {"region": "region (by id)", "density": "density (log)"}.get(quantity, QUANTITIES[quantity].label)


def choose_place(scene: Scene, presets: dict[str, str], size: str) -> None:
    """Where the window is, and how much is computed, each behind a button; arguments as of `choose_window`."""
    with st.popover("Window", icon=":material/crop_free:", width="stretch"):
        choose_window(scene, presets, size)
    with st.popover("Budget", icon=":material/tune:", width="stretch"):
        choose_limits()


def chosen_device() -> str:
    """The device that was chosen, on any page."""
    return st.session_state.get("w-device") or resources.devices()[0]


def choose_window(scene: Scene, presets: dict[str, str], size: str) -> None:
    """Presets, centre and half width of the window.

    Args:
        scene: What is shown.
        presets: Where the window can be put, by what is said of it.
        size: How large the presets make it, for the help text.
    """
    u, v, half = _place(scene)
    st.selectbox(
        "Window", list(presets), None, placeholder="go to ...",
        format_func=lambda name: f"around {name}" if name.startswith("image ") else name,
        **state.control("w-preset", None, lambda name: state.want_window(presets[name])),
        help=f"Sets the centre, and a size that holds {size}.",
    )  # fmt: skip
    left, right = st.columns(2, gap="small")
    left.number_input(
        "centre u", value=u, format="%.4f", step=half,
        **state.control("w-u", u, lambda chosen: _move(scene, u=chosen)),
    )  # fmt: skip
    right.number_input(
        "centre v", value=v, format="%.4f", step=half,
        **state.control("w-v", v, lambda chosen: _move(scene, v=chosen)),
    )  # fmt: skip
    st.select_slider(
        "half width (L2 distance)", sorted({*_LADDER, half}), half, format_func=lambda x: f"{x:.3g}",
        **state.control("w-half", half, lambda chosen: _resize(scene, chosen)),
    )  # fmt: skip
    largest = 10 * scene.plane.triangle().radius
    st.number_input(
        "half width, exactly", value=half, format="%.6g", min_value=min(1e-9, half), max_value=max(largest, half),
        step=half / 10, label_visibility="collapsed",
        **state.control("w-exact-half", half, lambda chosen: _resize(scene, chosen)),
    )  # fmt: skip


def _place(scene: Scene) -> tuple[float, float, float]:
    """Centre and half width of the window."""
    view = state.current()
    u, v = view.center or scene.window.center
    return float(u), float(v), float(view.half_width or scene.window.radius)


def _move(scene: Scene, u: float | None = None, v: float | None = None) -> None:
    old_u, old_v, half = _place(scene)
    center = old_u if u is None else u, old_v if v is None else v
    state.set_window(center, half, state.current().half_height)


def _resize(scene: Scene, half: float) -> None:
    u, v, _ = _place(scene)
    state.set_window((u, v), half)


def choose_limits() -> None:
    """The budget and the device."""
    view = state.current()
    budgets = sorted({*_BUDGETS, view.max_regions})
    left, right = st.columns(2, gap="small")
    left.selectbox(
        "Budget", budgets, budgets.index(view.max_regions), format_func=lambda n: f"{n:,}",
        **state.control("w-budget", view.max_regions, lambda n: state.change(max_regions=n)),
        help="Stop after that many regions.",
    )  # fmt: skip
    right.selectbox("Device", resources.devices(), key="w-device", format_func=str.upper)
    store = resources.store()
    st.caption(f"{format_size(store.size_bytes)} of {format_size(store.limit_bytes)} cache used")
