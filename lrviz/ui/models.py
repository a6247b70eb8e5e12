"""The Models page: cards, the user's own networks, data, cache."""

import streamlit as st

from lrviz.files import format_size
from lrviz.models.card import Card
from lrviz.models.images import DATA_VARIABLE
from lrviz.ui import look, resources, state
from lrviz.ui.look import Container
from lrviz.ui.markdown import plain
from lrviz.ui.own_networks import offer_pages, show_own_networks
from lrviz.words import counted

_PERCENT = st.column_config.NumberColumn(format="percent")


def models(bar: Container) -> None:
    """The whole page; its bar needs nothing of it."""
    look.apply_look()
    st.subheader("Models")
    cards = resources.cards()
    if not cards:
        st.info("No trained models are installed. Install lrviz again: they come with it.")
    else:
        _show_table(cards)
    st.subheader("Your networks")
    show_own_networks()
    st.subheader("Data")
    st.markdown(
        "Twenty test images of CIFAR-10 and twenty of CIFAR-100 travel with lrviz. To use whole data sets, set the "
        f"environment variable `{DATA_VARIABLE}` to their folder before starting the app: class folders, npz files or "
        "torchvision's layout. Images then have names such as `cifar10:test:17`."
    )
    st.subheader("Cache")
    _show_cache()


def _show_table(cards: tuple[Card, ...]) -> None:
    chosen = st.dataframe(
        [
            {
                "model": card.name, "family": card.family, "width": card.width,
                "parameters": card.num_parameters, "train error": card.train_error, "test error": card.test_error,
                "data": card.data, "images": card.num_train_images, "label noise": card.label_noise,
                "seed": card.seed, "epochs": card.epochs,
            }
            for card in cards
        ],
        hide_index=True, on_select="rerun", selection_mode="single-row", key="models",
        height=36 * (min(len(cards), 14) + 1),
        column_config={
            "model": st.column_config.TextColumn(width=260),
            "family": st.column_config.TextColumn(width=150),
            "parameters": st.column_config.NumberColumn(format="localized"),
            "images": st.column_config.NumberColumn(format="localized"),
            "label noise": _PERCENT,
            "train error": st.column_config.NumberColumn(format="%.3f"),
            "test error": st.column_config.NumberColumn(format="%.3f"),
        },
    )  # fmt: skip
    rows = chosen.selection.rows
    if rows and rows[0] < len(cards):
        _show_card(cards[rows[0]])
    else:
        st.caption("Choose a row to see the model's card.")


def _show_card(card: Card) -> None:
    with st.container(border=True):
        st.markdown(f"**{plain(card.name)}**, trained on {card.date} with lrviz {card.lrviz_version}")
        st.markdown(plain(card.recipe))
        mean, std = (", ".join(f"{x:.4f}" for x in values) for values in (card.mean, card.std))
        classes = plain(", ".join(card.classes))
        st.caption(f"Input: (image - mean) / std, with mean {mean} and std {std}. Classes: {classes}.")
        st.code(card.reproduce, language="bash", wrap_lines=True)
        offer_pages("card", card.name, card)


def _show_cache() -> None:
    store = resources.store()
    look.numbers(
        [
            ("stored results", f"{len(store):,}"),
            ("used", format_size(store.size_bytes)),
            ("limit", format_size(store.limit_bytes)),
        ]
    )
    with st.popover("Clear the cache", icon=":material/delete:"):
        st.caption("Everybody's results are removed, and found anew where they are needed. Networks stay.")
        if st.button(f"Remove {counted(len(store), 'result')}", key="clear-cache", type="primary"):
            store.clear()
            state.rerun()
