"""The three images: thumbnails, with a dialog to change each, and random choice."""

import random

import streamlit as st

from lrviz.models import library
from lrviz.models.images import ImageRecord, list_samples
from lrviz.models.numbers import NOISE, POINT
from lrviz.ui import dialogs, look, state
from lrviz.ui.gallery import choose_image
from lrviz.ui.markdown import plain


def show_triplet(images: tuple[ImageRecord | None, ...], predictions: tuple[str, ...] = ()) -> None:
    """The row of thumbnails with a button to change each, and one to shuffle all."""
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        for index, letter in enumerate("ABC"):
            with st.container(horizontal=True, vertical_alignment="center", width="content", gap="xsmall"):
                _show_one(index, letter, images[index], predictions)
        st.button(
            "Shuffle", icon=":material/shuffle:", on_click=_shuffle,
            help="Three random samples of different classes, or random inputs",
        )  # fmt: skip


def _show_one(index: int, letter: str, record: ImageRecord | None, predictions: tuple[str, ...]) -> None:
    if record is None:
        st.markdown(f"**{letter}** not readable")
    else:
        guess = f"predicted: {predictions[index]}" if predictions else ""
        look.image_card(letter, record.image, record.label or origin(record.reference), guess)
        if record.notice:
            st.toast(plain(record.notice))
    dialogs.offer(
        f"change-{letter}", "Change", lambda: choose_image(f"image {letter}", lambda name: _set_image(index, name)),
        help=f"Choose image {letter} from the gallery, or upload one",
    )  # fmt: skip


def origin(reference: str) -> str:
    """What to call an image without a label."""
    is_uploaded = library.is_upload(reference) or "/uploads/" in reference
    return "uploaded image" if is_uploaded else reference.rsplit("/", 1)[-1]


def _set_image(index: int, reference: str) -> None:
    images = list(state.current().images)
    images[index] = reference
    set_images(tuple(images))


def _shuffle() -> None:
    """Three random samples of the data set of image A, of three classes; or as much noise, if it is no image."""
    if state.current().images[0].startswith((POINT, NOISE)):
        set_images(tuple(f"{NOISE}{number}" for number in random.sample(range(1000), 3)))
        return
    name = "cifar100" if "cifar100" in state.current().images[0] else "cifar10"
    by_class: dict[str, list[str]] = {}
    for record in list_samples(name):
        by_class.setdefault(str(record.label), []).append(record.reference)
    chosen = random.sample(sorted(by_class), 3)
    set_images(tuple(random.choice(by_class[label]) for label in chosen))


def set_images(images: tuple[str, ...]) -> None:
    """New images span a new plane, so the window starts at its middle."""
    state.change(images=images, center=None, half_width=None, half_height=None, region=None)
    state.want_window("centroid")
