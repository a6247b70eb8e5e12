"""The numbers of the Paths page: of the whole path, of its segments, of every class, and of several models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from lrviz.measures.tables import Columns, measure_classes, measure_segments
from lrviz.ui import look
from lrviz.ui.markdown import plain
from lrviz.ui.path_jobs import Track
from lrviz.views.comparison import known_numbers


def show_numbers(track: Track) -> None:
    """The row of numbers of a path."""
    measures, curve = track.measures, track.curve
    if measures is None or curve is None:
        names = ("pieces", "pieces per unit length", "deviation (logit × L2)", "mean |f − chord| (logit)",
                 "variation (logit)", "length (L2)", "seconds")  # fmt: skip
        look.numbers([(name, "…") for name in names])
        return
    where = "stored" if track.stored else "computed"
    look.numbers(
        [
            ("pieces", look.count(int(measures.num_pieces.sum()))),
            ("pieces per unit length", look.digits(measures.num_pieces.sum() / measures.length.sum())),
            ("deviation (logit × L2)", look.digits(measures.deviation.mean())),
            ("mean |f − chord| (logit)", look.digits(measures.deviation.mean(1).sum() / measures.length.sum())),
            ("variation (logit)", look.digits(measures.variation.mean())),
            ("length (L2)", look.digits(measures.length.sum())),
            (where, look.duration(measures.seconds)),
        ]
    )


def show_tables(tracks: Sequence[Track]) -> None:
    """The tables, a tab each."""
    ready = [track for track in tracks if track.measures is not None and track.model is not None]
    if not ready:
        return
    st.caption(
        "Deviation and variation are means over the classes and the segments, as in the paper; deviation is the exact "
        "integral of |f − chord|, and “as published” the sum that the paper's own code adds up instead."
    )
    name = plain(ready[0].label)
    tabs = st.tabs(["Models", f"Segments of {name}", f"Classes of {name}"])
    with tabs[0]:
        _show(_measure_models(ready), "models")
    measures, model = ready[0].measures, ready[0].model
    assert measures is not None and model is not None
    with tabs[1]:
        _show(measure_segments(measures, model.classes), "segments")
    with tabs[2]:
        _show(measure_classes(measures, model.classes), "classes")


def _measure_models(tracks: Sequence[Track]) -> Columns:
    rows = []
    for track in tracks:
        card = track.model.card  # type: ignore[union-attr]
        segments = measure_segments(track.measures)  # type: ignore[arg-type]
        rows.append(
            {
                "train_error": card.train_error,
                "test_error": card.test_error, "num_pieces": segments["num_pieces"].sum(),
                "density": segments["num_pieces"].sum() / segments["length"].sum(),
                **{name: segments[name].mean() for name in ("deviation", "variation", "deviation_as_published")},
                "mean_difference": (segments["mean_difference"] * segments["length"]).sum() / segments["length"].sum(),
                "seconds": track.measures.seconds,  # type: ignore[union-attr]
            }
        )  # fmt: skip
    cards = [track.model.card for track in tracks]  # type: ignore[union-attr]
    return {
        "model": np.array([track.label for track in tracks]),
        **known_numbers("width", [card.width or None for card in cards]),
        **known_numbers("seed", [card.seed if card.is_own else None for card in cards]),
        **{name: np.array([row[name] for row in rows]) for name in rows[0]},
    }


def _show(columns: Columns, key: str) -> None:
    shown = {name: values for name, values in columns.items() if name in _COLUMNS}
    st.dataframe(shown, hide_index=True, key=f"p-table-{key}", column_config=_COLUMNS)


def _number(label: str, form: str, explanation: str | None = None) -> Any:
    return st.column_config.NumberColumn(label, format=form, help=explanation)


_COLUMNS = {
    "model": st.column_config.TextColumn("model"),
    "class": st.column_config.TextColumn("class"),
    "segment": _number("segment", "%d", "from anchor n − 1 to anchor n"),
    "width": _number("width", "%d"),
    "seed": _number("seed", "%d"),
    "train_error": _number("train error", "%.3f", "share of the training images, with the labels it was taught"),
    "test_error": _number("test error", "%.3f"),
    "length": _number("length", "%.4g", "L2 distance of the normalised images"),
    "num_pieces": _number("pieces", "localized"),
    "density": _number("pieces per length", "%.4g"),
    "mean_difference": _number("mean |f − chord|", "%.4g", "deviation divided by length, in logits"),
    "deviation": _number("deviation", "%.4g", "exact integral of |f − chord| along a segment, in logits × L2 distance"),
    "deviation_sd": _number("sd over segments", "%.3g"),
    "variation": _number("variation", "%.4g", "sum of |changes of f| along a segment, in logits"),
    "variation_sd": _number("sd over segments", "%.3g"),
    "deviation_as_published": _number("as published", "%.4g", "what the paper's own code reports as the deviation"),
    "deviation_as_published_sd": _number("sd over segments", "%.3g"),
    "seconds": _number("seconds", "%.2f"),
}
