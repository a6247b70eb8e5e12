"""The Double descent page: measured results of whole sweeps against width."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from lrviz.errors import LrvizError
from lrviz.figures.paper import Paper
from lrviz.figures.sweeps import SWEEP_SUFFIXES, Marks, render_sweep, sweep_curves
from lrviz.measures.definitions import PATH_QUANTITIES
from lrviz.measures.findings import describe, find_peak, find_threshold
from lrviz.measures.sweeps import ERRORS, MEASURES, SERIES, aggregate, correlations, read_results
from lrviz.models.assets import assets_folder
from lrviz.models.card import Card
from lrviz.ui import dialogs, look, panel, resources, state, sweep_jobs
from lrviz.ui.compare_models import DEFAULT_CENTER, DEFAULT_HALF_WIDTH
from lrviz.views.view import IMAGES, View

_IMAGES = {
    "samples": "test images (shipped)",
    "samples-cifar100": "CIFAR-100 test images (shipped)",
    "test": "test images",
    "train-clean": "training images, clean labels",
    "train-noisy": "training images, noisy labels",
}
_TEXT = (
    "Every point is the mean over seeds of what was measured along closed paths of translations around images; bars "
    "and bands show its 95 % interval, by a bootstrap over seeds and images. The deviation is the integral of "
    "|f − chord| over a segment, averaged over classes, segments and paths."
)
_SPREAD = " The networks of a seed share their training images; each seed has others."
_COMMAND = (
    "lrviz measure --models 'cnn5-w*-noise20*' --models 'vgg11-w*-noise20*' --models 'resnet18-w*-noise20*' "
    "--paths closed:samples:0-3 --paths closed:train:clean:0-1 --paths closed:train:noisy:0-1 "
    "--data CIFAR10_FOLDER --out measured.csv"
)


def double_descent() -> None:
    """The whole page."""
    look.apply_look()
    view = state.open_page("sweeps")
    with st.sidebar:
        look.brand("lrviz", "Nonlinearity and test error against width")
        choices = st.container()
        downloads = st.container()
        again = st.container()
        uploaded = _read_upload()
    table, command = _measured_or_shipped() if uploaded is None else (uploaded, "")
    curves = {series: curve for series, curve in aggregate(table).groupby(list(SERIES))}
    if not curves:
        st.info("The table holds no finished path of a trained network. Measure some models first.")
        return
    with choices:
        series = _choose_series(list(curves), view)
    curve = curves[series]
    st.markdown(f"**{describe(curve)}**")
    left, right = st.columns([1.75, 1], gap="large")
    with left:
        chosen = _show_curves(curve)
    with right:
        _show_correlations(curve)
        _show_links(curve, chosen)
        st.caption(_TEXT + (_SPREAD if curve["image_kind"].iloc[0].startswith("train") else ""))
    _show_numbers(curve, command)
    with downloads, st.popover("Export", icon=":material/download:", width="stretch"):
        panel.offer_file(
            SWEEP_SUFFIXES, Paper(width_inches=4.5, height_inches=6.0),
            lambda suffix, paper: render_sweep(suffix, curve, paper=paper), f"double-descent-{series[0]}",
        )  # fmt: skip
    cards = _cards_of(curve)
    if cards and uploaded is None:
        with again:
            dialogs.offer(
                "d-again", "Measure again", lambda: sweep_jobs.choose_plan(cards, _shipped()),
                icon=":material/refresh:", width="stretch",
            )  # fmt: skip


def _read_upload() -> pd.DataFrame | None:
    """The results in a file, if there is one that can be read."""
    uploaded = st.file_uploader("Your own results (lrviz measure)", type=["csv", "parquet"], key="d-file")
    if uploaded is None:
        return None
    try:
        return read_results(io.BytesIO(uploaded.getvalue()), name=uploaded.name)
    except LrvizError as error:
        st.error(str(error), icon=":material/error:")
        return None


def _measured_or_shipped() -> tuple[pd.DataFrame, str]:
    """What was measured here, or the shipped results until it is there, and the command that measures the same."""
    wanted = sweep_jobs.plan()
    if wanted is None:
        sweep_jobs.show_others()
    measured = sweep_jobs.follow(wanted) if wanted else None
    if wanted is None or measured is None:
        return _shipped(), _COMMAND
    left, save, back = st.columns([4, 1.2, 1.2], vertical_alignment="center")
    left.markdown(f"Measured here: {len(measured):,} paths of {measured['model'].nunique()} networks.")
    save.download_button(
        "Table (CSV)", lambda: measured.to_csv(index=False).encode(), file_name="measured.csv", on_click="ignore",
        width="stretch", icon=":material/download:",
    )  # fmt: skip
    back.button("Shipped results", on_click=sweep_jobs.forget, width="stretch", key="d-back")
    return measured, wanted.command_line()


@st.cache_data(show_spinner=False)
def _shipped() -> pd.DataFrame:
    return read_results(assets_folder() / "measured.csv")


def _choose_series(series: list[tuple], view: View) -> tuple:
    """Family, images, and whatever else sets curves of one table apart."""
    families = list(dict.fromkeys(key[0] for key in sorted(series, key=lambda key: (key[0] != "cnn5", key[0]))))
    family = st.session_state["d-family"] = _one_of(view.family, families)
    st.segmented_control(
        "Family", families, key="d-family", required=True, width="stretch",
        on_change=lambda: state.change(family=st.session_state["d-family"]),
    )  # fmt: skip
    position = SERIES.index("image_kind")
    kinds = list(dict.fromkeys(key[position] for key in series if key[0] == family))
    kinds.sort(key=lambda kind: list(_IMAGES).index(kind) if kind in _IMAGES else len(_IMAGES))
    kind = st.session_state["d-images"] = _one_of(view.image_kind, kinds)
    st.radio(
        "Paths around", kinds, format_func=lambda kind: _IMAGES.get(kind, kind), key="d-images",
        on_change=lambda: state.change(image_kind=st.session_state["d-images"]),
    )  # fmt: skip
    left = {_name_series(key): key for key in series if key[0] == family and key[position] == kind}
    names = list(left)
    name = st.session_state["d-series"] = _one_of(view.series, names)
    if len(names) > 1:
        st.selectbox(
            "Series", names, key="d-series", on_change=lambda: state.change(series=st.session_state["d-series"])
        )
    state.change(family=family, image_kind=kind, series=name if len(names) > 1 else None)
    state.write_link()
    return left[name]


def _one_of(wanted: str | None, options: list[str]) -> str:
    return wanted if wanted in options else options[0]


def _name_series(series: tuple) -> str:
    named = dict(zip(SERIES, series, strict=True))
    return (
        f"{named['data']}, {named['num_train_images']:,} images, {named['label_noise']:.0%} noise, "
        f"{'batch norm, ' if named['batch_norm'] else ''}"
        f"{named['path']} paths, {named['num_anchors']} anchors, radius {named['radius']:g}"
    )


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
    st.html('<div class="lr-head"><span class="t">Rank correlation with the test error (Spearman)</span></div>')
    found = correlations(curve)
    known = [name for name in MEASURES if curve[name].notna().any()]
    columns = {"measure": [PATH_QUANTITIES[name].label for name in known]}
    for widths, part in found.groupby("range", sort=False):
        rows = part.set_index("measure").loc[known]
        title = f"{widths} ({rows['num_points'].iloc[0]})"
        pairs = zip(rows["correlation"], rows["p_value"], strict=True)
        columns[title] = [f"{rho:+.2f} ({_name_p(p)})" if np.isfinite(rho) else "not defined" for rho, p in pairs]
    st.table(columns)
    st.caption(
        "All widths, those from the peak of the test error on, and those that fit their training labels. In brackets: "
        "p, the probability of at least as strong a correlation by chance, which three widths cannot make small."
    )


def _name_p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _show_links(curve: pd.DataFrame, chosen: int | None) -> None:
    """Ways to the other pages for the width that was clicked."""
    st.html('<div class="lr-head"><span class="t">Look inside</span></div>')
    widths = curve["width"].tolist()
    if chosen not in widths:
        st.caption("Click a width in the figure to open its network.")
        return
    names = _names_by_width(curve)
    index = widths.index(chosen)
    neighbours = [names[k] for k in widths[max(index - 1, 0) : index + 2] if k in names]
    if chosen not in names:
        st.caption(f"The networks of width {chosen} are not among the shipped models.")
        return
    inside = View(models=(names[chosen],), images=IMAGES, center=DEFAULT_CENTER, half_width=DEFAULT_HALF_WIDTH)
    beside = replace(inside, page="compare", models=tuple(neighbours))
    st.markdown(
        f"Width {chosen}: [open in Explore](.{inside.to_link()}) · [compare with its neighbours](.{beside.to_link()})"
    )


def _names_by_width(curve: pd.DataFrame) -> dict[int, str]:
    """One shipped model of every width, that of the lowest seed."""
    names: dict[int, str] = {}
    for card in sorted(_cards_of(curve), key=lambda card: card.seed):
        names.setdefault(card.width, card.name)
    return names


def _cards_of(curve: pd.DataFrame) -> list[Card]:
    """The shipped networks of the family of a series."""
    first = curve.iloc[0]
    family = tuple(first[name] for name in ("family", "batch_norm", "data", "num_train_images", "label_noise"))
    return [
        card
        for card in resources.cards()
        if (card.family, card.batch_norm, card.data, card.num_train_images, card.label_noise) == family
    ]


def _show_numbers(curve: pd.DataFrame, command: str) -> None:
    with st.expander("All numbers, and how to measure them again"):
        names = ["width", "num_models", "num_paths", *ERRORS]
        names += [column for name in MEASURES for column in (name, f"{name}_sd")]
        st.dataframe(curve[names], hide_index=True, key="numbers", column_config=_COLUMNS)
        if command:
            st.code(command, language="bash", wrap_lines=True)
            st.caption("A stopped run goes on where it was. Choose its file in the sidebar to see it here.")


_COLUMNS = {
    "width": st.column_config.NumberColumn("k", format="%d", help="width"),
    "num_models": st.column_config.NumberColumn("seeds", format="%d"),
    "num_paths": st.column_config.NumberColumn("paths", format="%d", help="of all seeds"),
    **{name: st.column_config.NumberColumn(name.replace("_", " "), format="%.3f") for name in ERRORS},
    **{
        name + suffix: st.column_config.NumberColumn(label + suffix.replace("_", " "), format="%.4g")
        for name, label in ((name, PATH_QUANTITIES[name].label) for name in MEASURES)
        for suffix in ("", "_sd")
    },
}
