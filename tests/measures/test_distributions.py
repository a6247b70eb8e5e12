"""Distributions over paths against closed forms and scipy's own statistic."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lrviz.errors import InvalidData, InvalidRequest
from lrviz.figures.distributions import DISTRIBUTION_SUFFIXES, distribution_curves, render_distributions
from lrviz.measures.distributions import NETWORK, compare_images, distribution
from tests.measures.test_sweeps import row, table


def measured(**kinds):
    """One network on paths around images of some kinds, with known densities."""
    return table(
        row(model="net", image_kind=kind.replace("_", "-"), image_index=k, density=value, deviation=1.0)
        for kind, values in kinds.items()
        for k, value in enumerate(values)
    )


def test_an_empirical_distribution_counts_the_values_up_to_each():
    values = np.random.default_rng(0).normal(size=50)
    ordered, share = distribution(np.append(values, np.nan))
    for value, part in zip(ordered, share, strict=True):
        assert part == pytest.approx((values <= value).mean())
    assert [len(part) for part in distribution(np.array([np.nan]))] == [0, 0]


def test_kinds_of_images_are_compared_pair_by_pair():
    data = measured(train_clean=[1, 2, 3, 4], train_noisy=[3.5, 5, 6, 7], random=[10.0, 11, 12])
    found = compare_images(data, "density").set_index(["one", "other"])
    assert len(found) == 3
    # 1, 2, 3 are below all noisy ones, 4 is not
    assert found.loc[("train-clean", "train-noisy"), "statistic"] == pytest.approx(0.75)
    assert found.loc[("random", "train-clean"), "statistic"] == 1
    expected = stats.ks_2samp([1, 2, 3, 4], [10, 11, 12]).pvalue
    assert found.loc[("random", "train-clean"), "p_value"] == pytest.approx(expected)
    assert found.loc[("random", "train-noisy"), ["num_one", "num_other"]].tolist() == [3, 4]
    assert (compare_images(data)["statistic"] == 0).all()


def test_networks_are_not_mixed_and_unfinished_paths_left_out():
    data = measured(test=[1.0, 2], random=[3.0, 4])
    unfinished = data.assign(status="cancelled", density=99.0)
    other = data.assign(model="other", density=-data["density"])
    found = compare_images(pd.concat([data, unfinished, other]), "density")
    assert found["model"].tolist() == ["net", "other"]
    assert found["num_one"].tolist() == [2, 2]
    assert list(found.columns[: len(NETWORK)]) == list(NETWORK)


def test_whole_paths_are_not_compared_with_single_segments():
    data = measured(samples=[1.0, 2], test=[3.0, 4])
    part = data["image_kind"].eq("test").map({True: 1, False: 8})
    assert len(compare_images(data, "density")) == 1
    assert len(compare_images(data.assign(num_segments=part), "density")) == 0


def test_one_kind_has_nothing_to_compare():
    found = compare_images(measured(test=[1.0, 2]), "density")
    assert len(found) == 0 and "statistic" in found.columns


def test_an_unknown_measure_is_refused():
    with pytest.raises(InvalidData, match="got 'curvature'"):
        compare_images(measured(test=[1.0]), "curvature")


# --- figures ---------------------------------------------------------------------------------------------------------


def test_every_kind_has_a_staircase_from_0_to_1():
    data = measured(train_clean=[1, 2, 2, 4], random=[30.0, 10, 20])
    clean, noise = distribution_curves(data, "density").data
    assert (clean.name, noise.name) == ("training images, clean labels (4)", "random pixels (3)")
    assert (clean.y[0], clean.y[-1], list(noise.x)) == (0, 1, [10, 10, 20, 20, 30, 30])
    assert stats.ecdf([1, 2, 2, 4]).cdf.evaluate(3) == clean.y[np.flatnonzero(np.array(clean.x) <= 3)].max()
    axis = distribution_curves(data, "density").layout.xaxis
    assert axis.type == "log" and axis.title.text == "density (pieces per unit of L2 distance)"
    assert distribution_curves(data, "deviation").layout.xaxis.type != "log"


@pytest.mark.parametrize("suffix", DISTRIBUTION_SUFFIXES)
@pytest.mark.parametrize("values", [{}, {"test": [1.0]}, {"test": [np.nan]}, {"test": [2.0, 2.0], "random": [3.0]}])
def test_distributions_in_files(suffix, values):
    contents = render_distributions(suffix, measured(**values), "density")
    assert len(contents) > 1000


def test_another_kind_of_file_is_refused():
    with pytest.raises(InvalidRequest, match="Rename it"):
        render_distributions(".doc", measured(test=[1.0]), "density")
