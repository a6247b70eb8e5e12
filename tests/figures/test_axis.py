"""Every axis is readable: it holds its values, has an extent, and on a logarithmic one there are ticks."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lrviz.figures import sweeps as sweeps_module
from lrviz.figures.axis import fit_axis, share_axis, width_axis
from lrviz.figures.comparison import print as comparison_module
from lrviz.figures.comparison.data import Cell, make_panel
from lrviz.figures.comparison.print import render_comparison
from lrviz.figures.paper import fit_axes
from lrviz.figures.style import fit_scale
from lrviz.figures.sweeps import Marks, render_sweep, sweep_curves
from lrviz.figures.widths import STRIPS, width_curves
from lrviz.measures.sweeps import aggregate
from lrviz.views.comparison import ERRORS
from lrviz.views.view import View
from tests.measures.test_sweeps import sweep
from tests.pictures import NAMES, keep_sheets, regions
from tests.views.test_comparison import member

ROUNDED = [20.83333333333334, 20.833333333333336, np.nextafter(20.83333333333334, 30)]
DEGENERATE = {
    "none": [], "one": [3.0], "zero": [0.0, 0.0], "equal up to rounding": ROUNDED, "NaN": [np.nan],
    "NaN among them": [1.0, np.nan, 2.0], "infinite": [np.inf, 1.0], "tiny": [5e-324, 5e-324], "huge": [1e308, -1e308],
    "negative": [-4.0, -4.0],
}  # fmt: skip


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=6),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.06]),
)
def test_an_axis_holds_every_value_and_has_an_extent(values, logarithmic, from_zero, room):
    axis = fit_axis(values, logarithmic=logarithmic, from_zero=from_zero, room=room)
    assert np.isfinite([axis.low, axis.high]).all()
    assert axis.high - axis.low > 1e-12 * max(abs(axis.low), abs(axis.high))
    shown = [value for value in values if abs(value) < 1e99 and (value > 1e-99 or not logarithmic)]
    assert all(axis.low * (1 - 1e-12) <= value <= axis.high * (1 + 1e-12) for value in shown if logarithmic)
    assert all(axis.low - 1e-99 <= value <= axis.high + 1e-99 for value in shown if not logarithmic)
    assert not (from_zero and not logarithmic) or axis.low <= 0 <= axis.high
    if logarithmic:
        assert axis.low > 0
        assert 2 <= len(axis.ticks) <= 8
        assert len(set(axis.labels)) == len(axis.ticks)


@pytest.mark.parametrize("values", DEGENERATE.values(), ids=DEGENERATE)
@pytest.mark.parametrize("logarithmic", [False, True])
def test_values_without_an_extent_have_a_readable_axis(values, logarithmic):
    axis = fit_axis(values, logarithmic=logarithmic)
    assert np.isfinite([axis.low, axis.high]).all() and axis.high > axis.low
    assert not logarithmic or (axis.ticks and axis.high >= 3 * axis.low > 0)


def test_values_that_differ_by_rounding_only_are_shown_as_equal():
    axis = fit_axis(ROUNDED)
    assert axis.high - axis.low > 1
    real = fit_axis([20.8, 20.8 + 1e-9])
    assert real.high - real.low < 2e-9
    noise = fit_axis([1e-15, -1e-15], magnitude=10.0)
    assert noise.high - noise.low > 0.1


def test_equal_values_have_the_middle_colour_of_their_scale():
    scale = fit_scale(np.array(ROUNDED), "batlow")
    np.testing.assert_allclose(scale.positions(np.array(ROUNDED)), 0.5, atol=1e-9)


def test_ticks_follow_the_extent():
    assert fit_axis([20, 20], logarithmic=True).labels == ("10", "20")
    assert fit_axis([100, 520], logarithmic=True).labels == ("100", "200", "500")
    assert fit_axis([3_000, 520_000], logarithmic=True).labels == ("10,000", "10⁵")
    assert fit_axis([1e-9, 1e9], logarithmic=True).labels == ("10⁻⁸", "10⁻⁴", "1", "10,000", "10⁸")
    assert width_axis([8, 2, 8]).labels == ("2", "8")


def test_labels_that_are_too_close_are_left_out():
    assert width_axis([1, 10, 12, 32]).labels == ("1", "10", "12", "32")
    assert width_axis([1, 10, 12, 32], least_gap=0.08).labels == ("1", "", "12", "32")
    assert share_axis([0, 0.8, 0.9, 0.95], least_gap=0.08).labels == ("0 %", "80 %", "", "95 %")
    assert share_axis([0, 0.8, 0.9, 0.95], least_gap=0.08).ticks == (0, 0.8, 0.9, 0.95)


# --- the figures that have such axes ----------------------------------------------------------------------------------


def equal_members(**values):
    values = {"density": ROUNDED[0], **values}
    return [
        member(2, **values), member(8, **values), member(8, seed=1, **{**values, "density": ROUNDED[2]}),
    ]  # fmt: skip


def constant_members(value):
    names = [name for name in STRIPS if name not in ("num_regions", *ERRORS)]
    return [member(width, **dict.fromkeys(names, value)) for width in (2, 8)]


MEMBERS = {
    "equal up to rounding": equal_members(),
    "one width": [member(8), member(8, seed=1)],
    "one model": [member(4)],
    "zero": constant_members(0.0),
    "NaN": constant_members(np.nan),
    "NaN among them": [member(2, mean_jump=np.nan, density=np.nan), member(8)],
}


@pytest.mark.parametrize("members", MEMBERS.values(), ids=MEMBERS)
def test_every_diagram_against_width_is_readable_on_screen(members):
    figure = width_curves(members)
    for number, name in enumerate(STRIPS, 1):
        logarithmic = name in ("num_regions", "density")
        axis = figure.layout[f"yaxis{number if number > 1 else ''}"]
        assert axis.type == ("log" if logarithmic else None)
        low, high = axis.range
        assert np.isfinite([low, high]).all()
        assert high - low > (0.4 if logarithmic else 1e-12 * abs(high))
        assert not logarithmic or axis.ticktext
    low, high = figure.layout.xaxis.range
    assert high - low > 0.4


@pytest.mark.parametrize("members", MEMBERS.values(), ids=MEMBERS)
def test_every_diagram_against_width_is_readable_in_print(members, monkeypatch):
    sheets = keep_sheets(monkeypatch, comparison_module)
    cell = Cell(title="k = 2", detail="many regions", panel=make_panel(regions(), "slope", class_names=NAMES))
    images = ("samples:0", "samples:1", "samples:2")
    view = View(page="compare", models=("cnn5-w2", "cnn5-w8"), images=images)
    render_comparison(".png", view, [cell], members, columns=1)
    (sheet,) = sheets
    for strip in STRIPS.values():
        (axes,) = [axes for axes in sheet.axes if axes.get_title(loc="left").startswith(f"{strip.label}\n")]
        assert_readable(axes)


def assert_readable(axes):
    """Both axes have an extent and at least one tick with its label in it, and no label twice."""
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        places = [place for place in axis.get_majorticklocs() if low <= place <= high]
        labels = axis.get_major_formatter().format_ticks(places)
        assert high > low
        assert labels and "" not in labels and len(set(labels)) == len(labels)


SWEEPS = {
    "equal up to rounding": sweep().assign(density=ROUNDED[0], deviation=ROUNDED[2]),
    "one width": sweep()[lambda table: table["width"] == 2],
    "zero": sweep().assign(density=0.0, train_error=0.0),
    "NaN": sweep().assign(variation=np.nan),
}


@pytest.mark.parametrize("table", SWEEPS.values(), ids=SWEEPS)
def test_every_curve_of_a_sweep_is_readable(table: pd.DataFrame, monkeypatch):
    curve = aggregate(table)
    for number in range(1, 6):
        low, high = sweep_curves(curve, Marks()).layout[f"yaxis{number if number > 1 else ''}"].range
        assert np.isfinite([low, high]).all() and high > low
    sheets = keep_sheets(monkeypatch, sweeps_module)
    render_sweep(".png", curve)
    for axes in sheets[0].axes:
        assert_readable(axes)


def test_an_axis_is_the_same_on_screen_and_in_print():
    axis = fit_axis([3, 400], logarithmic=True)
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    fit_axes(axes, width_axis([1, 2]), axis)
    np.testing.assert_allclose(np.log10(axes.get_ylim()), axis.on_screen()["range"])
    assert tuple(axes.get_yticks()) == axis.on_screen()["tickvals"]
    assert json.dumps(axis.on_screen())
    assert replace(axis, ticks=()).on_screen().keys() == {"type", "range"}
