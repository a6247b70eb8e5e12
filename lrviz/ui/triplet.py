"""The three images: thumbnails, the gallery, random choice, upload."""

import hashlib
import io
import random

import numpy as np
import streamlit as st
from PIL import Image

from lrviz.diskstore import cache_folder
from lrviz.errors import LrvizError
from lrviz.figures.rasterise import data_uri
from lrviz.images import ImageRecord, decode_image, list_samples
from lrviz.ui import look, state

_GALLERIES = {"CIFAR-10": "cifar10", "CIFAR-100": "cifar100"}
_COLUMNS = 7


def show_triplet(images: tuple[ImageRecord | None, ...], predictions: tuple[str, ...] = ()) -> None:
    """The row of thumbnails with a button to change each, and one to shuffle all."""
    columns = st.columns([1, 1, 1, 0.42], vertical_alignment="center")
    for index, letter in enumerate("ABC"):
        with columns[index], st.container(horizontal=True, vertical_alignment="center"):
            _show_one(index, letter, images[index], predictions)
    columns[3].button(
        "Shuffle", icon=":material/shuffle:", on_click=_shuffle, help="Three random samples of different classes",
        width="stretch",
    )  # fmt: skip


def _show_one(index: int, letter: str, record: ImageRecord | None, predictions: tuple[str, ...]) -> None:
    if record is None:
        st.markdown(f"**{letter}** not readable")
    else:
        guess = f"predicted: {predictions[index]}" if predictions else ""
        look.image_card(letter, record.image, record.label or _origin(record.reference), guess)
        if record.notice:
            st.toast(record.notice)
    if st.button("Change", key=f"change-{letter}", help=f"Choose image {letter} from the gallery, or upload one"):
        _choose(index, letter)


def _origin(reference: str) -> str:
    return "uploaded image" if "uploads" in reference else reference.rsplit("/", 1)[-1]


@st.dialog("Choose an image", width="large")
def _choose(index: int, letter: str) -> None:
    st.caption(f"For image {letter}. The first twenty test images of each data set travel with lrviz.")
    tabs = st.tabs([*_GALLERIES, "Upload"])
    for tab, name in zip(tabs[:-1], _GALLERIES.values(), strict=True):
        with tab:
            _show_gallery(index, name)
    with tabs[-1]:
        _show_upload(index)


def _show_gallery(index: int, name: str) -> None:
    records = list_samples(name)
    with st.container(key=f"gallery-{name}"):
        for start in range(0, len(records), _COLUMNS):
            for column, record in zip(st.columns(_COLUMNS), records[start : start + _COLUMNS], strict=False):
                with column:
                    st.image(_enlarged(record), width=84)
                    if st.button(str(record.label), key=f"pick-{record.reference}", width=84, type="tertiary"):
                        _set_image(index, record.reference)
                        st.rerun()


def _enlarged(record: ImageRecord) -> np.ndarray:
    return np.repeat(np.repeat(record.image.transpose(1, 2, 0), 3, 0), 3, 1)


def _show_upload(index: int) -> None:
    file = st.file_uploader("A PNG or JPEG file; other sizes than 32 x 32 are cropped to a square and resized.")
    if file is None:
        return
    try:
        record = decode_image(file.getvalue(), file.name)
    except LrvizError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.html(f'<img src="{data_uri(_enlarged(record), flip=False)}" style="image-rendering: pixelated; width: 128px">')
    if record.notice:
        st.info(record.notice, icon=":material/info:")
    if st.button("Use this image", type="primary"):
        _set_image(index, _keep_upload(record))
        st.rerun()


def _keep_upload(record: ImageRecord) -> str:
    """Keep an upload as a small PNG file, so that links to it work on this computer."""
    buffer = io.BytesIO()
    Image.fromarray(record.image.transpose(1, 2, 0)).save(buffer, "PNG")
    folder = cache_folder() / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.png"
    path.write_bytes(buffer.getvalue())
    return str(path)


def _set_image(index: int, reference: str) -> None:
    images = list(state.current().images)
    images[index] = reference
    _set_images(tuple(images))  # type: ignore[arg-type]


def _shuffle() -> None:
    """Three random samples of the data set of image A, of three classes."""
    name = "cifar100" if "cifar100" in state.current().images[0] else "cifar10"
    by_class: dict[str, list[str]] = {}
    for record in list_samples(name):
        by_class.setdefault(str(record.label), []).append(record.reference)
    chosen = random.sample(sorted(by_class), 3)
    _set_images(tuple(random.choice(by_class[label]) for label in chosen))  # type: ignore[arg-type]


def _set_images(images: tuple[str, str, str]) -> None:
    """New images span a new plane, so the window starts at its middle."""
    state.change(images=images, center=None, half_width=None, half_height=None)
    st.session_state.fit = "centroid"
    st.session_state.pop("region", None)
