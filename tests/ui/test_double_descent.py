"""The Double descent page and its figures, without a browser."""

import io
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from lrviz.errors import InvalidRequest
from lrviz.figures import sweeps
from lrviz.figures.paper import Paper
from lrviz.figures.sweeps import COLOURS, SWEEP_SUFFIXES, Marks, render_sweep, sweep_curves
from lrviz.measures.findings import AGAINST, describe, find_peak
from lrviz.measures.sweeps import SERIES, aggregate, read_results, select_paths, series_columns
from lrviz.models.assets import assets_folder
from lrviz.models.catalogue import list_models
from lrviz.ui import double_descent, resources, sweep_jobs
from lrviz.views.scene import resolve
from lrviz.views.selection import PathsSpec
from lrviz.views.sources import shipped_source
from tests.apptest import control, linked, open_file, settle
from tests.measures.test_sweeps import curve, row, sweep, table, trainings
from tests.pictures import keep_sheets

PEAKED = {"density": [1.0, 2, 3, 4], "deviation": [1.0, 4, 3, 2]}


def open_page(**query):
    return open_file("pages/3_Double_descent.py", **query)


def test_every_curve_holds_the_means_and_their_intervals():
    data = aggregate(sweep())
    figure = sweep_curves(data, Marks(peak=2))
    traces = {trace.name: trace for trace in figure.data}
    labels = {name.replace("_", " ") for name in COLOURS}
    assert set(traces) == labels | {f"{label}, interval" for label in labels}
    assert [figure.layout[f"yaxis{k}"].rangemode for k in ("", "2", "3")] == ["normal", "tozero", "tozero"]
    assert list(traces["density"].x) == [1, 2, 4]
    assert list(traces["density"].y) == data["density"].tolist()
    bars, mean = traces["density"].error_y, data["density"].to_numpy()
    np.testing.assert_allclose(mean + bars.array, np.maximum(data["density_high"], mean))
    np.testing.assert_allclose(mean - bars.arrayminus, np.minimum(data["density_low"], mean))
    assert (bars.array > 0).all() and not bars.symmetric
    band = traces["density, interval"].y
    np.testing.assert_allclose(band, [*(mean - bars.arrayminus), *(mean + bars.array)[::-1]])
    assert "width 2" in traces["density"].text[1]
    assert any(shape.x0 == 2 for shape in figure.layout.shapes)
    assert not sweep_curves(data, Marks()).layout.shapes
    both = sweep_curves(data, Marks(peak=2, threshold=2)).layout
    assert {shape.x0 for shape in both.shapes} == {2}
    assert [note.text.strip() for note in both.annotations if "peak" in note.text] == [
        "peak of the test error,<br> train labels fitted"
    ]
    for peak, threshold, anchors in ((1, 2, ("right", "left")), (2, 1, ("left", "right"))):
        notes = sweep_curves(data, Marks(peak=peak, threshold=threshold)).layout.annotations[-2:]
        assert tuple(note.xanchor for note in notes) == anchors


@pytest.mark.parametrize(
    ("against", "positions", "kind", "labels"),
    [
        ("epochs", [1, 10, 100], "log", ("1", "10", "100")),
        ("sparsity", [0.0, 0.5, 0.95], None, ("0 %", "50 %", "95 %")),
    ],
)
def test_curves_against_epochs_and_sparsity(against, positions, kind, labels):
    data = aggregate(sweep()).assign(against=against, **{against: positions})
    figure = sweep_curves(data, Marks(peak=positions[1], threshold=positions[2]))
    assert list(figure.data[1].x) == positions
    assert figure.layout.xaxis.ticktext == labels and figure.layout.xaxis.type == kind
    assert {shape.x0 for shape in figure.layout.shapes} == set(positions[1:])
    assert any(against in str(axis.title.text) for axis in figure.select_xaxes())
    assert render_sweep(".pdf", data).startswith(b"%PDF")


def test_measures_that_are_not_known_have_no_diagram():
    unknown = dict.fromkeys(("similarity", "input_similarity", "slope"), np.nan)
    data = aggregate(sweep().assign(**unknown))
    names = {trace.name for trace in sweep_curves(data, Marks()).data}
    assert {"density", "deviation"} <= names
    assert not {"similarity", "input similarity", "slope"} & names
    assert render_sweep(".png", data)


def test_the_words_follow_the_numbers():
    peaked = describe(curve([0.6, 0.7, 0.6, 0.5], [0.5, 0.1, 0.0, 0.0], **PEAKED))
    assert "peaks at width 2" in peaked
    assert "from width 3 on" in peaked
    assert "grows at every step, 4-fold" in peaked
    assert "largest at width 2 and 50% lower" in peaked
    errors = {"test_error": [0.7, 0.6, 0.5, 0.4], "train_error": [0.5, 0.1, 0.0, 0.0]}
    assert "second descent only" in describe(curve(**errors, **PEAKED))
    falling = describe(curve([0.7, 0.6, 0.5, 0.4], density=[1.0, 3, 2, 4], deviation=[1.0, 2, 3, 4]))
    assert "without a peak; no network fits its training labels" in falling
    assert "The density grows, though not at every step, 4-fold in all" in falling
    assert "largest at the widest network" in falling


@pytest.mark.parametrize("errors", [[0.70, 0.75, 0.72, 0.80], [0.638, 0.655, 0.640, 0.692, 0.744], [0.4, 0.5, 0.6]])
def test_a_bump_below_the_end_is_no_peak(errors):
    rising = curve(errors, density=[1.0] * len(errors), deviation=[1.0] * len(errors))
    assert find_peak(rising) is None
    assert "without a peak" in describe(rising)


def test_the_peak_is_the_highest_from_where_the_error_falls():
    assert find_peak(curve([0.9, 0.5, 0.6, 0.7, 0.55, 0.6], density=[1.0] * 6, deviation=[1.0] * 6)) == 4


def test_words_for_a_deviation_that_rises_again_and_for_none():
    again = describe(curve([0.4, 0.3, 0.2, 0.1], density=[1.0, 2, 3, 4], deviation=[5.0, 1, 2, 4.9]))
    assert "largest at the narrowest network and 2% lower at the widest network" in again
    none = describe(curve([0.4, 0.3], density=[1.0, 2], deviation=[0.0, 0]))
    assert "the deviation is 0 everywhere" in none


def test_words_for_a_single_width_and_for_an_error_that_rises():
    thinning = {name: [4.0, 3, 2] if name == "density" else [1.0, 2, 1] for name in ("density", "deviation")}
    assert "The density falls at every step, to 0.5 of the first" in describe(curve([0.4, 0.5, 0.6], **thinning))
    level = describe(curve([0.4, 0.5, 0.6], density=[2.0, 3, 2], deviation=[1.0, 2, 1]))
    assert "The density ends where it began" in level
    single = describe(curve([0.6], [0.5], density=[2.0], deviation=[3.0]))
    assert "0.600 at the only width" in single and "density is 2" in single
    rising = describe(curve([0.4, 0.5, 0.6], [0.5, 0.1, 0.0], density=[1.0, 2, 3], deviation=[1.0, 2, 3]))
    assert "without a peak;" in rising


MAGIC = dict(zip(SWEEP_SUFFIXES, (b"%PDF", b"<?xml", b"\x89PNG", b"<!doc", b"# {"), strict=True))


@pytest.mark.parametrize(("suffix", "magic"), list(MAGIC.items()))
def test_files_are_what_they_say_and_name_the_series(suffix, magic):
    contents = render_sweep(suffix, aggregate(sweep()))
    assert contents.startswith(magic)
    if suffix == ".csv":
        table = pd.read_csv(io.BytesIO(contents), comment="#")
        assert table["width"].tolist() == [1, 2, 4]
        assert set(SERIES) <= set(table.columns)


def test_an_unknown_kind_of_file_is_refused():
    with pytest.raises(InvalidRequest, match="Rename it"):
        render_sweep(".doc", aggregate(sweep()))


def test_the_shipped_results_are_those_of_the_shipped_models():
    table = read_results(assets_folder() / "measured.csv")
    cards = {card.name: card for card in list_models()}
    assert set(table["model"]) <= set(cards)
    expected = [cards[name].test_error for name in table["model"]]
    assert np.allclose(table["test_error"], expected)
    assert (table["status"] == "complete").all()
    assert {"cnn5", "vgg11", "resnet18-stride"} <= set(table["family"])
    assert {"CIFAR-10", "CIFAR-100"} == {name.partition(" ")[0] for name in table["data"]}
    assert all(len(select_paths(table, against)) for against in AGAINST)
    sampled = table[(table["num_segments"] == 1) & ~table["is_snapshot"]]
    number = sampled.groupby(["family", "data", "width", "image_kind"]).size()
    is_sweep = ~number.index.get_level_values("family").str.endswith(" pruned")
    images = number[is_sweep].drop("random", level="image_kind")
    assert len(images.groupby(["family", "data"]).size()) == 5
    assert images.min() >= 3 * 64


def test_the_page_shows_the_shipped_results():
    page = open_page()
    assert not page.exception and not page.error
    assert page.get("plotly_chart")
    assert "test error peaks at width 4" in page.markdown[0].value
    assert any("lrviz measure" in code.value for code in page.code)
    control(page.radio, "d-images").set_value("train-noisy").run()
    assert linked(page, "images") == "train-noisy"


def test_a_link_chooses_family_and_images():
    page = open_page(family="cnn5", data="CIFAR-100 (lossless PNG)", images="train-clean")
    assert control(page.radio, "d-images").value == "train-clean"
    assert "second descent only" in page.markdown[0].value


def a_plan(models):
    spec = PathsSpec(kind="closed", source="samples", indices=(0,), num_anchors=4)
    return sweep_jobs.Plan(models=models, spec=spec, device="cpu")


def test_measuring_again_shows_what_was_measured_and_goes_back(empty_cache):
    page = open_page(family="vgg11")
    page.session_state["d-plan"] = a_plan(("vgg11-w1-noise20", "vgg11-w2-noise20"))
    page = settle(page.run())
    assert not page.exception and not page.error
    assert "Measured here: 2 paths of 2 networks." in page.markdown[0].value
    table = pd.DataFrame(page.dataframe[0].value)
    assert table["width"].tolist() == [1, 2]
    assert (table["density"] > 0).all()
    assert any("--paths closed:samples:0 --anchors 4" in code.value for code in page.code)
    page.button(key="d-back").click().run()
    assert "d-plan" not in page.session_state
    assert "Measured here" not in page.markdown[0].value


def test_a_cancelled_measurement_keeps_what_is_finished(empty_cache):
    plan = a_plan(("vgg11-w1-noise20", "vgg11-w16-noise20"))
    page = open_page(family="vgg11")
    page.session_state["d-plan"] = plan
    page.run()
    job = resources.survey_pool().find(sweep_jobs._key(plan))
    while not job.done and job.report.text.count("w16") == 0:
        job.wait(0.01)
    page.button(key=f"cancel-{job.key}").click().run()
    page = settle(page)
    assert "Cancelled: 1 of 2 paths were measured." in page.warning[0].value
    assert "Measured here: 1 paths of 1 networks." in page.markdown[0].value
    assert not page.exception and not page.error


def test_measuring_again_says_how_long_it_takes():
    page = open_page(family="vgg11")
    page.button(key="d-again").click().run()
    assert "8 networks, 8 paths: about" in " ".join(caption.value for caption in page.caption)
    assert not page.button(key="d-measure").disabled
    assert not page.exception


def test_an_estimate_scales_with_images_and_anchors():
    table = read_results(assets_folder() / "measured.csv")
    times = {
        (number, anchors): sweep_jobs.estimate(
            ["cnn5-w1-noise20"],
            PathsSpec(kind="closed", source="samples", indices=tuple(range(number)), num_anchors=anchors),
            table,
        )
        for number, anchors in ((1, 8), (2, 4), (20, 8))
    }
    assert times[1, 8] == times[2, 4] != times[20, 8]
    assert times[1, 8].startswith("about ") and times[1, 8].endswith((" s", " ms"))
    assert "unknown" in sweep_jobs.estimate(["a network of mine"], a_plan(()).spec, table)


def test_series_that_differ_in_batch_norm_only_can_be_chosen():
    both = pd.concat([sweep(), sweep().assign(batch_norm=True)])
    page = open_page()
    page.file_uploader(key="d-file").upload("results.csv", both.to_csv(index=False).encode(), "text/csv").run()
    options = control(page.selectbox, "d-series").options
    assert len(set(options)) == 2
    for option in options:
        control(page.selectbox, "d-series").set_value(option).run()
        assert control(page.selectbox, "d-series").value == option
        assert ("batch norm" in option) == ("batch norm" in page.session_state["view"].to_query()["series"])
    assert not page.exception and not page.error


def test_a_file_that_is_no_table_is_refused_in_a_sentence():
    page = open_page()
    page.file_uploader(key="d-file").upload("results.csv", b"a,b\n1,2\n", "text/csv").run()
    assert ["Expected the columns of measured paths in results.csv" in error.value for error in page.error] == [True]
    assert not page.exception


def test_a_click_offers_links():
    page = open_page(family="vgg11")
    chart = "sweep-width-vgg11-test"
    page.session_state[chart] = {"selection": {"points": [{"customdata": 4}]}}
    page.run()
    links = " ".join(text.value for text in page.markdown)
    assert "model=vgg11-w4-noise20&" in links
    assert "vgg11-w3-noise20,vgg11-w4-noise20,vgg11-w6-noise20" in links


def upload(page, data):
    return page.file_uploader(key="d-file").upload("results.csv", data.to_csv(index=False).encode(), "text/csv").run()


def test_a_table_of_trainings_and_pruned_networks_is_shown_against_epochs_and_sparsity():
    pruned = [row(model=f"a-pruned{x}", family="one pruned", sparsity=x / 100, test_error=x / 100) for x in (0, 50, 90)]
    data = table([*trainings("a-epoch1", "a-epoch4", "a", "b"), *pruned])
    page = upload(open_page(family="one"), data)
    assert control(page.button_group, "d-against").options == ["width", "epochs", "sparsity"]
    for against, positions, words in (
        ("epochs", [1, 4, 20], "at epoch 1 to 0.500 at epoch 20"),
        ("sparsity", [0, 0.5, 0.9], "at sparsity 0% to 0.900 at sparsity 90%"),
        ("width", [3], "the only width, 3"),
    ):
        control(page.button_group, "d-against").set_value(against).run()
        assert not page.exception and not page.error
        assert page.session_state["view"].against == against
        assert pd.DataFrame(page.dataframe[0].value)[against].tolist() == positions
        assert words in page.markdown[0].value


def test_a_table_of_ones_own_is_shown_without_a_word_on_what_it_does_not_hold():
    page = upload(open_page(), table([row(family="mine"), row(family="mine", width=9)]))
    assert page.session_state["view"].family == "mine"
    assert not page.warning and not page.error


@pytest.mark.parametrize("rows", [[], [row(width=0)], [row(test_error=np.nan)]])
def test_a_table_without_a_network_that_can_be_drawn_is_refused_in_a_sentence(rows):
    page = upload(open_page(), table([*rows, row()]).iloc[: len(rows)])
    assert f"got {len(rows)} path" in page.error[0].value
    assert not page.exception


def test_a_table_without_a_finished_path_says_so():
    page = upload(open_page(), table([row(status="cancelled")]))
    assert "holds no finished path" in page.info[0].value
    assert not page.exception


def test_the_distributions_are_those_of_the_position_that_was_clicked():
    rows = [
        row(
            model=f"n{k}",
            width=k,
            image_kind=kind,
            images=f"{kind}:{i}",
            deviation=k + i + 10 * (kind == "train-noisy"),
        )
        for k in (1, 2)
        for kind in ("train-clean", "train-noisy")
        for i in range(4)
    ]
    page = upload(open_page(), table(rows))
    compared = pd.DataFrame(page.dataframe[1].value)
    columns = ["model", "measure", "num_one", "num_other", "statistic"]
    assert compared[columns].to_numpy().tolist() == [["n2", "density", 4, 4, 0.0], ["n2", "deviation", 4, 4, 1.0]]
    assert page.expander[1].label == "Distributions over paths, at width 2"


def test_distributions_can_be_exported():
    page = open_page()
    figures = page.selectbox(key="d-figure")
    assert figures.options[0] == "curves" and len(figures.options) == 3
    assert ".csv" in " ".join(SWEEP_SUFFIXES) and any("CSV" in kind for kind in page.selectbox(key="w-suffix").options)
    figures.set_value(figures.options[1]).run()
    assert not page.exception and not page.error
    assert not any("CSV" in kind for kind in page.selectbox(key="w-suffix").options)


def test_what_is_not_there_is_told_until_something_is_chosen():
    page = open_page(family="cnn5", data="CIFAR-100 (lossless PNG)")
    control(page.segmented_control, "d-family").set_value("resnet18-stride").run()
    (told,) = (warning.value for warning in page.warning)
    assert "no results of resnet18-stride on 'CIFAR-100 (lossless PNG)' against width; CIFAR-10 (loss" in told
    control(page.segmented_control, "d-family").set_value("vgg11").run()
    assert not page.warning
    control(page.segmented_control, "d-family").set_value("resnet18-stride").run()
    assert not page.warning
    page = open_page(family="cnn5", data="CIFAR-100 (lossless PNG)")
    control(page.segmented_control, "d-family").set_value("resnet18-stride").run()
    assert page.warning
    page.button(key="step-Undo").click().run()
    assert page.session_state["view"].family == "cnn5"
    assert not page.warning


def test_what_the_page_fills_in_is_no_change_of_its_own():
    page = open_page(family="nonsense")
    assert page.button(key="step-Undo").disabled
    assert any("There are no results of 'nonsense'" in warning.value for warning in page.warning)
    view = page.session_state["view"]
    control(page.radio, "d-images").set_value("train-noisy").run()
    assert not page.button(key="step-Undo").disabled
    page.button(key="step-Undo").click().run()
    assert page.session_state["view"] == view
    assert page.button(key="step-Undo").disabled


@pytest.mark.parametrize(("pixels", "side_by_side"), [(600, False), (1100, True)])
def test_correlations_stand_below_the_curves_of_a_narrow_page(pixels, side_by_side):
    page = open_page()
    page.session_state.page_pixels = pixels
    page.run()
    assert not page.exception
    wide = [column for column in page.columns if column.weight > 0.5]
    assert [len(column.get("plotly_chart")) for column in wide] == [1] * side_by_side


def test_distributions_are_of_the_networks_of_the_curve():
    """Snapshots have the width of their network, and its last epoch that of the other seeds."""
    rows = [
        *trainings("a-epoch1", "a-epoch4", "a", width=2),
        *trainings("b", width=2, seed=1),
        *trainings("c", width=8),
    ]
    data = table(rows)
    for against in ("width", "epochs"):
        curve = aggregate(data, against)
        for _, series in curve.groupby(series_columns(against)):
            for position, number in zip(series[against], series["num_paths"], strict=True):
                _, paths = double_descent._paths_at(data, series.reset_index(drop=True), position)
                assert len(paths) == number


def test_families_of_a_data_set_are_measured_again_on_its_images():
    assert shipped_source("CIFAR-100 (lossless PNG)") == "samples:cifar100"
    assert shipped_source("CIFAR-10 (JPEG-compressed copy)") == shipped_source("my data") == "samples"


def test_a_network_is_opened_on_images_of_its_data_set():
    ten = double_descent._look_inside("cnn5-w2-noise20", "CIFAR-10 (JPEG-compressed copy)")
    hundred = double_descent._look_inside("cnn5-w2-noise20-cifar100", "CIFAR-100 (lossless PNG)")
    assert ten.images == ("samples:0", "samples:1", "samples:4")
    assert hundred.images == ("samples:cifar100:0", "samples:cifar100:1", "samples:cifar100:4")
    for view in (ten, hundred):
        scene = resolve(view)
        corners = scene.plane.triangle().corners
        assert (corners.min(0) < scene.window.center).all() and (scene.window.center < corners.max(0)).all()


def test_labels_of_a_printed_column_do_not_touch(monkeypatch):
    sheets = keep_sheets(monkeypatch, sweeps)
    shipped = read_results(assets_folder() / "measured.csv")
    for width, height in ((3.25, 4.3), (4.5, 6.0)):
        for against in AGAINST:
            _, curve = next(iter(aggregate(shipped, against).groupby(series_columns(against))))
            render_sweep(".png", curve, paper=Paper(width_inches=width, height_inches=height, dpi=50))
    assert len(sheets) == 2 * len(AGAINST)
    for axes in (axes for sheet in sheets for axes in sheet.axes):
        for axis, side in ((axes.xaxis, "x"), (axes.yaxis, "y")):
            low, high = axis.get_view_interval()
            labels = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            shown = [label for label in labels if label.get_text() and label.get_visible()]
            boxes = sorted(getattr(label.get_window_extent(), f"interval{side}").tolist() for label in shown)
            below = 0.2 * np.ptp(boxes, axis=1).max() if side == "y" and boxes else 0  # where no digit reaches
            assert all(first[1] - below <= second[0] for first, second in pairwise(boxes)), (
                axes.get_title(loc="left"),
                boxes,
            )
