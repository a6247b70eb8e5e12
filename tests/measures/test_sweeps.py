"""The table of measured paths: writing and reading, averages over paths and seeds, rank correlations."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lrviz.engine.find_pieces import find_path_pieces
from lrviz.errors import InvalidData
from lrviz.measures import path as piecewise
from lrviz.measures import sweeps
from lrviz.measures.findings import find_peak, find_threshold
from lrviz.measures.sweeps import (
    COLUMNS,
    MEASURES,
    aggregate,
    correlations,
    read_results,
    select_paths,
    summarise_path,
    write_results,
)
from tests.cases import CASE

VALUES = {str: "one", int: 3, float: 0.5, bool: False}


def row(**changes):
    return {name: VALUES[kind] for name, kind in COLUMNS.items()} | {"status": "complete"} | changes


def table(rows):
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def sweep(widths=(1, 2, 4), seeds=(0, 1), paths=(0, 1, 2)):
    """Density grows with width, the deviation is ten times the test error; seeds and paths add known amounts."""
    return table(
        row(
            model=f"net-{width}-{seed}",
            width=width,
            seed=seed,
            image_index=path,
            density=100.0 * width + 10 * seed + path,
            deviation=10 * error + path,
            test_error=error,
        )
        for width, error in zip(widths, (0.6, 0.7, 0.5), strict=False)
        for seed in seeds
        for path in paths
    )


def test_networks_whose_width_and_errors_nobody_knows_are_read(tmp_path):
    unknown = table([row(model="mine", width=0, test_error=np.nan, train_error=np.nan, radius=1e9)])
    write_results(unknown, tmp_path / "mine.csv")
    pd.testing.assert_frame_equal(read_results(tmp_path / "mine.csv"), unknown)


@pytest.mark.parametrize("suffix", sweeps.SUFFIXES)
def test_a_table_is_read_as_it_was_written(tmp_path, suffix):
    digits = np.random.default_rng(0).random(20) * 10.0 ** np.arange(-10, 10)
    written = table(
        row(model=f"n{i}", density=x, deviation_sd=np.nan, program="1234e56", is_snapshot=i == 3)
        for i, x in enumerate(digits)
    )
    write_results(written, tmp_path / f"table{suffix}")
    read = read_results(tmp_path / f"table{suffix}")
    pd.testing.assert_frame_equal(read, written, check_exact=True)


@pytest.mark.parametrize("suffix", sweeps.SUFFIXES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns=["density", "seed"]), "without seed, density: measure again"),
        (lambda t: t.assign(width=["wide"] * len(t)), "Expected numbers"),
        (lambda t: t.assign(test_error=1.5), "test_error of 1.5, outside 0 to 1"),
        (lambda t: t.assign(deviation=np.inf), "deviation without a number"),
    ],
)
def test_another_table_is_refused(tmp_path, suffix, change, message):
    path = tmp_path / f"other{suffix}"
    write_results(change(sweep()), path)
    with pytest.raises(InvalidData, match=message):
        read_results(path)


@pytest.mark.parametrize("suffix", sweeps.SUFFIXES)
def test_a_table_of_an_earlier_version_is_read_with_what_it_lacks_as_unknown(tmp_path, suffix):
    later = [name + end for name in MEASURES[4:] for end in ("", "_sd")]
    old = sweep().assign(sparsity=0.0).drop(columns=[*later, "path_segments", "path_length", "sparsity"])
    write_results(old, tmp_path / f"old{suffix}")
    read = read_results(tmp_path / f"old{suffix}")
    assert list(read.columns) == list(COLUMNS)
    assert read[later].isna().all(axis=None)
    assert read["path_segments"].tolist() == old["num_segments"].tolist()
    assert read["path_length"].tolist() == old["length"].tolist()
    assert (read["sparsity"] == 0).all()
    assert aggregate(read)["density"].tolist() == aggregate(sweep())["density"].tolist()


@pytest.mark.parametrize("name", ["gone.csv", "gone.parquet"])
def test_a_missing_table(tmp_path, name):
    with pytest.raises(InvalidData, match="found no readable file"):
        read_results(tmp_path / name)


@pytest.mark.parametrize("name", ["bad.csv", "bad.parquet"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00junk"])
def test_a_file_that_is_no_table(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidData, match="cannot be read"):
        read_results(tmp_path / name)


def test_averages_go_over_paths_and_then_over_seeds():
    result = aggregate(sweep())
    assert result["width"].tolist() == [1, 2, 4]
    assert result["num_models"].tolist() == [2, 2, 2]
    assert result["num_paths"].tolist() == [6, 6, 6]
    assert result["density"].tolist() == [106, 206, 406]
    assert result["density_sd"].tolist() == pytest.approx([np.std([101, 111], ddof=1)] * 3)
    assert result["density_paths_sd"].tolist() == pytest.approx([1, 1, 1])
    assert result["deviation"].tolist() == pytest.approx([7, 8, 6])
    assert result["test_error"].tolist() == pytest.approx([0.6, 0.7, 0.5])
    assert result["test_error_sd"].tolist() == pytest.approx([0, 0, 0], abs=1e-12)


def test_an_uneven_number_of_paths_does_not_weigh_the_seeds():
    rows = [row(model="a", seed=0, density=1.0)] * 3 + [row(model="b", seed=1, density=2.0)]
    assert aggregate(table(rows))["density"].tolist() == [1.5]


def test_networks_that_share_their_seed_count_as_one():
    """So that the mean is the middle of its interval, which resamples seeds."""
    densities = {("a", 0): 10.0, ("b", 0): 10.1, ("c", 1): 10.35}
    (found,) = aggregate(table(row(model=m, seed=s, density=d) for (m, s), d in densities.items())).to_dict("records")
    assert found["density"] == pytest.approx(np.mean([10.05, 10.35]))
    assert (found["density_low"] + found["density_high"]) / 2 == pytest.approx(found["density"])
    assert (found["num_models"], found["num_paths"]) == (3, 3)


def test_intervals_end_where_there_are_no_such_measures():
    ends = [{"similarity": 0.5, "slope": 0.0, "test_error": 0.0}, {"similarity": 1.0, "slope": 1.0, "test_error": 0.9}]
    found = aggregate(table(row(seed=seed, model=f"m{seed}", **values) for seed, values in enumerate(ends)))
    assert found[["similarity_low", "similarity_high"]].to_numpy().tolist() == [[-1, 1]]
    assert (found["slope_low"].item(), found["test_error_low"].item(), found["test_error_high"].item()) == (0, 0, 1)


def test_rounding_errors_are_not_ranked():
    """The mean of several equal errors differs from each in its last digit."""
    rows = [
        row(model=f"m{width}-{seed}", width=width, seed=seed, test_error=0.1, density=float(width))
        for width, number in ((1, 1), (2, 3), (3, 6), (4, 7))
        for seed in range(number)
    ]
    means = aggregate(table(rows))
    assert means["test_error"].nunique() > 1
    assert correlations(means, table(rows))[["correlation", "low", "high", "p_value"]].isna().all(axis=None)


def test_what_is_no_finished_network_or_path_is_left_out():
    rows = [row(density=1.0), row(density=9.0, is_snapshot=True), row(density=9.0, status="cancelled")]
    rows.append(row(density=9.0, width=0))
    result = aggregate(table(rows))
    assert result["density"].tolist() == [1]
    assert result[["density_sd", "density_paths_sd"]].isna().all(axis=None)


@pytest.mark.parametrize(("column", "other"), [("image_kind", "test"), ("family", "vgg11"), ("num_anchors", 4)])
def test_series_are_not_mixed(column, other):
    both = pd.concat([sweep(), sweep(widths=(1, 2)).assign(**{column: other})])
    assert sorted(aggregate(both).groupby(column).size()) == [2, 3]
    found = correlations(aggregate(both))
    assert len(found[found["range"] == "all"]) == 2 * len(MEASURES)


def test_rank_correlations_with_the_test_error():
    found = correlations(aggregate(sweep()))
    found = found[found["range"] == "all"].set_index("measure")
    assert found.loc["deviation", "correlation"] == pytest.approx(1)
    assert found.loc["density", "correlation"] == pytest.approx(-0.5)
    assert found["num_points"].tolist() == [3] * len(MEASURES)
    assert np.isnan(found.loc["variation", "correlation"])


def test_two_widths_have_no_correlation():
    assert correlations(aggregate(sweep(widths=(1, 2))))["correlation"].isna().all()


def test_a_path_is_summarised_over_segments_and_classes():
    case = CASE["residual"]
    points = case.plane().embed(case.window().random_points(4, seed=5))
    pieces = find_path_pieces(case.program, points)
    measures = piecewise.measure_path(pieces)
    summary, segments = summarise_path(measures), pieces.segments()
    for name in MEASURES[1:]:
        if name == "input_similarity":
            assert np.isnan(summary[name])
            continue
        values = [np.mean(getattr(piecewise, name)(segment)) for segment in segments]
        assert summary[name] == pytest.approx(np.mean(values))
        assert summary[f"{name}_sd"] == pytest.approx(np.std(values, ddof=1))
    assert summary["density"] == pytest.approx(len(pieces.pattern) / pieces.length.sum())
    assert measures.num_pieces.tolist() == [len(segment) for segment in segments]
    one = summarise_path(piecewise.measure_path(find_path_pieces(case.program, points[:2])))
    assert all(np.isnan(one[f"{name}_sd"]) for name in MEASURES)


def curve(test_error, train_error=None, **measures):
    """A series with widths 1, 2, 3, ..."""
    number = len(test_error)
    rows = [
        row(width=k + 1, test_error=test_error[k], train_error=(train_error or [0.5] * number)[k])
        | {name: values[k] for name, values in measures.items()}
        for k in range(number)
    ]
    return aggregate(table(rows))


@pytest.mark.parametrize(
    ("test_error", "peak"),
    [
        ([0.7, 0.6, 0.65, 0.7, 0.6, 0.5], 4),
        ([0.6, 0.65, 0.5], 2),
        ([0.7, 0.6, 0.5, 0.4], None),
        ([0.4, 0.5, 0.6], None),
        ([0.7, 0.6, 0.605, 0.5], None),
        ([0.5, 0.5, 0.5], None),
        ([0.5], None),
    ],
)
def test_the_peak_of_the_test_error(test_error, peak):
    assert find_peak(curve(test_error)) == peak


@pytest.mark.parametrize(
    ("train_error", "threshold"),
    [
        ([0.5, 0.2, 0.04, 0.0], 3),
        ([0.5, 0.0, 0.2, 0.0], 4),
        ([0.0, 0.0, 0.0, 0.0], 1),
        ([0.0, 0.0, 0.2, 0.4], 2),
        ([0.5, 0.4, 0.3, 0.2], None),
        ([0.5, 0.0, 0.3, 0.2], None),
    ],
)
def test_the_width_that_fits_the_training_labels(train_error, threshold):
    assert find_threshold(curve([0.5] * 4, train_error)) == threshold


def test_correlations_from_the_peak_on():
    found = correlations(curve([0.6, 0.7, 0.6, 0.5], density=[1, 2, 3, 4], deviation=[1, 4, 3, 2]))
    found = found.set_index(["range", "measure"])["correlation"]
    assert found["from the peak", "density"] == pytest.approx(-1)
    assert found["from the peak", "deviation"] == pytest.approx(1)
    assert found["all", "deviation"] < 1
    assert "labels fitted" not in found.index.get_level_values(0)


def test_correlations_where_labels_are_fitted():
    data = curve(
        [0.5, 0.7, 0.6, 0.5, 0.4], [0.5, 0.1, 0.0, 0.0, 0.0], density=[1, 2, 3, 4, 5], deviation=[9, 2, 8, 7, 6]
    )
    found = correlations(data).set_index(["range", "measure"])
    assert found.loc[("labels fitted", "deviation"), "correlation"] == pytest.approx(1)
    assert found.loc[("labels fitted", "deviation"), "num_points"] == 3
    assert found.loc[("labels fitted", "density"), "correlation"] == pytest.approx(-1)
    assert found["num_points"].groupby("range").first().to_dict() == {
        "all": 5, "from the peak": 4, "labels fitted": 3,
    }  # fmt: skip


@pytest.mark.parametrize(("errors", "expected"), [([3, 2, 1], 2 / 6), ([4, 3, 2, 1], 2 / 24), ([1, 2, 2], 4 / 6)])
def test_p_values_of_few_widths_count_their_orders(errors, expected):
    found = correlations(curve(errors, density=list(range(len(errors)))))
    density = found[(found["measure"] == "density") & (found["range"] == "all")]
    assert density["p_value"].tolist() == pytest.approx([expected])


def test_p_values_of_many_widths_agree_with_a_permutation_test():
    generator = np.random.default_rng(3)
    errors, density = generator.random(8), generator.random(8)
    found = correlations(curve(errors.tolist(), density=density.tolist()))
    found = found[(found["measure"] == "density") & (found["range"] == "all")]

    def correlation(shuffled):
        return stats.spearmanr(shuffled, errors).statistic

    oracle = stats.permutation_test(
        (density,), correlation, permutation_type="pairings", n_resamples=2000, rng=generator
    )  # fmt: skip
    assert found["p_value"].item() == pytest.approx(oracle.pvalue, abs=0.05)


def trainings(*names, **changes):
    """Networks of one width, each the end of a training or a snapshot of it, on two paths."""
    for name in names:
        epoch = int(name.partition("-epoch")[2] or 20)
        is_snapshot = "-epoch" in name
        yield from (
            row(model=name, epochs=epoch, is_snapshot=is_snapshot, density=10.0 * epoch + k, image_index=k, **changes)
            for k in (0, 1)
        )


def test_a_training_against_its_epochs_ends_with_the_finished_network():
    rows = [*trainings("a-epoch1", "a-epoch4", "a", width=2), *trainings("b-epoch4", "b", width=8), *trainings("c")]
    result = aggregate(table(rows), "epochs")
    assert result[["width", "epochs"]].to_numpy().tolist() == [[2, 1], [2, 4], [2, 20], [8, 4], [8, 20]]
    assert result["density"].tolist() == [10.5, 40.5, 200.5, 40.5, 200.5]
    assert (result["against"] == "epochs").all()
    others = table([*rows, *trainings("a", width=2, image_kind="test")])
    assert (select_paths(others, "epochs")["image_kind"] == "one").all()
    assert aggregate(table(rows))["width"].tolist() == [2, 3, 8]


def test_pruned_networks_have_series_of_their_own():
    pruned = [
        row(model=f"a-pruned{100 * share:g}", family="cnn5 pruned", sparsity=share, density=1 - share, test_error=share)
        for share in (0.0, 0.5, 0.9)
    ]
    both = table([row(model="a", family="cnn5", density=7.0), *pruned])
    result = aggregate(both, "sparsity")
    assert result["sparsity"].tolist() == [0, 0.5, 0.9]
    assert result["density"].tolist() == pytest.approx([1, 0.5, 0.1])
    found = correlations(result, both).set_index(["range", "measure"])
    assert found.loc[("all", "density"), "correlation"] == pytest.approx(-1)
    assert aggregate(both)[["family", "density"]].to_numpy().tolist() == [["cnn5", 7.0]]
