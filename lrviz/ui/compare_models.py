"""Which models a comparison shows: a family, widths and seeds, kept for the session and in the link."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from lrviz.errors import InvalidView
from lrviz.models.card import Card
from lrviz.ui import resources, state
from lrviz.ui.visit import find_card
from lrviz.views.presets import CHECK
from lrviz.views.view import View

DEFAULT_ARCHITECTURE = "cnn5"
DEFAULT_WIDTHS = (2, 8, 24)
DEFAULT_CENTER = (34.909, 18.057)
DEFAULT_HALF_WIDTH = 0.2
DEFAULT_COLOUR = "jump"


class Family(NamedTuple):
    """What models have in common that differ in width and seed only; equal normalisation makes their planes equal."""

    architecture: str
    data: str
    num_train_images: int
    label_noise: float
    batch_norm: bool
    augmentation: bool
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def label(self) -> str:
        """The family in a few words."""
        parts = [self.architecture, f"{self.num_train_images:,} images of {self.data}"]
        parts += [f"{self.label_noise:.0%} label noise"]
        parts += ["batch norm"] * self.batch_norm + ["augmented"] * self.augmentation
        return ", ".join(parts)


def family_of(card: Card) -> Family:
    """The family of a model."""
    return Family(*(getattr(card, name) for name in Family._fields))


def group_families(cards: Sequence[Card]) -> dict[Family, list[Card]]:
    """The families of several widths, by architecture and data, with their models by width and seed."""
    families: dict[Family, list[Card]] = {}
    plain = (card for card in cards if not card.is_variant)
    for card in sorted(plain, key=lambda card: (card.width, card.seed)):
        families.setdefault(family_of(card), []).append(card)
    ordered = sorted(families, key=lambda family: (family.architecture, family.data))
    return {family: families[family] for family in ordered if len({card.width for card in families[family]}) > 1}


def first_view() -> View:
    """The default comparison."""
    view = replace(state.default_view(), center=DEFAULT_CENTER, half_width=DEFAULT_HALF_WIDTH, colour=DEFAULT_COLOUR)
    return replace(view, models=_default_models() or view.models)


def arrive(view: View) -> View:
    """The models of the first one's family, with others of that family if it is alone."""
    state.want_window(CHECK)
    known = {card.name: family for family, cards in group_families(resources.cards()).items() for card in cards}
    family = known.get(view.model)
    if family is None:
        own = resources.own_cards()
        fitting = (
            name
            for name in view.models
            if view.model in own and name in own and own[name].shares_plane(own[view.model])
        )
        return replace(view, models=tuple(fitting) or view.models[:1])
    models = tuple(name for name in view.models if known.get(name) == family)
    if len(models) == 1:
        cards = group_families(resources.cards())[family]
        seed = next(card.seed for card in cards if card.name == view.model)
        models = (*models, *(name for name in _some_of(cards, seed) if name != view.model))
    return replace(view, models=models)


def chosen() -> tuple[str, ...]:
    """The models of this session, which may be none."""
    is_empty = st.session_state.get("nothing_chosen") == state.current().to_link()
    return () if is_empty else state.current().models


def _default_models() -> tuple[str, ...]:
    families = group_families(resources.cards())
    for family, cards in families.items():
        if family.architecture == DEFAULT_ARCHITECTURE:
            return _names(cards, DEFAULT_WIDTHS, {cards[0].seed})
    return tuple(card.name for card in next(iter(families.values()), [])[:2])


def _some_of(cards: Sequence[Card], seed: int) -> tuple[str, ...]:
    """A narrow, a middle and a wide one of a family, of one seed."""
    widths = sorted({card.width for card in cards if card.seed == seed})
    kept = [k for k in DEFAULT_WIDTHS if k in widths]
    some = kept if len(kept) > 1 else [widths[0], widths[len(widths) // 2], widths[-1]]
    return _names(cards, some, {seed})


def _names(cards: Sequence[Card], widths: Collection[int], seeds: Collection[int]) -> tuple[str, ...]:
    """Models of the chosen widths and seeds, seed by seed."""
    return tuple(
        card.name
        for card in sorted(cards, key=lambda card: (card.seed, card.width))
        if card.width in widths and card.seed in seeds
    )


def cards_of(models: tuple[str, ...]) -> dict[str, Card]:
    """The cards of models, seed by seed and from narrow to wide.

    Raises:
        LrvizError: There is no such model, or its card is damaged, or they differ in inputs, normalisation or classes:
            the same window would be of different planes.
    """
    known = {card.name: card for card in resources.cards()}
    cards = {name: known.get(name) or find_card(name) for name in models}
    first = cards[models[0]]
    for card in cards.values():
        if not card.shares_plane(first):
            raise InvalidView(
                f"Expected models with the same inputs, normalisation and classes; got {first.name} and {card.name}. "
                "Compare models that share them."
            )
    return dict(sorted(cards.items(), key=lambda item: (item[1].seed, item[1].width)))


def is_family(cards: Sequence[Card]) -> bool:
    """Whether models differ in width and seed only, so that measures can be drawn against width."""
    return all(card.is_own and card.width > 0 and family_of(card) == family_of(cards[0]) for card in cards)


def label(card: Card, cards: Sequence[Card]) -> str:
    """What to call a model among others."""
    return f"k = {card.width}, seed {card.seed}" if is_family(cards) else card.name


def choose_models() -> None:
    """Family, widths and seeds; or any models."""
    _choose_of_family()
    own, names = resources.own_cards(), resources.model_names()
    options = [*dict.fromkeys((*chosen(), *own, *names))]
    with st.expander("Any models", expanded=any(name in own for name in chosen())):
        st.multiselect(
            "With the same inputs, normalisation and classes", options, list(chosen()),
            format_func=lambda name: names.get(name, name),
            **state.control("w-any", list(chosen()), lambda names: _set(tuple(names))),
        )  # fmt: skip


def _choose_of_family() -> None:
    families = group_families(resources.cards())
    if not families:
        return
    family = _choose_family(families)
    cards = families[family]

    def widths() -> list[int]:
        return sorted({card.width for card in cards if card.name in chosen()})

    def seeds() -> list[int]:
        return sorted({card.seed for card in cards if card.name in chosen()}) or [cards[0].seed]

    _pills("Widths k", "w-widths", [card.width for card in cards], widths(), lambda k: _names(cards, k, seeds()))
    if len({card.seed for card in cards}) > 1:
        _pills("Seeds", "w-seeds", [card.seed for card in cards], seeds(), lambda k: _names(cards, widths(), k))


def _choose_family(families: dict[Family, list[Card]]) -> Family:
    known = {card.name: family for family, cards in families.items() for card in cards}
    current = next((known[name] for name in chosen() if name in known), None)
    current = current or st.session_state.get("family") or next(iter(families))
    st.session_state.family = current
    options = list(families)
    family = st.selectbox(
        "Family", options, options.index(current), format_func=lambda family: family.label,
        **state.control("w-family", current, _change_family),
    )  # fmt: skip
    st.caption(family.label.partition(", ")[2])
    return family


def _change_family(family: Family) -> None:
    cards = group_families(resources.cards())[family]
    st.session_state.family = family
    state.change(class_index=None)
    _set(_some_of(cards, cards[0].seed))


def _pills(
    label: str, key: str, options: list[int], value: list[int], models: Callable[[list[int]], tuple[str, ...]]
) -> None:
    st.pills(
        label, sorted({*options}), selection_mode="multi", default=value,
        **state.control(key, value, lambda chosen: _set(models(chosen))),
    )  # fmt: skip


def _set(models: tuple[str, ...]) -> None:
    if not models:
        st.session_state.nothing_chosen = state.current().to_link()
        return
    st.session_state.pop("nothing_chosen", None)
    first = state.current().model
    state.change(models=tuple(sorted(models, key=lambda name: name != first)))
    state.want_window(CHECK)
