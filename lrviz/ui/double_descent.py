"""The Double descent page: measured results of whole sweeps against width, of trainings against epochs, of pruning."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from lrviz.errors import LrvizError
from lrviz.figures.distributions import DISTRIBUTION_SUFFIXES, distribution_curves, render_distributions
from lrviz.figures.sweeps import COLOURS, SWEEP_SUFFIXES, Marks, render_sweep, sweep_curves
from lrviz.measures.definitions import ERROR_QUANTITIES, IMAGE_KINDS, PATH_QUANTITIES
from lrviz.measures.distributions import compare_images
from lrviz.measures.findings import AGAINST, FITTED, RANGES, UNLIKELY, against_of, describe, find_peak, find_threshold
from lrviz.measures.sweeps import ERRORS, MEASURES, SERIES, aggregate, correlations, read_results, select_paths
from lrviz.models.assets import assets_folder
from lrviz.models.card import Card
from lrviz.ui import dialogs, exports, look, resources, state, sweep_choice, sweep_jobs
from lrviz.ui.compare_models import DEFAULT_CENTER, DEFAULT_HALF_WIDTH
from lrviz.ui.look import Container
from lrviz.ui.markdown import plain
from lrviz.ui.page_width import page_width
from lrviz.ui.visit import resolve
from lrviz.views.commands import measure_commands
from lrviz.views.sources import shipped_source
from lrviz.views.view import IMAGES, View
from lrviz.words import chance, counted

_TEXT = (
    "Every point is the mean over {0} of what was measured along paths; bars and bands show its 95 % interval, from "
    "standard errors by a bootstrap over them. The deviation is the integral of |f − chord| over a segment, averaged "
    "over classes, segments and paths."
)
_LEFT_SHARE, _NARROW = 0.58, 800
"""Share of the page that the curves take, and its pixels below which they take all of it."""

_RANGES = dict(
    zip(
        RANGES,
        (
            "all networks",
            "those from the peak of the test error on",
            f"those that fit their training labels (at most {FITTED:.0%} wrong)",
        ),
        strict=True,
    )
)

_UNBROKEN = "\N{NO-BREAK SPACE}"

_DISTRIBUTED = ("density", "deviation")
_SPREAD = " The networks of a seed share their training images; each seed has others."


def double_descent(bar: Container) -> None:
    """The whole page; its bar takes what it exports."""
    look.apply_look()
    view = state.open_page("sweeps")
    with st.sidebar:
        look.brand("lrviz", "Nonlinearity and test error of whole sweeps")
        choices = st.container()
        again = st.container()
        uploaded = _read_upload()
    table = _measured_or_shipped() if uploaded is None else uploaded
    with choices:
        paths = sweep_choice.choose_series(table, view, is_own=uploaded is not None)
    if paths is None:
        st.info("The table holds no finished path of a trained network. Measure some models first.")
        with bar:
            exports.show_none()
        return
    width = page_width()
    curve, found = _average(paths, state.current().against)
    st.markdown(f"**{describe(curve, found)}**")
    if width < _NARROW:
        left, right = st.container(), st.container()
    else:
        left, right = st.columns([_LEFT_SHARE, 1 - _LEFT_SHARE], gap="large")
        width = int(_LEFT_SHARE * width)
    with left:
        chosen = _show_curves(curve, width)
    with right:
        _show_correlations(curve, found)
        _show_links(curve, paths, chosen)
        st.caption(
            _TEXT.format(_resampled(curve)) + (_SPREAD if curve["image_kind"].iloc[0].startswith("train") else "")
        )
    _show_numbers(curve, paths)
    place, there = _paths_at(table, curve, chosen)
    _show_distributions(place, there)
    with bar, st.popover("Export", icon=":material/download:"):
        _offer_figures(curve, place, there)
    cards = _cards_of(curve)
    if cards and uploaded is None and against_of(curve) == "width":
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
        table = read_results(io.BytesIO(uploaded.getvalue()), name=uploaded.name)
    except LrvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    known = table[table[list(ERRORS)].notna().all(axis=1) & (table["width"] > 0)]
    if not len(known):
        st.error(
            f"Expected paths of networks of known width and errors, got {counted(len(table), 'path')} of others: "
            "choose another file. What is shown are the results that ship.",
            icon=":material/error:",
        )
        return None
    if len(known) < len(table):
        st.warning(
            f"{counted(len(table) - len(known), 'path')} of networks whose width or errors nobody knows are left out: "
            "this page draws them against the width, below the test error.",
            icon=":material/info:",
        )
    return known


def _measured_or_shipped() -> pd.DataFrame:
    """What was measured here, or the shipped results until it is there."""
    wanted = sweep_jobs.plan()
    if wanted is None:
        sweep_jobs.show_others()
    measured = sweep_jobs.follow(wanted) if wanted else None
    if measured is None:
        return _shipped()
    left, save, back = st.columns([4, 1.2, 1.2], vertical_alignment="center")
    left.markdown(f"Measured here: {len(measured):,} paths of {measured['model'].nunique()} networks.")
    save.download_button(
        "Table (CSV)", lambda: measured.to_csv(index=False).encode(), file_name="measured.csv", on_click="ignore",
        width="stretch", icon=":material/download:",
    )  # fmt: skip
    back.button("Shipped results", on_click=sweep_jobs.forget, width="stretch", key="d-back")
    return measured


@st.cache_data(show_spinner=False)
def _shipped() -> pd.DataFrame:
    return read_results(assets_folder() / "measured.csv")


@st.cache_data(show_spinner=False, max_entries=32)
def _average(paths: pd.DataFrame, against: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The curve of a series and its rank correlations; resampling takes longer than all else on the page."""
    curve = aggregate(paths, against)
    return curve, correlations(curve, paths)


def _show_curves(curve: pd.DataFrame, width: int) -> float | None:
    """Draw the curves, so many pixels wide; the position that was clicked."""
    chart = f"sweep-{'-'.join(str(curve[name].iloc[0]) for name in ('against', 'family', 'image_kind'))}"
    points = st.session_state.get(chart, {}).get("selection", {}).get("points", [])
    chosen = points[0]["customdata"] if points else None
    marks = Marks(peak=find_peak(curve), threshold=find_threshold(curve), chosen=chosen)
    look.chart(
        sweep_curves(curve, marks, width=width), key=chart, on_select="rerun", selection_mode="points",
        config={"displayModeBar": False},
    )  # fmt: skip
    return chosen if chosen in curve[against_of(curve)].tolist() else None


def _show_correlations(curve: pd.DataFrame, found: pd.DataFrame) -> None:
    look.heading("Rank correlation with the test error (Spearman)")
    known = [name for name in MEASURES if name in COLOURS and curve[name].notna().any()]
    columns = {"measure": [PATH_QUANTITIES[name].label for name in known]}
    for name, part in found.groupby("range", sort=False):
        rows = part.set_index("measure").loc[known]
        columns[f"{name} ({rows['num_points'].iloc[0]})"] = [_name_correlation(row) for _, row in rows.iterrows()]
    st.table(columns)
    ranges = [_RANGES[name] for name in found["range"].unique()]
    st.caption(
        f"Over {', '.join(ranges)}; with the 95 % interval of resampled {_resampled(curve)}, and p, the probability of "
        "at least as strong a correlation by chance, which few networks cannot make small. A relation is called sure "
        f"where p is at most {UNLIKELY:g} and the interval leaves out 0."
    )


def _resampled(curve: pd.DataFrame) -> str:
    return "seeds and images" if curve["num_models"].max() > 1 else "images"


def _name_correlation(row: pd.Series) -> str:
    """The correlation, its interval and its probability, a line each."""
    if not np.isfinite(row["correlation"]):
        return "not defined"
    lines = [f"**{row['correlation']:+.2f}**"]
    if np.isfinite(row["low"]):
        lines.append(f"{row['low']:+.2f} to {row['high']:+.2f}")
    lines.append(chance(row["p_value"]))
    return "  \n".join(line.replace(" ", _UNBROKEN) for line in lines)


def _show_links(curve: pd.DataFrame, paths: pd.DataFrame, chosen: float | None) -> None:
    """Ways to the other pages for the network that was clicked."""
    look.heading("Look inside")
    against = AGAINST[against_of(curve)]
    if chosen is None:
        st.caption("Click a point in the figure to open its network.")
        return
    names, positions = _shipped_names(curve, paths), curve[against_of(curve)].tolist()
    place = against.place(chosen)
    if chosen not in names:
        st.caption(f"The networks at {place} are not among the shipped models.")
        return
    inside = _look_inside(names[chosen], curve["data"].iloc[0])
    links = [f"[open in Explore](.{inside.to_link()})"]
    if against_of(curve) == "width":
        index = positions.index(chosen)
        neighbours = tuple(names[k] for k in positions[max(index - 1, 0) : index + 2] if k in names)
        beside = replace(inside, page="compare", models=neighbours)
        links.append(f"[compare with its neighbours](.{beside.to_link()})")
    st.markdown(f"{place.capitalize()}: {' · '.join(links)}")


def _look_inside(model: str, data: str) -> View:
    """A window of a plane through shipped images of a model's data set."""
    source = shipped_source(data)
    if source == "samples":
        return View(models=(model,), images=IMAGES, center=DEFAULT_CENTER, half_width=DEFAULT_HALF_WIDTH)
    view = View(models=(model,), images=tuple(f"{source}:{name.rpartition(':')[2]}" for name in IMAGES))
    u, v = resolve(view, resources.store()).window.center.tolist()
    return replace(view, center=(round(u, 2), round(v, 2)), half_width=DEFAULT_HALF_WIDTH)


def _shipped_names(curve: pd.DataFrame, paths: pd.DataFrame) -> dict[float, str]:
    """One shipped model at every position, that of the lowest seed."""
    shipped = {card.name for cards in resources.checkpoints().values() for card in cards}
    known = paths[paths["model"].isin(shipped)].sort_values("seed", kind="stable")
    return known.groupby(against_of(curve))["model"].first().to_dict()


def _cards_of(curve: pd.DataFrame) -> list[Card]:
    """The shipped networks of the family of a series."""
    first = curve.iloc[0]
    family = tuple(first[name] for name in ("family", "batch_norm", "data", "num_train_images", "label_noise"))
    return [
        card
        for card in resources.cards()
        if (card.family, card.batch_norm, card.data, card.num_train_images, card.label_noise) == family
    ]


def _offer_figures(curve: pd.DataFrame, place: str, paths: pd.DataFrame) -> None:
    """Download the curves, or the distributions at one position."""
    distributions = {f"{PATH_QUANTITIES[measure].label} over paths, at {place}": measure for measure in _DISTRIBUTED}
    measure = distributions.get(st.selectbox("Figure", ["curves", *distributions], key="d-figure") or "")
    family = curve["family"].iloc[0]
    if measure is None:
        exports.offer_file(
            SWEEP_SUFFIXES, lambda width: 1.33 * width,
            lambda suffix, paper: render_sweep(suffix, curve, paper=paper), f"double-descent-{family}",
        )  # fmt: skip
    else:
        exports.offer_file(
            DISTRIBUTION_SUFFIXES, lambda width: 0.77 * width,
            lambda suffix, paper: render_distributions(suffix, paths, measure, paper=paper), f"{measure}-{family}",
        )  # fmt: skip


def _paths_at(table: pd.DataFrame, curve: pd.DataFrame, chosen: float | None) -> tuple[str, pd.DataFrame]:
    """One position of a curve in words, the last if none is chosen, and its paths around every kind of images."""
    against = against_of(curve)
    position = curve[against].iloc[-1] if chosen is None else chosen
    same = [name for name in (*SERIES, "width") if name in curve and name not in ("image_kind", against)]
    paths = select_paths(table, against)
    is_there = (paths[[*same, against]] == [*curve[same].iloc[0], position]).all(axis=1)
    return AGAINST[against].place(position), paths[is_there]


def _show_distributions(place: str, paths: pd.DataFrame) -> None:
    """How measures are distributed over paths from each kind of images."""
    with st.expander(f"Distributions over paths, at {place}"):
        for column, measure in zip(st.columns(2), _DISTRIBUTED, strict=True):
            with column:
                look.chart(
                    distribution_curves(paths, measure), key=f"distribution-{measure}", config={"displayModeBar": False}
                )
        compared = pd.concat(
            [compare_images(paths, name).assign(measure=PATH_QUANTITIES[name].label) for name in _DISTRIBUTED]
        )
        if len(compared):
            named = compared.replace({"one": IMAGE_KINDS, "other": IMAGE_KINDS})
            st.dataframe(named[list(_COMPARED)], hide_index=True, column_config=_COMPARED, key="compared")
        st.caption("Share of the paths up to a value, and the Kolmogorov-Smirnov statistic of both measures.")


def _show_numbers(curve: pd.DataFrame, paths: pd.DataFrame) -> None:
    with st.expander("All numbers, and how to measure them again"):
        names = [against_of(curve), "num_models", "num_paths"]
        names += [column for name in (*ERRORS, *MEASURES) for column in (name, f"{name}_se")]
        st.dataframe(curve[names], hide_index=True, key="numbers", column_config=_COLUMNS)
        st.code("\n".join(measure_commands(paths)), language="bash", wrap_lines=True)
        st.caption(
            "After --data stands the data set that the networks were trained on: give its place. A stopped run goes on "
            "where it was. Choose its file in the sidebar to see it here."
        )


_COLUMNS = {
    "width": st.column_config.NumberColumn("k", format="%d", help="width"),
    "epochs": st.column_config.NumberColumn("epoch", format="%d"),
    "sparsity": st.column_config.NumberColumn("sparsity", format="percent", help="share of the weights that are zero"),
    "num_models": st.column_config.NumberColumn("seeds", format="%d"),
    "num_paths": st.column_config.NumberColumn("paths", format="%d", help="of all seeds"),
    **{
        name + suffix: st.column_config.NumberColumn(label + suffix.replace("_se", ", standard error"), format=form)
        for names, form in ((ERRORS, "%.3f"), (MEASURES, "%.4g"))
        for name in names
        for label in [(ERROR_QUANTITIES | PATH_QUANTITIES)[name].label]
        for suffix in ("", "_se")
    },
}

_COMPARED = {
    "model": st.column_config.TextColumn("network"),
    "measure": st.column_config.TextColumn("measure"),
    "one": st.column_config.TextColumn("images"),
    "other": st.column_config.TextColumn("compared with"),
    "num_one": st.column_config.NumberColumn("paths", format="%d"),
    "num_other": st.column_config.NumberColumn("paths of the other", format="%d"),
    "statistic": st.column_config.NumberColumn("KS statistic", format="%.2f"),
    "p_value": st.column_config.NumberColumn("p", format="%.2g", help="probability of as large a one by chance"),
}
