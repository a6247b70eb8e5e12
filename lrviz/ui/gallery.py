"""The dialog in which an image is chosen: shipped samples, an upload, or an image of a data set by its name."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from lrviz.errors import LrvizError
from lrviz.figures.rasterise import data_uri
from lrviz.models.images import DATA_VARIABLE, SHAPE, ImageRecord, as_picture, decode_image, list_samples
from lrviz.models.library import Library
from lrviz.models.numbers import ARRAY, decode_array
from lrviz.ui import dialogs, state
from lrviz.ui.markdown import plain
from lrviz.ui.visit import find_card, load_image

GALLERIES = {"CIFAR-10": "cifar10", "CIFAR-100": "cifar100"}
_THUMBNAIL = 84

Use = Callable[[str], None]


@st.dialog("Choose an image", width="large", on_dismiss=dialogs.close)
def choose_image(what: str, use: Use) -> None:
    """Let the user choose.

    Args:
        what: What the image is for.
        use: Called with the reference of the chosen image.
    """
    st.caption(f"For {what}. The first twenty test images of each data set travel with lrviz.")
    tabs = st.tabs([*GALLERIES, "Upload", "By name"])
    for tab, name in zip(tabs[:-2], GALLERIES.values(), strict=True):
        with tab:
            _show_gallery(name, use)
    with tabs[-2]:
        _show_upload(use)
    with tabs[-1]:
        _show_name(use)


def _show_gallery(name: str, use: Use) -> None:
    records = list_samples(name)
    with st.container(key=f"gallery-{name}", horizontal=True):
        for record in records:
            with st.container(width=_THUMBNAIL):
                st.image(_enlarged(record), width=_THUMBNAIL)
                label = plain(str(record.label))
                if st.button(label, key=f"pick-{record.reference}", width=_THUMBNAIL, type="tertiary"):
                    _choose(record.reference, use)


def _choose(reference: str, use: Use) -> None:
    use(reference)
    dialogs.close()
    state.rerun()


def _enlarged(record: ImageRecord) -> np.ndarray:
    return np.repeat(np.repeat(as_picture(record.image).transpose(1, 2, 0), 3, 0), 3, 1)


def _show_upload(use: Use) -> None:
    file = st.file_uploader(
        "A PNG or JPEG file; its central part is resized to what the network takes. Or a .npy file of one input."
    )
    if file is None:
        return
    try:
        data, suffix = file.getvalue(), _suffix(file.getvalue())
        if suffix == ARRAY:
            record = ImageRecord(reference=file.name, image=decode_array(data, file.name, _shape()))
        else:
            record = decode_image(data, file.name)
        _show_record(record)
        use_it = st.button("Use this image", type="primary")
        reference = Library.of_user().keep(data, suffix) if use_it else None
    except LrvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if reference is not None:
        _choose(reference, use)


def _show_record(record: ImageRecord) -> None:
    st.html(f'<img src="{data_uri(_enlarged(record), flip=False)}" style="image-rendering: pixelated; width: 128px">')
    if record.notice:
        st.info(plain(record.notice), icon=":material/info:")


def _show_name(use: Use) -> None:
    reference = st.text_input(
        "Reference", placeholder="cifar10:test:17, samples:5, point:0.5:-1, noise:3", key="image-name",
        help=f"Images of whole data sets need the environment variable {DATA_VARIABLE}; see the Models page.",
    )  # fmt: skip
    if not reference:
        return
    try:
        record = load_image(reference.strip(), _shape())
    except LrvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    _show_record(record)
    if st.button("Use this image", type="primary", key="use-name"):
        _choose(record.reference, use)


def _shape() -> tuple[int, ...]:
    """What the network that is shown takes."""
    try:
        return find_card(state.current().model).input_shape
    except LrvizError:
        return SHAPE


def _suffix(data: bytes) -> str:
    kinds = {b"\x89PNG": ".png", b"\x93NUM": ARRAY}
    return kinds.get(data[:4], ".jpg")
