"""The Double descent page: measured results of whole sweeps against width."""

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from lrviz.assets import assets_folder
from lrviz.errors import LrvizError
from lrviz.export.paper import Paper
from lrviz.export.sweeps import SWEEP_SUFFIXES, render_sweep
from lrviz.figures.sweeps import Marks, sweep_curves
from lrviz.sweeps import MEASURES, SERIES, aggregate, correlations, describe, find_peak, find_threshold, read_results
from lrviz.ui import explore, look, panel, resources, state

_IMAGES = {
    "samples": "test images (shipped)",
    "test": "test images",
    "train-clean": "training images, clean labels",
    "train-noisy": "training images, noisy labels",
}
_TEXT = (
    "Every point is the mean over seeds of what was measured along closed paths of translations around images; bars "
    "show one standard deviation over seeds. The deviation is the integral of |f − chord| over a segment, averaged "
    "over classes, segments and paths."
)
_COMMAND = (
    "lrviz measure --models 'cnn5-w*-noise20*' --models 'vgg11-w*-noise20*' --models 'resnet18-w*-noise20*' "
    "--paths closed:samples:0-1 --paths closed:train:clean:0-1 --paths closed:train:noisy:0-1 "
    "--data CIFAR10_FOLDER --out measured.csv"
)


def double_descent() -> None:
    """The whole page."""
    look.apply_look()
    with st.sidebar:
        look.brand("lrviz", "Nonlinearity and test error against width")
        table = _choose_table()
    explore.show_notice()
    if table is None:
        return
    curves = {series: curve for series, curve in aggregate(table).groupby(list(SERIES))}
    if not curves:
        st.info("The table holds no finished path of a trained network. Measure some models first.")
        return
    with st.sidebar:
        series = _choose_series(list(curves))
        downloads = st.container()
    _write_link(series)
    curve = curves[series]
    st.markdown(f"**{describe(curve)}**")
    left, right = st.columns([1.75, 1], gap="large")
    with left:
        chosen = _show_curves(curve)
    with right:
        _show_correlations(curve)
        _show_links(table, curve, chosen)
        _show_numbers(curve)
        st.caption(_TEXT)
    with downloads, st.popover("Export", icon=":material/download:", width="stretch"):
        panel.offer_file(
            SWEEP_SUFFIXES, Paper(width_inches=4.5, height_inches=6.0),
            lambda suffix, paper: render_sweep(suffix, curve, paper=paper), f"double-descent-{series[0]}",
        )  # fmt: skip


def _choose_table() -> pd.DataFrame | None:
    """The shipped results, or those of a file."""
    uploaded = st.file_uploader("Your own results (lrviz measure)", type=["csv", "parquet"], key="d-file")
    if uploaded is None:
        return _shipped()
    try:
        return read_results(io.BytesIO(uploaded.getvalue()), name=uploaded.name)
    except LrvizError as error:
        st.error(str(error), icon=":material/error:")
        return None


@st.cache_data(show_spinner=False)
def _shipped() -> pd.DataFrame:
    return read_results(assets_folder() / "measured.csv")


def _choose_series(series: list[tuple]) -> tuple:
    """Family, images, and whatever else sets curves of one table apart."""
    families = list(dict.fromkeys(key[0] for key in sorted(series, key=lambda key: (key[0] != "cnn5", key[0]))))
    family = st.segmented_control(
        "Family", families, key="d-family", default=_linked("family", families), required=True, width="stretch"
    )
    position = SERIES.index("image_kind")
    kinds = [kind for kind in _IMAGES if any(key[0] == family and key[position] == kind for key in series)]
    kind = st.radio(
        "Paths around",
        kinds,
        format_func=_IMAGES.__getitem__,
        key="d-images",
        index=kinds.index(_linked("images", kinds)),
    )
    left = [key for key in series if key[0] == family and key[position] == kind]
    return left[0] if len(left) == 1 else st.selectbox("Series", left, format_func=_name_series, key="d-series")


def _linked(name: str, options: list[str]) -> str:
    wanted = st.query_params.get(name)
    return wanted if wanted in options else options[0]


def _name_series(series: tuple) -> str:
    named = dict(zip(SERIES, series, strict=True))
    return (
        f"{named['data']}, {named['num_train_images']:,} images, {named['label_noise']:.0%} noise, "
        f"{named['path']} paths, {named['num_anchors']} anchors"
    )


def _write_link(series: tuple) -> None:
    named = dict(zip(SERIES, series, strict=True))
    query = {"family": named["family"], "images": named["image_kind"]}
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def _show_curves(curve: pd.DataFrame) -> int | None:
    """Draw the curves; the width that was clicked."""
    chart = f"sweep-{curve['family'].iloc[0]}-{curve['image_kind'].iloc[0]}"
    points = st.session_state.get(chart, {}).get("selection", {}).get("points", [])
    chosen = int(points[0]["customdata"]) if points else None
    marks = Marks(peak=find_peak(curve), threshold=find_threshold(curve), chosen=chosen)
    st.plotly_chart(
        sweep_curves(curve, marks), key=chart, theme=None, on_select="rerun", selection_mode="points",
        config={"displayModeBar": False},
    )  # fmt: skip
    return chosen


def _show_correlations(curve: pd.DataFrame) -> None:
    st.html('<div class="lr-head"><span class="t">Rank correlation with the test error</span></div>')
    found = correlations(curve)
    columns = {"measure": [name.replace("_", " ") for name in MEASURES]}
    for widths, part in found.groupby("widths"):
        rows = part.set_index("measure").loc[list(MEASURES)]
        title = f"{widths} (n = {rows['num_widths'].iloc[0]})"
        columns[title] = [
            f"{rho:+.2f} (p = {p:.3f})" for rho, p in zip(rows["correlation"], rows["p_value"], strict=True)
        ]
    st.table(columns)


def _show_links(table: pd.DataFrame, curve: pd.DataFrame, chosen: int | None) -> None:
    """Ways to the other pages for the width that was clicked."""
    st.html('<div class="lr-head"><span class="t">Look inside</span></div>')
    widths = curve["width"].tolist()
    if chosen not in widths:
        st.caption("Click a width in the figure to open its network.")
        return
    names = _names_by_width(table, curve)
    index = widths.index(chosen)
    neighbours = [names[k] for k in widths[max(index - 1, 0) : index + 2] if k in names]
    if chosen not in names:
        st.caption(f"The networks of width {chosen} are not among the shipped models.")
        return
    a, b, c = state.DEFAULT_IMAGES
    triplet = {"a": a, "b": b, "c": c}
    window = {"u": "34.909", "v": "18.057", "half_width": "0.2"}
    look_inside = f"./?{urlencode({'model': names[chosen], **triplet, **window})}"
    compare = f"./Compare_widths?{urlencode({'models': ','.join(neighbours), **triplet, **window})}"
    st.markdown(
        f"Width {chosen}: [open in Explore]({look_inside}) · [compare with its neighbours]({compare})",
    )


def _names_by_width(table: pd.DataFrame, curve: pd.DataFrame) -> dict[int, str]:
    """One shipped model of every width, that of the lowest seed."""
    shipped = {card.name for card in resources.cards()}
    family: Mapping[str, Any] = curve.iloc[0]
    mine = table[table["model"].isin(shipped) & ~table["is_snapshot"]]
    for name in ("family", "batch_norm", "data", "num_train_images", "label_noise"):
        mine = mine[mine[name] == family[name]]
    mine = mine.sort_values("seed").drop_duplicates("width")
    return dict(zip(mine["width"].tolist(), mine["model"].tolist(), strict=True))


def _show_numbers(curve: pd.DataFrame) -> None:
    with st.expander("All numbers, and how to measure them again"):
        names = ["width", "num_models", "num_paths", "train_error", "test_error"]
        names += [column for name in MEASURES for column in (name, f"{name}_sd")]
        st.dataframe(curve[names], hide_index=True, key="numbers")
        st.code(_COMMAND, language="bash", wrap_lines=True)
        st.caption("It shows its progress; a stopped run goes on where it was. Then choose its file in the sidebar.")
